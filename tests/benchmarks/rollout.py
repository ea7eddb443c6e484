"""What a staged rollout costs: 1,000 targets in five stages, and the same change without stages.

The simulator has a clock of its own, so nothing waits for a soak. Stages must not cost more writes,
and a stage must cost a few calls of the hook, however many targets there are.
"""

import gc
import io
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hooks.app import create_app
from hooks.preview.simulator.clock import Clock
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.metacontroller import Metacontroller
from hooks.preview.simulator.objects import CONFIG_MAP, SYNCER, Object
from hooks.preview.simulator.registration import CHILDREN, Installation
from hooks.preview.simulator.schema import Schema
from hooks.preview.simulator.store import WatchEvent
from hooks.settings import Settings
from tests.benchmarks import grown
from tests.benchmarks.objects import manifest
from tests.benchmarks.ratio import Ratio
from tests.conditions import ready
from tests.wsgi import HookAnswer, hook_of

TARGETS = 1_000
STAGES: Final = 5
CONTENT_BYTES: Final = 10_000
_ROUNDS: Final = 3
_SOAK_SECONDS: Final = 5
_ENOUGH_SECONDS: Final = 120
"""More than all stages take, and less than a resync period."""
_SOURCE: Final = "benchmark-source"
_NAME: Final = "settings"
_WRITES_LIMIT: Final = 1.0
_CALLS_LIMIT: Final = 6.0
"""A stage takes three calls or four, a change without stages takes three."""
_CPU_LIMIT: Final = 8.0


@dataclass(frozen=True, slots=True)
class RolloutCosts:
    """What one change took: writes of each object by its namespace, calls, and seconds of CPU."""

    writes: Counter[str]
    calls: int
    seconds: float


def measure() -> Iterator[Ratio]:
    """Writes of each copy, calls of the hook, and its CPU time, with stages and without."""
    pairs = [(_changed(is_staged=True), _changed(is_staged=False)) for _ in range(_ROUNDS)]
    what = f"{TARGETS:,} targets of {CONTENT_BYTES:,} bytes in {STAGES} stages"
    yield Ratio(
        f"Rollout, most writes of a copy, {what}",
        "one write",
        [float(max(_of_targets(staged))) for staged, _ in pairs],
        _WRITES_LIMIT,
    )
    for measured, limit in (("calls", _CALLS_LIMIT), ("seconds", _CPU_LIMIT)):
        name = {"calls": "calls of the hook", "seconds": "CPU time of the hook"}[measured]
        yield Ratio.of_pairs(
            f"Rollout, {name}, {what}",
            "the same change without stages",
            [(getattr(staged, measured), getattr(direct, measured)) for staged, direct in pairs],
            limit,
        )


def _of_targets(costs: RolloutCosts) -> list[int]:
    """How often each copy was written; besides, only the source and its revision may be."""
    others = costs.writes[_SOURCE]
    if others != 2:
        raise RuntimeError(f"the source and its revision were written {others} times")
    return [costs.writes[name] for name in _targets()]


@dataclass(slots=True)
class _MeasuredWorld:
    """A cluster in memory whose hook is counted and timed."""

    clock: Clock = field(default_factory=Clock)
    calls: int = 0
    seconds: float = 0.0
    writes: Counter[str] = field(default_factory=Counter)
    last_write: datetime | None = None
    cluster: Cluster = field(init=False)
    metacontroller: Metacontroller = field(init=False)

    def __post_init__(self) -> None:
        hook = hook_of(create_app(Settings(), self.clock, io.StringIO()))
        self.cluster = Cluster(self.clock, Schema.load())
        self.cluster.subscribe(self._on_write)

        def counted(path: str, body: bytes) -> HookAnswer:
            started = time.process_time()
            answer = hook(path, body)
            self.seconds += time.process_time() - started
            self.calls += 1
            return answer

        self.metacontroller = Metacontroller(
            self.cluster, counted, self.clock, installed=Installation("server-side-apply", CHILDREN)
        )

    def _on_write(self, event: WatchEvent) -> None:
        if event.kind == CONFIG_MAP.kind and event.new is not None:
            self.writes[event.new["metadata"]["namespace"]] += 1
            self.last_write = self.clock.now()

    def reset(self) -> None:
        """Count from here."""
        self.calls, self.seconds = 0, 0.0
        self.writes.clear()

    def syncer(self) -> Object:
        """The syncer as it is."""
        (syncer,) = self.cluster.list(SYNCER.kind)
        return syncer


def _changed(*, is_staged: bool) -> RolloutCosts:
    """What a change of the source takes from its write until every copy holds it."""
    world = _MeasuredWorld()
    for name in (_SOURCE, *_targets()):
        world.cluster.apply(manifest("Namespace", name))
    data = grown.content(CONTENT_BYTES, "old")
    world.cluster.apply(manifest(CONFIG_MAP.kind, _NAME, _SOURCE) | {"data": data})
    world.cluster.apply(manifest(SYNCER.kind, "benchmark") | {"spec": _spec(is_staged=is_staged)})
    world.metacontroller.advance(_ENOUGH_SECONDS)
    _check(world)
    world.reset()
    changed_at = world.clock.now()
    patch = {"data": grown.content(CONTENT_BYTES, "new")}
    # What the simulator keeps is not the hook's to look through.
    gc.collect()
    gc.freeze()
    try:
        world.cluster.patch(CONFIG_MAP.kind, _NAME, _SOURCE, patch)
        world.metacontroller.advance(_ENOUGH_SECONDS)
    finally:
        gc.unfreeze()
    _check(world)
    taken = (world.last_write - changed_at).total_seconds() if world.last_write else 0.0
    if is_staged != (taken >= (STAGES - 1) * _SOAK_SECONDS):
        raise RuntimeError(f"the last copy was written after {taken:g} s")
    return RolloutCosts(Counter(world.writes), world.calls, world.seconds)


def _check(world: _MeasuredWorld) -> None:
    """What is measured must be a change that reached every target."""
    status = world.syncer()["status"]
    reason, number = ready(status)["reason"], status["syncedCount"]
    if (reason, number) != ("AllCopiesCurrent", TARGETS):
        raise RuntimeError(f"not AllCopiesCurrent but {reason}, {number:,} of {TARGETS:,}")


def _targets() -> list[str]:
    return [f"benchmark-{number % STAGES}-{number:04}" for number in range(TARGETS)]


def _spec(*, is_staged: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "sourceNamespace": _SOURCE,
        "sourceConfigMap": _NAME,
        "targetNamespaces": _targets(),
    }
    if is_staged:
        stages: list[dict[str, Any]] = [
            {
                "name": f"stage-{stage}",
                "targetNamespaces": [f"benchmark-{stage}-*"],
                "soakSeconds": _SOAK_SECONDS,
            }
            for stage in range(STAGES - 1)
        ]
        spec["rollout"] = {"stages": [*stages, {"name": "rest"}]}
    return spec
