"""The copies that go with their source, where spec.sourceDeletionPolicy says Delete.

A source that is not shown may be deleted; it may as well be misspelled, or an older version of the
hook may not have asked for it. So only copies that name the missing source go, and only where what
is shown proves that the source would be shown, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hooks.api.protocol import ApplyStrategy, Child, KubernetesObject
from hooks.copies.child import preserve, preserved, take_back
from hooks.copies.observation import ExistingCopy, Observation, is_deletable_orphan
from hooks.copies.outcome import Outcome, State
from hooks.copies.removal import deletion_refused, not_removed
from hooks.resolve import source
from hooks.resolve.source import NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.syncer import DeletionPolicy, Syncer


@dataclass(frozen=True, slots=True)
class SourceDeletion:
    """What a lost source takes along: the namespaces of the copies that go and of those that stay.

    The children are those that stay, and copies that have to be taken back before they can go;
    `leaving` says why the others are still there, by namespace.
    """

    outcomes: Sequence[Outcome]
    children: Sequence[Child]
    leaving: Mapping[str, str]
    deleting: Sequence[str]
    staying: Sequence[str]


def decide(observation: Observation[Syncer], problem: NoContent) -> SourceDeletion | None:
    """What to do when copies are deleted with their source; None when every copy is held."""
    syncer, options = observation.syncer, observation.options
    is_lost = problem.reason is SourceReason.SOURCE_NOT_FOUND
    if not is_lost or syncer.source_deletion_policy is DeletionPolicy.RETAIN:
        return None
    retaken = [copy for copy in observation.orphans if _is_retaken(copy, observation)]
    deleting = [
        *(copy.object for copy in observation.copies if _is_deleted(copy, syncer)),
        *retaken,
    ]
    if deleting and not _is_proven(observation, deleting):
        return None
    staying = [copy for copy in preserved(observation) if not _is_deleted(copy, syncer)]
    children = [preserve(copy, observation) for copy in staying]
    holding = {copy.namespace for copy in staying}
    leaving = not_removed(observation, children, is_replacing=False)
    return SourceDeletion(
        outcomes=[
            _outcome(target, is_holding=target.namespace in holding)
            for target in observation.targets
        ],
        children=[*children, *(take_back(copy, options) for copy in retaken)],
        leaving={**_retaken(retaken, observation), **leaving},
        deleting=sorted({copy.metadata.namespace for copy in deleting}),
        staying=[copy.namespace for copy in staying],
    )


def _retaken(
    retaken: Iterable[KubernetesObject], observation: Observation[Syncer]
) -> Mapping[str, str]:
    """Why the copies are still there that have to be taken back first, by namespace."""
    return {
        copy.metadata.namespace: deletion_refused(copy, observation.parent)
        for copy in retaken
        if not observation.is_closing(copy.metadata.namespace)
    }


def _is_deleted(copy: ExistingCopy, syncer: Syncer) -> bool:
    """Whether an observed copy goes: it was made from that source, and it was we who made it."""
    return copy.is_managed_by_us and source.names(copy.object, syncer)


def _is_retaken(orphan: KubernetesObject, observation: Observation[Syncer]) -> bool:
    """Whether an orphaned copy is taken back, for only an observed one can be deleted.

    Under dynamic apply writing it takes no possession of it: there it stays.
    """
    return (
        observation.options.strategy is ApplyStrategy.SERVER_SIDE_APPLY
        and source.names(orphan, observation.syncer)
        and is_deletable_orphan(orphan)
    )


def _is_proven(observation: Observation[Syncer], deleting: Iterable[KubernetesObject]) -> bool:
    """Whether what is related answers the rules that show the source.

    They show the copies, too, and Namespaces; a copy that is observed and yet not shown says that
    an older version was asked (its answer is cached for 20 minutes).
    """
    is_shown = any(copy.key in observation.related for copy in deleting)
    return bool(observation.namespaces) and is_shown


def _outcome(target: Target, *, is_holding: bool) -> Outcome:
    if target.failure is not None:
        return Outcome(target.namespace, State.FAILED, failure=target.failure)
    return Outcome(target.namespace, State.HELD if is_holding else State.EMPTIED)
