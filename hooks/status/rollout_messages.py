"""What the conditions say of a rollout: what it waits for, and the command for each way on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec import UNSET

from hooks.api.names import APPROVE_ROLLOUT, RESOURCE, REVISION_OF, ROLLOUT_FAILED
from hooks.api.text import as_fragment, counted, listed, named
from hooks.api.times import write_time
from hooks.resolve.source import SourceReason
from hooks.rollout.assignment import Assignment
from hooks.rollout.judgement import REPORTED, Judgement, approved_tokens
from hooks.rollout.types import FAILURES_LIMIT, IN_PROGRESS, Phase, RolloutStatus
from hooks.spec.rollout import Approval
from hooks.status import messages
from hooks.status.context import StatusContext
from hooks.status.messages import ConditionState, all_hold, targets_counted
from hooks.status.plan import Plan
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
            "spec.pinnedRevision names; to roll out the source again, remove it with "
            f"`{self._pinning(None)}`.",
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
            f"{self._undoing}{self._trying_again}.",
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
            f"{self._failing}, so {consequence}; correct the source to begin a new rollout, or, if "
            f"revision {update} is good, give it to every target namespace with "
            f"`{self._pinning(update)}`{self._trying_again}.",
        )

    @property
    def not_stored(self) -> RolloutState:
        """Where a revision is not stored, no copy is given it: nothing may be lost on the way."""
        syncer, missing = self.assignment.observation.syncer, self.judgement.missing
        kind, namespace = syncer.source.kind, syncer.source.namespace
        names = named([f"{kind.name} {namespace}/{name}" for name in missing])
        verb = "is not stored as a revision" if len(missing) == 1 else "are not stored as revisions"
        is_lost = self.status.stable_revision is not UNSET and self.assignment.stable is None
        lost = ""
        if is_lost:
            whose = "its" if len(missing) == 1 else "the stable"
            lost = f", and nothing is known to hold {whose} content"
        see = f"see `kubectl describe {RESOURCE} {syncer.name}` for what refuses it"
        ways = [] if is_lost and self.status.update_revision not in missing else [see]
        if (stored := self._stored_in) is not None:
            ways.append(
                f"set spec.pinnedRevision to a revision that `kubectl get {kind.resource} -n "
                f"{stored} -l {REVISION_OF}={syncer.name}` lists"
            )
        why = f"{names} {verb}{lost}, so every copy is kept as it is; {', or '.join(ways)}"
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
    def _stored_in(self) -> str | None:
        """The namespace that has revisions to pin: the source's, or one where it was before."""
        observation, missing = self.assignment.observation, self.judgement.missing
        source = observation.syncer.source
        found = {
            each.metadata.namespace
            for each in observation.revisions
            if (each.kind, each.is_terminating) == (source.kind.name, False)
            and each.metadata.name not in missing
        }
        return source.namespace if source.namespace in found else min(found, default=None)

    @property
    def _stage(self) -> str:
        return _stage_of(self.assignment, self.status)

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
            return f"{rollout} waits for the copy in {places}{self._deadline}"
        if until:
            return f"{rollout} soaks since {self.status.soaking_since} until {until}"
        return f"{rollout} goes on"

    @property
    def _deadline(self) -> str:
        """Since when the copies are waited for, and until when."""
        since = self.context.past(self.assessment.pending_since) or self.context.now
        end = write_time(since + timedelta(seconds=self.context.deadline))
        verb = "counts" if len(self.judgement.awaited) == 1 else "count"
        return f" since {write_time(since)}, which {verb} as NotApplied from {end} on"

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
        approval = ""
        if self.status.phase is Phase.AWAITING_APPROVAL:
            approval = f"{self._approval}; "
        suspend = '{"spec":{"suspend":true}}'
        stop = f"{approval}to stop it, run `{self._patch(suspend)}`"
        if self.status.stage is not UNSET:
            failed = f"{ROLLOUT_FAILED}={self.status.update_revision} --overwrite"
            stop += f", or `kubectl annotate namespace NAMESPACE {failed}` where it fails"
        return f"{stop}{self._undoing}"

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
        return f", or go back with `{self._pinning(stable)}`"

    @property
    def _trying_again(self) -> str:
        """What has to go before the same content can be rolled out again."""
        failures = () if self.status.failures is UNSET else self.status.failures
        reported = [
            failure.namespace
            for failure in failures
            if failure.reason == REPORTED and failure.namespace in self.assignment.contents
        ]
        if not reported:
            return ""
        return (
            "; before the same content is rolled out again, run `kubectl annotate namespace "
            f"{' '.join(reported)} {ROLLOUT_FAILED}-`"
        )

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

    def _pinning(self, revision: str | None) -> str:
        """The command that pins a revision, or none any more."""
        written = "null" if revision is None else f'"{revision}"'
        return self._patch(f'{{"spec":{{"pinnedRevision":{written}}}}}')

    def _patch(self, patch: str) -> str:
        name = self.context.parent.metadata.name
        return f"kubectl patch {RESOURCE} {name} --type=merge -p '{patch}'"


def suspended(assignment: Assignment, planned: Plan) -> str:
    """What is said while all is held, also the rollout."""
    status = assignment.recorded
    stopped = {Phase.HALTED: "halted", Phase.ROLLED_BACK: "rolled back"}
    rollout = f"the rollout of revision {status.update_revision} ({_stage_of(assignment, status)})"
    if status.phase in stopped:
        return messages.planned(planned, f"{rollout} stays {stopped[status.phase]}; ")
    if status.phase not in IN_PROGRESS:
        return messages.planned(planned)
    waits = listed(_waits(assignment))
    held = f"{rollout} is held, and when spec.suspend is false, it waits for {waits}; "
    return messages.planned(planned, held, is_staged=True)


def _waits(assignment: Assignment) -> Sequence[str]:
    """What the stage of a rollout that was held waits for in turn; its soak begins again."""
    status = assignment.recorded
    waits = []
    if status.stable_revision is not UNSET and assignment.stable is None:
        waits.append(f"the missing revision {status.stable_revision}")
    needs_approval = status.phase is Phase.AWAITING_APPROVAL
    if status.stage is not UNSET:
        stage = assignment.rollout.stages[assignment.rollout.index(status.stage) or 0]
        waits.append("the copies of the stage")
        if stage.soak_seconds:
            waits.append(f"a soak of {counted(stage.soak_seconds, 'second')}")
        needs_approval = needs_approval or stage.approval is Approval.MANUAL
    if needs_approval and status.approval_token not in approved_tokens(assignment):
        waits.append("approval")
    return waits


def _stage_of(assignment: Assignment, status: RolloutStatus) -> str:
    """The stage by its name and place."""
    if status.stage is UNSET:
        return "before the first stage"
    stages = assignment.rollout.stages
    place = assignment.rollout.index(status.stage)
    number = 1 if place is None else place + 1
    return f"stage {status.stage}, {number} of {len(stages)}"
