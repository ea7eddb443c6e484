"""Answer the question "if this is observed, what do you want?" for a living syncer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from hooks.api.options import HookOptions
from hooks.api.protocol import Child, SyncRequest, SyncResponse
from hooks.api.times import write_time
from hooks.copies import (
    child,
    prune_guard,
    request_size,
    retention,
    size,
    source_deletion,
    strategy,
)
from hooks.copies.observation import AnyObservation, Observation, former_sources, observe
from hooks.copies.outcome import Outcome, State
from hooks.copies.prune_guard import PruneGuard
from hooks.copies.removal import not_removed
from hooks.copies.source_deletion import SourceDeletion
from hooks.resolve import source, targets
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.rollout.revisions import pinned, preserved_revisions
from hooks.rollout.staging import Staging
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec, Syncer
from hooks.status import messages, plan
from hooks.status import report as reports
from hooks.status.context import Moment, StatusContext
from hooks.status.previous import previous
from hooks.status.report import Report
from hooks.status.types import Status
from hooks.validation import verdict

_STALE_RULES = (
    "Metacontroller still shows what an older version of this service asked for, and asks again "
    "within 20 minutes"
)


def sync(request: SyncRequest, options: HookOptions, now: datetime) -> SyncResponse[Status]:
    """The desired copies and the status. Raises MalformedRequest, and nothing else."""
    answer = _sync(request, options, now)
    children = child.still_controlled(answer.children, request, options)
    return structs.replace(answer, children=children)


def _sync(request: SyncRequest, options: HookOptions, now: datetime) -> SyncResponse[Status]:
    moment = Moment(previous(request.parent), now)
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec):
        return _hold(observe(syncer, (), request, options), moment, _invalid(syncer))

    former = former_sources(syncer, request, moment.before.named_before(request.parent))
    syncer = structs.replace(syncer, former_sources=former)
    observation = observe(syncer, targets.resolve(syncer, request, options), request, options)
    unretainable = retention.conflict(syncer, observation.targets, options.strategy)
    if unretainable is not None:
        held = observe(unretainable, observation.targets, request, options)
        return _hold(held, moment, _invalid(unretainable), observation)
    if not observation.are_rules_current:
        named = [Target(name) for name in syncer.namespaces.names]
        return _hold(replace(observation, targets=named), moment, _STALE_RULES)

    content = pinned(observation, _content(observation, request))
    if isinstance(content, NoContent):
        return _without_content(observation, moment, content)
    estimate = request_size.of(content, observation)
    if estimate.refusal is not None:
        return _without_content(observation, moment, estimate.refusal)
    return _with_content(observation, moment, content, estimate.warning)


def _content(observation: Observation[Syncer], request: SyncRequest) -> Content | NoContent:
    """What every copy is to hold, or why it is not known or must not be spread."""
    syncer, options = observation.syncer, observation.options
    refusal = source.refusal(syncer, request.controller, options) or strategy.secret_in_annotation(
        observation
    )
    if refusal is not None:
        return refusal
    content = source.resolve(syncer, request, options)
    if isinstance(content, NoContent):
        return content
    return (
        size.too_large(content, syncer, observation.targets, options.strategy)
        or verdict.refusal(content, syncer)
        or content
    )


def _without_content(
    observation: Observation[Syncer], moment: Moment, problem: NoContent
) -> SyncResponse[Status]:
    """Every copy is held, or goes with its source where that is asked for."""
    recorded = moment.before.recorded(observation.parent)
    token = prune_guard.still_recorded(observation, recorded)
    moment = replace(moment, before=structs.replace(moment.before, prune_token=token))
    deletion = source_deletion.decide(observation, problem)
    if deletion is not None and not observation.syncer.suspend:
        return _delete_with_source(observation, moment, problem, deletion)
    deleting = deletion.deleting if deletion else ()
    return _hold(observation, moment, problem, observation, deleting)


def _with_content(
    observation: Observation[Syncer], moment: Moment, content: Content, warning: str | None
) -> SyncResponse[Status]:
    """Every target with the content, as far as the prune guard and a suspension let it be."""
    before = moment.before
    staging = Staging.of(observation, content, before.recorded_rollout, write_time(moment.now))
    outcomes = [staging.decide(target) for target in observation.targets]
    guard = prune_guard.held(observation, before.recorded(observation.parent))
    foreign = child.foreign_children(observation)
    subject = source.described(observation.syncer)
    if observation.syncer.suspend:
        held = child.preserve_all(observation)
        planned = plan.make(staging.copies, outcomes, held, foreign, guard)
        context = StatusContext.of(observation, moment, leaving=not_removed(observation, held))
        report = reports.suspended(context, subject, staging, outcomes, planned)
        # What was held before stays so when the syncer goes on.
        report = report.holding(before.prune_token) if guard else report
        return _answer(_paused(report, observation, moment), held, preserved_revisions(observation))
    children = [
        *(desired for outcome in outcomes for desired in outcome.children),
        *(child.minimal_child(each.object, observation.options) for each in foreign),
    ]
    guarded = [] if guard is None else guard.children
    notes = [] if warning is None else [warning]
    if foreign:
        notes.insert(0, messages.foreign_children_note([each.object.key for each in foreign]))
    leaving = not_removed(observation, [*children, *guarded])
    context = StatusContext.of(observation, moment, notes=notes, leaving=leaving)
    if staging.assignment is None:
        report = reports.progress(context, subject, content, outcomes, guard)
    else:
        report = reports.staged(context, subject, staging.assignment, outcomes, guard)
    if guard is None:
        return _answer(report, children, staging.revisions)
    return _guard(report, guard, children, staging.revisions)


def _answer(
    report: Report, children: Sequence[Child], revisions: Sequence[Child] = ()
) -> SyncResponse[Status]:
    return SyncResponse(
        status=report.status,
        children=[*children, *revisions],
        resync_after_seconds=report.resync_after_seconds,
    )


def _invalid(invalid: InvalidSpec) -> NoContent:
    return NoContent(SourceReason.INVALID_SPEC, invalid.message)


def _paused(report: Report, observation: AnyObservation, moment: Moment) -> Report:
    """The same, with what is remembered of a rollout while nothing goes on."""
    syncer = observation.syncer
    is_staged = isinstance(syncer, InvalidSpec) or syncer.rollout is not None
    return report.keeping(moment.before.recorded_rollout) if is_staged else report


def _guard(
    report: Report, guard: PruneGuard, children: Sequence[Child], revisions: Sequence[Child]
) -> SyncResponse[Status]:
    """Keep what too large a change would take away; elsewhere everything goes on."""
    allowed = [desired for desired in children if guard.allows(desired)]
    is_all = len(allowed) == len(children)
    return SyncResponse(
        status=report.status,
        children=[*allowed, *guard.children, *revisions],
        resync_after_seconds=(
            report.resync_after_seconds if is_all else prune_guard.RECORDED_SECONDS
        ),
    )


def _delete_with_source(
    observation: Observation[Syncer],
    moment: Moment,
    problem: NoContent,
    deletion: SourceDeletion,
) -> SyncResponse[Status]:
    """Let the copies of a lost source go, as spec.sourceDeletionPolicy asks for, and no other."""
    context = StatusContext.of(observation, moment, leaving=deletion.leaving)
    report = reports.source_deleted(context, problem, deletion).holding(moment.before.prune_token)
    # Nothing is remembered of a rollout: with the copies, what it started from goes, too.
    return _answer(report, deletion.children)


def _hold(
    observation: AnyObservation,
    moment: Moment,
    problem: NoContent | str,
    known: Observation[Syncer] | None = None,
    deleting: Sequence[str] = (),
) -> SyncResponse[Status]:
    """Keep every copy exactly as it is: absence is not an answer, and an empty list deletes.

    `known` is the observation that tells which copies should be gone, where that is known.
    """
    held = child.preserve_all(observation)
    outcomes = [
        Outcome(
            target.namespace,
            State.FAILED if target.failure else State.HELD,
            failure=target.failure,
        )
        for target in observation.targets
    ]
    context = StatusContext.of(
        known or observation,
        moment,
        deleting=deleting,
        leaving=not_removed(known, held) if known else {},
    )
    report = reports.held(context, problem, outcomes, [each.metadata.namespace for each in held])
    report = _paused(report.holding(moment.before.prune_token), observation, moment)
    return _answer(report, held, preserved_revisions(observation))
