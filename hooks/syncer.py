"""What a ConfigMapSyncer asks for, checked.

The CRD refuses nonsense, but its rules may be older than the hook or taken away, and a spec that
cannot be understood must hold the copies, not lose them. So a bad spec is a value here
(`InvalidSpec`), never an exception. No other module knows that the parent is a ConfigMapSyncer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from hooks import protocol
from hooks.protocol import KubernetesObject, Parent
from hooks.words import named

GROUP: Final = "config.example.com"
KIND: Final = "ConfigMapSyncer"
RESOURCE: Final = "configmapsyncer"
"""The name under which kubectl finds the parent; the messages' commands use it."""

SYNCED_BY: Final = "synced-by"
"""The label that names the syncer of a copy, and hands an object over to it."""

SOURCE: Final = f"{GROUP}/source"
"""The annotation on a copy that names its source as `namespace/name`."""

DEFAULT_PROGRESS_DEADLINE_SECONDS: Final = 60
NAME_LIMIT: Final = 63
"""A syncer's name becomes a label value, and those have at most 63 characters."""

_RESERVED_NAME: Final = "kube-root-ca.crt"
_NAMESPACE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_OBJECT_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KEY_GLOB: Final = re.compile(r"[-._a-zA-Z0-9*?]{1,253}")


@dataclass(frozen=True, slots=True)
class SourceReference:
    """Where the source is. Its string is `namespace/name`, as annotations and messages say it."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Syncer:
    """A checked spec, with the identity that copies carry.

    `targets` are in the spec's order and without duplicates; the deadline is in seconds. `keys`
    are names and globs, none for all keys; `rename_keys` gives keys of the source another name.
    """

    name: str
    uid: str
    source: SourceReference
    targets: Sequence[str]
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    keys: Sequence[str] = ()
    rename_keys: Mapping[str, str] = field(default_factory=dict)
    target_name: str | None = None

    @property
    def copy_name(self) -> str:
        """The name of the copies in every target."""
        return self.target_name or self.source.name

    def controls(self, candidate: KubernetesObject) -> bool:
        """Whether this very syncer, not one of the same name, is the object's controller."""
        controller = candidate.controller
        return controller is not None and controller.uid == self.uid


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """Why the spec cannot be followed: a sentence without full stop that says what to change."""

    message: str


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    source_namespace: str
    source_config_map: str
    target_namespaces: list[str]
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    keys: list[str] | None = None
    rename_keys: dict[str, str] | None = None
    target_name: str | None = None


_SPEC = msgspec.json.Decoder(_Spec)


def parse(parent: Parent) -> Syncer | InvalidSpec:
    """Read and check `spec`; a spec that cannot be followed is returned as InvalidSpec."""
    if protocol.is_absent(parent.spec):
        return InvalidSpec("Write a spec: the syncer has none")
    try:
        spec = _SPEC.decode(parent.spec)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = error if isinstance(error, msgspec.MsgspecError) else "unreadable JSON"
        return InvalidSpec(f"Correct spec: {reason}")
    problem = _problem(parent.metadata.name, spec)
    if problem is not None:
        return InvalidSpec(problem)
    return Syncer(
        name=parent.metadata.name,
        uid=parent.metadata.uid,
        source=SourceReference(spec.source_namespace, spec.source_config_map),
        targets=tuple(dict.fromkeys(spec.target_namespaces)),
        progress_deadline_seconds=spec.progress_deadline_seconds,
        keys=tuple(dict.fromkeys(spec.keys or ())),
        rename_keys=spec.rename_keys or {},
        target_name=spec.target_name,
    )


def is_copy(candidate: KubernetesObject) -> bool:
    """Whether an object is a copy: a ConfigMapSyncer controls it, or it carries `synced-by`."""
    controller = candidate.controller
    controlled = controller is not None and controller.kind == KIND
    return controlled or candidate.label(SYNCED_BY) is not None


def _problem(name: str, spec: _Spec) -> str | None:
    malformed = [n for n in spec.target_namespaces if not _NAMESPACE_NAME.fullmatch(n)]
    checks = (
        (
            len(name) > NAME_LIMIT,
            f"Rename the syncer: its name has {len(name)} characters, at most {NAME_LIMIT} fit",
        ),
        (
            not _NAMESPACE_NAME.fullmatch(spec.source_namespace),
            "Correct spec.sourceNamespace: it is no namespace name",
        ),
        (
            not _OBJECT_NAME.fullmatch(spec.source_config_map),
            "Correct spec.sourceConfigMap: it is no object name",
        ),
        (
            spec.target_name is not None and not _OBJECT_NAME.fullmatch(spec.target_name),
            "Correct spec.targetName: it is no object name",
        ),
        (
            (spec.target_name or spec.source_config_map) == _RESERVED_NAME,
            f"Give the copies another name: Kubernetes itself writes {_RESERVED_NAME} everywhere",
        ),
        *_key_checks(spec),
        (not spec.target_namespaces, "Name at least one namespace in spec.targetNamespaces"),
        (
            bool(malformed),
            f"Correct spec.targetNamespaces: {len(malformed)} of its items are no namespace names",
        ),
        (spec.progress_deadline_seconds < 1, "Set spec.progressDeadlineSeconds to 1 or more"),
    )
    return next((message for fails, message in checks if fails), None)


def _key_checks(spec: _Spec) -> Iterator[tuple[bool, str]]:
    keys, renamed = spec.keys or [], spec.rename_keys or {}
    malformed = [key for key in keys if not _KEY_GLOB.fullmatch(key)]
    yield (
        bool(malformed),
        f"Correct spec.keys: {len(malformed)} of its items can be no keys of a ConfigMap",
    )
    malformed = [new for new in renamed.values() if not _is_key(new)]
    yield (
        bool(malformed),
        f"Correct spec.renameKeys: {len(malformed)} of its new names can be no keys of a ConfigMap",
    )
    unselected = [
        key for key in renamed if keys and not any(fnmatchcase(key, pattern) for pattern in keys)
    ]
    yield (
        bool(unselected),
        f"Select in spec.keys what spec.renameKeys renames: {named(sorted(unselected))}",
    )


def _is_key(name: str) -> bool:
    """Whether a name can be a key of a ConfigMap; Kubernetes, `IsConfigMapKey`."""
    return bool(_KEY.fullmatch(name)) and name != "." and not name.startswith("..")
