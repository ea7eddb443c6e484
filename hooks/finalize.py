"""The end of the story: a syncer that is being deleted removes its copies or lets go of them.

While Metacontroller finalizes, children are still written and deleted as the hook answers, but
nothing is adopted or released any more. `finalized: true` takes the finalizer off and applies
nothing, so it is said only when nothing is left to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hooks.api.options import Policy
from hooks.api.protocol import (
    NAMESPACES,
    ApplyStrategy,
    Child,
    KubernetesObject,
    Parent,
    SyncRequest,
    SyncResponse,
)
from hooks.copies import copies, field_ownership, retention
from hooks.copies.copies import Outcome, State
from hooks.resolve import targets
from hooks.spec import syncer
from hooks.spec.syncer import DeletionPolicy, InvalidSpec, Syncer
from hooks.status import status
from hooks.status.status import Status

_GARBAGE_COLLECTION: Final = frozenset({"foregroundDeletion", "orphan"})


def finalize(request: SyncRequest, policy: Policy, now: datetime) -> SyncResponse[Status]:
    """No copies, or those that shall stay, and `finalized` when nothing is left to do.

    Raises MalformedRequest.
    """
    asked = _asked(request, policy)
    released = _released(request, asked)
    # Under Retain what was not orphaned yet would be lost.
    is_orphaned = not retention.is_wanted(asked) and _is_orphaned(request.parent, released)
    if retention.is_wanted(asked):
        ending = _retained(request, asked, policy)
    else:
        retaken = () if is_orphaned else _retaken(asked, released, policy)
        ending = _removed(request, retaken, policy)
    question = status.Question(request.parent, status.previous(request.parent), now)
    if isinstance(asked, Syncer):
        question = status.Question(
            request.parent, question.before, now, asked.progress_deadline_seconds
        )
    report = status.deletion(question, ending.outcomes, is_retained=retention.is_wanted(asked))
    # The garbage collector deletes or orphans the copies by itself: Metacontroller would apply
    # nothing, and waiting for it would only keep the finalizer for ever.
    finalized = _is_collected(request.parent) or is_orphaned or not ending.outcomes
    return SyncResponse(
        status=report.status,
        children=copies.still_controlled(ending.children, request, policy),
        resync_after_seconds=0.0 if finalized else report.resync_after_seconds,
        finalized=finalized,
    )


@dataclass(frozen=True, slots=True)
class _Ending:
    """What to return for the last time, and what has to come about before."""

    children: Sequence[Child]
    outcomes: Sequence[Outcome]


def _asked(request: SyncRequest, policy: Policy) -> Syncer | InvalidSpec:
    asked = syncer.parse(request.parent)
    if isinstance(asked, InvalidSpec):
        return asked
    found = targets.selected(asked, request)
    return retention.conflict(asked, found, policy.strategy) or asked


def _removed(request: SyncRequest, retaken: Sequence[KubernetesObject], policy: Policy) -> _Ending:
    """Nothing stays; a released copy is taken back first, for only an observed one can go."""
    going = [*retaken, *copies.observed(request)]
    left = {copy.metadata.namespace: copies.remaining(copy, request.parent) for copy in going}
    children = [copies.take_back(copy, policy) for copy in retaken]
    return _Ending(children, _outcomes(left, State.LEAVING))


def _retained(request: SyncRequest, asked: Syncer | InvalidSpec, policy: Policy) -> _Ending:
    """Every living copy stays, and has a second owner before the first one goes.

    One in a Namespace that is being deleted goes with it; and what somebody else made a copy is
    his to keep.
    """
    namespaces = request.seen(NAMESPACES)
    staying = [
        copy
        for copy in copies.observed(request)
        if copy.is_living
        and not (
            copy.metadata.namespace in namespaces
            and targets.is_terminating(namespaces[copy.metadata.namespace])
        )
    ]
    left = {
        copy.metadata.namespace: _unretained(request, asked, copy)
        for copy in staying
        if field_ownership.is_managed_by_us(copy, policy)
        and not retention.is_safe(copy, request, asked)
    }
    children = [copies.keep(copy, request, asked, policy) for copy in staying]
    return _Ending(children, _outcomes(left, State.WAITING))


def _outcomes(left: Mapping[str, str], state: State) -> Sequence[Outcome]:
    return [Outcome(namespace, state, obstacle=why) for namespace, why in sorted(left.items())]


def _released(request: SyncRequest, asked: Syncer | InvalidSpec) -> Sequence[KubernetesObject]:
    if isinstance(asked, InvalidSpec):
        return ()
    return copies.released(asked, request, targets.selected(asked, request))


def _retaken(
    asked: Syncer | InvalidSpec, released: Sequence[KubernetesObject], policy: Policy
) -> Sequence[KubernetesObject]:
    """Copies that lost their owner: once observed again, they can be deleted.

    Only server-side apply takes possession by writing; see docs on what stays otherwise.
    """
    if isinstance(asked, InvalidSpec) or policy.strategy is ApplyStrategy.DYNAMIC_APPLY:
        return ()
    return [found for found in released if copies.is_going_along(found)]


def _is_orphaned(parent: Parent, released: Sequence[KubernetesObject]) -> bool:
    """Whether the garbage collector has orphaned copies before anybody asked here.

    Its finalizer is off the syncer by then, but what it took the owner from still has the label by
    which Metacontroller claims children; a released copy has lost that. Copies that are shown with
    their owner may be so no more, and if they are, the garbage collector deletes them.
    """
    return any(found.label(syncer.CONTROLLER_UID) == parent.metadata.uid for found in released)


def _is_collected(parent: Parent) -> bool:
    return not _GARBAGE_COLLECTION.isdisjoint(parent.metadata.finalizers or ())


def _unretained(request: SyncRequest, asked: Syncer | InvalidSpec, copy: KubernetesObject) -> str:
    """Why a copy is not yet safe from the garbage collector, a fragment of a sentence."""
    if retention.desired(request, asked, copy) is None:
        return (
            "the copy would go with its syncer, for its namespace is no target of a spec that can "
            "be followed, and so it cannot be given to its Namespace; mend the spec, or set "
            f"spec.deletionPolicy to {DeletionPolicy.DELETE}"
        )
    return syncer.refused(request.parent, "the copy was to be given to its Namespace and is not")
