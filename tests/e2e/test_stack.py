"""The product recovers from the death of any of its parts."""

import os
import signal

import pytest

from tests.controlplane import Process, Stack, wait_for
from tests.controlplane.process import StartFailed


def _parts(stack: Stack) -> dict[str, Process]:
    plane = stack.control_plane
    parts = (
        stack.metacontroller,
        stack.hook,
        plane.controller_manager,
        plane.api_server,
        plane.etcd,
    )
    return {part.name: part for part in parts}


@pytest.mark.parametrize(
    "name", ["metacontroller", "hook", "kube-controller-manager", "kube-apiserver", "etcd"]
)
def test_the_stack_recovers_when_a_part_is_killed_and_started_again(
    stack: Stack, name: str
) -> None:
    _parts(stack)[name].restart()
    # While etcd is away, the API server stops saying that it is ready.
    stack.control_plane.api_server.wait_until_ready()
    # Metacontroller waits up to a minute before it watches again what it could not watch.
    stack.wait_until_syncing(seconds=120)


def test_only_a_metacontroller_that_died_of_its_known_bug_is_started_again(stack: Stack) -> None:
    metacontroller = stack.metacontroller

    def die() -> None:
        os.kill(metacontroller.pid, signal.SIGKILL)
        wait_for(lambda: metacontroller.crashed, "Metacontroller to end")

    die()
    with pytest.raises(StartFailed, match="metacontroller ended by itself"):
        stack.wait_until_syncing()
    metacontroller.start()
    die()
    with metacontroller.log.open("a", encoding="utf-8") as log:
        log.write("sigs.k8s.io/.../controllerutil.ContainsFinalizer({0x0, 0x0})\n")
    stack.wait_until_syncing()
    assert metacontroller.running


def test_copies_that_are_orphaned_while_metacontroller_is_away_are_not_deleted_when_it_is_back(
    stack: Stack,
) -> None:
    # It may still have to learn of what happened while other parts were away.
    stack.collect_garbage()
    prefix = f"orphaned-{stack.strategy.split('-', maxsplit=1)[0]}"
    client = stack.client
    targets = [f"{prefix}-dev", f"{prefix}-prod"]
    client.add_syncer(prefix, targets, {})
    client.wait_for(
        "ConfigMapSyncer",
        prefix,
        lambda syncer: syncer.get("status", {}).get("syncedCount") == 2,
        "both copies",
    )

    stack.metacontroller.kill()
    client.delete("ConfigMapSyncer", prefix, propagation="Orphan")
    client.wait_for(
        "ConfigMapSyncer",
        prefix,
        lambda syncer: "orphan" not in syncer["metadata"]["finalizers"],
        "the garbage collector to be done",
    )
    orphans = [client.get("ConfigMap", "settings", namespace) for namespace in targets]
    stack.metacontroller.start()
    client.wait_until_gone("ConfigMapSyncer", prefix)
    stack.wait_until_syncing()

    assert [orphan["metadata"].get("ownerReferences") for orphan in orphans] == [None, None]
    assert [client.get("ConfigMap", "settings", namespace) for namespace in targets] == orphans
