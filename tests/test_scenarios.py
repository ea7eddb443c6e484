"""Every story of tests/scenarios on the in-memory Metacontroller, under each of its strategies."""

import pytest

from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Story, paths, play

STORIES = [Story.read(path) for path in paths()]
TOLD = [
    pytest.param(strategy, story, id=f"{story.name}-{strategy}")
    for story in STORIES
    for strategy in story.strategies
]


@pytest.mark.parametrize(("strategy", "story"), TOLD)
def test_a_story_goes_in_memory_as_it_is_told(strategy: str, story: Story) -> None:
    play(story, SimulatedWorld(strategy, story.settings))
