"""What is recorded about a rollout next, by what the targets hold now.

Passing a stage, halting and rolling back are judged here and take effect in the sync that reads
them (see `assignment`).
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from msgspec import UNSET, structs

from hooks.api.names import APPROVE_ROLLOUT, ROLLOUT_FAILED
from hooks.api.times import read_time, write_time
from hooks.api.tokens import token_of
from hooks.copies.prune_guard import RECORDED_SECONDS
from hooks.resolve.targets import FailureReason
from hooks.rollout.assignment import Assignment
from hooks.rollout.types import (
    FAILURES_LIMIT,
    IN_PROGRESS,
    MESSAGE_LIMIT,
    TOKENS_LIMIT,
    Phase,
    RolloutFailure,
    RolloutStatus,
)
from hooks.spec.rollout import Approval, OnFailure, RolloutStage

REPORTED: Final = "RolloutFailed"
"""The reason of a failure that an annotation of the Namespace reports."""
_SKEW_SECONDS: Final = 60
"""So much may the clock of another replica be fast; a later time is nonsense."""


@dataclass(frozen=True, slots=True)
class TargetsSeen:
    """What is seen of the targets under an assignment.

    `current` hold what they are assigned; `failures` have a reason and a message; `were_synced`
    held the update in the last status. `is_edited` tells that the last status is about another
    spec, which may have had other stages. `rewritten` says of copies when they were written after
    the last status: that may be an old one out of a cache, which does not know that they were lost.
    """

    current: AbstractSet[str]
    failures: Mapping[str, tuple[str, str]]
    were_synced: AbstractSet[str]
    now: datetime
    is_edited: bool = False
    rewritten: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The next `status.rollout`, and what its message is about.

    `awaited` are the targets of the stage that do not hold the update yet. `unproven` tells that
    nothing holds it, so that only a person can pass the stage. `tokens` are all that the annotation
    must list. `until` is when the soak is over, or was; `missing` are the revisions that are not
    stored. `given_next` are the targets that are to hold another content now, and get the update in
    the sync that reads the status.
    """

    status: RolloutStatus
    resync_after_seconds: float = 0.0
    awaited: Sequence[str] = ()
    is_unproven: bool = False
    tokens: Sequence[str] = ()
    until: datetime | None = None
    missing: Sequence[str] = ()
    given_next: AbstractSet[str] = frozenset()


def judge(assignment: Assignment, seen: TargetsSeen) -> Judgement:
    """What is recorded next; what takes effect later is read back in a second."""
    judgement = _Judge(assignment, seen).judgement()
    before = assignment.before
    if before is not None and before.step == judgement.status.step:
        return judgement
    # The first content is nothing that takes effect later.
    is_idle = before is None and judgement.status.phase is Phase.COMPLETE
    if is_idle:
        return judgement
    given_next = _given_next(assignment, judgement.status)
    return replace(judgement, resync_after_seconds=RECORDED_SECONDS, given_next=given_next)


def _given_next(assignment: Assignment, status: RolloutStatus) -> AbstractSet[str]:
    reached = None if status.stage is UNSET else assignment.rollout.index(status.stage)
    if status.phase not in IN_PROGRESS or reached is None:
        return frozenset()
    stages, is_behind = assignment.stages, assignment.is_behind
    return {name for name, place in stages.items() if place <= reached and is_behind(name)}


def paused(recorded: RolloutStatus) -> RolloutStatus:
    """What is remembered while all is held: a soak begins again after it."""
    phase = Phase.PROGRESSING if recorded.phase is Phase.SOAKING else recorded.phase
    return structs.replace(recorded, phase=phase, soaking_since=UNSET)


def approved_tokens(assignment: Assignment) -> AbstractSet[str]:
    """The steps that the syncer's annotation approves."""
    annotations = assignment.observation.parent.metadata.annotations or {}
    tokens = annotations.get(APPROVE_ROLLOUT, "").split(",", TOKENS_LIMIT)[:TOKENS_LIMIT]
    return {token.strip() for token in tokens}


@dataclass(frozen=True, eq=False)
class _Judge:
    assignment: Assignment
    seen: TargetsSeen

    def judgement(self) -> Judgement:
        """Where the rollout is, by what was recorded and what is seen."""
        assignment = self.assignment
        recorded = assignment.recorded
        status = structs.replace(
            recorded,
            updated_count=len(self._holding),
            target_count=len(assignment.contents),
        )
        if not assignment.is_judged:
            return Judgement(self._settled(status))
        if recorded.stage is UNSET:
            return self._unknown(status)
        if recorded.phase is Phase.HALTED:
            return self._halted(status)
        if assignment.missing:
            return Judgement(paused(status), missing=assignment.missing)
        place = assignment.rollout.index(recorded.stage) or 0
        return self._running(status, place)

    @cached_property
    def _able(self) -> Collection[str]:
        """The targets that can take a copy: they hold one, wait for it, or were refused it.

        A copy that should be gone is no copy that they can take.
        """
        failures = self.seen.failures
        unable = {each.namespace for each in self.assignment.observation.targets if each.failure}
        return [
            name
            for name in self.assignment.contents
            if name not in unable
            and (name not in failures or failures[name][0] == FailureReason.NOT_APPLIED)
        ]

    @cached_property
    def _refused(self) -> AbstractSet[str]:
        """The targets that were refused the update."""
        failures, is_behind = self.seen.failures, self.assignment.is_behind
        return {name for name in self._able if name in failures and not is_behind(name)}

    @cached_property
    def _holding(self) -> AbstractSet[str]:
        """The targets that hold the update."""
        is_behind = self.assignment.is_behind
        return {n for n in self._able if n in self.seen.current and not is_behind(n)}

    @cached_property
    def _failing(self) -> Mapping[str, RolloutFailure]:
        """The targets that fail with the update, and why."""
        failures = {
            name: RolloutFailure(name, reason, message[:MESSAGE_LIMIT])
            for name, (reason, message) in self.seen.failures.items()
            if name in self._refused
        }
        namespaces, update = self.assignment.observation.namespaces, self.assignment.update
        for name in self._holding:
            shown = namespaces.get(name)
            if shown is not None and shown.annotation(ROLLOUT_FAILED) == update.revision:
                message = f"The Namespace has the annotation {ROLLOUT_FAILED}={update.revision}."
                failures[name] = RolloutFailure(name, REPORTED, message)
        return dict(sorted(failures.items()))

    @cached_property
    def _ever_failing(self) -> Mapping[str, RolloutFailure]:
        """The targets that fail now, and those that failed before, as far as they are listed."""
        failures = self.assignment.recorded.failures
        recorded = () if failures is UNSET else failures
        still = {f.namespace: f for f in recorded if f.namespace in self.assignment.contents}
        return {**still, **self._failing}

    def _settled(self, status: RolloutStatus) -> RolloutStatus:
        """A pin becomes stable when all targets hold it; otherwise nothing is to be judged.

        One that is refused is not waited for: a tenant who hangs a copy could keep what was pinned
        from becoming stable, and without the pin the others would get the former stable again.
        """
        is_written = self._holding | self._refused >= set(self._able)
        is_held = is_written and (bool(self._holding) or not self._refused)
        if status.phase is Phase.PINNED and is_held:
            return structs.replace(status, stable_revision=status.update_revision)
        return status

    def _unknown(self, status: RolloutStatus) -> Judgement:
        """What the rollout starts from was not recorded, and a person has to say that it may."""
        token = self._token(status, "")
        is_approved = token in self._approved
        if is_approved and not self.assignment.missing:
            first = self.assignment.rollout.stages[0].name
            begun = structs.replace(
                status, phase=Phase.PROGRESSING, stage=first, approval_token=UNSET
            )
            return Judgement(begun)
        waiting = structs.replace(status, phase=Phase.AWAITING_APPROVAL, approval_token=token)
        missing = self.assignment.missing if is_approved else ()
        return Judgement(waiting, tokens=(token,), missing=missing)

    def _halted(self, status: RolloutStatus) -> Judgement:
        """A halt stays, until what failed then and fails now is approved."""
        failing = self._ever_failing
        token = self._halt_token(status, failing)
        if self._is_cut(failing):
            token = status.approval_token or token
        if token in self._approved:
            going = structs.replace(
                status,
                phase=Phase.PROGRESSING,
                approval_token=UNSET,
                failures=self._listed(failing) or UNSET,
            )
            return Judgement(going)
        halted = structs.replace(status, approval_token=token, failures=self._listed(failing))
        return Judgement(halted, tokens=(token,))

    def _is_cut(self, failing: Mapping[str, RolloutFailure]) -> bool:
        """Whether others may have failed that are not listed, and are not seen under a halt."""
        is_full = len(self.assignment.recorded.failures or ()) == FAILURES_LIMIT
        return is_full and len(failing) == FAILURES_LIMIT and not self.seen.is_edited

    def _running(self, status: RolloutStatus, place: int) -> Judgement:
        rollout = self.assignment.rollout
        stage = rollout.stages[place]
        failing = self._failing
        accepted: Sequence[str] = ()
        if self._is_exceeded:
            # What is approved stays so while no other target fails, also if one of them recovers.
            tokens = {
                self._halt_token(status, each): each for each in (self._ever_failing, failing)
            }
            accepted = [token for token in tokens if token in self._approved][:1]
            failing = tokens[accepted[0]] if accepted else failing
        listed = self._listed(failing) or UNSET
        status = structs.replace(status, failures=listed, approval_token=UNSET)
        if self._is_exceeded and not accepted:
            return self._stopped(status)
        members = [name for name in self._able if self.assignment.stages[name] == place]
        awaited = [n for n in members if n not in self._holding and n not in self._refused]
        is_lost = not self.seen.were_synced.isdisjoint(awaited)
        # What nothing of the stage holds does not soak, though nothing is waited for either.
        if self.seen.is_edited or is_lost or self._holding.isdisjoint(members):
            status = structs.replace(status, soaking_since=UNSET)
        elif stage.soak_seconds and status.soaking_since is not UNSET:
            again = map(write_time, self._lost_unseen(members))
            status = structs.replace(status, soaking_since=max([status.soaking_since, *again]))
        if awaited:
            is_soaking = stage.soak_seconds and status.soaking_since is not UNSET
            phase = Phase.SOAKING if is_soaking else Phase.PROGRESSING
            return Judgement(structs.replace(status, phase=phase), awaited=awaited)
        return self._reached(status, place, stage, accepted, members)

    def _lost_unseen(self, members: Sequence[str]) -> Sequence[datetime]:
        """When targets that held the update in the last status were given it again after it."""
        seen, latest = self.seen, self.seen.now + timedelta(seconds=_SKEW_SECONDS)
        again = [seen.rewritten.get(name) for name in members if name in seen.were_synced]
        return [time for time in again if time is not None and time <= latest]

    def _stopped(self, status: RolloutStatus) -> Judgement:
        """More targets fail than may."""
        if self.assignment.rollout.on_failure is OnFailure.ROLLBACK:
            rolled = structs.replace(status, phase=Phase.ROLLED_BACK, soaking_since=UNSET)
            return Judgement(rolled)
        token = self._halt_token(status, self._failing)
        halted = structs.replace(
            status, phase=Phase.HALTED, soaking_since=UNSET, approval_token=token
        )
        return Judgement(halted, tokens=(token,))

    def _reached(
        self,
        status: RolloutStatus,
        place: int,
        stage: RolloutStage,
        accepted: Sequence[str],
        members: Sequence[str],
    ) -> Judgement:
        """Every target of the stage that can holds the update: it soaks, waits, or is passed."""
        stages = self.assignment.rollout.stages
        is_last = place == len(stages) - 1
        is_held = not self._holding.isdisjoint(members)
        is_proven = is_held or (is_last and bool(self._holding))
        until: datetime | None = None
        if is_held:
            since, elapsed = self._soaking(status)
            status = structs.replace(status, soaking_since=since)
            until = datetime.fromisoformat(since) + timedelta(seconds=stage.soak_seconds)
            left = stage.soak_seconds - elapsed
            if stage.soak_seconds and left > 0:
                soaking = structs.replace(status, phase=Phase.SOAKING)
                return Judgement(soaking, float(math.ceil(left)), until=until)
        token = self._token(status, stage.name)
        needs_approval = stage.approval is Approval.MANUAL or not is_proven
        if needs_approval and token not in self._approved:
            waiting = structs.replace(status, phase=Phase.AWAITING_APPROVAL, approval_token=token)
            tokens = (*accepted, token)
            return Judgement(waiting, is_unproven=not is_proven, tokens=tokens, until=until)
        if not is_last:
            following = stages[place + 1].name
            passed = structs.replace(
                status, phase=Phase.PROGRESSING, stage=following, soaking_since=UNSET
            )
            return Judgement(passed)
        complete = RolloutStatus(
            update_revision=status.update_revision,
            stable_revision=status.update_revision,
            phase=Phase.COMPLETE,
            updated_count=status.updated_count,
            target_count=status.target_count,
        )
        return Judgement(complete)

    def _soaking(self, status: RolloutStatus) -> tuple[str, float]:
        """Since when the stage soaks, and how many seconds that is.

        Where another replica's clock is fast, its time is waited for.
        """
        since = status.soaking_since
        if since is not UNSET and (read := read_time(since)) is not None:
            elapsed = (self.seen.now - read).total_seconds()
            if elapsed >= -_SKEW_SECONDS:
                return since, elapsed
        return write_time(self.seen.now), 0.0

    @cached_property
    def _is_exceeded(self) -> bool:
        """Whether more targets of a stage fail than may."""
        stages, limit = self.assignment.stages, self.assignment.rollout.max_failures
        able = Counter(stages[name] for name in self._able)
        failing = Counter(stages[name] for name in self._failing)
        return any(number > limit.of(able[place]) for place, number in failing.items())

    def _halt_token(self, status: RolloutStatus, failing: Collection[str]) -> str:
        """What approves that the update goes on though these fail, also those that are not listed.

        It is of the last stage of theirs, so that passing another one does not ask again.
        """
        names = sorted(failing)
        last = max((self.assignment.stages[name] for name in names), default=0)
        return self._token(status, self.assignment.rollout.stages[last].name, names)

    @staticmethod
    def _listed(failing: Mapping[str, RolloutFailure]) -> Sequence[RolloutFailure]:
        return [failing[name] for name in sorted(failing)][:FAILURES_LIMIT]

    @cached_property
    def _approved(self) -> AbstractSet[str]:
        return approved_tokens(self.assignment)

    def _token(self, status: RolloutStatus, stage: str, failing: Sequence[str] = ()) -> str:
        """What approves this step and no other, however long the annotation stays."""
        step = [
            self.assignment.observation.parent.metadata.uid,
            None if status.stable_revision is UNSET else status.stable_revision,
            status.update_revision,
            None if status.started_at is UNSET else status.started_at,
            self.assignment.rollout.digest,
            stage,
            list(failing),
        ]
        return token_of(step)
