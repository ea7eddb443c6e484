"""Report the status of every target, and nothing that moves while nothing changes.

What was said before is said again wherever it still holds, byte for byte: a status that changes by
itself re-queues the syncer for ever.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

import msgspec
from msgspec import UNSET, UnsetType

from hooks.api import protocol
from hooks.api.protocol import KubernetesObject
from hooks.api.text import as_fragment, counted, have, named
from hooks.api.times import write_time
from hooks.copies.outcome import Outcome, State
from hooks.copies.prune_guard import PruneGuard
from hooks.copies.source_deletion import SourceDeletion
from hooks.resolve.source import Content, NoContent, SourceReason, Version
from hooks.rollout.assignment import Assignment
from hooks.rollout.judgement import Judgement, TargetsSeen, judge, paused
from hooks.rollout.staging import Staging
from hooks.rollout.types import Phase, RolloutStatus
from hooks.status import messages, plan, rollout_messages
from hooks.status.context import StatusContext
from hooks.status.messages import ConditionState
from hooks.status.plan import Plan
from hooks.status.progress import Assessment, assess, last_sync_time
from hooks.status.types import (
    FAILURES_LIMIT,
    FORMER_SOURCES_LIMIT,
    LIST_LIMIT,
    OVERDUE,
    STATUS_LIMIT,
    Condition,
    Status,
    SyncedReason,
)


@dataclass(frozen=True, slots=True)
class Report:
    """A status, and in how many seconds the hook wants to look again (0: no need to)."""

    status: Status
    resync_after_seconds: float

    def holding(self, token: str | UnsetType) -> "Report":
        """The same, with what confirms the change that the prune guard holds, or held before."""
        return replace(self, status=msgspec.structs.replace(self.status, prune_token=token))

    def keeping(self, recorded: RolloutStatus | None) -> "Report":
        """The same, with what is remembered of a rollout while nothing goes on."""
        if recorded is None:
            return self
        return replace(self, status=msgspec.structs.replace(self.status, rollout=paused(recorded)))

    def recording(self, judgement: Judgement, seconds: float) -> "Report":
        """The same, with where a rollout is, and a look at it when its next step can come."""
        resyncs = [each for each in (self.resync_after_seconds, seconds) if each]
        status = msgspec.structs.replace(self.status, rollout=judgement.status)
        if judgement.given_next:
            # What is asked for next has a deadline of its own.
            status = msgspec.structs.replace(status, pending_since=UNSET)
        return replace(self, status=status, resync_after_seconds=min(resyncs, default=0.0))


@dataclass(frozen=True, slots=True)
class _ConditionStates:
    """What the conditions say; `reconciling` is there while copies are written or deleted."""

    resolved: ConditionState
    synced: ConditionState
    ready: ConditionState
    reconciling: ConditionState | None = None

    def by_type(self, *, is_suspended: bool) -> Iterator[tuple[str, ConditionState]]:
        """The conditions in their order; `Reconciling` and `Stalled` only while they are True.

        Tools that follow kstatus read these two. Without either, a syncer that is not ready is in
        progress for them.
        """
        yield "SourceResolved", self.resolved
        yield "Synced", self.synced
        if self.reconciling is not None and not is_suspended:
            yield "Reconciling", replace(self.reconciling, status="True")
        elif self.ready.status == "False" and not is_suspended:
            yield "Stalled", replace(self.ready, status="True")
        yield "Ready", self.ready

    def adding(self, message: str) -> Self:
        """The same, with one more sentence about what is waited for."""
        synced = replace(self.synced, message=f"{self.synced.message} {message}")
        ready = replace(self.ready, message=f"{self.ready.message} {message}")
        return replace(self, synced=synced, ready=ready)


def progress(
    context: StatusContext,
    subject: str,
    content: Content,
    outcomes: Sequence[Outcome],
    guard: PruneGuard | None = None,
) -> Report:
    """The status of a syncer whose source is resolved; `subject` names the source."""
    assessment = assess(context, outcomes, content.version)
    states = _writing(context, messages.resolved(subject, content), assessment, guard, subject)
    report = _report(context, assessment, states, content.version)
    return report.holding(guard.token) if guard else report


def _rewritten(
    context: StatusContext, assignment: Assignment, outcomes: Sequence[Outcome]
) -> Mapping[str, datetime]:
    """When copies were written after Metacontroller last wrote the status; only a soak asks."""
    if assignment.recorded.soaking_since is UNSET:
        return {}
    manager = assignment.observation.options.field_manager
    recorded = KubernetesObject(context.parent.metadata).written_by(manager)
    return {
        outcome.namespace: outcome.written
        for outcome in outcomes
        if outcome.written is not None and recorded is not None and outcome.written > recorded
    }


def staged(
    context: StatusContext,
    subject: str,
    assignment: Assignment,
    outcomes: Sequence[Outcome],
    guard: PruneGuard | None = None,
) -> Report:
    """The status of a rollout: what it waits for matters more than what every copy waits for."""
    content = assignment.update
    before = assignment.before
    halted = _failing(before) if before is not None and before.phase is Phase.HALTED else set()
    assessment = assess(context, outcomes, content.version, halted=halted)
    seen = TargetsSeen(
        current=frozenset(assessment.synced),
        failures={f.namespace: (f.reason, f.message) for f in assessment.failures},
        were_synced=context.before.synced_namespaces,
        now=context.now,
        is_edited=context.before.observed_generation != context.parent.metadata.generation,
        rewritten=_rewritten(context, assignment, outcomes),
    )
    judgement = judge(assignment, seen)
    if judgement.given_next:
        # What was refused before is not the update, but where that has failed already.
        renewed = judgement.given_next - _failing(judgement.status)
        assessment = assess(context, outcomes, content.version, halted=halted, renewed=renewed)
    rollout = rollout_messages.state(context, assessment, assignment, judgement)
    states = _writing(context, messages.resolved(subject, content), assessment, guard, subject)
    if rollout is not None and guard is not None:
        states = states.adding(rollout.synced.message)
    elif rollout is not None:
        if rollout.is_stopped or not assessment.failures:
            message = " ".join([rollout.synced.message, *context.notes])
            synced = replace(rollout.synced, message=message)
        else:
            synced = states.adding(rollout.synced.message).synced
        resolved = rollout.resolved
        ready = replace(synced, reason=resolved.reason) if resolved else synced
        states = _ConditionStates(
            resolved or states.resolved, synced, ready, reconciling=rollout.reconciling
        )
    if unstored := rollout_messages.unstored(context, assignment, judgement):
        states = states.adding(unstored)
    report = _report(context, assessment, states, content.version)
    report = report.holding(guard.token) if guard else report
    seconds = rollout.resync_after_seconds if rollout else 0.0
    return report.recording(judgement, judgement.resync_after_seconds or seconds)


def _failing(rollout: RolloutStatus) -> AbstractSet[str]:
    """The targets that are listed as those that fail with the update."""
    return {failure.namespace for failure in rollout.failures or ()}


def _writing(
    context: StatusContext,
    resolved: ConditionState,
    assessment: Assessment,
    guard: PruneGuard | None,
    subject: str,
) -> _ConditionStates:
    """The conditions of a syncer that writes its copies."""
    synced = (
        messages.prune_held(context, guard)
        if guard
        else messages.synced(context, assessment, f"the current content of {subject}")
    )
    synced = replace(synced, message=" ".join([synced.message, *context.notes]))
    reconciling = messages.waiting(context, assessment) if assessment.is_progressing else None
    return _ConditionStates(resolved, synced, synced, reconciling)


def suspended(
    context: StatusContext,
    subject: str,
    staging: Staging,
    outcomes: Sequence[Outcome],
    planned: Plan,
) -> Report:
    """The status of a suspended syncer whose source is resolved: nothing waits."""
    held = [replace(o, state=State.HELD) if o.state is State.WAITING else o for o in outcomes]
    assessment = assess(context, held)
    content = staging.content
    message = messages.planned(planned)
    if staging.assignment is not None:
        message = rollout_messages.suspended(staging.assignment, planned)
    state = ConditionState("False", SyncedReason.SUSPENDED, message)
    states = _ConditionStates(messages.resolved(subject, content), state, state)
    return _report(context, assessment, states, content.version, planned)


def held(
    context: StatusContext,
    problem: NoContent | str,
    outcomes: Sequence[Outcome],
    preserved: Sequence[str],
) -> Report:
    """The status of a syncer that keeps every copy as it is, in the namespaces `preserved`.

    `problem` is why: the source gives no content, or else a sentence without a full stop.
    """
    assessment = assess(context, outcomes)
    holding = frozenset(preserved)
    having = holding.union(assessment.leaving)
    without = [name for name in assessment.pending if name not in having]
    keeping = messages.keeping(preserved, without)
    if leaving := assessment.leaving:
        still = f"{named(leaving)} still {have(leaving)} one that is being deleted"
        keeping = f"{keeping}, and {still}"
    reason: SyncedReason | SourceReason = SyncedReason.HELD
    planned: Plan | UnsetType = UNSET
    if context.is_suspended:
        keeping = f"{keeping}, and nothing changes until spec.suspend is false"
        reason = SyncedReason.SUSPENDED
        planned = plan.without_content(outcomes, context.deleting)
    waiting = ConditionState("False", reason, f"{keeping[0].upper()}{keeping[1:]}.")
    if isinstance(problem, NoContent):
        resolved = ConditionState("False", problem.reason, f"{problem.message}.")
        matters = reason if context.is_suspended else problem.reason
        ready = ConditionState("False", matters, f"{problem.message}; {keeping}.")
        states = _ConditionStates(resolved, waiting, ready)
    else:
        resolved = ConditionState("True", SourceReason.RESOLVED, "The source is there.")
        ready = ConditionState("False", reason, f"{problem}; {keeping}.")
        # What is wrong goes away by itself.
        states = _ConditionStates(resolved, waiting, ready, reconciling=ready)
    return _report(context, assessment, states, context.before.version, planned)


def source_deleted(context: StatusContext, problem: NoContent, deletion: SourceDeletion) -> Report:
    """The status of a syncer whose copies go with their source; `problem` is that it is missing."""
    assessment = assess(context, deletion.outcomes)
    summary = messages.following(deletion)
    if assessment.refused:
        synced = messages.failing(assessment)
    else:
        reason = SyncedReason.PROGRESSING if deletion.deleting else SyncedReason.HELD
        synced = ConditionState("False", reason, f"{summary[0].upper()}{summary[1:]}.")
    resolved = ConditionState("False", problem.reason, f"{problem.message}.")
    ready = ConditionState("False", problem.reason, f"{problem.message}; {summary}.")
    reconciling = synced if synced.reason == SyncedReason.PROGRESSING else None
    states = _ConditionStates(resolved, synced, ready, reconciling)
    return _report(context, assessment, states, context.before.version)


def deletion(context: StatusContext, outcomes: Sequence[Outcome], *, is_retained: bool) -> Report:
    """The status of a syncer that is being deleted: which copies keep it, and why.

    They should be gone or, when they are retained, safe from the garbage collector.
    """
    assessment = assess(context, outcomes)
    a_copy = "a copy that would go with it" if is_retained else "a copy of it"
    left = f"{counted(assessment.targets, 'namespace')} still {have(outcomes)} {a_copy}"
    if not assessment.targets:
        summary = "its copies stay" if is_retained else "no copy is left"
    elif assessment.failures:
        first = assessment.failures[0]
        summary = f"{left}, first {first.namespace}: {as_fragment(first.message)}"
    else:
        summary = f"{left} ({named(assessment.pending)}), which needs no action"
    is_overdue = bool(assessment.failures)
    synced = ConditionState(
        "False",
        SyncedReason.PROGRESS_DEADLINE_EXCEEDED if is_overdue else SyncedReason.PROGRESSING,
        f"The syncer is being deleted and {summary}.",
    )
    resolved = next(
        (
            ConditionState(c.status, c.reason, c.message)
            for c in context.before.conditions
            if c.type == "SourceResolved"
        ),
        ConditionState("False", SourceReason.SOURCE_NOT_FOUND, "The source was not read."),
    )
    is_progressing = assessment.is_progressing or not assessment.targets
    reconciling = replace(synced, reason=SyncedReason.PROGRESSING) if is_progressing else None
    states = _ConditionStates(resolved, synced, synced, reconciling)
    return _report(context, assessment, states, context.before.version)


def _report(
    context: StatusContext,
    assessment: Assessment,
    states: _ConditionStates,
    version: Version,
    planned: Plan | UnsetType = UNSET,
) -> Report:
    failures = sorted(assessment.failures, key=lambda f: f.reason not in OVERDUE)
    status = Status(
        observed_generation=context.parent.metadata.generation,
        conditions=[
            _condition(context, kind, state, assessment)
            for kind, state in states.by_type(is_suspended=context.is_suspended)
        ],
        target_count=assessment.targets,
        synced_count=len(assessment.synced),
        pending_count=len(assessment.pending),
        failed_count=len(assessment.failures),
        synced_namespaces=assessment.synced[:LIST_LIMIT],
        failed_namespaces=[failure.namespace for failure in assessment.failures[:LIST_LIMIT]],
        failures=sorted(failures[:FAILURES_LIMIT], key=lambda f: f.namespace),
        content_hash=version.content_hash,
        source_resource_version=version.source_resource_version,
        last_sync_time=last_sync_time(context, assessment, version),
        pending_since=assessment.pending_since,
        former_sources=_remembered(context.former_sources),
        plan=planned,
    )
    return Report(_fitted(status), assessment.resync_after_seconds)


def _remembered(former_sources: Collection[str] | UnsetType) -> Sequence[str] | UnsetType:
    """The list that says which former sources are known; none at all where it would be cut."""
    if former_sources is UNSET or len(former_sources) > FORMER_SOURCES_LIMIT:
        return UNSET
    return sorted(former_sources)


def _fitted(status: Status) -> Status:
    """The status within STATUS_LIMIT; only the keys that a plan names can make it longer.

    What is read back is never cut any shorter, so that nothing is forgotten.
    """
    if status.plan is UNSET or len(protocol.encode(status)) <= STATUS_LIMIT:
        return status
    return msgspec.structs.replace(status, plan=plan.without_keys(status.plan))


def _condition(
    context: StatusContext, kind: str, state: ConditionState, assessment: Assessment
) -> Condition:
    turned = next(
        (
            condition.last_transition_time
            for condition in context.before.conditions
            if condition.type == kind and condition.status == state.status
        ),
        UNSET,
    )
    since = context.past(turned)
    if since is None:
        turned = context.stamp
    elif assessment.written is not None and since < assessment.written and _lasts(kind, state):
        turned = write_time(assessment.written)
    return Condition(
        type=kind,
        status=state.status,
        reason=str(state.reason),
        message=state.message,
        last_transition_time=str(turned),
        observed_generation=context.parent.metadata.generation,
    )


def _lasts(kind: str, state: ConditionState) -> bool:
    """Whether a condition is True only while no copy has to be written."""
    return kind in ("Synced", "Ready") and state.status == "True"
