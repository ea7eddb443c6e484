"""The copy in one namespace: create it, keep it, write it, replace it, or leave it alone.

Kubernetes and Metacontroller will not make a copy exact by themselves: keys that somebody added
are not removed by anyone, immutable objects refuse every update, and under server-side apply an
object that we never made is taken over as soon as it is returned. What to return in each case is
decided here, from what is observed alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET, UnsetType

from hooks.api import kinds
from hooks.api.last_applied import is_readable_by_dynamic_apply
from hooks.api.names import CONTROLLER_UID, LAST_APPLIED
from hooks.api.protocol import ApplyStrategy, Child, ChildMeta, KubernetesObject, OwnerReference
from hooks.copies import conflicts, field_ownership, retention
from hooks.copies.child import is_marked_by_dynamic_apply, owners, preserve, take_back
from hooks.copies.desired_metadata import copy_annotations, copy_labels
from hooks.copies.observation import ExistingCopy, Observation
from hooks.copies.outcome import Outcome, State
from hooks.copies.removal import blocked_by
from hooks.copies.writing import ContentWriter
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.resolve.targets import Target
from hooks.spec.syncer import Syncer

_UNOWNED: Final = (
    "the copy's ownerReferences for its Namespace do not match spec.deletionPolicy; find out who "
    "else writes them"
)
_MARKED: Final = (
    f"the copy has the annotation {LAST_APPLIED}, and gets no new data until "
    f"{ApplyStrategy.SERVER_SIDE_APPLY} has removed it; find out who sets it, or run "
    f"Metacontroller with --apply-strategy={ApplyStrategy.SERVER_SIDE_APPLY}"
)
_UNSEEN: Final = "the copy was requested and has not been observed"
_UNLIKE: Final = (
    "the copy has the current content, but not the labels, the annotations and the immutability "
    "that it should have"
)
_LEFT_BEHIND: Final = (
    "the copy of a deleted syncer of the same name is still there; Kubernetes deletes it by itself "
    "(garbage collection), and then the copy of this syncer is created"
)


@dataclass(frozen=True, slots=True, eq=False)
class DesiredContents:
    """What each target is to hold: the content that they have in common, or one of its own."""

    common: Content
    by_namespace: Mapping[str, Content] = field(default_factory=dict)

    def of(self, namespace: str) -> Content:
        """The content of the copy in one namespace."""
        return self.by_namespace.get(namespace, self.common)


@dataclass(frozen=True, slots=True, eq=False)
class CopyDecisions:
    """Decides for the targets of one syncer; copies that get the same content share the work."""

    observation: Observation[Syncer]
    contents: DesiredContents
    _by_content: dict[int, "_ContentDecisions"] = field(default_factory=dict)

    def decide(self, target: Target) -> Outcome:
        """What to return for one target. Raises MalformedRequest on a copy's malformed data."""
        return self._of(target.namespace).decide(target)

    def existing(self, namespace: str) -> KubernetesObject | None:
        """What has the copies' name in a namespace, a copy or anything else."""
        copy = self.observation.current_copies.get(namespace)
        return copy.object if copy else _related(namespace, self.observation)

    def changed_keys(self, existing: KubernetesObject) -> Sequence[str]:
        """The keys, sorted, in which an object is other than what its namespace is to hold."""
        return self._of(existing.metadata.namespace).writer.changed_keys(existing)

    def _of(self, namespace: str) -> "_ContentDecisions":
        content = self.contents.of(namespace)
        decisions = self._by_content.get(id(content))
        if decisions is None:
            decisions = self._by_content[id(content)] = _ContentDecisions(self.observation, content)
        return decisions


@dataclass(slots=True)
class _ContentDecisions:
    """Decides for the targets that are to hold one content."""

    observation: Observation[Syncer]
    content: Content
    writer: ContentWriter = field(init=False)
    _syncer: Syncer = field(init=False)
    _labels: Mapping[str, str] = field(init=False)
    _annotations: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._syncer = self.observation.syncer
        self._labels = copy_labels(self._syncer)
        self._annotations = copy_annotations(self.content, self._syncer)
        self.writer = ContentWriter(self._syncer, self.content, self.observation.options)

    def decide(self, target: Target) -> Outcome:
        """What to return for one target. Raises MalformedRequest on a copy's malformed data."""
        if target.failure:
            preserved = [preserve(copy, self.observation) for copy in self._preserved(target)]
            return Outcome(target.namespace, State.FAILED, preserved, target.failure)
        outcome = self._decide(target.namespace)
        outdated = self.observation.outdated_copies.get(target.namespace)
        if not outdated or outcome.state is State.CURRENT:
            return outcome
        # The copy of the old name or kind goes only when the new one is there.
        living = [copy for copy in outdated if not copy.is_terminating]
        preserved = [preserve(copy, self.observation) for copy in living]
        return Outcome(
            outcome.namespace,
            outcome.state,
            (*outcome.children, *preserved),
            outcome.failure,
            outcome.blocked_by,
        )

    def _preserved(self, target: Target) -> Iterator[ExistingCopy]:
        """The copies that stay in a target in spite of its failure.

        Consent that a new source never gave withdraws nothing from the copies of the old one.
        """
        observation, namespace = self.observation, target.namespace
        current = observation.current_copies.get(namespace)
        outdated = observation.outdated_copies.get(namespace, ())
        for copy in (*([current] if current else ()), *outdated):
            is_of_another = target.is_unconsented and not source.made(copy.object, self._syncer)
            is_preserved = target.keeps or is_of_another
            if not copy.is_terminating and is_preserved and copy.is_managed_by_us:
                yield copy

    def _decide(self, namespace: str) -> Outcome:
        copy = self.observation.current_copies.get(namespace)
        if copy is None:
            return self._absent(namespace, _related(namespace, self.observation))
        if copy.is_terminating:
            return Outcome(namespace, State.WAITING, blocked_by=blocked_by(copy.object))
        if self._syncer.source.kind.is_secret and is_marked_by_dynamic_apply(copy.object):
            # Server-side apply takes the annotation off; dynamic apply would put the new data in.
            held = preserve(copy, self.observation)
            return Outcome(namespace, State.WAITING, (held,), blocked_by=_MARKED)
        if _is_unmergeable(copy.object, self.observation.options.strategy):
            return _replaced(namespace)
        return self._present(namespace, copy.object)

    def _absent(self, namespace: str, existing: KubernetesObject | None) -> Outcome:
        """No copy is observed: create it, unless something else bears its name."""
        syncer, options = self._syncer, self.observation.options
        if existing is None:
            created = self._child(namespace, immutable=syncer.immutable or UNSET)
            return Outcome(namespace, State.WAITING, (created,), seen=_UNSEEN)
        if syncer.controls(existing):
            # Metacontroller is about to observe it, or to release it where it lost its label;
            # what it then is, the next sync sees.
            is_controlled = existing.label(CONTROLLER_UID) == syncer.uid
            children = (self._child(namespace),) if is_controlled else ()
            return Outcome(namespace, State.WAITING, children)
        controller = existing.controller
        if controller is not None and conflicts.is_predecessor(controller, syncer):
            reason = blocked_by(existing) or _LEFT_BEHIND
            return Outcome(namespace, State.WAITING, blocked_by=reason)
        if controller is not None:
            failure = conflicts.managed_by_another(existing, controller)
        elif not conflicts.is_taken_over(existing, syncer, self.content):
            failure = conflicts.conflict(existing, syncer, options.strategy)
        elif options.strategy is ApplyStrategy.DYNAMIC_APPLY:
            failure = conflicts.unadoptable(existing, syncer, options.strategy)
        else:
            # As it is, not as it should be: it may be immutable, or hold a key on the other side,
            # and then only an observed copy can be mended.
            return Outcome(namespace, State.WAITING, (take_back(existing, options),))
        return Outcome(namespace, State.FAILED, failure=failure)

    def _present(self, namespace: str, copy: KubernetesObject) -> Outcome:
        if source.type_of(copy, self._syncer.source.kind) != self.content.type:
            return _replaced(namespace)
        reading = self.writer.read(copy)
        if reading is None or reading.is_current:
            return self._exact(namespace, copy)
        # `immutable` comes only with what is seen to be right: a wrong copy would be kept wrong.
        writing = None if copy.immutable else self.writer.next_write(copy, reading)
        if writing is None:
            return _replaced(namespace)
        return Outcome(namespace, State.WAITING, (self._child(namespace, writing),))

    def _exact(self, namespace: str, copy: KubernetesObject) -> Outcome:
        """The copy holds the content; it may still lack metadata, or be immutable against the spec.

        `immutable` cannot be taken back. Set by somebody else it is said again; set by us alone,
        the spec had asked for it and no longer does.
        """
        syncer, options = self._syncer, self.observation.options
        is_unwanted = copy.immutable and not syncer.immutable
        if is_unwanted and field_ownership.is_frozen_by_us_alone(copy, options):
            return _replaced(namespace)
        immutable = bool(copy.immutable) or syncer.immutable
        is_current = immutable == bool(copy.immutable) and self._is_labelled(copy)
        owner = retention.desired(copy, self.observation)
        is_owned = owner == retention.observed(copy)
        children = (self._child(namespace, immutable=immutable or UNSET),)
        if is_current and is_owned:
            written = copy.written_by(options.field_manager)
            return Outcome(namespace, State.CURRENT, children, written=written)
        unowned = None if is_owned else _UNOWNED
        return Outcome(namespace, State.WAITING, children, blocked_by=unowned, seen=_UNLIKE)

    def _is_labelled(self, copy: KubernetesObject) -> bool:
        labels, annotations = copy.metadata.labels or {}, copy.metadata.annotations or {}
        is_annotated = self._annotations.items() <= annotations.items()
        return is_annotated and self._labels.items() <= labels.items()

    def _child(
        self,
        namespace: str,
        content: Content | None = None,
        *,
        immutable: bool | UnsetType = UNSET,
    ) -> Child:
        written = content or self.content
        annotations = self._annotations
        if written.hash != self.content.hash:
            annotations = copy_annotations(written, self._syncer)
        return Child(
            api_version=kinds.API_VERSION,
            kind=self._syncer.source.kind.name,
            metadata=ChildMeta(
                name=self._syncer.copy_name,
                namespace=namespace,
                labels=self._labels,
                annotations=annotations,
                owner_references=owners(self._owner(namespace)),
            ),
            data=written.raw_data or UNSET,
            binary_data=written.raw_binary_data or UNSET,
            immutable=immutable,
            type=self.content.type or UNSET,
        )

    def _owner(self, namespace: str) -> OwnerReference | None:
        if not retention.retains(self._syncer):
            return None
        return retention.available(namespace, self.observation)


def _related(namespace: str, observation: Observation[Syncer]) -> KubernetesObject | None:
    return observation.related.get(f"{namespace}/{observation.syncer.copy_name}")


def _is_unmergeable(copy: KubernetesObject, strategy: ApplyStrategy) -> bool:
    """Whether Metacontroller cannot update a copy: it cannot read what it wrote there last.

    Facts: Metacontroller's package `dynamic/apply`, `GetLastApplied`.
    """
    applied = copy.annotation(LAST_APPLIED)
    is_read = strategy is ApplyStrategy.DYNAMIC_APPLY and bool(applied)
    return is_read and not is_readable_by_dynamic_apply(applied or "")


def _replaced(namespace: str) -> Outcome:
    """A copy that cannot be written: left out it is deleted, and created in the next sync."""
    return Outcome(namespace, State.WAITING)
