"""The end of the story: a syncer that is being deleted removes its copies or lets go of them.

While Metacontroller finalizes, children are still written and deleted as the hook answers, but
nothing is adopted or released. `finalized: true` removes the finalizer and applies
nothing, so it is said only when nothing is left to do.

Metacontroller watches syncers and copies separately, so right after `kubectl delete
--cascade=orphan` it can show a syncer that the garbage collector is done with, and copies that
still have their owner. That looks like an ordinary deletion, and no answer keeps the copies: those
that are left out are deleted, and those that are returned get their owner back and are deleted with
it. So a deletion that would delete copies is deferred until the watches must agree.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from hooks.api import text
from hooks.api.deferred import Deferred
from hooks.api.names import CONTROLLER_UID
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    ApplyStrategy,
    Child,
    KubernetesObject,
    Parent,
    SyncRequest,
    SyncResponse,
)
from hooks.api.times import read_time
from hooks.copies import retention
from hooks.copies.child import preserve, still_controlled, take_back
from hooks.copies.observation import AnyObservation, is_deletable_orphan, observe
from hooks.copies.outcome import Outcome, State
from hooks.copies.removal import deletion_refused
from hooks.resolve import targets
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import (
    DEFAULT_PROGRESS_DEADLINE_SECONDS,
    DeletionPolicy,
    InvalidSpec,
    Syncer,
)
from hooks.status import report as reports
from hooks.status.context import StatusContext
from hooks.status.previous import previous
from hooks.status.types import Status

_GARBAGE_COLLECTION: Final = frozenset({"foregroundDeletion", "orphan"})
_SETTLING: Final = timedelta(seconds=2)
"""How long Metacontroller's watch of the copies may be behind that of the syncers.

A deletion timestamp has no fractions, so this is at least one second in fact.
"""


def finalize(
    request: SyncRequest, options: HookOptions, now: datetime
) -> SyncResponse[Status] | Deferred:
    """No copies, or those that stay, and `finalized` when nothing is left to do.

    Deferred while copies that would be deleted may have been orphaned. Raises MalformedRequest.
    """
    observation = _observation(request, options)
    syncer = observation.syncer
    # Under Retain what was not orphaned yet would be lost.
    is_retained = retention.retains(syncer)
    is_orphaned = not is_retained and _is_orphaned(observation)
    # The garbage collector deletes or orphans the copies by itself: Metacontroller would apply
    # nothing, and waiting for it would only keep the finalizer for ever.
    is_left_alone = _is_collected(request.parent) or is_orphaned
    seconds = 0 if is_retained or is_left_alone else _unsettled_seconds(observation, now)
    if seconds:
        return Deferred(seconds)
    if is_retained:
        ending = _retained(observation)
    else:
        ending = _removed(observation, () if is_orphaned else _retaken(observation))
    deadline = DEFAULT_PROGRESS_DEADLINE_SECONDS
    if isinstance(syncer, Syncer):
        deadline = syncer.progress_deadline_seconds
    context = StatusContext(request.parent, previous(request.parent), now, deadline)
    report = reports.deletion(context, ending.outcomes, is_retained=is_retained)
    finalized = is_left_alone or not ending.outcomes
    return SyncResponse(
        status=report.status,
        children=still_controlled(ending.children, request, options),
        resync_after_seconds=0.0 if finalized else report.resync_after_seconds,
        finalized=finalized,
    )


@dataclass(frozen=True, slots=True)
class _Ending:
    """What to return for the last time, and what has to come about before."""

    children: Sequence[Child]
    outcomes: Sequence[Outcome]


def _observation(request: SyncRequest, options: HookOptions) -> AnyObservation:
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec):
        return observe(syncer, (), request, options)
    selected = targets.selected(syncer, request)
    conflict = retention.conflict(syncer, selected, options.strategy)
    return observe(conflict or syncer, selected, request, options)


def _removed(observation: AnyObservation, retaken: Sequence[KubernetesObject]) -> _Ending:
    """Nothing stays; an orphaned copy is taken back first, for only an observed one can go."""
    copies = [*retaken, *(copy.object for copy in observation.copies)]
    left = {copy.metadata.namespace: deletion_refused(copy, observation.parent) for copy in copies}
    children = [take_back(copy, observation.options) for copy in retaken]
    outcomes = _outcomes({**_revisions_left(observation), **left}, State.LEAVING)
    return _Ending(children, outcomes)


def _revisions_left(observation: AnyObservation) -> Mapping[str, str]:
    """Why the namespace of the source still has stored revisions, which always go."""
    return {
        each.metadata.namespace: deletion_refused(each, observation.parent, "a stored revision")
        for each in observation.revisions
    }


def _retained(observation: AnyObservation) -> _Ending:
    """Every living copy stays, and has a second owner before the first one goes.

    One in a Namespace that is being deleted goes with it; and what somebody else made a copy is
    theirs to keep.
    """
    staying = [
        copy
        for copy in observation.copies
        if not copy.is_terminating and not _is_terminating(copy.namespace, observation)
    ]
    left = {
        copy.namespace: _unretained(observation, copy.object)
        for copy in staying
        if copy.is_managed_by_us and not retention.is_safe(copy.object, observation)
    }
    children = [preserve(copy, observation) for copy in staying]
    leaving = _outcomes(_revisions_left(observation), State.LEAVING)
    return _Ending(children, [*_outcomes(left, State.WAITING), *leaving])


def _is_terminating(namespace: str, observation: AnyObservation) -> bool:
    shown = observation.namespaces.get(namespace)
    return shown is not None and targets.is_terminating(shown)


def _outcomes(left: Mapping[str, str], state: State) -> Sequence[Outcome]:
    return [Outcome(namespace, state, blocked_by=why) for namespace, why in sorted(left.items())]


def _retaken(observation: AnyObservation) -> Sequence[KubernetesObject]:
    """Copies that lost their owner: once observed again, they can be deleted.

    Only server-side apply takes possession by writing; see docs on what stays otherwise.
    """
    if observation.options.strategy is ApplyStrategy.DYNAMIC_APPLY:
        return ()
    return [copy for copy in observation.orphans if is_deletable_orphan(copy)]


def _is_orphaned(observation: AnyObservation) -> bool:
    """Whether the garbage collector has orphaned copies before anybody asked here.

    Its finalizer is off the syncer by then, but what it took the owner from still has the label by
    which Metacontroller claims children; one that Metacontroller released has lost that. Copies
    that are shown with their owner may have lost it; those that have not, the garbage collector
    deletes.
    """
    uid = observation.parent.metadata.uid
    return any(copy.label(CONTROLLER_UID) == uid for copy in observation.orphans)


def _unsettled_seconds(observation: AnyObservation, now: datetime) -> int:
    """For how long copies that would be deleted may be orphaned ones; 0 where they are not.

    Where the clocks differ by more than that, nothing is deferred.
    """
    deleted = read_time(observation.parent.metadata.deletion_timestamp or "")
    if deleted is None or abs(now - deleted) >= _SETTLING:
        return 0
    shown = [*(copy.object for copy in observation.copies), *observation.revisions]
    if all(each.is_terminating for each in shown):
        return 0
    return math.ceil((deleted + _SETTLING - now).total_seconds())


def _is_collected(parent: Parent) -> bool:
    return not _GARBAGE_COLLECTION.isdisjoint(parent.metadata.finalizers or ())


def _unretained(observation: AnyObservation, copy: KubernetesObject) -> str:
    """Why a copy is not yet safe from the garbage collector, a fragment of a sentence."""
    if retention.desired(copy, observation) is None:
        return (
            "the copy would be deleted with its syncer, because its namespace is not a target of a "
            "valid spec, so its Namespace cannot become its owner; fix the spec, or set "
            f"spec.deletionPolicy to {DeletionPolicy.DELETE}"
        )
    return text.refused(
        observation.parent.metadata.name, "the copy should be owned by its Namespace and is not"
    )
