"""Kill one part in the middle of rollouts, again and again, and judge every write in between.

One run: nine namespaces in three stages: the first soaks, the second waits for approval, the last
soaks. Each rollout is driven to a phase, and into that falls one fault, while somebody acts:
approves, changes the source once more, takes the change back, or spoils copies. Then nobody helps,
and within HEALING_SECONDS the rollout must rest where it would have without the fault. The writes
are read from etcd afterwards, where none is lost, and `StagedRule` judges each.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import requests

from tests.controlplane import ApiStatusError, TimedOut, wait_for
from tests.reliability.faults import FAULTS, InjectedFault, Missed, deck
from tests.reliability.healing import Healing, failures, heal, healing
from tests.reliability.history import EtcdHistory
from tests.reliability.parts import Parts
from tests.reliability.staged import (
    CANARY,
    COMPLETE,
    EARLY,
    REST,
    STAGES,
    WAITING,
    Rest,
    StagedCluster,
)
from tests.reliability.staged_rule import StagedRule

KILLS: Final = [fault for fault in FAULTS if "killed" in fault.name]
_PHASE_SECONDS: Final = 60
_LATEST_ACT_SECONDS: Final = 0.5
_ACT_SECONDS: Final = 90
_PLACES: Final = (
    ("Progressing", CANARY),
    ("Progressing", EARLY),
    ("Progressing", REST),
    ("Soaking", CANARY),
    ("Soaking", CANARY),
    ("Soaking", REST),
    ("AwaitingApproval", EARLY),
    ("AwaitingApproval", EARLY),
    ("Halted", CANARY),
    ("Halted", EARLY),
    ("RolledBack", EARLY),
)
_ACTS: Final = {
    # What goes on by itself needs nobody.
    "Progressing": ("wait", "wait", "spoil", "change"),
    "Soaking": ("wait", "wait", "spoil", "change"),
    "AwaitingApproval": ("approve", "approve", "spoil", "change", "revert"),
    "Halted": ("approve", "spoil", "change", "revert"),
    "RolledBack": ("spoil", "change", "revert"),
}


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What one fault did to a rollout; durations in seconds."""

    phase: str
    stage: str
    act: str
    fault: str
    lasted: float
    healed: float
    failures: Sequence[str]
    healing: Healing

    def __str__(self) -> str:
        summary = (
            f"{self.phase:16} {self.stage:6} {self.act:8} {self.fault:28} lasted "
            f"{self.lasted:5.1f} s, healed after {self.healed:5.1f} s {self.healing.value}"
        )
        return "\n     FAILED: ".join([summary, *self.failures])


@dataclass(slots=True)
class RolloutReport:
    """What a run got through."""

    disturbed: list[Disturbed] = field(default_factory=list)
    missed: int = 0

    @property
    def failures(self) -> int:
        """How many faults were not recovered from as required."""
        return sum(bool(each.failures) for each in self.disturbed)

    def __str__(self) -> str:
        """The faults counted by phase and by kind."""
        lines = [
            f"{count:5}  {name}"
            for what in ("phase", "fault", "act")
            for name, count in Counter(getattr(each, what) for each in self.disturbed).most_common()
        ]
        lost = sum(each.healing is Healing.LOST_EVENT for each in self.disturbed)
        healed = max((each.healed for each in self.disturbed), default=0.0)
        lines.append(
            f"{len(self.disturbed)} faults in rollouts ({self.missed} more came too late), healed "
            f"after {healed:.1f} s at most, {lost} of them by a resync after a lost event; not "
            f"recovered from: {self.failures}"
        )
        return "\n".join(lines)


class RolloutChaos:
    """One run, from a seed."""

    def __init__(self, parts: Parts, seed: int, *, faults: Sequence[InjectedFault] = KILLS) -> None:
        self._parts = parts
        self._chance = random.Random(seed)
        self._faults = deck(faults, self._chance)
        self._history = EtcdHistory(parts.plane.etcd_url)
        self.world = StagedCluster(parts.client, self._chance)
        self.rule = StagedRule()
        self.report = RolloutReport()

    def live(self) -> Iterator[Disturbed]:
        """One rollout after the other without end."""
        self.world.make()
        self._undisturbed()
        while True:
            places = list(_PLACES)
            self._chance.shuffle(places)
            for phase, stage in places:
                disturbed = self._roll_out(phase, stage, next(self._faults))
                if disturbed is None:
                    continue
                self.report.disturbed.append(disturbed)
                yield disturbed
                if disturbed.healing is Healing.NEVER:
                    return

    def _roll_out(self, phase: str, stage: str, fault: InjectedFault) -> Disturbed | None:
        """One rollout to its end, with a fault in it; None where it was over before the fault."""
        world = self.world
        world.configure("Rollback" if phase == "RolledBack" else "Halt")
        self._undisturbed()
        around = self._parts.two_metacontrollers() if fault.standby else contextlib.nullcontext()
        with around:
            world.change()
            self._drive(phase, stage)
            act = self._chance.choice(_ACTS[phase])
            world.expected = _rest(phase, stage, act)
            began = time.monotonic()
            has_fallen = self._act_during(fault, self._acting(act, stage))
            ended = time.monotonic()
            left = heal(world)
            healed = time.monotonic() - ended
            how = healing(self._parts, world, left, began)
            wrong = list(failures(left, how))
        if how is not Healing.NEVER:
            self._finish()
        if not has_fallen:
            self.report.missed += 1
            return None
        wrong += [breach for write in self._history.writes() for breach in self.rule.look(write)]
        return Disturbed(phase, stage, act, fault.name, ended - began, healed, wrong, how)

    def _drive(self, phase: str, stage: str) -> None:
        """Have the rollout reach a phase."""
        if phase in ("Halted", "RolledBack"):
            self._until("Soaking" if stage == CANARY else "AwaitingApproval", stage)
            self.world.fail(stage)
        elif stage == REST:
            self._until("AwaitingApproval", EARLY)
            self.world.approve()
        self._until(phase, stage)

    def _until(self, phase: str, stage: str) -> None:
        def reached() -> bool:
            rollout = self.world.rollout
            return (rollout.get("phase"), rollout.get("stage")) == (phase, stage)

        wait_for(reached, f"{phase} in {stage}", _PHASE_SECONDS, lambda: str(self.world.rollout))

    def _acting(self, act: str, stage: str) -> Callable[[], None]:
        """What to do, with all that is random chosen before."""
        world = self.world
        other = REST if stage != REST else CANARY
        edited, deleted = (self._chance.choice(world.namespaces(each)) for each in (stage, other))
        acts: dict[str, Callable[[], None]] = {
            "approve": world.approve,
            "change": world.change,
            "revert": world.revert,
            "spoil": partial(world.spoil, edited, deleted),
            "wait": lambda: None,
        }
        return acts[act]

    def _act_during(self, fault: InjectedFault, act: Callable[[], None]) -> bool:
        """Somebody acts at any time of the fault, again where that fails; whether it fell."""
        delay = self._chance.uniform(0, _LATEST_ACT_SECONDS)

        def insist() -> None:
            time.sleep(delay)
            deadline = time.monotonic() + _ACT_SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(ApiStatusError, requests.RequestException):
                    act()
                    return
                time.sleep(delay)

        acting = threading.Thread(target=insist, daemon=True)
        acting.start()
        try:
            fault.inject(self._parts, self._chance)
        except Missed:
            return False
        finally:
            acting.join()
        return True

    def _finish(self) -> None:
        """Bring the rollout to its end, or take the change back."""
        world = self.world
        if world.expected.phase == "RolledBack" or (
            world.expected.phase == "Halted" and self._chance.random() < 1 / 2
        ):
            world.revert()
        elif world.expected.phase == "Halted":
            world.approve()
            world.expected = WAITING
            self._undisturbed()
            world.approve()
        elif world.expected == WAITING:
            world.approve()
        world.expected = COMPLETE
        self._undisturbed()
        world.stable = world.update

    def _undisturbed(self) -> None:
        if left := heal(self.world):
            raise TimedOut(f"did not converge without a fault: {left!s:.2000}")


def _rest(phase: str, stage: str, act: str) -> Rest:
    """Where a rollout in this phase of this stage rests after an act."""
    if act == "revert":
        return COMPLETE
    if act == "change":
        return WAITING
    if phase in ("Halted", "RolledBack") and act != "approve":
        updated = 0 if phase == "RolledBack" else STAGES.index(stage) + 1
        return Rest(phase, stage, updated)
    if stage == REST or (phase == "AwaitingApproval" and act == "approve"):
        return COMPLETE
    return WAITING
