"""What the conditions say of a rollout: what it waits for, and the command for each way on."""

import math
from dataclasses import dataclass

from msgspec import UNSET

from hooks.api.names import APPROVE_ROLLOUT, RESOURCE, REVISION_OF, ROLLOUT_FAILED
from hooks.api.text import as_fragment, counted, named
from hooks.api.times import write_time
from hooks.resolve.source import SourceReason
from hooks.rollout.assignment import Assignment
from hooks.rollout.judgement import Judgement
from hooks.rollout.types import FAILURES_LIMIT, IN_PROGRESS, Phase, RolloutStatus
from hooks.status.context import StatusContext
from hooks.status.messages import ConditionState, all_hold, targets_counted
from hooks.status.progress import Assessment
from hooks.status.types import RETRY_SECONDS, SyncedReason


@dataclass(frozen=True, slots=True)
class RolloutState:
    """The conditions of a rollout; stopped, nothing happens until somebody acts.

    `resolved` is there only where no revision is stored, and no rollout can begin.
    """

    synced: ConditionState
    is_stopped: bool = False
    resolved: ConditionState | None = None
    reconciling: ConditionState | None = None
    resync_after_seconds: float = 0.0


def state(
    context: StatusContext,
    assessment: Assessment,
    assignment: Assignment,
    judgement: Judgement,
) -> RolloutState | None:
    """What is said of a rollout; None where it is complete, or a pin still has to be written."""
    status = judgement.status
    said = _Said(context, assessment, assignment, judgement)
    if status.phase is Phase.PINNED:
        is_held = not assessment.pending and not assessment.failures
        return RolloutState(said.pinned) if is_held and assessment.targets else None
    if status.phase is Phase.HALTED:
        return RolloutState(said.halted, is_stopped=True)
    if status.phase is Phase.ROLLED_BACK:
        return RolloutState(said.rolled_back, is_stopped=True)
    if judgement.missing:
        return said.not_stored
    if status.phase not in IN_PROGRESS:
        return None
    synced = said.in_progress
    return RolloutState(synced, reconciling=synced)


def unstored(context: StatusContext, assignment: Assignment, judgement: Judgement) -> str:
    """A sentence about content that all targets hold and no revision stores; empty elsewhere."""
    is_settled = judgement.status.phase in (Phase.COMPLETE, Phase.PINNED)
    # In its first sync it cannot be stored yet.
    is_first = assignment.before is None
    update = assignment.update
    if not is_settled or is_first or assignment.revisions.is_stored(update):
        return ""
    return (
        f"Revision {update.revision} is not stored, so no rollout can go back to it; see `kubectl "
        f"describe {RESOURCE} {context.parent.metadata.name}` for what refuses it."
    )


@dataclass(frozen=True, slots=True)
class _Said:
    context: StatusContext
    assessment: Assessment
    assignment: Assignment
    judgement: Judgement

    @property
    def status(self) -> RolloutStatus:
        return self.judgement.status

    @property
    def pinned(self) -> ConditionState:
        return ConditionState(
            "True",
            SyncedReason.PINNED,
            f"{all_hold(self.assessment)} revision {self.status.update_revision}, which "
            "spec.pinnedRevision names; remove it to follow the source again.",
        )

    @property
    def in_progress(self) -> ConditionState:
        reason = SyncedReason.ROLLOUT_PROGRESSING
        if self.status.phase is Phase.AWAITING_APPROVAL:
            reason = SyncedReason.AWAITING_APPROVAL
        message = f"{self._doing}; {self._holding}; {self._ways}."
        return ConditionState("False", reason, message)

    @property
    def halted(self) -> ConditionState:
        return ConditionState(
            "False",
            SyncedReason.ROLLOUT_HALTED,
            f"{self._failing}, so no further namespace gets revision {self.status.update_revision} "
            f"({self._stage}); {self._holding}; correct the source, {self._approval}"
            f"{self._undoing}.",
        )

    @property
    def rolled_back(self) -> ConditionState:
        stable, update = self.status.stable_revision, self.status.update_revision
        consequence = (
            f"every target namespace gets revision {stable} again instead of revision {update} "
            f"({self._stage})"
        )
        if self.assignment.stable is None:
            former = "the former content" if stable is UNSET else f"revision {stable}"
            consequence = (
                f"nothing gets revision {update} any more ({self._stage}); {former} is not stored, "
                "so every copy is kept as it is"
            )
        return ConditionState(
            "False",
            SyncedReason.ROLLED_BACK,
            f"{self._failing}, so {consequence}; correct the source to begin a new rollout.",
        )

    @property
    def not_stored(self) -> RolloutState:
        """Where a revision is not stored, no copy is given it: nothing may be lost on the way."""
        syncer = self.assignment.observation.syncer
        kind, namespace = syncer.source.kind, syncer.source.namespace
        missing = named([f"{kind.name} {namespace}/{name}" for name in self.judgement.missing])
        is_lost = self.status.stable_revision is not UNSET and self.assignment.stable is None
        lost = ", and nothing is known to hold its content" if is_lost else ""
        see = f"see `kubectl describe {RESOURCE} {syncer.name}` for what refuses it, or "
        why = (
            f"{missing} is not stored as a revision{lost}, so every copy is kept as it is; "
            f"{'' if is_lost else see}set spec.pinnedRevision to a revision that `kubectl get "
            f"{kind.resource} -n {namespace} -l {REVISION_OF}={syncer.name}` lists"
        )
        resolved = ConditionState("False", SourceReason.REVISION_NOT_STORED, f"{why}.")
        synced = ConditionState("False", SyncedReason.ROLLOUT_PROGRESSING, f"{why}.")
        started = self.context.past(self.status.started_at)
        elapsed = (self.context.now - started).total_seconds() if started else 0.0
        left = float(math.ceil(self.context.deadline - elapsed))
        is_overdue = left <= 0
        return RolloutState(
            synced,
            resolved=resolved,
            reconciling=None if is_overdue else synced,
            resync_after_seconds=float(RETRY_SECONDS) if is_overdue else left,
        )

    @property
    def _stage(self) -> str:
        """The stage by its name and place."""
        if self.status.stage is UNSET:
            return "before the first stage"
        stages = self.assignment.rollout.stages
        place = self.assignment.rollout.index(self.status.stage)
        number = 1 if place is None else place + 1
        return f"stage {self.status.stage}, {number} of {len(stages)}"

    @property
    def _begun(self) -> str:
        """When the rollout began, which only a rollout with a stage has."""
        started, stage = self.status.started_at, self.status.stage
        return "" if started is UNSET or stage is UNSET else f", begun {started}"

    @property
    def _doing(self) -> str:
        update, awaited = self.status.update_revision, self.judgement.awaited
        until = "" if self.judgement.until is None else write_time(self.judgement.until)
        rollout = f"The rollout of revision {update} ({self._stage}{self._begun})"
        if self.status.phase is Phase.AWAITING_APPROVAL:
            return f"{rollout} waits for approval{until and f' since {until}'}{self._why}"
        if awaited:
            places = f"{counted(len(awaited), 'namespace')} ({named(awaited)})"
            return f"{rollout} waits for the copy in {places}"
        if until:
            return f"{rollout} soaks since {self.status.soaking_since} until {until}"
        return f"{rollout} goes on"

    @property
    def _why(self) -> str:
        if self.status.stage is UNSET:
            return (
                ", because the copies hold another content than the source and status.rollout does "
                "not say which of them is good"
            )
        if self.judgement.is_unproven:
            return ", because no target namespace of the stage holds it and nothing has proved it"
        return ""

    @property
    def _holding(self) -> str:
        number, total = self.status.updated_count, targets_counted(self.assessment)
        return f"{number:,} of {total} {'holds' if number == 1 else 'hold'} it"

    @property
    def _ways(self) -> str:
        if self.status.phase is Phase.AWAITING_APPROVAL:
            return f"{self._approval}{self._undoing}"
        suspend = '{"spec":{"suspend":true}}'
        update = self.status.update_revision
        return (
            f"to stop it, run `{self._patch(suspend)}`, or `kubectl annotate namespace NAMESPACE "
            f"{ROLLOUT_FAILED}={update}` where it fails{self._undoing}"
        )

    @property
    def _approval(self) -> str:
        tokens = ",".join(self.judgement.tokens)
        name = self.context.parent.metadata.name
        return (
            f"approve it with `kubectl annotate {RESOURCE} {name} {APPROVE_ROLLOUT}={tokens} "
            "--overwrite`"
        )

    @property
    def _undoing(self) -> str:
        stable = self.status.stable_revision
        if stable is UNSET:
            return ""
        pin = f'{{"spec":{{"pinnedRevision":"{stable}"}}}}'
        return f", or go back with `{self._patch(pin)}`"

    @property
    def _failing(self) -> str:
        failures = () if self.status.failures is UNSET else self.status.failures
        if not failures:
            return "More target namespaces failed than spec.rollout.maxFailures allows"
        first = failures[0]
        names = named([failure.namespace for failure in failures])
        verb = "fails" if len(failures) == 1 else "fail"
        least = "At least " if len(failures) == FAILURES_LIMIT else ""
        where = f"{least}{counted(len(failures), 'target namespace')} {verb} ({names})"
        why = f": {as_fragment(first.message)}" if first.message else ""
        return f"{where}, {first.namespace} with {first.reason}{why}"

    def _patch(self, patch: str) -> str:
        name = self.context.parent.metadata.name
        return f"kubectl patch {RESOURCE} {name} --type=merge -p '{patch}'"
