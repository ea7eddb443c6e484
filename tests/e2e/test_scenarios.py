"""Every story of tests/scenarios on the real control plane, and then in memory: with the same end.

What the offline run says is what happens; here that is proven. Both worlds must end with the same
objects, to the owner of every field, and the simulated Metacontroller must never call the hook
more often than the real one does.
"""

import pytest

from tests.controlplane import STRATEGIES, Stack
from tests.e2e.conftest import COMPARED
from tests.scenarios.end_state import differences, end_state
from tests.scenarios.real import RealWorld
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Manifest, Story, paths, play

# A prefix of its own keeps a story's objects apart from the others' in the same cluster.
STORIES = [Story.read(path, f"s{number:02}-") for number, path in enumerate(paths(), 1)]
TOLD = [
    pytest.param(strategy, story, id=f"{story.name}-{strategy}")
    for strategy in STRATEGIES
    for story in STORIES
    if strategy in story.strategies
]


@pytest.mark.parametrize(("stack", "story"), TOLD, indirect=["stack"])
def test_a_story_goes_as_it_is_told_and_ends_in_memory_as_it_does_really(
    stack: Stack, story: Story, request: pytest.FixtureRequest
) -> None:
    real = RealWorld(stack)
    calls = play(story, real)
    end = end_state(story, real)

    tellings = [story, story.the_other_way_round()] if story.is_a_race else [story]
    differing = min((_differing(telling, end, calls, stack) for telling in tellings), key=len)

    request.config.stash[COMPARED].append(bool(differing))
    assert not differing, "\n".join(differing)


def _differing(story: Story, end: Manifest, calls: int, stack: Stack) -> list[str]:
    """In what the simulated world ends differently."""
    simulated = SimulatedWorld(stack.strategy)
    fewest = play(story, simulated)
    differing = list(differences(end, end_state(story, simulated)))
    if not fewest <= calls <= fewest + story.extra_calls:
        differing.append(
            f"hook calls: really {calls}, simulated {fewest}; "
            f"at most {story.extra_calls} more are expected, and never fewer"
        )
    return differing
