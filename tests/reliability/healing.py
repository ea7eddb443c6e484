"""Whether all becomes well again after a fault, and how."""

import time
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain, islice
from typing import Final, Protocol

from tests.controlplane import TimedOut, wait_for
from tests.reliability.parts import Parts
from tests.reliability.world import BYSTANDER, SUBJECT

HEALING_SECONDS: Final = 150
"""More than any backoff. `Parts` sets a resync period that is longer than a run."""
_RESYNC_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2
_MOST_SHOWN: Final = 20


class Judged(Protocol):
    """A world that tells what is wrong in it, by syncer."""

    def shortcomings(self) -> dict[str, list[str]]: ...

    def resync(self, syncers: set[str], mark: str) -> None: ...


class Healing(Enum):
    """How all became well again."""

    BY_ITSELF = "by itself"
    LOST_EVENT = "by a resync, for an event was lost while /customize could not be asked"
    ONLY_BY_RESYNC = "only by a resync"
    NEVER = "not even by a resync"


def heal(world: Judged) -> dict[str, list[str]]:
    """What is still wrong when the time is over."""
    deadline = time.monotonic() + HEALING_SECONDS
    while left := world.shortcomings():
        if time.monotonic() > deadline:
            return left
        time.sleep(_POLL_SECONDS)
    return {}


def healing(
    parts: Parts, world: Judged, left: Mapping[str, Sequence[str]], began: float
) -> Healing:
    """How it heals, with a resync where something is `left`.

    It may need the resync where an event was lost: where /customize was asked about that syncer
    in the fault, and not answered, Metacontroller drops the event that made it ask.
    """
    if not left:
        return Healing.BY_ITSELF
    lost = parts.proxy.unanswered("customize", began)
    world.resync({SUBJECT, BYSTANDER}, f"{began}")
    try:
        wait_for(lambda: not world.shortcomings(), "the resync to heal", _RESYNC_SECONDS)
    except TimedOut:
        return Healing.NEVER
    return Healing.LOST_EVENT if left.keys() <= lost else Healing.ONLY_BY_RESYNC


def failures(left: Mapping[str, Sequence[str]], how: Healing) -> Iterator[str]:
    """What must not be, where it healed in a way that nothing excuses."""
    if how in {Healing.ONLY_BY_RESYNC, Healing.NEVER}:
        yield f"healed {how.value}"
        yield from islice(chain.from_iterable(left.values()), _MOST_SHOWN)
