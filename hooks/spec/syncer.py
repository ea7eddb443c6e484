"""What a ConfigMapSyncer asks for, checked.

The CRD refuses nonsense, but its rules may be older than the hook or taken away, and a spec that
cannot be understood must hold the copies, not lose them. So a bad spec is a value here
(`InvalidSpec`), never an exception. No other module knows that the parent is a ConfigMapSyncer.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec

from hooks.api import kinds, protocol
from hooks.api.kinds import Kind
from hooks.api.protocol import KubernetesObject, Parent
from hooks.api.text import excerpt, named
from hooks.spec import selectors
from hooks.spec.globs import Patterns, is_glob
from hooks.spec.selectors import LabelSelector, MalformedSelector

GROUP: Final = "config.example.com"
KIND: Final = "ConfigMapSyncer"
API_VERSION: Final = f"{GROUP}/v1alpha1"
PLURAL: Final = "configmapsyncers"
RELATED: Final = f"{KIND}.{API_VERSION}"
"""The group of related objects that holds syncers; its keys are plain names."""

RESOURCE: Final = "configmapsyncer"
"""The name under which kubectl finds the parent; the messages' commands use it."""

SYNCED_BY: Final = "synced-by"
"""The label that names the syncer of a copy, and hands an object over to it."""

SYNCED_FROM: Final = "synced-from"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
CONTROLLER_UID: Final = "controller-uid"
"""Metacontroller's own label on children (generateSelector); read in messages, never returned."""

_RESERVED_LABELS: Final = frozenset({SYNCED_BY, SYNCED_FROM, MANAGED_BY, CONTROLLER_UID})
_RESERVED_PREFIXES: Final = (f"{GROUP}/", "metacontroller.k8s.io/", "kubectl.kubernetes.io/")

SOURCE: Final = f"{GROUP}/source"
"""The annotation on a copy that names its source as `namespace/name`."""

DEFAULT_PROGRESS_DEADLINE_SECONDS: Final = 60
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
_PERCENTAGE: Final = re.compile(r"(100|[1-9]?[0-9])%")
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KEY_GLOB: Final = re.compile(r"[-._a-zA-Z0-9*?]{1,253}")


def is_source(text: str) -> bool:
    """Whether a text names a source, as the annotation on copies does."""
    namespace, _, name = text.partition("/")
    return bool(_NAMESPACE_NAME.fullmatch(namespace) and _OBJECT_NAME.fullmatch(name))


class ConflictPolicy(StrEnum):
    """What becomes of an object of the copies' name that nobody controls (spec.conflictPolicy)."""

    FAIL = "Fail"
    OVERWRITE = "Overwrite"


class DeletionPolicy(StrEnum):
    """What becomes of the copies when the syncer is deleted, or when its source is."""

    DELETE = "Delete"
    RETAIN = "Retain"


@dataclass(frozen=True, slots=True)
class PruneLimit:
    """How many namespaces one change may leave without a copy: a number of them, or percent."""

    number: int
    is_percentage: bool = False

    def of(self, present: int) -> int:
        """How many namespaces may lose their copy, of those that have one."""
        return present * self.number // 100 if self.is_percentage else self.number


@dataclass(frozen=True, slots=True)
class SourceReference:
    """What and where the source is. Its string is `namespace/name`, as annotations say it."""

    namespace: str
    name: str
    kind: Kind = kinds.CONFIG_MAP

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class NamespaceSelection:
    """Which namespaces a syncer asks for: some by name, others by what they are.

    `names` are sorted and without duplicates. `globs` and `selector` reach what matches, save what
    `excluded`, names and globs, leaves out.
    """

    names: Sequence[str] = ()
    globs: Sequence[str] = ()
    selector: LabelSelector | None = None
    excluded: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """Whether it depends on which namespaces there are."""
        return bool(self.globs) or self.selector is not None

    @property
    def needs_all(self) -> bool:
        """Whether every Namespace has to be looked at to know which are selected."""
        return bool(self.globs) or (self.selector is not None and not self.selector.requirements)

    def reaches(self, name: str, labels: Mapping[str, str] | None) -> bool:
        """Whether a namespace is selected by what it is."""
        if self._excluded.matches(name):
            return False
        by_labels = self.selector is not None and self.selector.matches(labels)
        return by_labels or self._globs.matches(name)

    @cached_property
    def _globs(self) -> Patterns:
        return Patterns.of(self.globs)

    @cached_property
    def _excluded(self) -> Patterns:
        return Patterns.of(self.excluded)


@dataclass(frozen=True, slots=True)
class Syncer:
    """A checked spec, with the identity that copies carry.

    The deadline is in seconds. `keys` are names and globs, none for all keys; `rename_keys` gives
    keys of the source another name.
    """

    name: str
    uid: str
    source: SourceReference
    namespaces: NamespaceSelection
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    keys: Sequence[str] = ()
    rename_keys: Mapping[str, str] = field(default_factory=dict)
    target_name: str | None = None
    target_labels: Mapping[str, str] = field(default_factory=dict)
    target_annotations: Mapping[str, str] = field(default_factory=dict)
    immutable: bool = False
    conflict_policy: ConflictPolicy = ConflictPolicy.FAIL
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    source_deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    prune_limit: PruneLimit | None = None
    is_suspended: bool = False
    former_sources: Collection[str] = ()
    """What it named before and copies still hold, as `status.formerSources` remembers it."""

    @property
    def copy_name(self) -> str:
        """The name of the copies in every target."""
        return self.target_name or self.source.name

    def names(self, candidate: KubernetesObject) -> bool:
        """Whether an object is of the kind and the name that the copies have now."""
        place = (candidate.metadata.name, kinds.of(candidate.kind))
        return place == (self.copy_name, self.source.kind)

    def controls(self, candidate: KubernetesObject) -> bool:
        """Whether this very syncer, not one of the same name, is the object's controller."""
        controller = candidate.controller
        return controller is not None and controller.uid == self.uid


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """Why the spec cannot be followed: a sentence without full stop that says what to change.

    What it says of deletion is followed all the same, for a typo elsewhere shall lose nothing.
    """

    message: str
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    source_namespace: str
    source_config_map: str | None = None
    source_secret: str | None = None
    target_namespaces: list[str] | None = None
    namespace_selector: msgspec.Raw = msgspec.Raw(b"")
    exclude_namespaces: list[str] | None = None
    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    keys: list[str] | None = None
    rename_keys: dict[str, str] | None = None
    target_name: str | None = None
    target_labels: dict[str, str] | None = None
    target_annotations: dict[str, str] | None = None
    immutable: bool = False
    conflict_policy: ConflictPolicy = ConflictPolicy.FAIL
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    source_deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    prune_limit: int | str | None = None
    suspend: bool = False


class _DeletionAlone(msgspec.Struct, frozen=True, rename="camel"):
    deletion_policy: msgspec.Raw = msgspec.Raw(b"")


_SPEC = msgspec.json.Decoder(_Spec)
_DELETION_ALONE = msgspec.json.Decoder(_DeletionAlone)
_DELETE: Final = (b"", b"null", b'"Delete"')


def parse(parent: Parent) -> Syncer | InvalidSpec:
    """Read and check `spec`; a spec that cannot be followed is returned as InvalidSpec."""
    parsed = _parse(parent)
    if isinstance(parsed, str):
        return InvalidSpec(parsed, _deletion_policy(parent))
    return parsed


def _deletion_policy(parent: Parent) -> DeletionPolicy:
    """What a spec that cannot be followed says of deletion; what is not understood keeps copies."""
    if protocol.is_absent(parent.spec):
        return DeletionPolicy.DELETE
    try:
        said = bytes(_DELETION_ALONE.decode(parent.spec).deletion_policy)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return DeletionPolicy.RETAIN
    return DeletionPolicy.DELETE if said in _DELETE else DeletionPolicy.RETAIN


def _parse(parent: Parent) -> Syncer | str:
    if protocol.is_absent(parent.spec):
        return "Write a spec: the syncer has none"
    try:
        spec = _SPEC.decode(parent.spec)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.MsgspecError) else "unreadable JSON"
        return f"Correct spec: {excerpt(reason.replace(' | null', ''))}"
    problem = _problem(parent.metadata.name, spec)
    if problem is not None:
        return problem
    try:
        namespaces = _namespaces(spec)
    except MalformedSelector as error:
        return f"Correct spec.namespaceSelector: {error}"
    return Syncer(
        name=parent.metadata.name,
        uid=parent.metadata.uid,
        source=SourceReference(spec.source_namespace, *_source(spec)),
        namespaces=namespaces,
        progress_deadline_seconds=spec.progress_deadline_seconds,
        keys=tuple(dict.fromkeys(spec.keys or ())),
        rename_keys=spec.rename_keys or {},
        target_name=spec.target_name,
        target_labels=spec.target_labels or {},
        target_annotations=spec.target_annotations or {},
        immutable=spec.immutable,
        conflict_policy=spec.conflict_policy,
        deletion_policy=spec.deletion_policy,
        source_deletion_policy=spec.source_deletion_policy,
        prune_limit=_prune_limit(spec.prune_limit),
        is_suspended=spec.suspend,
    )


def refused(parent: Parent, what: str) -> str:
    """What is said where something was asked for and `what` is seen, a fragment of a sentence.

    Whether the API server refuses it is not known here: that is in Metacontroller's events alone.
    """
    return (
        f"{what}; if the API server refuses it, the events in "
        f"`kubectl describe {RESOURCE} {parent.metadata.name}` say why"
    )


def is_copy(candidate: KubernetesObject) -> bool:
    """Whether an object is, or was, a copy: by its controller, its label, or what it came from."""
    controller = candidate.controller
    controlled = controller is not None and controller.kind == KIND
    told = (candidate.label(SYNCED_BY), candidate.annotation(SOURCE))
    return controlled or told != (None, None)


def _source(spec: _Spec) -> tuple[str, Kind]:
    """The source's name, empty where the spec gives none, and its kind."""
    if spec.source_secret is not None:
        return spec.source_secret, kinds.SECRET
    return spec.source_config_map or "", kinds.CONFIG_MAP


def _problem(name: str, spec: _Spec) -> str | None:
    source_name, kind = _source(spec)
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
            (spec.source_config_map is None) is (spec.source_secret is None),
            "Name the source either in spec.sourceConfigMap or in spec.sourceSecret",
        ),
        (
            not _OBJECT_NAME.fullmatch(source_name),
            f"Correct spec.{kind.field}: it is no object name",
        ),
        (
            spec.target_name is not None and not _OBJECT_NAME.fullmatch(spec.target_name),
            "Correct spec.targetName: it is no object name",
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
            not _is_prune_limit(spec.prune_limit),
            "Set spec.pruneLimit to a number of namespaces, or to a percentage from 0% to 100%",
        ),
    )
    return next((message for fails, message in checks if fails), None)


def _is_prune_limit(given: int | str | None) -> bool:
    if isinstance(given, str):
        return bool(_PERCENTAGE.fullmatch(given))
    return given is None or given >= 0


def _prune_limit(given: int | str | None) -> PruneLimit | None:
    """The limit, where it is one."""
    if isinstance(given, str):
        return PruneLimit(int(given.removesuffix("%")), is_percentage=True)
    return None if given is None else PruneLimit(given)


def _namespaces(spec: _Spec) -> NamespaceSelection:
    wanted = sorted(set(spec.target_namespaces or ()))
    is_selected = not protocol.is_absent(spec.namespace_selector)
    return NamespaceSelection(
        names=[name for name in wanted if not is_glob(name)],
        globs=[name for name in wanted if is_glob(name)],
        selector=selectors.parse(spec.namespace_selector) if is_selected else None,
        excluded=sorted(set(spec.exclude_namespaces or ())),
    )


def _namespace_checks(spec: _Spec) -> Iterator[tuple[bool, str]]:
    wanted, excluded = spec.target_namespaces, spec.exclude_namespaces or []
    is_selected = not protocol.is_absent(spec.namespace_selector)
    nothing = "Name namespaces in spec.targetNamespaces, or select some with spec.namespaceSelector"
    yield not wanted and (wanted is not None or not is_selected), nothing
    for field_name, items in (("targetNamespaces", wanted or []), ("excludeNamespaces", excluded)):
        malformed = [item for item in items if not is_namespace_or_glob(item)]
        yield (
            bool(malformed),
            f"Correct spec.{field_name}: {len(malformed)} of its items are no namespace names",
        )
    excluding = Patterns.of(filter(is_namespace_or_glob, excluded))
    named_twice = sorted(
        name for name in set(wanted or []) if not is_glob(name) and excluding.matches(name)
    )
    both = f"Name in spec.targetNamespaces or exclude, not both: {named(named_twice)}"
    yield bool(named_twice), both


def is_namespace_or_glob(item: str) -> bool:
    """Whether an item of a list is the name of a namespace, or a glob that can match some."""
    return bool(_NAMESPACE_NAME.fullmatch(item) or _NAMESPACE_GLOB.fullmatch(item))


def is_namespace_list(text: str) -> bool:
    """Whether a text is such items with commas in between; as fast for many as for one."""
    return bool(_NAMESPACE_LIST.fullmatch(text))


def _key_checks(spec: _Spec) -> Iterator[tuple[bool, str]]:
    kind = f"a {_source(spec)[1].name}"
    keys, renamed = spec.keys or [], spec.rename_keys or {}
    malformed = [key for key in keys if not _KEY_GLOB.fullmatch(key)]
    yield (
        bool(malformed),
        f"Correct spec.keys: {len(malformed)} of its items can be no keys of {kind}",
    )
    malformed = [new for new in renamed.values() if not _is_key(new)]
    yield (
        bool(malformed),
        f"Correct spec.renameKeys: {len(malformed)} of its new names can be no keys of {kind}",
    )
    selecting = Patterns.of(filter(_KEY_GLOB.fullmatch, keys or ["*"]))
    unselected = [key for key in renamed if not selecting.matches(key)]
    yield (
        bool(unselected),
        f"Select in spec.keys what spec.renameKeys renames: {named(sorted(unselected))}",
    )


def _metadata_checks(spec: _Spec) -> Iterator[tuple[bool, str]]:
    labels, annotations = spec.target_labels or {}, spec.target_annotations or {}
    for field_name, given in (("targetLabels", labels), ("targetAnnotations", annotations)):
        malformed = [key for key in given if not selectors.is_label(key)]
        yield (
            bool(malformed),
            f"Correct spec.{field_name}: {named(sorted(malformed))} can be no key",
        )
        reserved = [
            key
            for key in given
            if key.startswith(_RESERVED_PREFIXES) or (given is labels and key in _RESERVED_LABELS)
        ]
        yield (
            bool(reserved),
            f"Take off spec.{field_name} what others set: {named(sorted(reserved))}",
        )
    malformed = [key for key, value in labels.items() if not selectors.is_label_value(value)]
    yield (
        bool(malformed),
        f"Correct spec.targetLabels: the value of {named(sorted(malformed))} can be no label's",
    )


def _is_key(name: str) -> bool:
    """Whether a name can be a key of a ConfigMap; Kubernetes, `IsConfigMapKey`."""
    return bool(_KEY.fullmatch(name)) and name != "." and not name.startswith("..")
