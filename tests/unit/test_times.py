"""The times in a status are true, also where the status that is read back is one write old."""

from typing import Any

import pytest

from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import ObjectReference

_SYNCER = ObjectReference("ConfigMapSyncer", "sample")
_TARGETS = ("dev", "prod")
_CHANGES = 200
_REPAIRS = 50

kinds_and_strategies = pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("ConfigMap", "server-side-apply"),
        pytest.param("ConfigMap", "dynamic-apply", marks=pytest.mark.long),
        pytest.param("Secret", "server-side-apply", marks=pytest.mark.long),
    ],
)


def value(number: int) -> str:
    """A text that is good as the value of a Secret, too."""
    return f"{number:04}"


def synced(kind: str, strategy: str) -> SimulatedWorld:
    """A world with one syncer, whose copies are all there."""
    world = SimulatedWorld(strategy, is_late=True)
    for name in ("shared", *_TARGETS):
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    consent = {"config.example.com/allow-sync-to": "*"}
    metadata: dict[str, Any] = {"name": "settings", "namespace": "shared", "annotations": consent}
    source = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"key": value(0)}}
    world.apply(source)
    world.apply(
        {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": _SYNCER.name},
            "spec": {
                "sourceNamespace": "shared",
                f"source{kind}": "settings",
                "targetNamespaces": list(_TARGETS),
            },
        }
    )
    after_a_second(world)
    return world


def after_a_second(world: SimulatedWorld) -> dict[str, Any]:
    """The status when all has settled."""
    world.metacontroller.settle()
    found = world.find(_SYNCER)
    assert found is not None
    world.metacontroller.advance(1)
    status: dict[str, Any] = found["status"]
    assert status["syncedCount"] == len(_TARGETS)
    return status


def transitions(status: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c["lastTransitionTime"] for c in status["conditions"]}


@kinds_and_strategies
def test_every_change_of_the_source_moves_the_time_of_the_last_sync(
    kind: str, strategy: str
) -> None:
    world = synced(kind, strategy)
    source = ObjectReference(kind, "settings", "shared")
    times = [after_a_second(world)["lastSyncTime"]]
    for number in range(_CHANGES):
        world.patch(source, {"data": {"key": value(number + 1)}})
        status = after_a_second(world)
        times.append(status["lastSyncTime"])
        assert transitions(status)["Ready"] == transitions(status)["Synced"] == times[-1]

    assert len(set(times)) == _CHANGES + 1
    assert times == sorted(times)


@kinds_and_strategies
def test_every_copy_that_is_put_back_moves_the_time_of_the_last_sync(
    kind: str, strategy: str
) -> None:
    world = synced(kind, strategy)
    resolved = transitions(after_a_second(world))["SourceResolved"]
    times = []
    for number in range(_REPAIRS):
        copy = ObjectReference(kind, "settings", _TARGETS[number % 2])
        world.patch(copy, {"data": {"key": value(number + 1)}})
        status = after_a_second(world)
        times.append(status["lastSyncTime"])
        assert transitions(status)["Ready"] == times[-1]
        assert transitions(status)["SourceResolved"] == resolved

    assert len(set(times)) == _REPAIRS


@kinds_and_strategies
def test_no_time_moves_while_no_copy_is_written(kind: str, strategy: str) -> None:
    world = synced(kind, strategy)
    before = after_a_second(world)
    for name in _TARGETS:
        labels = {"metadata": {"labels": {"team": "blue"}}}
        world.patch(ObjectReference(kind, "settings", name), labels)
        assert after_a_second(world) == before
    assert world.unrest(()) == []
