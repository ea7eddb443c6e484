"""Random histories end as the oracle of tests/model says, under each strategy."""

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.model.histories import Step, histories
from tests.model.trial import SettledWorld, Trial
from tests.scenarios.story import STRATEGIES

_PARTS = 4
"""Every part draws other histories, and runs beside the others."""


@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_history_ends_as_it_is_promised(strategy: str, part: int) -> None:
    @seed(part)
    @settings(
        max_examples=60,
        derandomize=False,  # The seed makes it the same every time.
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def live(history: list[Step]) -> None:
        world = SettledWorld(strategy)
        trial = Trial(world, strategy, world.metacontroller.calls.total)
        try:
            trial.run(history)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{trial.story()}") from error
        world.rest()

    live()
