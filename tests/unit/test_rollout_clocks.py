"""Two replicas of the hook whose clocks are half a minute apart, and a rollout between them."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import pytest

from hooks import settings
from hooks.app import create_app
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import API_VERSIONS, ObjectReference
from tests.wsgi import HookAnswer, hook_of

SOAK_SECONDS = 60
SKEW_SECONDS = 30
SYNCER = ObjectReference("ConfigMapSyncer", "sync")
ORDERS = [
    pytest.param((0, SKEW_SECONDS), id="in turn, the slow one first"),
    pytest.param((SKEW_SECONDS, 0), id="in turn, the fast one first"),
    pytest.param((0, 0, SKEW_SECONDS), id="mostly the slow one"),
    pytest.param((SKEW_SECONDS, SKEW_SECONDS, 0), id="mostly the fast one"),
]


class TwoClocks:
    """A world whose hook calls go to one replica or another, in an order of clocks."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self.world = SimulatedWorld("server-side-apply")
        self.statuses: list[tuple[datetime, dict[str, Any]]] = []
        clocks = {seconds: self._replica(seconds) for seconds in set(order)}
        replicas = cycle(clocks[seconds] for seconds in order)
        answered = self.world.metacontroller._hook
        assert answered is not None

        def hook(path: str, body: bytes) -> HookAnswer:
            answer = next(replicas)(path, body)
            if path == "/sync":
                status = json.loads(answer[1])["status"]
                if not self.statuses or self.statuses[-1][1] != status:
                    self.statuses.append((self.world.clock(), status))
            return answer

        self.world.metacontroller._hook = hook

    def _replica(self, seconds: int) -> Callable[[str, bytes], HookAnswer]:
        configured = settings.read({"APPLY_STRATEGY": "server-side-apply"})

        def clock() -> datetime:
            return self.world.clock() + timedelta(seconds=seconds)

        return hook_of(create_app(configured, clock, io.StringIO()))

    def apply(self, kind: str, name: str, namespace: str | None = None, **fields: Any) -> None:
        place = {} if namespace is None else {"namespace": namespace}
        metadata = {"name": name, **place}
        written = {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata}
        self.world.apply({**written, **fields})

    def begin(self) -> None:
        """A rollout of a change begins, in a stage that soaks."""
        for name in ("source", "dev", "prod"):
            self.apply("Namespace", name)
        self.apply("ConfigMap", "config", "source", data={"level": "info"})
        stages = [
            {"name": "canary", "targetNamespaces": ["dev"], "soakSeconds": SOAK_SECONDS},
            {"name": "everyone-else"},
        ]
        spec = {
            "sourceNamespace": "source",
            "sourceConfigMap": "config",
            "targetNamespaces": ["dev", "prod"],
            "rollout": {"stages": stages},
        }
        self.apply("ConfigMapSyncer", "sync", spec=spec)
        self.world.metacontroller.settle()
        self.apply("ConfigMap", "config", "source", data={"level": "debug"})
        self.pass_seconds(5)

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.world.metacontroller.advance(1)
            self.world.metacontroller.settle()

    def touch(self, number: int) -> None:
        """Have the hook asked, though nothing that it decides by has changed."""
        self.world.patch(SYNCER, {"metadata": {"annotations": {"touched": str(number)}}})
        self.world.metacontroller.settle()

    def moments(self, phase: str, stage: str | None) -> Iterator[datetime]:
        """When the status began to say that."""
        for moment, status in self.statuses:
            rollout = status["rollout"]
            if (rollout["phase"], rollout.get("stage")) == (phase, stage):
                yield moment


@pytest.mark.parametrize("order", ORDERS)
def test_a_soak_ends_no_earlier_than_the_clocks_are_apart(order: tuple[int, ...]) -> None:
    clocks = TwoClocks(order)
    clocks.begin()
    clocks.pass_seconds(SOAK_SECONDS + 2 * SKEW_SECONDS)

    began = next(clocks.moments("Soaking", "canary"))
    ended = next(clocks.moments("Progressing", "everyone-else"))
    soaked = (ended - began).total_seconds()
    assert SOAK_SECONDS - SKEW_SECONDS <= soaked <= SOAK_SECONDS + SKEW_SECONDS + 1
    assert list(clocks.moments("Complete", None))[-1] > ended
    copy = clocks.world.find(ObjectReference("ConfigMap", "config", "prod"))
    assert copy is not None
    assert copy["data"] == {"level": "debug"}


@pytest.mark.parametrize("order", ORDERS)
def test_the_status_does_not_move_between_two_clocks(order: tuple[int, ...]) -> None:
    clocks = TwoClocks(order)
    clocks.begin()
    for number in range(4):
        clocks.touch(number)
    settled = len(clocks.statuses)
    for number in range(4, 16):
        clocks.touch(number)

    assert clocks.statuses[settled:] == []
    soaks = {status["rollout"].get("soakingSince") for _, status in clocks.statuses} - {None}
    assert len(soaks) == 1
