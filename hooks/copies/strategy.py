"""What the copies show of how Metacontroller writes, when that is not what the hook is set to."""

from collections.abc import Sequence

from hooks.api.names import LAST_APPLIED
from hooks.api.protocol import ApplyStrategy
from hooks.copies.child import is_marked_by_dynamic_apply
from hooks.copies.observation import AnyObservation, Observation
from hooks.resolve.source import NoContent, SourceReason
from hooks.spec.syncer import Syncer


def secret_in_annotation(observation: Observation[Syncer]) -> NoContent | None:
    """Say so where Secrets' data stands in annotations, for then the next copies' would too.

    A setting is no proof of how Metacontroller writes, and one copy is none either, for the
    annotation can be set by anyone who may write the copy: one holds itself alone (see `decision`).
    """
    marks = _marks(observation) if observation.syncer.source.kind.is_secret else ()
    if not _are_most(marks):
        return None
    return NoContent(
        SourceReason.SECRETS_NOT_ENABLED,
        f"{sum(marks)} of {len(marks)} copies have the annotation {LAST_APPLIED}, which holds the "
        f"data a second time, because Metacontroller runs with {ApplyStrategy.DYNAMIC_APPLY}; run "
        f"it with --apply-strategy={ApplyStrategy.SERVER_SIDE_APPLY}, which removes it",
    )


def strategy_mismatch(observation: AnyObservation) -> str | None:
    """Where most copies show that Metacontroller runs with the other strategy, the words for it."""
    strategy = observation.options.strategy
    orphans = [is_marked_by_dynamic_apply(copy) for copy in observation.orphans]
    marks = [*_marks(observation), *orphans]
    if strategy is ApplyStrategy.SERVER_SIDE_APPLY and _are_most(marks):
        return _mismatch(strategy, ApplyStrategy.DYNAMIC_APPLY)
    if strategy is ApplyStrategy.DYNAMIC_APPLY and _are_most([not mark for mark in marks]):
        return _mismatch(strategy, ApplyStrategy.SERVER_SIDE_APPLY)
    return None


def _marks(observation: AnyObservation) -> Sequence[bool]:
    """For each target namespace with a living copy, whether one there has dynamic apply's mark.

    Namespaces outside the targets count only where no target has a copy. The owner of one namespace
    has one voice, however many objects there look like copies. A copy that hangs in deletion is
    no longer written, so nothing removes its annotation.
    """
    marks: dict[str, bool] = {}
    for copy in observation.copies:
        if not copy.is_terminating:
            is_marked = is_marked_by_dynamic_apply(copy.object)
            marks[copy.namespace] = marks.get(copy.namespace, False) or is_marked
    targets = [each.namespace for each in observation.targets]
    in_targets = [marks[namespace] for namespace in targets if namespace in marks]
    return in_targets or list(marks.values())


def _are_most(marks: Sequence[bool]) -> bool:
    return 2 * sum(marks) > len(marks)


def _mismatch(setting: ApplyStrategy, seen: ApplyStrategy) -> str:
    return (
        f"the copies show that Metacontroller runs with --apply-strategy={seen} while "
        f"APPLY_STRATEGY says {setting}, so set both to the same value"
    )
