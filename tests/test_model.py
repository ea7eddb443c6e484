"""Random histories end as the oracle of tests/model says, under each strategy."""

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.model.histories import drawn
from tests.model.trial import SettledWorld, Trial
from tests.scenarios.story import STRATEGIES

_MOST_STEPS = 20
_PARTS = 4
"""Every part draws other histories, and runs beside the others."""


@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_history_ends_as_it_is_promised(strategy: str, part: int) -> None:
    @seed(part)
    @settings(
        max_examples=10,
        derandomize=False,  # The seed makes it the same every time.
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        world = SettledWorld(strategy)
        trial = Trial(world, strategy, world.metacontroller.calls.total)
        try:
            trial.run(drawn(data, lambda: trial.oracle, _MOST_STEPS))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{trial.story()}") from error
        assert world.unrest(waiting=()) == []

    live()
