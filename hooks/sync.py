"""Answer the question "if this is observed, what do you want?" for a living syncer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from hooks.api.options import HookOptions
from hooks.api.protocol import Child, SyncRequest, SyncResponse
from hooks.copies import (
    child,
    prune_guard,
    request_size,
    retention,
    size,
    source_deletion,
    strategy,
)
from hooks.copies.decision import CopyDecisions
from hooks.copies.observation import AnyObservation, Observation, former_sources, observe
from hooks.copies.outcome import Outcome, State
from hooks.copies.prune_guard import PruneGuard
from hooks.copies.removal import not_removed
from hooks.copies.source_deletion import SourceDeletion
from hooks.resolve import source, targets
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec, Syncer
from hooks.status import plan
from hooks.status import report as reports
from hooks.status.context import StatusContext
from hooks.status.previous import previous
from hooks.status.report import Report
from hooks.status.types import Status

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
    context = StatusContext(request.parent, previous(request.parent), now)
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec):
        return _hold(context, _invalid(syncer), observe(syncer, (), request, options))

    former = former_sources(syncer, request, context.before.named_before(request.parent))
    syncer = structs.replace(syncer, former_sources=former)
    observation = observe(syncer, targets.resolve(syncer, request, options), request, options)
    context = context.of(syncer, strategy.strategy_mismatch(observation))
    unretainable = retention.conflict(syncer, observation.targets, options.strategy)
    if unretainable is not None:
        held = observe(unretainable, observation.targets, request, options)
        return _hold(context, _invalid(unretainable), held, observation)
    if not observation.are_rules_current:
        named = [Target(name) for name in syncer.namespaces.names]
        return _hold(context, _STALE_RULES, replace(observation, targets=named))

    content = _content(observation, request)
    if isinstance(content, Content):
        estimate = request_size.of(observation, content)
        context = replace(context, warning=estimate.warning)
        content = estimate.refusal or content
    if isinstance(content, NoContent):
        return _without_content(observation, context, content)
    return _with_content(CopyDecisions(observation, content), context)


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
    return size.too_large(content, syncer, observation.targets, options.strategy) or content


def _without_content(
    observation: Observation[Syncer], context: StatusContext, problem: NoContent
) -> SyncResponse[Status]:
    """Every copy is held, or goes with its source where that is asked for."""
    recorded = context.before.recorded(observation.parent)
    token = prune_guard.still_recorded(observation, recorded)
    context = replace(context, before=structs.replace(context.before, prune_token=token))
    deletion = source_deletion.decide(observation, problem)
    if deletion is not None and not context.is_suspended:
        return _delete_with_source(context, problem, deletion)
    deleting = deletion.deleting if deletion else ()
    return _hold(replace(context, deleting=deleting), problem, observation, observation)


def _with_content(decisions: CopyDecisions, context: StatusContext) -> SyncResponse[Status]:
    """Every target with the content, as far as the prune guard and a suspension let it be."""
    observation, content = decisions.observation, decisions.content
    subject = source.described(observation.syncer)
    outcomes = [decisions.decide(target) for target in observation.targets]
    guard = prune_guard.held(observation, context.before.recorded(observation.parent))
    foreign = child.foreign_children(observation)
    context = replace(context, foreign=[each.object.key for each in foreign])
    if context.is_suspended:
        held = child.preserve_all(observation)
        context = replace(context, leaving=not_removed(observation, held))
        planned = plan.make(decisions, outcomes, held, foreign, guard)
        report = reports.suspended(context, subject, content, outcomes, planned)
        # What was held before stays so when the syncer goes on.
        report = report.holding(context.before.prune_token) if guard else report
        return _answer(report, held)
    children = [
        *(desired for outcome in outcomes for desired in outcome.children),
        *(child.minimal_child(each.object, observation.options) for each in foreign),
    ]
    guarded = [] if guard is None else guard.children
    context = replace(context, leaving=not_removed(observation, [*children, *guarded]))
    report = reports.progress(context, subject, content, outcomes, guard)
    return _answer(report, children) if guard is None else _guard(report, guard, children)


def _answer(report: Report, children: Sequence[Child]) -> SyncResponse[Status]:
    return SyncResponse(
        status=report.status,
        children=children,
        resync_after_seconds=report.resync_after_seconds,
    )


def _invalid(invalid: InvalidSpec) -> NoContent:
    return NoContent(SourceReason.INVALID_SPEC, invalid.message)


def _guard(report: Report, guard: PruneGuard, children: Sequence[Child]) -> SyncResponse[Status]:
    """Keep what too large a change would take away; elsewhere everything goes on."""
    allowed = [desired for desired in children if guard.allows(desired)]
    is_all = len(allowed) == len(children)
    return SyncResponse(
        status=report.status,
        children=[*allowed, *guard.children],
        resync_after_seconds=(
            report.resync_after_seconds if is_all else prune_guard.RECORDED_SECONDS
        ),
    )


def _delete_with_source(
    context: StatusContext, problem: NoContent, deletion: SourceDeletion
) -> SyncResponse[Status]:
    """Let the copies of a lost source go, as spec.sourceDeletionPolicy asks for, and no other."""
    context = replace(context, leaving=deletion.leaving)
    report = reports.source_deleted(context, problem, deletion).holding(context.before.prune_token)
    return _answer(report, deletion.children)


def _hold(
    context: StatusContext,
    problem: NoContent | str,
    observation: AnyObservation,
    leaving: Observation[Syncer] | None = None,
) -> SyncResponse[Status]:
    """Keep every copy exactly as it is: absence is not an answer, and an empty list deletes.

    `leaving` is the observation that tells which copies should be gone, where that is known.
    """
    held = child.preserve_all(observation)
    if leaving is not None:
        context = replace(context, leaving=not_removed(leaving, held))
    outcomes = [
        Outcome(
            target.namespace,
            State.FAILED if target.failure else State.HELD,
            failure=target.failure,
        )
        for target in observation.targets
    ]
    kept = [each.metadata.namespace for each in held]
    report = reports.held(context, problem, outcomes, kept)
    return _answer(report.holding(context.before.prune_token), held)
