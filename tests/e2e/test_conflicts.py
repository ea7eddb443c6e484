"""docs/conflicts.md is held true by the real control plane, cell by cell."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.controlplane import SERVER_SIDE_APPLY, STRATEGIES, Stack
from tests.controlplane.tools import metacontroller
from tests.scenarios.matrix import walk
from tests.scenarios.real import RealWorld
from tests.scenarios.story import Story, paths, play


def test_every_conflict_ends_as_the_table_says(stack: Stack) -> None:
    walk(RealWorld(stack), stack.strategy, "matrix-")


NAME = "config-controller"
"""The name under which Metacontroller writes here."""


@pytest.fixture(params=STRATEGIES)
def renamed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Stack]:
    """A stack whose Metacontroller has another name, which the hook is set to."""
    # Server-side apply takes the name of a flag, and a plain write that of the binary.
    binary = tmp_path / NAME
    binary.symlink_to(metacontroller())
    flag = f"--apply-strategy-ssa-field-manager={NAME}"
    is_applied = request.param == SERVER_SIDE_APPLY
    if not is_applied:
        monkeypatch.setenv("METACONTROLLER", str(binary))
    with Stack(
        request.param,
        hook_settings={"FIELD_MANAGER": NAME},
        metacontroller_arguments=[flag] if is_applied else [],
    ) as stack:
        yield stack


def test_metacontroller_is_known_by_the_name_that_the_hook_is_set_to(renamed: Stack) -> None:
    world = RealWorld(renamed)
    name = "object-of-a-field-manager-with-almost-our-name-is-not-deleted"
    (path,) = (path for path in paths() if path.stem == name)
    story = Story.read(path)
    steps = [
        {verb: {known_as(manager): of for manager, of in what.items()}}
        if verb == "apply_as"
        else {verb: what}
        for ((verb, what),) in (step.items() for step in story.steps)
    ]

    play(replace(story, steps=steps), world)

    managers = {
        entry["manager"]
        for entry in renamed.client.get("ConfigMap", "x-config", "x-dev")["metadata"][
            "managedFields"
        ]
    }
    assert NAME in managers


def known_as(manager: str) -> str:
    """The real Metacontroller's name is almost ours here, and ours is another one."""
    return {"metacontroller-me": "metacontroller", "metacontroller": NAME}[manager]
