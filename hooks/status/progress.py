"""The outcomes of the targets, sorted and counted, and what has waited for too long.

Everything that matters now (counts, lists, reasons) is derived from what is observed, never from
the last status. When copies were last written, they say themselves. Another replica's clock may be
fast: a time in the future is none.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec import UNSET, UnsetType

from hooks.api import text
from hooks.api.text import as_sentence
from hooks.api.times import write_time
from hooks.copies.outcome import Outcome, State
from hooks.resolve.source import Version
from hooks.resolve.targets import FailureReason
from hooks.status.context import StatusContext
from hooks.status.previous import Previous
from hooks.status.types import FAILURES_LIMIT, LIST_LIMIT, OVERDUE, RETRY_SECONDS, NamespaceFailure


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcomes, sorted into what a status counts. `failures` are sorted by namespace.

    `targets` counts the outcomes that were asked about. Namespaces that should have lost their copy
    may come on top of them; those whose deadline is not over are `leaving`.
    """

    targets: int
    synced: Sequence[str]
    pending: Sequence[str]
    leaving: Sequence[str]
    failures: Sequence[NamespaceFailure]
    pending_since: str | UnsetType
    resync_after_seconds: float
    is_progressing: bool
    """Whether a copy was asked for and its deadline is not over."""
    is_unequal: bool
    """Whether a target does not hold the content, failures aside that no waiting mends."""
    written: datetime | None
    """When the last of the synced copies was written, as far as that is known."""

    @property
    def refused(self) -> Sequence[NamespaceFailure]:
        """The failures of a deadline that is over."""
        return [f for f in self.failures if f.reason in OVERDUE]

    @property
    def is_beyond(self) -> bool:
        """Whether namespaces that are no targets are counted, too."""
        return len(self.synced) + len(self.pending) + len(self.failures) > self.targets


def assess(
    context: StatusContext,
    outcomes: Sequence[Outcome],
    version: Version | None = None,
    *,
    halted: AbstractSet[str] = frozenset(),
    renewed: AbstractSet[str] = frozenset(),
) -> Assessment:
    """Sort the outcomes; what has waited past the deadline becomes a failure and stays one.

    The `version` is that of the content that is waited for, None where it is the last status's.
    A target that holds what its stage has is refused nothing, unless a rollout `halted` because of
    it. The `renewed` begin to wait, for another content than the one that they were refused.
    """
    before = context.before
    seen = _with_leaving(outcomes, context.leaving)
    synced = [o.namespace for o in seen if o.state is State.CURRENT]
    unfinished = [o for o in seen if o.state not in (State.CURRENT, State.FAILED)]
    believed = _believed(context)
    sticking = {
        o.namespace: believed[o.namespace, _overdue(o)]
        for o in unfinished
        if o.state is not State.EMPTIED
        and (o.state is not State.STAGED or o.namespace in halted)
        and o.namespace not in renewed
        and (o.namespace, _overdue(o)) in believed
    }
    waiting = {o.namespace for o in unfinished if o.state in (State.WAITING, State.LEAVING)}
    fresh = waiting - sticking.keys()
    able = [o for o in unfinished if o.failure is None]
    since: str | UnsetType = UNSET
    elapsed = 0.0
    if waiting:
        begins = (
            before.observed_generation != context.parent.metadata.generation
            or before.version != (version or before.version)
            or gained(before, synced)
            or len(synced) + len(able) > before.able_count
            or not fresh.isdisjoint(renewed)
            or not fresh.isdisjoint(before.synced_namespaces | _healed(before, seen, believed))
        )
        since, elapsed = _waiting_since(context, begins=begins)
    overdue = fresh if elapsed >= context.deadline else set()
    refused = sticking | dict.fromkeys(overdue, since)
    failures = [
        _failure(o, context, refused)
        for o in seen
        if o.failure is not None or o.namespace in refused
    ]
    failed = {failure.namespace for failure in failures}
    resyncs = []
    if waiting & refused.keys():
        resyncs.append(float(RETRY_SECONDS))
    if fresh - overdue:
        resyncs.append(float(math.ceil(context.deadline - elapsed)))
    return Assessment(
        targets=len(outcomes),
        synced=synced,
        pending=[o.namespace for o in unfinished if o.namespace not in failed],
        leaving=[
            o.namespace
            for o in unfinished
            if o.state is State.LEAVING and o.namespace not in refused
        ],
        failures=failures,
        pending_since=since,
        resync_after_seconds=min(resyncs, default=0.0),
        is_progressing=bool(fresh - overdue),
        is_unequal=any(o.state is not State.LEAVING for o in unfinished),
        written=max(
            (o.written for o in seen if o.written is not None and o.written <= context.now),
            default=None,
        ),
    )


def _with_leaving(outcomes: Sequence[Outcome], leaving: Mapping[str, str]) -> Sequence[Outcome]:
    """The outcomes, sorted, with the namespaces where a copy should be gone and is not.

    Where a new copy is still waited for, that comes first.
    """
    if not leaving:
        return outcomes
    seen = [
        replace(o, state=State.LEAVING, blocked_by=leaving[o.namespace], written=None)
        if o.namespace in leaving and o.state is not State.WAITING
        else o
        for o in outcomes
    ]
    beyond = leaving.keys() - {o.namespace for o in outcomes}
    seen += [Outcome(name, State.LEAVING, blocked_by=leaving[name]) for name in beyond]
    return sorted(seen, key=lambda outcome: outcome.namespace)


def _overdue(outcome: Outcome) -> FailureReason:
    """Why a namespace fails when the deadline of what is waited for there is over."""
    is_leaving = outcome.state is State.LEAVING
    return FailureReason.NOT_REMOVED if is_leaving else FailureReason.NOT_APPLIED


def _healed(
    before: Previous,
    seen: Iterable[Outcome],
    believed: Mapping[tuple[str, FailureReason], str | UnsetType],
) -> AbstractSet[str]:
    """The namespaces that failed for a reason that is gone."""
    early = {f.namespace for f in before.refused} - {name for name, _ in believed}
    still = {o.namespace for o in seen if o.failure is not None}
    return before.failed_namespaces - early - still


def _believed(context: StatusContext) -> Mapping[tuple[str, FailureReason], str | UnsetType]:
    """What had failed for its deadline by this clock, too, and since when it waits.

    A replica whose clock is fast gives up too early, or counts from a time that is yet to come.
    """
    before = context.before
    listed = [f for f in before.refused if _is_over(context, f.since)]
    believed = {(f.namespace, FailureReason(f.reason)): f.since for f in listed}
    # Failures of these reasons are listed first of all, so a full list may hide more of them.
    if len(listed) < FAILURES_LIMIT:
        return believed
    named = {f.namespace for f in listed}
    hidden = [(name, why) for name in before.failed_namespaces - named for why in OVERDUE]
    return dict.fromkeys(hidden, UNSET) | believed


def _is_over(context: StatusContext, stamp: str | UnsetType) -> bool:
    """Whether the deadline of what waits since then is over; yes where nobody says since when."""
    if stamp is UNSET:
        return True
    since = context.past(stamp)
    return since is not None and (context.now - since).total_seconds() >= context.deadline


def _waiting_since(context: StatusContext, *, begins: bool) -> tuple[str, float]:
    """Since when the present change waits, and how many seconds that is."""
    stamp = context.before.pending_since
    since = None if begins else context.past(stamp)
    if since is None:
        return context.stamp, 0.0
    return str(stamp), (context.now - since).total_seconds()


def gained(before: Previous, synced: Sequence[str]) -> bool:
    """Whether a namespace is in sync that was not before; beyond the lists' end only counted."""
    if before.synced_count > LIST_LIMIT:
        return len(synced) > before.synced_count
    return not before.synced_namespaces.issuperset(synced)


def last_sync_time(
    context: StatusContext, assessment: Assessment, version: Version
) -> str | UnsetType:
    """When the copies last became equal to the current content; it moves at no other time.

    Where one was written for that, at the time of the write, which no old status can hide; else
    when it was seen.
    """
    before = context.before
    if not assessment.synced or assessment.is_unequal:
        return before.last_sync_time
    stated = context.past(before.last_sync_time)
    newest = max((time for time in (stated, assessment.written) if time is not None), default=None)
    became_equal = gained(before, assessment.synced) or before.version != version
    if newest is None or (became_equal and newest == stated):
        return context.stamp
    return before.last_sync_time if newest == stated else write_time(newest)


def _failure(
    outcome: Outcome, context: StatusContext, refused: Mapping[str, str | UnsetType]
) -> NamespaceFailure:
    """Why a namespace fails; what should be gone and is not matters more than why it should.

    The `refused` are those that did not become as desired in time, and since when.
    """
    name, failure = outcome.namespace, outcome.failure
    if failure is not None and name not in refused:
        return NamespaceFailure(name, failure.reason, as_sentence(failure.message))
    since = refused[name]
    where = f"in namespace {name}" if since is UNSET else f"in namespace {name} since {since}"
    message = as_sentence(f"{where}, {_refusal(outcome, context)}")
    return NamespaceFailure(name, _overdue(outcome), message, since)


def _refusal(outcome: Outcome, context: StatusContext) -> str:
    if outcome.blocked_by is not None:
        return outcome.blocked_by
    refusal = text.refused(context.parent.metadata.name, outcome.seen)
    if context.strategy_mismatch is not None:
        return f"{refusal}; {context.strategy_mismatch}"
    return refusal
