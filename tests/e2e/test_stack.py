"""The product gets over the death of any of its parts."""

import pytest

from tests.controlplane import Process, Stack


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
def test_a_part_that_is_killed_and_started_again_is_forgiven(stack: Stack, name: str) -> None:
    _parts(stack)[name].restart()
    # While etcd is away, the API server stops saying that it is ready.
    stack.control_plane.api_server.wait_until_ready()
    stack.wait_until_syncing()
