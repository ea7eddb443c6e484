"""What a ConfigMapSyncer asks for, once it is read and checked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec

from hooks.api import kinds
from hooks.api.kinds import Kind
from hooks.api.names import SOURCE, SYNCED_BY, SYNCER_KIND
from hooks.api.protocol import KubernetesObject
from hooks.spec.content_rules import ContentRules
from hooks.spec.globs import Patterns
from hooks.spec.limit import Limit
from hooks.spec.rollout import Rollout
from hooks.spec.selectors import LabelSelector

DEFAULT_PROGRESS_DEADLINE_SECONDS: Final = 60


class ConflictPolicy(StrEnum):
    """What becomes of an object of the copies' name that nobody controls (spec.conflictPolicy)."""

    FAIL = "Fail"
    OVERWRITE = "Overwrite"


class DeletionPolicy(StrEnum):
    """What becomes of the copies when the syncer is deleted, or when its source is."""

    DELETE = "Delete"
    RETAIN = "Retain"


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

    `names` are sorted and without duplicates. `globs` and `selector` reach what matches, except
    what `excluded`, names and globs, leaves out.
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

    def shows(self, name: str) -> bool:
        """Whether a Namespace of this name would be shown if it were there."""
        return self.needs_all or name in self.names

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


class PlainFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fields of `spec` that are used as they are written. The deadline is in seconds.

    `Spec` reads them and `Syncer` has them, so such a field is declared here and nowhere else. What
    has to be translated first is a field of its own in both.
    """

    progress_deadline_seconds: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    target_name: str | None = None
    immutable: bool = False
    conflict_policy: ConflictPolicy = ConflictPolicy.FAIL
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    source_deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    suspend: bool = False


class Syncer(PlainFields, frozen=True):
    """A checked spec, with the identity that copies carry.

    `keys` are names and globs, none for all keys; `rename_keys` gives keys of the source another
    name. The `former_sources` are what it named before and copies still hold, as
    `status.formerSources` remembers it.
    """

    name: str
    uid: str
    source: SourceReference
    namespaces: NamespaceSelection
    keys: Sequence[str] = ()
    rename_keys: Mapping[str, str] = {}
    target_labels: Mapping[str, str] = {}
    target_annotations: Mapping[str, str] = {}
    validation: ContentRules = ContentRules()
    prune_limit: Limit | None = None
    rollout: Rollout | None = None
    pinned_revision: str | None = None
    former_sources: Collection[str] = ()

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

    What it says of deletion is followed all the same, so that a typo elsewhere loses nothing.
    """

    message: str
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE


def is_copy(candidate: KubernetesObject) -> bool:
    """Whether an object is, or was, a copy: by its controller, its label, or what it came from."""
    controller = candidate.controller
    controlled = controller is not None and controller.kind == SYNCER_KIND
    marks = (candidate.label(SYNCED_BY), candidate.annotation(SOURCE))
    return controlled or marks != (None, None)
