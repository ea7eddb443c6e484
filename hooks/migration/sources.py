"""Whether an object can be the source of a syncer, and what its owner has to say for that."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from hooks.api.names import ALLOW_SYNC_TO, SYNCER_KIND
from hooks.migration.carrying import Carried
from hooks.migration.inventory import annotations_of, called
from hooks.migration.replication import Finding
from hooks.preview.options import Strategy
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    SECRET,
    controller_of,
    name_of,
    namespace_of,
)
from hooks.spec.globs import Patterns

_NEVER_COPIED: Final = (
    "kubernetes.io/service-account-token",
    "bootstrap.kubernetes.io/token",
    "helm.sh/release.v1",
)
"""The types of Secrets that the hook refuses (docs/secrets.md)."""

_RESERVED: Final = "kube-root-ca.crt"


@dataclass(frozen=True, slots=True)
class Destination:
    """How ConfigMap Syncer is installed, where the copies go over to it."""

    strategy: Strategy
    has_secrets: bool


def refused(carried: Carried, destination: Destination) -> Iterator[Finding]:
    """Why a syncer could not copy this source, with the command that changes it."""
    replication = carried.replication
    source = replication.source
    owner = controller_of(source)
    if owner is not None and owner["kind"] == SYNCER_KIND:
        why = f"is a copy of the {SYNCER_KIND} {owner['name']}, and a copy cannot be a source"
        yield Finding(called(source), why)
    if replication.resource is CONFIG_MAP and replication.name == _RESERVED:
        yield Finding(called(source), f"Kubernetes itself writes {_RESERVED} in every namespace")
    if replication.resource is SECRET:
        yield from _refused_secret(carried, destination)


def _refused_secret(carried: Carried, destination: Destination) -> Iterator[Finding]:
    source = carried.replication.source
    about = called(source)
    if destination.strategy is Strategy.DYNAMIC:
        yield Finding(about, "Secrets are copied under server-side apply only")
    elif not destination.has_secrets:
        yield Finding(
            about,
            "Secrets are copied where metacontroller/components/secrets is installed; then say "
            "--secrets",
        )
    elif source.get("type") in _NEVER_COPIED:
        yield Finding(about, f"Secrets of the type {source['type']} are never copied")
    elif where := _unconsented(carried):
        yield Finding(
            about,
            f"its owner has not consented to copies{where}; this does, and then run the command "
            "again",
            consent(carried),
        )


def _unconsented(carried: Carried) -> str:
    """Where the owner has not consented to copies; empty where they have."""
    text = annotations_of(carried.replication.source).get(ALLOW_SYNC_TO)
    if text is None:
        return " in any namespace"
    listed = Patterns.of(map(str.strip, text.split(",")))
    missing = [place for place in sorted(carried.kept) if not listed.matches(place)]
    return f" in {', '.join(missing)}" if missing else ""


def consent(carried: Carried) -> str:
    """The command by which the owner of a source consents to what the syncer copies."""
    source, spec = carried.replication.source, carried.spec
    selected = "namespaceSelector" in spec
    items: Iterable[str] = spec.get("targetNamespaces", ())
    listed = ["*"] if selected or "*" in items else list(items)
    return shlex.join(
        [
            *("kubectl", "annotate", source["kind"].lower(), name_of(source)),
            *("-n", namespace_of(source), f"{ALLOW_SYNC_TO}={','.join(listed)}", "--overwrite"),
        ]
    )
