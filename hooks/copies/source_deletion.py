"""The copies that go with their source, where spec.sourceDeletionPolicy says Delete.

A source that is not shown may be deleted; it may as well be misspelled, or an older version of the
hook may not have asked for it. So only copies that name the missing source go, and only where what
is shown proves that the source would be shown, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hooks.api.options import Policy
from hooks.api.protocol import NAMESPACES, ApplyStrategy, Child, KubernetesObject, SyncRequest
from hooks.copies import copies, field_ownership
from hooks.copies.copies import Outcome, State
from hooks.resolve import source, targets
from hooks.resolve.source import NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.syncer import DeletionPolicy, Syncer


@dataclass(frozen=True, slots=True)
class Loss:
    """What a lost source takes along: the namespaces of the copies that go and of those that stay.

    The children are those that stay, and copies that have to be taken back before they can go;
    `leaving` says why the others are still there, by namespace.
    """

    outcomes: Sequence[Outcome]
    children: Sequence[Child]
    leaving: Mapping[str, str]
    going: Sequence[str]
    kept: Sequence[str]


def follow(
    asked: Syncer,
    request: SyncRequest,
    problem: NoContent,
    wanted: Sequence[Target],
    policy: Policy,
) -> Loss | None:
    """What to do where the copies go with their source; None where every copy is to be held."""
    is_lost = problem.reason is SourceReason.SOURCE_NOT_FOUND
    if not is_lost or asked.source_deletion_policy is DeletionPolicy.RETAIN:
        return None
    released = copies.released(asked, request, wanted)
    retaken = [copy for copy in released if _is_retaken(copy, asked, policy.strategy)]
    going = [
        *(copy for copy in copies.observed(request) if _goes(copy, asked, policy)),
        *retaken,
    ]
    if going and not _is_proven(asked, request, going):
        return None
    held = copies.kept(request, asked, wanted, policy)
    kept = [copy for copy in held if not _goes(copy, asked, policy)]
    children = [copies.keep(copy, request, asked, policy) for copy in kept]
    holding = {copy.metadata.namespace for copy in kept}
    leaving = copies.leaving(request, asked, (), children, policy)
    return Loss(
        outcomes=[_outcome(target, is_holding=target.namespace in holding) for target in wanted],
        children=[*children, *(copies.take_back(copy, policy) for copy in retaken)],
        leaving={**_released(retaken, asked, request), **leaving},
        going=sorted({copy.metadata.namespace for copy in going}),
        kept=[copy.metadata.namespace for copy in kept],
    )


def _released(
    retaken: Iterable[KubernetesObject], asked: Syncer, request: SyncRequest
) -> Mapping[str, str]:
    """Why the copies are still there that have to be taken back first, by namespace."""
    return {
        copy.metadata.namespace: copies.remaining(copy, request.parent)
        for copy in retaken
        if not targets.is_closing(copy.metadata.namespace, asked, request)
    }


def _goes(copy: KubernetesObject, asked: Syncer, policy: Policy) -> bool:
    """Whether an observed copy goes: it was made from that source, and it was we who made it."""
    return source.names(copy, asked) and field_ownership.is_managed_by_us(copy, policy)


def _is_retaken(released: KubernetesObject, asked: Syncer, strategy: ApplyStrategy) -> bool:
    """Whether a released copy is taken back, for only an observed one can be deleted.

    Under dynamic apply writing it takes no possession of it: there it stays.
    """
    return (
        strategy is ApplyStrategy.SERVER_SIDE_APPLY
        and source.names(released, asked)
        and copies.is_going_along(released)
    )


def _is_proven(asked: Syncer, request: SyncRequest, going: Iterable[KubernetesObject]) -> bool:
    """Whether what is related answers the rules that show the source.

    They show the copies, too, beside Namespaces; a copy that is observed and yet not shown says
    that an older version was asked (its answer is cached for 20 minutes).
    """
    seen = request.seen(asked.source.kind.group)
    return bool(request.seen(NAMESPACES)) and any(copy.key in seen for copy in going)


def _outcome(target: Target, *, is_holding: bool) -> Outcome:
    if target.failure is not None:
        return Outcome(target.namespace, State.FAILED, failure=target.failure)
    return Outcome(target.namespace, State.HELD if is_holding else State.EMPTIED)
