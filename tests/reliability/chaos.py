"""Break one part in the middle of what a syncer does, again and again, and see that all is well.

One run: 300 namespaces, and a syncer that lives one life after the other. Each life is four
operations (operations.py), and into each one fault (faults.py) falls, at the moment at which a
random number of copies has been written. Then nobody helps, and within HEALING_SECONDS all that
`World` knows must be so. Which fault falls where comes from the seed alone.
"""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, cycle, islice
from typing import Final

from tests.controlplane import TimedOut, wait_for
from tests.reliability.faults import FAULTS, InjectedFault, Missed
from tests.reliability.operations import LIFE, Operation
from tests.reliability.parts import Parts
from tests.reliability.watch import Watch
from tests.reliability.world import BYSTANDER, SUBJECT, LiveCluster

HEALING_SECONDS: Final = 150
"""More than any backoff. `Parts` sets a resync period that is longer than a run."""
_PROGRESS_SECONDS: Final = 60
_RESYNC_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2
_MOST_SHOWN: Final = 20
# A fault must fall into the operation, not behind it: the watch is a little late.
_LATEST: Final = 0.9
AWAY_ALLOWANCE: Final = 3
"""How many times as long as without a fault a replaced copy may be away beyond the fault."""
# Metacontroller's backoff doubles: what failed for a while is tried again after as long at most.
_BACKOFF: Final = 2


class Healing(Enum):
    """How all became well again."""

    BY_ITSELF = "by itself"
    LOST_EVENT = "by a resync, for an event was lost while /customize could not be asked"
    ONLY_BY_RESYNC = "only by a resync"
    NEVER = "not even by a resync"


@dataclass(frozen=True, slots=True)
class Injected:
    """What one fault did; all durations in seconds."""

    operation: str
    fault: str
    after_writes: int
    lasted: float
    healed: float
    away: float
    failures: Sequence[str]
    healing: Healing

    def __str__(self) -> str:
        summary = (
            f"{self.operation:12} {self.fault:28} after {self.after_writes:3} writes, lasted "
            f"{self.lasted:5.1f} s, healed after {self.healed:5.1f} s {self.healing.value}, "
            f"away {self.away:5.2f} s"
        )
        return "\n     FAILED: ".join([summary, *self.failures])


@dataclass(slots=True)
class ChaosReport:
    """What a run got through."""

    injected: list[Injected] = field(default_factory=list)
    missed: int = 0
    undisturbed_away: float = 0.0

    @property
    def failures(self) -> int:
        """How many faults were not recovered from as required."""
        return sum(bool(each.failures) for each in self.injected)

    def __str__(self) -> str:
        """The faults counted by kind, with what they cost at most."""
        counts = Counter(each.fault for each in self.injected)
        lines = [f"{'fault':28} {'times':>5}   {'lasted':>7}   {'healed':>7}     {'away':>6}"]
        for name, times in counts.most_common():
            mine = [each for each in self.injected if each.fault == name]
            lasted, healed, away = (
                max(getattr(each, what) for each in mine) for what in ("lasted", "healed", "away")
            )
            lines.append(f"{name:28} {times:5} {lasted:7.1f} s {healed:7.1f} s {away:7.2f} s")
        lost = sum(each.healing is Healing.LOST_EVENT for each in self.injected)
        lines.append(
            f"Without a fault, a replaced copy was away for {self.undisturbed_away:.2f} s at most"
        )
        lines.append(
            f"{len(self.injected)} faults ({self.missed} more came too late), {lost} of them "
            f"healed by a resync after a lost event; not recovered from: {self.failures}"
        )
        return "\n".join(lines)


class Chaos:
    """One run, from a seed."""

    def __init__(
        self,
        parts: Parts,
        world: LiveCluster,
        watch: Watch,
        seed: int,
        *,
        faults: Sequence[InjectedFault] = FAULTS,
        away_allowance: float = AWAY_ALLOWANCE,
    ) -> None:
        self._away_allowance = away_allowance
        self._parts = parts
        self._world = world
        self._watch = watch
        self._chance = random.Random(seed)
        self._decks = {each.name: self._deck(faults) for each in LIFE}
        self.report = ChaosReport()

    def live(self) -> Iterator[Injected]:
        """One life after the other without end; the first one without faults, to compare with."""
        for operation in LIFE:
            self._prepare(operation)
            self._begin(operation)
            self._undisturbed(operation.name)
            away = max(self._watch.seen.away, default=0.0)
            self.report.undisturbed_away = max(self.report.undisturbed_away, away)
        for operation in cycle(LIFE):
            injected = self._live_through(operation, next(self._decks[operation.name]))
            if injected:
                self.report.injected.append(injected)
                yield injected
                if injected.healing is Healing.NEVER:
                    return

    def _deck(self, faults: Sequence[InjectedFault]) -> Iterator[InjectedFault]:
        """Every fault as often as it weighs, in random order, again and again."""
        while True:
            cards = [fault for fault in faults for _ in range(fault.weight)]
            self._chance.shuffle(cards)
            yield from cards

    def _prepare(self, operation: Operation) -> None:
        operation.prepare(self._world)
        self._undisturbed(f"what comes before {operation.name}")

    def _begin(self, operation: Operation) -> None:
        self._watch.begin()
        operation.begin(self._world, self._chance)

    def _undisturbed(self, what: str) -> None:
        if left := self._heal():
            raise TimedOut(f"{what} did not converge without a fault: {left!s:.2000}")

    def _live_through(self, operation: Operation, fault: InjectedFault) -> Injected | None:
        """The operation with the fault in it; None where it was over before the fault fell."""
        self._prepare(operation)
        around = self._parts.two_metacontrollers() if fault.standby else contextlib.nullcontext()
        total = operation.writes * len(self._world.namespaces)
        after_writes = self._chance.randint(0, int(total * _LATEST))
        with around:
            self._begin(operation)
            if not self._watch.wait_for_writes(after_writes, _PROGRESS_SECONDS):
                raise TimedOut(f"{operation.name} did not come to {after_writes} writes")
            began = time.monotonic()
            try:
                fault.inject(self._parts, self._chance)
            except Missed:
                self.report.missed += 1
                self._undisturbed(operation.name)
                return None
            ended = time.monotonic()
            left = self._heal()
            healed = time.monotonic() - ended
            healing = self._resynced(left, began) if left else Healing.BY_ITSELF
            away = max(self._watch.seen.away, default=0.0)
            allowed = (
                _BACKOFF * (ended - began) + self._away_allowance * self.report.undisturbed_away
            )
            failures = list(_failures(left, healing))
            if away > (allowed if operation.may_be_away else 0.0):
                failures.append(f"a copy was away for {away:.2f} s, {allowed:.2f} s are allowed")
            return Injected(
                operation.name,
                fault.name,
                after_writes,
                ended - began,
                healed,
                away,
                failures,
                healing,
            )

    def _heal(self) -> dict[str, list[str]]:
        """What is still wrong when the time is over."""
        deadline = time.monotonic() + HEALING_SECONDS
        while left := self._world.shortcomings():
            if time.monotonic() > deadline:
                return left
            time.sleep(_POLL_SECONDS)
        return {}

    def _resynced(self, left: Mapping[str, Sequence[str]], began: float) -> Healing:
        """How it heals where it does not by itself.

        It may need the resync where an event was lost: where /customize was asked about that syncer
        in the fault, and not answered, Metacontroller drops the event that made it ask.
        """
        lost = self._parts.proxy.unanswered("customize", began)
        self._world.resync({SUBJECT, BYSTANDER}, f"{began}")
        try:
            wait_for(lambda: not self._world.shortcomings(), "the resync to heal", _RESYNC_SECONDS)
        except TimedOut:
            return Healing.NEVER
        return Healing.LOST_EVENT if left.keys() <= lost else Healing.ONLY_BY_RESYNC


def _failures(left: Mapping[str, Sequence[str]], healing: Healing) -> Iterator[str]:
    if healing in {Healing.ONLY_BY_RESYNC, Healing.NEVER}:
        yield f"healed {healing.value}"
        yield from islice(chain.from_iterable(left.values()), _MOST_SHOWN)
