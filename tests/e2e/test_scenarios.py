"""Every story of tests/scenarios on the real control plane, under each strategy of the story."""

import pytest

from tests.controlplane import STRATEGIES, Stack
from tests.scenarios.real import RealWorld
from tests.scenarios.story import Story, paths, play

# A prefix of its own keeps a story's objects apart from the others' in the same cluster.
STORIES = [Story.read(path, f"s{number:02}-") for number, path in enumerate(paths(), 1)]
TOLD = [
    pytest.param(strategy, story, id=f"{story.name}-{strategy}")
    for strategy in STRATEGIES
    for story in STORIES
    if strategy in story.strategies
]


@pytest.mark.parametrize(("stack", "story"), TOLD, indirect=["stack"])
def test_a_story_goes_as_it_is_told(stack: Stack, story: Story) -> None:
    play(story, RealWorld(stack))
