"""Which content each target is to hold now.

Record, then act: passing a stage, halting, rolling back and becoming stable take effect only in the
sync that reads them in `status.rollout`, because Metacontroller writes children before the status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from msgspec import UNSET, UnsetType, structs

from hooks.api.names import REVISION
from hooks.copies.observation import Observation
from hooks.resolve.source import Content
from hooks.resolve.targets import Target
from hooks.rollout import held
from hooks.rollout.membership import place_of
from hooks.rollout.revisions import Revisions
from hooks.rollout.types import Phase, RolloutStatus
from hooks.spec.rollout import Rollout
from hooks.spec.syncer import Syncer

_SETTLED: Final = (Phase.COMPLETE, Phase.PINNED)


@dataclass(frozen=True, eq=False)
class Assignment:
    """What each target is to hold in one sync.

    `before` is what the last status says, and `recorded` that or what a rollout begins with that is
    not recorded yet; then nothing `is_judged`, nor after a rollback. `contents` has the target
    namespaces; None keeps a copy as it is, for what it should hold is not stored, or not known.
    `stages` gives each target's stage by its place. `missing` are the revisions in use that are not
    stored.
    """

    observation: Observation[Syncer]
    rollout: Rollout
    revisions: Revisions
    update: Content
    stable: Content | None
    before: RolloutStatus | None
    recorded: RolloutStatus
    contents: Mapping[str, Content | None]
    stages: Mapping[str, int]
    is_judged: bool
    missing: Sequence[str] = ()

    @property
    def used(self) -> Sequence[Content]:
        """The contents that must be stored as revisions."""
        stable = self.stable
        if stable is None or stable.revision == self.update.revision:
            return (self.update,)
        return (self.update, stable)

    def is_behind(self, namespace: str) -> bool:
        """Whether a target is not to hold the update now, but waits for its stage."""
        content = self.contents.get(namespace)
        return content is None or content.revision != self.update.revision


def assign(
    observation: Observation[Syncer],
    rollout: Rollout,
    content: Content,
    before: RolloutStatus | None,
    stamp: str,
) -> Assignment:
    """What each target is to hold; `stamp` is the present. Raises MalformedRequest."""
    revisions = Revisions(observation)
    stable = UNSET if before is None else before.stable_revision
    update = content if content.revision else revisions.of(content, stable)
    known = _Known(observation, rollout, revisions, update, before, stamp)
    if observation.syncer.pinned_revision is not None:
        stable = update.revision if before is None else before.stable_revision
        return known.everywhere(RolloutStatus(update.revision, Phase.PINNED, stable))
    if before is None:
        return known.first(stamp)
    if before.phase is Phase.PINNED:
        # A rollout begins from what was pinned, though not every target has taken it.
        before = structs.replace(before, stable_revision=before.update_revision)
    if update.revision == before.stable_revision:
        return known.everywhere(RolloutStatus(update.revision, Phase.COMPLETE, update.revision))
    if update.revision == before.update_revision and before.phase not in _SETTLED:
        return known.going_on(before)
    # Nothing can go back to what is lost, so the rollout begins from what the copies hold, as one
    # does that nobody has approved yet.
    is_unknown = before.stage is UNSET and before.phase not in _SETTLED
    is_lost = is_unknown or known.content(before.stable_revision) is None
    return known.first(stamp) if is_lost else known.new(before)


@dataclass(frozen=True, eq=False)
class _Known:
    observation: Observation[Syncer]
    rollout: Rollout
    revisions: Revisions
    update: Content
    before: RolloutStatus | None
    stamp: str

    @cached_property
    def stages(self) -> Mapping[str, int]:
        names = (target.namespace for target in self.observation.targets)
        return {name: place_of(name, self.rollout, self.observation.namespaces) for name in names}

    def everywhere(self, recorded: RolloutStatus) -> Assignment:
        """All targets hold the update at once."""
        stable: Content | None = self.update
        if recorded.stable_revision != self.update.revision:
            stable = self.content(recorded.stable_revision)
        return self._assignment(recorded, dict.fromkeys(self.stages, self.update), stable)

    def first(self, started_at: str) -> Assignment:
        """Nothing is recorded: the first content goes everywhere; any other waits for a person."""
        contents = held.held_contents(self.observation)
        revision = self.update.revision
        if held.holding(contents, self.update) == contents.keys():
            return self.everywhere(RolloutStatus(revision, Phase.COMPLETE, revision))
        stable = held.held_by_most(self.observation, contents)
        # If that is what the source has, it is an update like any other for the other copies.
        if stable is not None:
            is_update = held.identity(stable) == held.identity(self.update)
            stable = None if is_update else self.revisions.of(stable)
        recorded = RolloutStatus(
            revision,
            Phase.AWAITING_APPROVAL,
            stable.revision if stable else UNSET,
            started_at=started_at,
        )
        return self._unknown(recorded, stable)

    def _unknown(self, recorded: RolloutStatus, stable: Content | None) -> Assignment:
        """A person has to say that the rollout begins; until then every copy is kept as it is."""
        update, given = self._stored(self.update), self._stored(stable)
        missing = self._missing(recorded, update, given)
        kept = dict.fromkeys(self.stages)
        return self._assignment(recorded, kept, stable, is_judged=True, missing=missing)

    def new(self, before: RolloutStatus) -> Assignment:
        """A change of the content begins: until that is recorded, targets keep what they hold."""
        recorded = RolloutStatus(
            self.update.revision,
            Phase.PROGRESSING,
            before.stable_revision,
            stage=self.rollout.stages[0].name,
            started_at=self.stamp,
        )
        stable = self.content(before.stable_revision)
        former = self.revisions.content(before.update_revision)
        reached = self.rollout.index(before.stage or "")
        frozen = self._frozen(before.update_revision, former, self._stored(stable), reached)
        return self._assignment(recorded, frozen, stable)

    def going_on(self, before: RolloutStatus) -> Assignment:
        """The update is on its way, or was stopped."""
        stable = self.content(before.stable_revision)
        if before.stage is UNSET:
            is_lost = stable is None and before.stable_revision is not UNSET
            started_at = before.started_at or self.stamp
            return self.first(started_at) if is_lost else self._unknown(before, stable)
        given = self._stored(stable)
        if before.phase is Phase.ROLLED_BACK:
            return self._assignment(before, dict.fromkeys(self.stages, given), stable)
        update = self._stored(self.update)
        reached = self.rollout.index(before.stage)
        frozen = self._frozen(self.update.revision, update, given, reached)
        if reached is None:
            is_stopped = before.phase is Phase.HALTED
            return self._assignment(self._moved(before), frozen, stable, is_judged=is_stopped)
        missing = self._missing(before, update, given)
        if before.phase is Phase.HALTED or missing:
            return self._assignment(before, frozen, stable, is_judged=True, missing=missing)
        contents = {n: update if place <= reached else given for n, place in self.stages.items()}
        return self._assignment(before, contents, stable, is_judged=True)

    def _missing(
        self, before: RolloutStatus, update: Content | None, stable: Content | None
    ) -> Sequence[str]:
        missing = [] if update else [self.update.revision]
        if stable is None and before.stable_revision is not UNSET:
            missing.append(before.stable_revision)
        return missing

    def _moved(self, before: RolloutStatus) -> RolloutStatus:
        """The recorded stage is no more: go on at the first one that is not done.

        If nothing in it holds the update, the stage before it has to prove itself again: under its
        former name, it may be the one that was recorded.
        """
        stages = self.stages
        failing = {failure.namespace for failure in before.failures or ()}
        behind = [
            target.namespace
            for target in self.observation.targets
            if target.namespace not in failing and self._is_behind(target)
        ]
        place = min((stages[name] for name in behind), default=len(self.rollout.stages) - 1)
        # What a copy says of itself may be forged; whatever it says, it holds the update or not.
        holding = held.holding(held.held_contents(self.observation), self.update)
        is_begun = any(stages[name] == place for name in holding)
        if not is_begun and place > 0:
            place -= 1
        is_stopped = before.phase is Phase.HALTED
        return structs.replace(
            before,
            phase=Phase.HALTED if is_stopped else Phase.PROGRESSING,
            stage=self.rollout.stages[place].name,
            soaking_since=UNSET,
            approval_token=UNSET,
        )

    def _is_behind(self, target: Target) -> bool:
        """Whether a target can take a copy, and does not have the update by its own word."""
        name = target.namespace
        if target.failure is not None:
            return False
        copies = held.copies_of(self.observation, name)
        if copies:
            is_hanging = copies[0].is_terminating
            return not is_hanging and self._revision(name) != self.update.revision
        return f"{name}/{self.observation.syncer.copy_name}" not in self.observation.related

    def _assignment(
        self,
        recorded: RolloutStatus,
        contents: Mapping[str, Content | None],
        stable: Content | None,
        *,
        is_judged: bool = False,
        missing: Sequence[str] = (),
    ) -> Assignment:
        return Assignment(
            observation=self.observation,
            rollout=self.rollout,
            revisions=self.revisions,
            update=self.update,
            stable=stable,
            before=self.before,
            recorded=recorded,
            contents=contents,
            stages=self.stages,
            is_judged=is_judged,
            missing=missing,
        )

    def _frozen(
        self, name: str, update: Content | None, stable: Content | None, reached: int | None
    ) -> Mapping[str, Content | None]:
        """Each target keeps which of the two it holds, by its own word; others get the stable.

        A target beyond the stage that was reached has no update to keep, whatever its copy says.
        """
        return {
            namespace: update
            if self._revision(namespace) == name and (reached is None or place <= reached)
            else stable
            for namespace, place in self.stages.items()
        }

    def _revision(self, namespace: str) -> str:
        """The revision that the copy in a namespace names, or the copy that it is to replace."""
        copies = held.copies_of(self.observation, namespace)
        return (copies[0].object.annotation(REVISION) if copies else None) or ""

    def _stored(self, content: Content | None) -> Content | None:
        """A content where its revision is observed whole: no copy is given any other."""
        is_stored = content is not None and self.revisions.is_stored(content)
        return content if is_stored else None

    def content(self, name: str | UnsetType) -> Content | None:
        """A revision's content where it is known; Revisions.known says where from."""
        if name is UNSET:
            return None
        return self.revisions.known(name)
