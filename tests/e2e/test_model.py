"""A few random histories end on the real control plane as the oracle of tests/model says.

`make chaos` lives through more of them, and `tests/test_model.py` through many in memory.
"""

import itertools

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.controlplane import Stack
from tests.model.histories import drawn
from tests.model.trial import Trial
from tests.scenarios.real import RealWorld

_HISTORIES = 3
_MOST_STEPS = 8


def test_a_history_ends_really_as_it_is_promised(stack: Stack) -> None:
    numbers = itertools.count(1)

    @seed(1)
    @settings(
        max_examples=_HISTORIES,
        derandomize=False,  # The seed makes it the same every time.
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        world = RealWorld(stack)
        prefix = f"model{next(numbers)}-"
        trial = Trial(world, stack.strategy, lambda: world.asked(prefix), prefix)
        try:
            trial.run(drawn(data, lambda: trial.oracle, _MOST_STEPS))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{trial.story()}") from error

    live()
