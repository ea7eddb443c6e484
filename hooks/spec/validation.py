"""Whether a spec can be followed, and what to change where it cannot.

The CRD refuses nonsense, but its rules may be older than the hook or taken away.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from hooks.api import kinds, protocol
from hooks.api.kinds import KINDS, Kind
from hooks.api.names import CONTROLLER_UID, GROUP, MANAGED_BY, SYNCED_BY, SYNCED_FROM
from hooks.api.text import counted, named
from hooks.spec import rollout, selectors
from hooks.spec.globs import Patterns, is_glob
from hooks.spec.limit import Limit
from hooks.spec.rollout import RolloutFields
from hooks.spec.syncer import PlainFields

_RESERVED_LABELS: Final = frozenset({SYNCED_BY, SYNCED_FROM, MANAGED_BY, CONTROLLER_UID})
_RESERVED_PREFIXES: Final = (f"{GROUP}/", "metacontroller.k8s.io/", "kubectl.kubernetes.io/")

_LONGEST_DEADLINE_SECONDS: Final = 86_400
NAME_LIMIT: Final = 63
"""A syncer's name becomes a label value, and those have at most 63 characters."""

_RESERVED_NAME: Final = "kube-root-ca.crt"
_NAMESPACE_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_NAMESPACE_GLOB: Final = re.compile(r"(?=[-a-z0-9]{0,62}[*?])[-a-z0-9*?]{1,63}")
_NAMESPACE_ITEM: Final = rf"(?:{_NAMESPACE_NAME.pattern}|{_NAMESPACE_GLOB.pattern})(?=\s*(?:,|\Z))"
_NAMESPACE_LIST: Final = re.compile(
    rf"\s*+(?:{_NAMESPACE_ITEM}\s*+)?+(?:,\s*+(?:{_NAMESPACE_ITEM}\s*+)?+)*+"
)
_OBJECT_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KEY_GLOB: Final = re.compile(r"[-._a-zA-Z0-9*?]{1,253}")


class Spec(PlainFields, frozen=True, rename="camel"):
    """`spec` of a ConfigMapSyncer as it is written; nothing of it is checked but the types."""

    source_namespace: str
    source_config_map: str | None = None
    source_secret: str | None = None
    target_namespaces: list[str] | None = None
    namespace_selector: msgspec.Raw = msgspec.Raw(b"")
    exclude_namespaces: list[str] | None = None
    keys: list[str] | None = None
    rename_keys: dict[str, str] | None = None
    target_labels: dict[str, str] | None = None
    target_annotations: dict[str, str] | None = None
    prune_limit: int | str | None = None
    validation: msgspec.Raw = msgspec.Raw(b"")
    rollout: RolloutFields | None = None
    pinned_revision: str | None = None


def problem(name: str, spec: Spec) -> str | None:
    """What to change first in a spec that cannot be followed; None where it can."""
    source_name, kind = source_of(spec)
    checks = (
        (
            len(name) > NAME_LIMIT,
            f"Rename the syncer: its name has {len(name)} characters, at most {NAME_LIMIT} fit",
        ),
        (
            not _NAMESPACE_NAME.fullmatch(spec.source_namespace),
            "Correct spec.sourceNamespace: it is not a namespace name",
        ),
        (
            len(_sources(spec)) != 1,
            f"Name the source either in {' or in '.join(f'spec.{each.field}' for each in KINDS)}",
        ),
        (
            not _OBJECT_NAME.fullmatch(source_name),
            f"Correct spec.{kind.field}: it is not an object name",
        ),
        (
            spec.target_name is not None and not _OBJECT_NAME.fullmatch(spec.target_name),
            "Correct spec.targetName: it is not an object name",
        ),
        (
            (spec.target_name or source_name) == _RESERVED_NAME,
            f"Give the copies another name: Kubernetes itself writes {_RESERVED_NAME} everywhere",
        ),
        *_key_checks(spec),
        *_metadata_checks(spec),
        *_namespace_checks(spec),
        (
            not 1 <= spec.progress_deadline_seconds <= _LONGEST_DEADLINE_SECONDS,
            f"Set spec.progressDeadlineSeconds to 1 to {_LONGEST_DEADLINE_SECONDS}",
        ),
        (
            spec.prune_limit is not None and not Limit.is_valid(spec.prune_limit),
            "Set spec.pruneLimit to a number of namespaces, or to a percentage from 0% to 100%",
        ),
        *_rollout_checks(spec),
    )
    return next((message for fails, message in checks if fails), None)


def is_source(text: str) -> bool:
    """Whether a text names a source, as the annotation on copies does."""
    namespace, _, name = text.partition("/")
    return bool(_NAMESPACE_NAME.fullmatch(namespace) and _OBJECT_NAME.fullmatch(name))


def is_namespace_or_glob(item: str) -> bool:
    """Whether an item of a list is the name of a namespace, or a glob that can match some."""
    return bool(_NAMESPACE_NAME.fullmatch(item) or _NAMESPACE_GLOB.fullmatch(item))


def is_namespace_list(text: str) -> bool:
    """Whether a text is such items with commas in between; as fast for many as for one."""
    return bool(_NAMESPACE_LIST.fullmatch(text))


def source_of(spec: Spec) -> tuple[str, Kind]:
    """The source's name, empty where the spec gives none, and its kind."""
    return next(iter(_sources(spec)), ("", kinds.CONFIG_MAP))


def _sources(spec: Spec) -> Sequence[tuple[str, Kind]]:
    """Every source that the spec names; there has to be one."""
    given = ((spec.source_secret, kinds.SECRET), (spec.source_config_map, kinds.CONFIG_MAP))
    return [(name, kind) for name, kind in given if name is not None]


def _namespace_checks(spec: Spec) -> Iterator[tuple[bool, str]]:
    given, excluded = spec.target_namespaces, spec.exclude_namespaces or []
    is_selected = not protocol.is_absent(spec.namespace_selector)
    nothing = "Name namespaces in spec.targetNamespaces, or select some with spec.namespaceSelector"
    yield not given and (given is not None or not is_selected), nothing
    unnamed = "cannot be used as a namespace name"
    for field_name, items in (
        ("targetNamespaces", given or []),
        ("excludeNamespaces", excluded),
    ):
        malformed = [item for item in items if not is_namespace_or_glob(item)]
        yield (
            bool(malformed),
            f"Correct spec.{field_name}: {counted(len(malformed), 'item')} {unnamed}",
        )
    excluding = Patterns.of(filter(is_namespace_or_glob, excluded))
    named_twice = sorted(
        name for name in set(given or []) if not is_glob(name) and excluding.matches(name)
    )
    both = f"Name in spec.targetNamespaces or exclude, not both: {named(named_twice)}"
    yield bool(named_twice), both


def _key_checks(spec: Spec) -> Iterator[tuple[bool, str]]:
    unusable = f"cannot be used as a key of a {source_of(spec)[1].name}"
    keys, renamed = spec.keys or [], spec.rename_keys or {}
    malformed = [key for key in keys if not _KEY_GLOB.fullmatch(key)]
    yield (
        bool(malformed),
        f"Correct spec.keys: {counted(len(malformed), 'item')} {unusable}",
    )
    malformed = [new for new in renamed.values() if not _is_key(new)]
    yield (
        bool(malformed),
        f"Correct spec.renameKeys: {counted(len(malformed), 'new name')} {unusable}",
    )
    selecting = Patterns.of(filter(_KEY_GLOB.fullmatch, keys or ["*"]))
    unselected = [key for key in renamed if not selecting.matches(key)]
    yield (
        bool(unselected),
        f"Select in spec.keys what spec.renameKeys renames: {named(sorted(unselected))}",
    )


def _metadata_checks(spec: Spec) -> Iterator[tuple[bool, str]]:
    labels, annotations = spec.target_labels or {}, spec.target_annotations or {}
    for field_name, given in (("targetLabels", labels), ("targetAnnotations", annotations)):
        malformed = [key for key in given if not selectors.is_label(key)]
        yield (
            bool(malformed),
            f"Correct spec.{field_name}: {named(sorted(malformed))} cannot be used as a key",
        )
        reserved = [
            key
            for key in given
            if key.startswith(_RESERVED_PREFIXES) or (given is labels and key in _RESERVED_LABELS)
        ]
        yield (
            bool(reserved),
            f"Remove reserved names from spec.{field_name}: {named(sorted(reserved))}",
        )
    malformed = sorted(key for key, value in labels.items() if not selectors.is_label_value(value))
    valid = f"the value of {named(malformed)} is not a valid label value"
    yield bool(malformed), f"Correct spec.targetLabels: {valid}"


def _rollout_checks(spec: Spec) -> Iterator[tuple[bool, str]]:
    yield (
        spec.pinned_revision is not None and spec.rollout is None,
        "Remove spec.pinnedRevision, or set spec.rollout: without it no revision is stored",
    )
    yield (
        spec.pinned_revision is not None and not _OBJECT_NAME.fullmatch(spec.pinned_revision),
        "Correct spec.pinnedRevision: it is not an object name",
    )
    if spec.rollout is None:
        return
    yield from rollout.checks(spec.rollout)
    items = [name for stage in spec.rollout.stages for name in stage.target_namespaces or []]
    malformed = [item for item in items if not is_namespace_or_glob(item)]
    yield (
        bool(malformed),
        f"Correct spec.rollout.stages: {counted(len(malformed), 'name')} cannot be a namespace's",
    )


def _is_key(name: str) -> bool:
    """Whether a name can be a key of a ConfigMap; Kubernetes, `IsConfigMapKey`."""
    return bool(_KEY.fullmatch(name)) and name != "." and not name.startswith("..")
