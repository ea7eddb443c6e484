"""Every story of tests/scenarios on the in-memory Metacontroller, under each of its strategies.

What it leaves behind is then left alone for hours. A hook that would not rest is found out.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from hooks.preview.simulator.metacontroller import DoesNotSettleError
from hooks.rollout import revisions
from tests.scenarios.end_state import differences, end_state
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import COLLISIONS, FOLDER, STRATEGIES, Story, paths, play
from tests.scenarios.unusual_hooks import equal_digits

pytestmark = pytest.mark.no_cover  # Traced, they take twice as long, and reach nothing new.

Spoil: TypeAlias = Callable[[dict[str, Any], int], None]
"""Changes an answer to `/sync`, the given number of which it is."""

STORIES = [Story.read(path) for path in paths()]
PLAYED = [
    pytest.param(strategy, story, id=f"{story.name}-{strategy}")
    for story in STORIES
    for strategy in story.strategies
]
SIMPLE = Story.read(FOLDER / "only-the-selected-keys-are-copied.yaml")
ORPHANING = Story.read(FOLDER / "orphaning-leaves-the-copies-without-owner.yaml")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_names_of_a_story_are_its_own(story: Story) -> None:
    text = (FOLDER / f"{story.name}.yaml").read_text("utf-8")
    syncers = re.findall(r"kind: ConfigMapSyncer,? +metadata: \{name: ([^,}]+)", text)
    assert [name for name in (*story.namespaces, *syncers) if not name.startswith("x-")] == []


@pytest.mark.parametrize(("strategy", "story"), PLAYED)
def test_a_story_comes_true_in_memory(strategy: str, story: Story) -> None:
    play(story, SimulatedWorld(strategy, story.settings, has_adoption=story.has_adoption))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("path", COLLISIONS, ids=lambda path: path.stem)
def test_a_story_of_colliding_digits_comes_true_in_memory(
    path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "_digits", equal_digits)
    world = SimulatedWorld(strategy)
    play(Story.read(path), world)
    assert world.unrest(()) == []


@pytest.mark.long
@pytest.mark.parametrize(("strategy", "story"), PLAYED)
def test_a_story_leaves_no_syncer_restless(strategy: str, story: Story) -> None:
    world = SimulatedWorld(strategy, story.settings, has_adoption=story.has_adoption)
    play(story, world)
    assert world.unrest(story.waiting) == []


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_ends_the_same_where_caches_are_late(story: Story) -> None:
    def played(*, is_late: bool) -> SimulatedWorld:
        has_adoption = story.has_adoption
        world = SimulatedWorld(
            story.strategies[0], story.settings, has_adoption=has_adoption, is_late=is_late
        )
        play(story, world)
        return world

    late = played(is_late=True)
    prompt = end_state(story, played(is_late=False))
    assert list(differences(prompt, end_state(story, late))) == []
    assert late.unrest(story.waiting) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_orphaned_copies_are_kept_that_are_shown_with_their_owner(strategy: str) -> None:
    world = SimulatedWorld(strategy, is_late=True)
    play(ORPHANING, world)
    finalized = [call for call in world.calls("x-sync") if call["hook"] == "finalize"]
    assert [call.get("deferred", False) for call in finalized] == [True, False]


def _move_the_status(answer: dict[str, Any], number: int) -> None:
    answer["status"]["contentHash"] = f"sha256:{number:064x}"


def _move_the_copies(answer: dict[str, Any], number: int) -> None:
    for copy in answer["children"]:
        copy["metadata"]["annotations"]["moved"] = str(number)


def _look_again(answer: dict[str, Any], number: int) -> None:
    answer["resyncAfterSeconds"] = 200


def _want_what_cannot_be(answer: dict[str, Any], number: int) -> None:
    nowhere = {"name": "nothing", "namespace": "nowhere"}
    answer["children"].append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": nowhere})


def _spoiled(spoil: Spoil) -> SimulatedWorld:
    """A world in which every answer to `/sync` is spoiled."""
    world = SimulatedWorld("server-side-apply")
    honest = world.metacontroller._hook
    numbers = iter(range(10_000))

    def hook(path: str, body: bytes) -> tuple[int, bytes]:
        code, answered = honest(path, body)[:2]
        answer = json.loads(answered)
        if path == "/sync":
            spoil(answer, next(numbers))
        return code, json.dumps(answer).encode()

    world.metacontroller._hook = hook
    return world


@pytest.mark.parametrize(
    ("spoil", "unrest"),
    [
        pytest.param(
            _move_the_status, ["ConfigMapSyncer x-sync was written"], id="a status that moves"
        ),
        pytest.param(
            _look_again,
            [
                "sync was asked about x-sync 24 times in 1 hours, at most 13 times are allowed",
                "sync was asked about x-sync 72 times in 3 hours, at most 36 times are allowed",
            ],
            id="a timer that nobody needs",
        ),
        pytest.param(
            _want_what_cannot_be,
            [
                "sync was asked about x-sync 26 times in 1 hours, at most 13 times are allowed",
                "sync was asked about x-sync 47 times in 3 hours, at most 36 times are allowed",
            ],
            id="a copy that is refused for ever",
        ),
    ],
)
def test_a_hook_that_does_not_rest_is_found(spoil: Spoil, unrest: list[str]) -> None:
    world = _spoiled(spoil)
    play(SIMPLE, world)
    assert world.unrest(()) == unrest


def test_a_hook_that_moves_the_copies_at_every_call_does_not_even_settle() -> None:
    with pytest.raises(DoesNotSettleError):
        play(SIMPLE, _spoiled(_move_the_copies))
