"""Answer the question "if this is observed, what do you want?" for a living syncer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from hooks.api.options import Policy
from hooks.api.protocol import Child, SyncRequest, SyncResponse
from hooks.copies import copies, prune_guard, request_size, retention, source_deletion
from hooks.copies.copies import Copies, Outcome, State
from hooks.copies.prune_guard import Brake
from hooks.copies.source_deletion import Loss
from hooks.resolve import source, targets
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec import syncer
from hooks.spec.syncer import InvalidSpec, Syncer
from hooks.status import plan, status
from hooks.status.status import Report, Status


def sync(request: SyncRequest, policy: Policy, now: datetime) -> SyncResponse[Status]:
    """The desired copies and the status. Raises MalformedRequest, and nothing else."""
    answer = _sync(request, policy, now)
    children = copies.still_controlled(answer.children, request, policy)
    return structs.replace(answer, children=children)


def _sync(request: SyncRequest, policy: Policy, now: datetime) -> SyncResponse[Status]:
    before = status.previous(request.parent)
    asked = syncer.parse(request.parent)
    if isinstance(asked, InvalidSpec):
        question = status.Question(request.parent, before, now)
        held = copies.hold(request, asked, (), policy)
        return _hold(question, _invalid(asked), (), held)

    former = copies.former_sources(request, asked, before.named_before(request.parent))
    asked = replace(asked, former_sources=former)
    wanted = targets.resolve(asked, request, policy)
    question = status.Question(
        request.parent,
        before,
        now,
        asked.progress_deadline_seconds,
        copies.contradiction(request, asked, wanted, policy.strategy),
        is_suspended=asked.is_suspended,
        former_sources=former,
    )
    unretainable = retention.conflict(asked, wanted, policy.strategy)
    if unretainable is not None:
        held = copies.hold(request, unretainable, wanted, policy)
        leaving = copies.leaving(request, asked, wanted, held, policy)
        return _hold(replace(question, leaving=leaving), _invalid(unretainable), wanted, held)
    if not _rules_are_current(asked, request):
        named = [Target(name) for name in asked.namespaces.names]
        held = copies.hold(request, asked, named, policy)
        return _hold(question, _STALE_RULES, named, held)

    content = _content(asked, request, wanted, policy)
    if isinstance(content, Content):
        room = request_size.of(asked, content, request, wanted, policy)
        question = replace(question, warning=room.warning)
        content = room.refusal or content
    if isinstance(content, NoContent):
        recorded = before.recorded(request.parent)
        token = prune_guard.still_recorded(asked, request, wanted, recorded, policy)
        question = replace(question, before=structs.replace(before, prune_token=token))
        lost = source_deletion.follow(asked, request, content, wanted, policy)
        if lost is not None and not asked.is_suspended:
            return _follow(question, content, lost)
        going = lost.going if lost else ()
        held = copies.hold(request, asked, wanted, policy)
        leaving = copies.leaving(request, asked, wanted, held, policy)
        return _hold(replace(question, going=going, leaving=leaving), content, wanted, held)
    return _decided(Copies(asked, content, policy, request), question, wanted)


def _decided(
    decisions: Copies, question: status.Question, wanted: Sequence[Target]
) -> SyncResponse[Status]:
    """Every target with the content, as far as the brake and a suspension let it be."""
    asked, request, content = decisions.asked, decisions.request, decisions.content
    policy = decisions.policy
    outcomes = [decisions.decide(target) for target in wanted]
    recorded = question.before.recorded(request.parent)
    pruning = prune_guard.held(asked, request, wanted, recorded, policy)
    strays = copies.strays(request, asked, wanted, policy)
    question = replace(question, strays=[stray.key for stray in strays])
    if asked.is_suspended:
        held = copies.hold(request, asked, wanted, policy)
        leaving = copies.leaving(request, asked, wanted, held, policy)
        question = replace(question, leaving=leaving)
        planned = plan.make(decisions, outcomes, held, strays, pruning)
        report = status.suspended(question, source.described(asked), content, outcomes, planned)
        # What was held before stays so when the syncer goes on.
        report = report.holding(question.before.prune_token) if pruning else report
        return _answer(report, held)
    children = [
        *(child for outcome in outcomes for child in outcome.children),
        *(copies.bare(stray, policy) for stray in strays),
    ]
    braked = [] if pruning is None else pruning.children
    leaving = copies.leaving(request, asked, wanted, [*children, *braked], policy)
    question = replace(question, leaving=leaving)
    report = status.progress(question, source.described(asked), content, outcomes, pruning)
    return _answer(report, children) if pruning is None else _brake(report, pruning, children)


def _answer(report: Report, children: Sequence[Child]) -> SyncResponse[Status]:
    return SyncResponse(
        status=report.status,
        children=children,
        resync_after_seconds=report.resync_after_seconds,
    )


def _invalid(spec: InvalidSpec) -> NoContent:
    return NoContent(SourceReason.INVALID_SPEC, spec.message)


def _content(
    asked: Syncer, request: SyncRequest, wanted: Sequence[Target], policy: Policy
) -> Content | NoContent:
    """What every copy shall hold, or why it is not known or must not be spread."""
    refusal = source.refusal(asked, request.controller, policy) or copies.leak(
        request, asked, wanted
    )
    if refusal is not None:
        return refusal
    content = source.resolve(asked, request, policy)
    if isinstance(content, NoContent):
        return content
    return copies.too_large(content, asked, wanted, policy.strategy) or content


def _rules_are_current(asked: Syncer, request: SyncRequest) -> bool:
    return source.rules_are_current(asked, request) and targets.rules_are_current(
        asked, request, copies.observed(request)
    )


_STALE_RULES = (
    "Metacontroller still shows what an older version of this service asked for, and asks anew "
    "within 20 minutes"
)


def _brake(report: Report, pruning: Brake, children: Sequence[Child]) -> SyncResponse[Status]:
    """Keep what too large a change would take away; elsewhere everything goes on."""
    let = [child for child in children if pruning.lets(child)]
    is_all = len(let) == len(children)
    return SyncResponse(
        status=report.status,
        children=[*let, *pruning.children],
        resync_after_seconds=report.resync_after_seconds
        if is_all
        else prune_guard.RECORDED_SECONDS,
    )


def _follow(question: status.Question, problem: NoContent, lost: Loss) -> SyncResponse[Status]:
    """Let the copies of a lost source go, as spec.sourceDeletionPolicy asks for, and no other."""
    question = replace(question, leaving=lost.leaving)
    report = status.followed(question, problem, lost).holding(question.before.prune_token)
    return _answer(report, lost.children)


def _hold(
    question: status.Question,
    problem: NoContent | str,
    wanted: Sequence[Target],
    held: Sequence[Child],
) -> SyncResponse[Status]:
    """Keep every copy exactly as it is: absence is not an answer, and an empty list deletes."""
    outcomes = [
        Outcome(
            target.namespace,
            State.FAILED if target.failure else State.HELD,
            failure=target.failure,
        )
        for target in wanted
    ]
    kept = [child.metadata.namespace for child in held]
    report = status.held(question, problem, outcomes, kept)
    return _answer(report.holding(question.before.prune_token), held)
