"""Tell the truth about every target, and nothing that moves while nothing changes.

The status is the only memory that a stateless hook has: since when a change waits, which
namespaces the API server refused, when a condition last turned. What was said before is therefore
read back (`previous`), and said again wherever it still holds, byte for byte: a status that
changes by itself re-queues the syncer for ever.

What is read back may be one write old, for Metacontroller syncs from a cache. So everything that
matters now (counts, lists, reasons) is derived from what is observed, never from the last status.
When copies were last written, they say themselves. Another replica's clock may be fast: a time in
the future is none.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hooks.api import protocol
from hooks.api.protocol import Parent
from hooks.api.text import listed, named
from hooks.copies.copies import Outcome, State
from hooks.copies.prune_guard import CONFIRM_PRUNE, Brake, Recorded
from hooks.copies.source_deletion import Loss
from hooks.resolve.source import Content, NoContent, SourceReason, Version
from hooks.resolve.targets import FailureReason
from hooks.spec import syncer
from hooks.status import plan
from hooks.status.plan import Plan

LIST_LIMIT: Final = 1000
FORMER_SOURCES_LIMIT: Final = 10
"""Where there are more, none is remembered, and then what the copies say is believed."""
FAILURES_LIMIT: Final = 50
STATUS_LIMIT: Final = 250_000
"""Bytes of a whole status as JSON: etcd keeps it beside a long spec, and tools show it."""
RETRY_SECONDS: Final = 30
"""How often a copy that was refused is asked for again; healing takes no longer than this."""


_OVERDUE: Final = (FailureReason.NOT_APPLIED, FailureReason.NOT_REMOVED)
"""Why a namespace fails when a deadline is over."""

_AS_ASKED: Final = "as spec.sourceDeletionPolicy says"


class SyncedReason(StrEnum):
    """Reasons of the condition Synced."""

    ALL_COPIES_CURRENT = "AllCopiesCurrent"
    NO_TARGETS = "NoTargets"
    PROGRESSING = "Progressing"
    TARGETS_BLOCKED = "TargetsBlocked"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    HELD = "Held"
    PRUNE_HELD = "PruneHeld"
    SUSPENDED = "Suspended"


# What is read back is said again, so nothing is read that could not have been written here.
_RFC_3339: Final = r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9](:[0-5][0-9]){2}(Z|[+-][0-9:]{5})\Z"
_Time = Annotated[str, Meta(pattern=_RFC_3339)]
_Word = Annotated[str, Meta(pattern=r"^[A-Za-z]{1,100}\Z")]
_Name = Annotated[str, Meta(pattern=r"^[-.a-zA-Z0-9]{1,253}\Z")]
_Message = Annotated[str, Meta(pattern=r"^[ -~]*\Z", max_length=32_768)]


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One condition, as Kubernetes' API conventions shape it."""

    type: _Word
    status: _Word
    reason: _Word
    message: _Message
    last_transition_time: _Time
    observed_generation: int


class NamespaceFailure(msgspec.Struct, frozen=True):
    """One entry of `status.failures`."""

    namespace: str
    reason: str
    message: str = ""
    since: str | UnsetType = UNSET
    """Since when something is waited for that does not come; of other reasons nothing is said."""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """`status` of a ConfigMapSyncer; times are RFC 3339 in UTC, to the second."""

    observed_generation: int
    conditions: Sequence[Condition]
    target_count: int
    synced_count: int
    pending_count: int
    failed_count: int
    synced_namespaces: Sequence[str]
    failed_namespaces: Sequence[str]
    failures: Sequence[NamespaceFailure]
    content_hash: str | UnsetType = UNSET
    source_resource_version: str | UnsetType = UNSET
    last_sync_time: str | UnsetType = UNSET
    pending_since: str | UnsetType = UNSET
    prune_token: str | UnsetType = UNSET
    former_sources: Sequence[str] | UnsetType = UNSET
    plan: Plan | UnsetType = UNSET

    @property
    def ready(self) -> Condition:
        """The condition that sums up the others."""
        return next(condition for condition in self.conditions if condition.type == "Ready")


class Previous(msgspec.Struct, frozen=True, rename="camel"):
    """What the last status said, as far as it is read back; all of it may be missing."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    synced_count: int = 0
    pending_count: int = 0
    failed_count: int = 0
    synced_namespaces: frozenset[str] = frozenset()
    failed_namespaces: frozenset[str] = frozenset()
    failures: tuple[NamespaceFailure, ...] = ()
    content_hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")] | UnsetType = UNSET
    source_resource_version: _Name | UnsetType = UNSET
    last_sync_time: _Time | UnsetType = UNSET
    pending_since: str | UnsetType = UNSET
    prune_token: Annotated[str, Meta(pattern=r"^[0-9a-f]{1,64}\Z")] | UnsetType = UNSET
    former_sources: tuple[str, ...] | UnsetType = UNSET

    @property
    def version(self) -> Version:
        """The content that the status was about."""
        return Version(self.content_hash, self.source_resource_version)

    def named_before(self, parent: Parent) -> Sequence[str] | None:
        """The former sources that are remembered; None where they are not known.

        A status that is about another spec does not know them, and one without the list neither.
        """
        if self.former_sources is UNSET:
            return None
        is_of_this_spec = self.observed_generation == parent.metadata.generation
        return self.former_sources if is_of_this_spec else None

    def recorded(self, parent: Parent) -> Recorded:
        """What is remembered of a held change, and whether this spec has been judged."""
        return Recorded(self.prune_token, self._has_judged(parent), self.synced_namespaces)

    def _has_judged(self, parent: Parent) -> bool:
        """Whether the last status is about this spec, and its targets were known then."""
        reasons = {condition.type: condition.reason for condition in self.conditions}
        is_unread = reasons.get("SourceResolved") == SourceReason.INVALID_SPEC or (
            reasons.get("SourceResolved") == SourceReason.RESOLVED
            and reasons.get("Synced") == SyncedReason.HELD
        )
        return self.observed_generation == parent.metadata.generation and not is_unread

    @property
    def refused(self) -> Sequence[NamespaceFailure]:
        """The failures that are listed for their deadline, whatever they are worth."""
        return [f for f in self.failures if f.reason in _OVERDUE]


@dataclass(frozen=True, slots=True)
class Report:
    """A status, and in how many seconds the hook wants to look again (0: no need to)."""

    status: Status
    resync_after_seconds: float

    def holding(self, token: str | UnsetType) -> "Report":
        """The same, with what confirms the change that the brake holds, or held before."""
        return replace(self, status=msgspec.structs.replace(self.status, prune_token=token))


_PREVIOUS = msgspec.json.Decoder(Previous)


def previous(parent: Parent) -> Previous:
    """What the last status said; nothing where there is none or somebody wrote nonsense."""
    try:
        return _PREVIOUS.decode(parent.status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Previous()


@dataclass(frozen=True, slots=True)
class Question:
    """What a status is about: whose, when, and what had been said before.

    `deadline` is in seconds; `contradiction` is added to what is said of refused copies; the
    `strays` are no copies, and told all the same, for they go with the syncer; `going` are the
    namespaces whose copy only a suspension keeps from going with the source; `leaving` says of
    namespaces why a copy that should be gone is still there; the `warning` is a sentence about what
    is about to go wrong; the `former_sources` are remembered where they are known and not too many.
    """

    parent: Parent
    before: Previous
    now: datetime
    deadline: int = syncer.DEFAULT_PROGRESS_DEADLINE_SECONDS
    contradiction: str | None = None
    strays: Sequence[str] = ()
    going: Sequence[str] = ()
    leaving: Mapping[str, str] = field(default_factory=dict)
    is_suspended: bool = False
    warning: str | None = None
    former_sources: Collection[str] | UnsetType = UNSET

    @property
    def stamp(self) -> str:
        """The present as statuses write it."""
        return _stamp(self.now)

    def past(self, stamp: str | UnsetType) -> datetime | None:
        """The time that a stamp says; None where it says none, or one that is yet to come."""
        time = None if stamp is UNSET else _time(stamp)
        return None if time is None or time > self.now else time


@dataclass(frozen=True, slots=True)
class _Assessment:
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
        return [f for f in self.failures if f.reason in _OVERDUE]

    @property
    def is_beyond(self) -> bool:
        """Whether namespaces that are no targets are counted, too."""
        return len(self.synced) + len(self.pending) + len(self.failures) > self.targets


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A condition without its times."""

    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What the conditions say; `reconciling` is there while copies are written or deleted."""

    resolved: _Verdict
    synced: _Verdict
    ready: _Verdict
    reconciling: _Verdict | None = None

    def by_type(self, *, is_suspended: bool) -> Iterator[tuple[str, _Verdict]]:
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


def progress(
    question: Question,
    subject: str,
    content: Content,
    outcomes: Sequence[Outcome],
    brake: Brake | None = None,
) -> Report:
    """The status of a syncer whose source is resolved; `subject` names the source."""
    found = _assess(question, outcomes, content.version)
    synced = (
        _prune_held(question, brake)
        if brake
        else _synced(question, found, f"the current content of {subject}")
    )
    if question.strays:
        synced = replace(synced, message=f"{synced.message} {_told(question.strays)}")
    if question.warning is not None:
        synced = replace(synced, message=f"{synced.message} {question.warning}")
    reconciling = _waiting(question, found) if found.is_progressing else None
    verdicts = _Verdicts(_resolved(subject, content), synced, synced, reconciling)
    report = _report(question, found, verdicts, content.version)
    return report.holding(brake.token) if brake else report


def suspended(
    question: Question, subject: str, content: Content, outcomes: Sequence[Outcome], planned: Plan
) -> Report:
    """The status of a suspended syncer whose source is resolved: nothing waits, for nobody acts."""
    held = [replace(o, state=State.HELD) if o.state is State.WAITING else o for o in outcomes]
    found = _assess(question, held)
    verdict = _Verdict("False", SyncedReason.SUSPENDED, _planned(planned))
    verdicts = _Verdicts(_resolved(subject, content), verdict, verdict)
    return _report(question, found, verdicts, content.version, planned)


def held(
    question: Question, problem: NoContent | str, outcomes: Sequence[Outcome], kept: Sequence[str]
) -> Report:
    """The status of a syncer that keeps every copy as it is, in the namespaces `kept`.

    `problem` is why: the source gives no content, or else a sentence without a full stop.
    """
    found = _assess(question, outcomes)
    holding = frozenset(kept)
    having = holding.union(found.leaving)
    keeping = _keeping(kept, [name for name in found.pending if name not in having])
    if found.leaving:
        still = f"{named(found.leaving)} still {_have(found.leaving)} one that is being deleted"
        keeping = f"{keeping}, and {still}"
    reason: StrEnum = SyncedReason.HELD
    planned: Plan | UnsetType = UNSET
    if question.is_suspended:
        keeping = f"{keeping}, and nothing changes until spec.suspend is false"
        reason = SyncedReason.SUSPENDED
        planned = plan.without_content(outcomes, question.going)
    waiting = _Verdict("False", reason, f"{keeping[0].upper()}{keeping[1:]}.")
    if isinstance(problem, NoContent):
        resolved = _Verdict("False", problem.reason, f"{problem.message}.")
        matters = reason if question.is_suspended else problem.reason
        ready = _Verdict("False", matters, f"{problem.message}; {keeping}.")
        verdicts = _Verdicts(resolved, waiting, ready)
    else:
        resolved = _Verdict("True", SourceReason.RESOLVED, "The source is there.")
        ready = _Verdict("False", reason, f"{problem}; {keeping}.")
        # What is wrong goes away by itself.
        verdicts = _Verdicts(resolved, waiting, ready, reconciling=ready)
    return _report(question, found, verdicts, question.before.version, planned)


def followed(question: Question, problem: NoContent, lost: Loss) -> Report:
    """The status of a syncer whose copies go with their source; `problem` is that it is missing."""
    found = _assess(question, lost.outcomes)
    told = _following(lost)
    if found.refused:
        synced = _failing(found)
    else:
        reason = SyncedReason.PROGRESSING if lost.going else SyncedReason.HELD
        synced = _Verdict("False", reason, f"{told[0].upper()}{told[1:]}.")
    resolved = _Verdict("False", problem.reason, f"{problem.message}.")
    ready = _Verdict("False", problem.reason, f"{problem.message}; {told}.")
    reconciling = synced if synced.reason == SyncedReason.PROGRESSING else None
    verdicts = _Verdicts(resolved, synced, ready, reconciling)
    return _report(question, found, verdicts, question.before.version)


def deletion(question: Question, outcomes: Sequence[Outcome], *, is_retained: bool) -> Report:
    """The status of a syncer that is being deleted: which copies keep it, and why.

    They are to be gone, or where they are retained to be safe from the garbage collector.
    """
    found = _assess(question, outcomes)
    a_copy = "a copy that would go with it" if is_retained else "a copy of it"
    left = f"{_count(found.targets, 'namespace')} still {_have(outcomes)} {a_copy}"
    if not found.targets:
        told = "its copies stay" if is_retained else "no copy is left"
    elif found.failures:
        first = found.failures[0]
        told = f"{left}, first {first.namespace}: {_fragment(first.message)}"
    else:
        told = f"{left} ({named(found.pending)}), which needs no action"
    synced = _Verdict(
        "False",
        SyncedReason.PROGRESS_DEADLINE_EXCEEDED if found.failures else SyncedReason.PROGRESSING,
        f"The syncer is being deleted and {told}.",
    )
    resolved = next(
        (
            _Verdict(c.status, c.reason, c.message)
            for c in question.before.conditions
            if c.type == "SourceResolved"
        ),
        _Verdict("False", SourceReason.SOURCE_NOT_FOUND, "The source was not looked for."),
    )
    is_progressing = found.is_progressing or not found.targets
    reconciling = replace(synced, reason=SyncedReason.PROGRESSING) if is_progressing else None
    verdicts = _Verdicts(resolved, synced, synced, reconciling)
    return _report(question, found, verdicts, question.before.version)


def _assess(
    question: Question, outcomes: Sequence[Outcome], version: Version | None = None
) -> _Assessment:
    """Sort the outcomes; what has waited past the deadline becomes a failure and stays one.

    The `version` is that of the content that is waited for, None where it is the last status's.
    """
    before = question.before
    seen = _with_leaving(outcomes, question.leaving)
    synced = [o.namespace for o in seen if o.state is State.CURRENT]
    unfinished = [o for o in seen if o.state not in (State.CURRENT, State.FAILED)]
    believed = _believed(question)
    sticking = {
        o.namespace: believed[o.namespace, _overdue(o)]
        for o in unfinished
        if o.state is not State.EMPTIED and (o.namespace, _overdue(o)) in believed
    }
    waiting = {o.namespace for o in unfinished if o.state in (State.WAITING, State.LEAVING)}
    fresh = waiting - sticking.keys()
    since: str | UnsetType = UNSET
    elapsed = 0.0
    if waiting:
        begins = (
            before.observed_generation != question.parent.metadata.generation
            or before.version != (version or before.version)
            or _gained(before, synced)
            or not fresh.isdisjoint(before.synced_namespaces | _healed(before, seen, believed))
        )
        since, elapsed = _waiting_since(question, begins=begins)
    overdue = fresh if elapsed >= question.deadline else set()
    refused = sticking | dict.fromkeys(overdue, since)
    failures = [
        _failure(o, question, refused)
        for o in seen
        if o.failure is not None or o.namespace in refused
    ]
    failed = {failure.namespace for failure in failures}
    resyncs = []
    if waiting & refused.keys():
        resyncs.append(float(RETRY_SECONDS))
    if fresh - overdue:
        resyncs.append(float(math.ceil(question.deadline - elapsed)))
    return _Assessment(
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
            (o.written for o in seen if o.written is not None and o.written <= question.now),
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
        replace(o, state=State.LEAVING, obstacle=leaving[o.namespace], written=None)
        if o.namespace in leaving and o.state is not State.WAITING
        else o
        for o in outcomes
    ]
    beyond = leaving.keys() - {o.namespace for o in outcomes}
    seen += [Outcome(name, State.LEAVING, obstacle=leaving[name]) for name in beyond]
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
    """The namespaces that failed for a reason that is none any more."""
    early = {f.namespace for f in before.refused} - {name for name, _ in believed}
    still = {o.namespace for o in seen if o.failure is not None}
    return before.failed_namespaces - early - still


def _believed(question: Question) -> Mapping[tuple[str, FailureReason], str | UnsetType]:
    """What had failed for its deadline by this clock, too, and since when it waits.

    A replica whose clock is fast gives up too early, or counts from a time that is yet to come.
    """
    before = question.before
    listed = [f for f in before.refused if _is_over(question, f.since)]
    believed = {(f.namespace, FailureReason(f.reason)): f.since for f in listed}
    # Failures of these reasons are listed first of all, so a full list may hide more of them.
    if len(listed) < FAILURES_LIMIT:
        return believed
    named = {f.namespace for f in listed}
    hidden = [(name, why) for name in before.failed_namespaces - named for why in _OVERDUE]
    return dict.fromkeys(hidden, UNSET) | believed


def _is_over(question: Question, stamp: str | UnsetType) -> bool:
    """Whether the deadline of what waits since then is over; yes where nobody says since when."""
    if stamp is UNSET:
        return True
    since = question.past(stamp)
    return since is not None and (question.now - since).total_seconds() >= question.deadline


def _waiting_since(question: Question, *, begins: bool) -> tuple[str, float]:
    """Since when the present change waits, and how many seconds that is."""
    stamp = question.before.pending_since
    since = None if begins else question.past(stamp)
    if since is None:
        return question.stamp, 0.0
    return str(stamp), (question.now - since).total_seconds()


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(stamp: str) -> datetime | None:
    if not re.match(_RFC_3339, stamp):
        return None
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _gained(before: Previous, synced: Sequence[str]) -> bool:
    """Whether a namespace is in sync that was not before; beyond the lists' end only counted."""
    if before.synced_count > LIST_LIMIT:
        return len(synced) > before.synced_count
    return not before.synced_namespaces.issuperset(synced)


def _failure(
    outcome: Outcome, question: Question, refused: Mapping[str, str | UnsetType]
) -> NamespaceFailure:
    """Why a namespace fails; what should be gone and is not matters more than why it should.

    The `refused` are those in which something is waited for in vain, and since when.
    """
    name, failure = outcome.namespace, outcome.failure
    if failure is not None and name not in refused:
        return NamespaceFailure(name, failure.reason, _sentence(failure.message))
    since = refused[name]
    where = f"in namespace {name}" if since is UNSET else f"in namespace {name} since {since}"
    message = _sentence(f"{where}, {_refusal(outcome, question)}")
    return NamespaceFailure(name, _overdue(outcome), message, since)


def _refusal(outcome: Outcome, question: Question) -> str:
    if outcome.obstacle is not None:
        return outcome.obstacle
    told = syncer.refused(question.parent, outcome.seen)
    if question.contradiction is not None:
        return f"{told}; {question.contradiction}"
    return told


def _sentence(fragment: str) -> str:
    return f"{fragment[0].upper()}{fragment[1:]}."


def _resolved(subject: str, content: Content) -> _Verdict:
    keys = _count(len(content.data) + len(content.binary_data), "key")
    return _Verdict("True", SourceReason.RESOLVED, f"{subject} has {keys} to copy.")


def _failing(found: _Assessment) -> _Verdict:
    refused = found.refused
    first = refused[0] if refused else found.failures[0]
    number = len(found.failures)
    rest = "" if number == 1 else "; status.failures lists the others"
    failing = f"{number:,} of {_targets(found)}"
    if found.is_beyond:
        failing = _count(number, "namespace")
    return _Verdict(
        "False",
        SyncedReason.PROGRESS_DEADLINE_EXCEEDED if refused else SyncedReason.TARGETS_BLOCKED,
        f"{failing} {'fails' if number == 1 else 'fail'}, {first.namespace} "
        f"({first.reason}): {_fragment(first.message)}{rest}.",
    )


def _synced(question: Question, found: _Assessment, what: str) -> _Verdict:
    if found.failures:
        return _failing(found)
    if found.pending:
        return _waiting(question, found)
    total = _targets(found)
    if not found.targets:
        return _Verdict(
            "True",
            SyncedReason.NO_TARGETS,
            "No namespace matches spec.targetNamespaces or spec.namespaceSelector, so there is "
            "nothing to copy to.",
        )
    holders = f"All {total} hold" if found.targets > 1 else f"The {total} holds"
    return _Verdict("True", SyncedReason.ALL_COPIES_CURRENT, f"{holders} {what}.")


def _waiting(question: Question, found: _Assessment) -> _Verdict:
    leaving = frozenset(found.leaving)
    awaiting = [name for name in found.pending if name not in leaving]
    told = []
    if awaiting:
        number = len(awaiting)
        verb = "waits" if number == 1 else "wait"
        told.append(f"{number:,} of {_targets(found)} {verb} for the copy ({named(awaiting)})")
    if found.leaving:
        number = len(found.leaving)
        told.append(
            f"{_count(number, 'namespace')} still {_have(found.leaving)} a copy that is being "
            f"deleted ({named(found.leaving)})"
        )
    return _Verdict(
        "False",
        SyncedReason.PROGRESSING,
        f"{' and '.join(told)}, which needs no action unless it lasts longer than "
        f"{_count(question.deadline, 'second')}.",
    )


def _targets(found: _Assessment) -> str:
    return _count(found.targets, "target namespace")


def _told(strays: Sequence[str]) -> str:
    return (
        f"Beside its copies, what others made names it as controller "
        f"({named(strays)}): take the label {syncer.CONTROLLER_UID} off, "
        f"or it goes with the syncer."
    )


def _prune_held(question: Question, brake: Brake) -> _Verdict:
    """A change that is held needs a person, whatever else is to be said of the targets."""
    number = len(brake.namespaces)
    why = "which has been held since the change was made"
    if brake.is_exceeded:
        why = f"more than the {brake.limit} that spec.pruneLimit allows"
    elif brake.is_emptying:
        why = "for the spec leaves no target"
    command = (
        f"kubectl annotate {syncer.RESOURCE} {question.parent.metadata.name} "
        f"{CONFIRM_PRUNE}={brake.token} --overwrite"
    )
    return _Verdict(
        "False",
        SyncedReason.PRUNE_HELD,
        f"{number:,} of {_count(brake.present, 'namespace')} would lose the copy "
        f"({named(brake.namespaces)}), {why}, so nothing is deleted there; undo the change, "
        f"or let it through with `{command}`.",
    )


def _following(lost: Loss) -> str:
    """What becomes of the copies whose source is missing, and of those of another source."""
    number = len(lost.kept)
    others = _count(number, "copy of another source", "copies of another source")
    keeping = f"{others} {'is' if number == 1 else 'are'} kept as {_it(lost.kept)}"
    if not lost.going:
        return keeping if lost.kept else f"the source's copies are deleted, {_AS_ASKED}"
    places = f"{_count(len(lost.going), 'namespace')} ({named(lost.going)})"
    going = f"the source's copies in {places} are being deleted, {_AS_ASKED}"
    return f"{going}, and {keeping}" if lost.kept else going


def _planned(planned: Plan) -> str:
    counts = {
        "create": planned.create.count,
        "update": planned.update.count,
        "take over": planned.take_over.count,
        "delete": planned.delete.count,
    }
    doing = [(verb, number) for verb, number in counts.items() if number]
    what = "setting spec.suspend to false would change none of them"
    if doing:
        (verb, number), *others = doing
        told = [f"{verb} {_count(number, 'copy', 'copies')}"]
        told += [f"{verb} {number:,}" for verb, number in others]
        what = f"set spec.suspend to false to {listed(told)}"
    failing = _count(planned.fail.count, "namespace")
    failures = f"; {failing} would fail, as status.failures says" if planned.fail.count else ""
    number = planned.hold.count
    braked = f"; {_count(number, 'deletion')} would be held" if number else ""
    return f"Every copy is kept as it is; {what}{braked}{failures}."


def _keeping(kept: Sequence[str], bare: Sequence[str]) -> str:
    if not kept:
        return "there is no copy to keep"
    copies = _count(len(kept), "copy", "copies")
    keeping = f"{copies} {'is' if len(kept) == 1 else 'are'} kept as {_it(kept)}"
    return f"{keeping}, and {named(bare)} {_have(bare)} none" if bare else keeping


def _report(
    question: Question,
    found: _Assessment,
    verdicts: _Verdicts,
    version: Version,
    planned: Plan | UnsetType = UNSET,
) -> Report:
    failures = sorted(found.failures, key=lambda f: f.reason not in _OVERDUE)
    status = Status(
        observed_generation=question.parent.metadata.generation,
        conditions=[
            _condition(question, kind, verdict, found)
            for kind, verdict in verdicts.by_type(is_suspended=question.is_suspended)
        ],
        target_count=found.targets,
        synced_count=len(found.synced),
        pending_count=len(found.pending),
        failed_count=len(found.failures),
        synced_namespaces=found.synced[:LIST_LIMIT],
        failed_namespaces=[failure.namespace for failure in found.failures[:LIST_LIMIT]],
        failures=sorted(failures[:FAILURES_LIMIT], key=lambda f: f.namespace),
        content_hash=version.content_hash,
        source_resource_version=version.source_resource_version,
        last_sync_time=_last_sync_time(question, found, version),
        pending_since=found.pending_since,
        former_sources=_remembered(question.former_sources),
        plan=planned,
    )
    return Report(_fitted(status), found.resync_after_seconds)


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


def _last_sync_time(question: Question, found: _Assessment, version: Version) -> str | UnsetType:
    """When the copies last became equal to the current content; it moves at no other time.

    Where one was written for that, at the time of the write, which no old status can hide; else
    when it was seen.
    """
    before = question.before
    if not found.synced or found.is_unequal:
        return before.last_sync_time
    told = question.past(before.last_sync_time)
    newest = max((time for time in (told, found.written) if time is not None), default=None)
    became_equal = _gained(before, found.synced) or before.version != version
    if newest is None or (became_equal and newest == told):
        return question.stamp
    return before.last_sync_time if newest == told else _stamp(newest)


def _condition(question: Question, kind: str, verdict: _Verdict, found: _Assessment) -> Condition:
    turned = next(
        (
            condition.last_transition_time
            for condition in question.before.conditions
            if condition.type == kind and condition.status == verdict.status
        ),
        UNSET,
    )
    since = question.past(turned)
    if since is None:
        turned = question.stamp
    elif found.written is not None and since < found.written and _lasts(kind, verdict):
        turned = _stamp(found.written)
    return Condition(
        type=kind,
        status=verdict.status,
        reason=str(verdict.reason),
        message=verdict.message,
        last_transition_time=str(turned),
        observed_generation=question.parent.metadata.generation,
    )


def _lasts(kind: str, verdict: _Verdict) -> bool:
    """Whether a condition is True only while no copy has to be written."""
    return kind in ("Synced", "Ready") and verdict.status == "True"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _fragment(sentence: str) -> str:
    return f"{sentence[0].lower()}{sentence[1:].removesuffix('.')}"


def _it(things: Sequence[str]) -> str:
    return "it is" if len(things) == 1 else "they are"


def _have(things: Sequence[object]) -> str:
    return "has" if len(things) == 1 else "have"
