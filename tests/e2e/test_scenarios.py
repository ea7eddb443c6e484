"""Every story of tests/scenarios on the real control plane, and then in memory: with the same end.

What the offline run says is what happens; here that is proven. Both worlds must end with the same
objects, to the owner of every field, and the simulated Metacontroller must never call the hook
more often than the real one does.
"""

from collections.abc import Callable

import pytest

from tests.controlplane import STRATEGIES, Stack
from tests.controlplane.stack import COMPLETE, LOCAL
from tests.e2e.conftest import DIFFERED
from tests.scenarios.end_state import differences, end_state
from tests.scenarios.real import RealWorld
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import Manifest, Story, paths, play

# A story's number goes with its strategy: pytest puts tests together whose parameters are equal,
# and those have to be those of one stack. Without the scope it would start a stack for each.
PLAYED = [
    pytest.param(
        (strategy, LOCAL if story.has_adoption else COMPLETE, *story.settings.items()),
        (number, strategy),
        id=f"{story.name}-{strategy}",
    )
    for strategy in STRATEGIES
    for number, story in enumerate(map(Story.read, paths()))
    if strategy in story.strategies
]

_TRIES = ("", "again-", "once-more-")
"""On a busy machine an event can come between two others, and costs calls; but not every time."""


@pytest.mark.parametrize(("stack", "numbered"), PLAYED, indirect=["stack"], scope="session")
def test_a_story_ends_on_a_control_plane_as_it_does_in_memory(
    stack: Stack, numbered: tuple[int, str], record_property: Callable[[str, object], None]
) -> None:
    number, _ = numbered
    for prefix in _TRIES:
        differing, calls = _compared(stack, number, prefix)
        if differing or not calls:
            break

    record_property(DIFFERED, bool(differing or calls))
    assert not differing, "\n".join(differing)
    assert not calls


def _compared(stack: Stack, number: int, prefix: str) -> tuple[list[str], str | None]:
    """In what the two worlds end differently, and what is wrong with the number of hook calls."""
    # A prefix of its own keeps a story's objects apart from the others' in the same cluster.
    story = Story.read(paths()[number], f"{prefix}s{number + 1:02}-")
    real = RealWorld(stack)
    calls = play(story, real)
    end = end_state(story, real)
    tellings = [story, story.the_other_way_round()] if story.is_a_race else [story]
    return min(
        (_differing(telling, end, calls, stack) for telling in tellings),
        key=lambda found: (len(found[0]), found[1] is not None),
    )


def _differing(
    story: Story, end: Manifest, calls: int, stack: Stack
) -> tuple[list[str], str | None]:
    simulated = SimulatedWorld(stack.strategy, story.settings, has_adoption=story.has_adoption)
    fewest = play(story, simulated)
    differing = list(differences(end, end_state(story, simulated)))
    if fewest - story.fewer_calls <= calls <= fewest + story.extra_calls:
        return differing, None
    return differing, (
        f"hook calls: really {calls}, simulated {fewest}; "
        f"at most {story.extra_calls} more are expected, and never fewer"
    )
