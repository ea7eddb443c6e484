"""The end of the story: a syncer that is being deleted removes its copies, then goes.

While Metacontroller finalizes, children are still written and deleted as the hook answers, but
nothing is adopted or released any more. `finalized: true` takes the finalizer off and applies
nothing, so it is said only when nothing is left to do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from hooks import copies, status, syncer, targets
from hooks.copies import Outcome, State
from hooks.policy import Policy
from hooks.protocol import (
    ApplyStrategy,
    Child,
    KubernetesObject,
    Parent,
    SyncRequest,
    SyncResponse,
)
from hooks.status import Status
from hooks.syncer import InvalidSpec, Syncer

_GARBAGE_COLLECTION: Final = frozenset({"foregroundDeletion", "orphan"})


def finalize(request: SyncRequest, policy: Policy, now: datetime) -> SyncResponse[Status]:
    """No copies, and `finalized` when none is observed. Raises MalformedRequest."""
    asked = syncer.parse(request.parent)
    children = copies.observed(request)
    released = _released(request, asked)
    is_orphaned = _is_orphaned(request.parent, released)
    retaken = () if is_orphaned else _retaken(asked, released, policy.strategy)
    left = {child.metadata.namespace: _undeleted(request.parent) for child in retaken} | {
        copy.metadata.namespace: copies.obstacle(copy) or _undeleted(request.parent)
        for copy in children
    }
    outcomes = [
        Outcome(namespace, State.WAITING, obstacle=why) for namespace, why in sorted(left.items())
    ]
    question = status.Question(request.parent, status.previous(request.parent), now)
    if isinstance(asked, Syncer):
        question = status.Question(
            request.parent, question.before, now, asked.progress_deadline_seconds
        )
    report = status.deletion(question, outcomes)
    # The garbage collector deletes or orphans the copies by itself: Metacontroller would apply
    # nothing, and waiting for it would only keep the finalizer for ever.
    finalized = _is_collected(request.parent) or is_orphaned or not outcomes
    return SyncResponse(
        status=report.status,
        children=retaken,
        resync_after_seconds=0.0 if finalized else report.resync_after_seconds,
        finalized=finalized,
    )


def _released(request: SyncRequest, asked: Syncer | InvalidSpec) -> Sequence[KubernetesObject]:
    if isinstance(asked, InvalidSpec):
        return ()
    return copies.released(asked, request, targets.selected(asked, request))


def _retaken(
    asked: Syncer | InvalidSpec, released: Sequence[KubernetesObject], strategy: ApplyStrategy
) -> Sequence[Child]:
    """Copies that lost their owner: once observed again, they can be deleted.

    Only server-side apply takes possession by writing; see docs on what stays otherwise.
    """
    if isinstance(asked, InvalidSpec) or strategy is ApplyStrategy.DYNAMIC_APPLY:
        return ()
    return [copies.echo(found) for found in released if found.metadata.deletion_timestamp is None]


def _is_orphaned(parent: Parent, released: Sequence[KubernetesObject]) -> bool:
    """Whether the garbage collector has orphaned copies before anybody asked here.

    Its finalizer is off the syncer by then, but what it took the owner from still has the label by
    which Metacontroller claims children; a released copy has lost that. Copies that are shown with
    their owner may be so no more, and if they are, the garbage collector deletes them.
    """
    return any(found.label(syncer.CONTROLLER_UID) == parent.metadata.uid for found in released)


def _is_collected(parent: Parent) -> bool:
    return not _GARBAGE_COLLECTION.isdisjoint(parent.metadata.finalizers or ())


def _undeleted(parent: Parent) -> str:
    return (
        "the copy was to be deleted and is still there, so the API server refuses it; the events "
        f"in `kubectl describe {syncer.RESOURCE} {parent.metadata.name}` say why"
    )
