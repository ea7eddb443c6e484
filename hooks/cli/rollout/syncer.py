"""Read a syncer that has a rollout, and edit it, with kubectl.

Errors: `NotPossibleError`, where the syncer is not as a command needs it.
"""

import argparse
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from hooks.api.names import APPROVE_ROLLOUT
from hooks.cli.kubectl import SYNCERS, Kubectl
from hooks.preview.simulator.objects import (
    SYNCER,
    Object,
    Resource,
    annotations_of,
    name_of,
    sources_of,
)
from hooks.preview.terminal import one_line
from hooks.rollout.types import TOKENS_LIMIT

_TOKEN: Final = re.compile(r"[0-9a-f]{16}")


class NotPossibleError(Exception):
    """The command cannot be done with this syncer; the message is for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def read_syncer(kubectl: Kubectl, name: str) -> Object:
    """The syncer of a name. Raises KubectlError and NotPossibleError."""
    syncer: Object = json.loads(kubectl.run("get", SYNCERS, name, "--output=json"))
    if not syncer["spec"].get("rollout"):
        raise NotPossibleError(
            f"{SYNCER.kind} {name} has no spec.rollout: a changed content reaches all targets at "
            "once, and no revision is stored"
        )
    return syncer


def rollout_of(syncer: Object) -> Object:
    """`status.rollout`; empty where no rollout is recorded."""
    recorded: Object = (syncer.get("status") or {}).get("rollout") or {}
    return recorded


def conditions_of(syncer: Object) -> Mapping[str, Object]:
    """The conditions of a syncer by their types; none where it has none yet."""
    conditions = (syncer.get("status") or {}).get("conditions") or ()
    return {condition["type"]: condition for condition in conditions}


def is_observed(syncer: Object) -> bool:
    """Whether the status is about the spec as it is now."""
    observed = (syncer.get("status") or {}).get("observedGeneration")
    return bool(observed == syncer["metadata"].get("generation"))


def is_suspended(syncer: Object) -> bool:
    """Whether everything of the syncer is held."""
    return bool(syncer["spec"].get("suspend"))


def pinned_of(syncer: Object) -> str:
    """The revision that the spec pins; empty where it pins none."""
    return str(syncer["spec"].get("pinnedRevision") or "")


def approved_of(syncer: Object) -> Sequence[str]:
    """The tokens that the annotation lists, as far as the hook reads it."""
    listed = str(annotations_of(syncer).get(APPROVE_ROLLOUT) or "").split(",")[:TOKENS_LIMIT]
    return [token for each in listed if is_token(token := each.strip())]


def is_token(text: str) -> bool:
    """Whether a text can approve anything."""
    return _TOKEN.fullmatch(text) is not None


def home_of(syncer: Object) -> tuple[Resource, str]:
    """The kind of the revisions, and their namespace. Raises NotPossibleError."""
    for kind, _ in sources_of(syncer):
        return kind, str(syncer["spec"].get("sourceNamespace") or "")
    raise NotPossibleError(f"{SYNCER.kind} {name_of(syncer)} names no source")


def patch_spec(kubectl: Kubectl, name: str, fields: Mapping[str, object]) -> None:
    """Set fields of the spec. Raises KubectlError."""
    patch = json.dumps({"spec": fields})
    kubectl.run("patch", SYNCERS, name, "--type=merge", f"--patch={patch}")


def command(options: argparse.Namespace, action: str, *more: str) -> str:
    """The command line of another command of `rollout`, about the same syncer and cluster."""
    chosen = {"--context": options.context, "--kubeconfig": options.kubeconfig}
    given = [f"{option}={value}" for option, value in chosen.items() if value]
    arguments = shlex.join([action, options.name, *more, *given])
    return f"{options.program.name} rollout {arguments}"
