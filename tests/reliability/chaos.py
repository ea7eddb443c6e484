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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final

from tests.controlplane import TimedOut
from tests.reliability.faults import FAULTS, InjectedFault, Missed, deck
from tests.reliability.healing import Healing, failures, heal, healing
from tests.reliability.operations import LIFE, Operation
from tests.reliability.parts import Parts
from tests.reliability.watch import Watch
from tests.reliability.world import LiveCluster

_PROGRESS_SECONDS: Final = 60
# A fault must fall into the operation, not behind it: the watch is a little late.
_LATEST: Final = 0.9
AWAY_ALLOWANCE: Final = 3
"""How many times as long as without a fault a replaced copy may be away beyond the fault."""
# Metacontroller's backoff doubles: what failed for a while is tried again after as long at most.
_BACKOFF: Final = 2


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
        self._decks = {each.name: deck(faults, self._chance) for each in LIFE}
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

    def _prepare(self, operation: Operation) -> None:
        operation.prepare(self._world)
        self._undisturbed(f"what comes before {operation.name}")

    def _begin(self, operation: Operation) -> None:
        self._watch.begin()
        operation.begin(self._world, self._chance)

    def _undisturbed(self, what: str) -> None:
        if left := heal(self._world):
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
            left = heal(self._world)
            healed = time.monotonic() - ended
            how = healing(self._parts, self._world, left, began)
            away = max(self._watch.seen.away, default=0.0)
            allowed = (
                _BACKOFF * (ended - began) + self._away_allowance * self.report.undisturbed_away
            )
            wrong = list(failures(left, how))
            if away > (allowed if operation.may_be_away else 0.0):
                wrong.append(f"a copy was away for {away:.2f} s, {allowed:.2f} s are allowed")
            return Injected(
                operation.name,
                fault.name,
                after_writes,
                ended - began,
                healed,
                away,
                wrong,
                how,
            )
