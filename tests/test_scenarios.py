"""The plain stories of tests/scenarios, on the in-memory Metacontroller."""

import pytest

from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Story, paths, play

STRATEGY = "server-side-apply"
STORIES = [story for path in paths() if (story := Story.read(path)).simulated]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_plain_story_goes_in_memory_as_it_is_told(story: Story) -> None:
    assert STRATEGY in story.strategies

    play(story, SimulatedWorld(STRATEGY))
