"""What a status is about, apart from the outcomes of the targets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from hooks.api.protocol import Parent
from hooks.api.times import read_time, write_time
from hooks.copies.observation import AnyObservation
from hooks.copies.strategy import strategy_mismatch
from hooks.spec.syncer import DEFAULT_PROGRESS_DEADLINE_SECONDS, InvalidSpec
from hooks.status.previous import Previous


@dataclass(frozen=True, slots=True)
class Moment:
    """The present, and what the last status said: what an answer depends on and nobody observes."""

    before: Previous
    now: datetime


@dataclass(frozen=True, slots=True)
class StatusContext:
    """What a status is about: whose, when, and what had been said before.

    `deadline` is in seconds; `strategy_mismatch` is added to what is said of refused copies; the
    `notes` are sentences about what is no state of a target; `deleting` are the namespaces whose
    copy only a suspension keeps from going with the source; `leaving` says of namespaces why a copy
    that should be gone is still there; the `former_sources` are remembered where they are known and
    not too many.
    """

    parent: Parent
    before: Previous
    now: datetime
    deadline: int = DEFAULT_PROGRESS_DEADLINE_SECONDS
    strategy_mismatch: str | None = None
    notes: Sequence[str] = ()
    deleting: Sequence[str] = ()
    leaving: Mapping[str, str] = field(default_factory=dict)
    is_suspended: bool = False
    former_sources: Collection[str] | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        observation: AnyObservation,
        moment: Moment,
        *,
        notes: Sequence[str] = (),
        deleting: Sequence[str] = (),
        leaving: Mapping[str, str] | None = None,
    ) -> Self:
        """The context of a sync's status; of an invalid spec, nothing else is known."""
        context = cls(
            observation.parent,
            moment.before,
            moment.now,
            notes=notes,
            deleting=deleting,
            leaving=leaving or {},
        )
        syncer = observation.syncer
        if isinstance(syncer, InvalidSpec):
            return context
        return replace(
            context,
            deadline=syncer.progress_deadline_seconds,
            strategy_mismatch=strategy_mismatch(observation),
            is_suspended=syncer.suspend,
            former_sources=syncer.former_sources,
        )

    @property
    def stamp(self) -> str:
        """The present as statuses write it."""
        return write_time(self.now)

    def past(self, stamp: str | UnsetType) -> datetime | None:
        """The time that a stamp says; None where it says none, or one that is yet to come."""
        time = None if stamp is UNSET else read_time(stamp)
        return None if time is None or time > self.now else time
