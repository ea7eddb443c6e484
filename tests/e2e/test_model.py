"""A few random histories end on the real control plane as the oracle of tests/model says.

`python -m tests.model --real` runs more of them, and `tests/unit/test_model.py` many in memory.
"""

import itertools

from hypothesis import Phase

from tests.controlplane import Stack
from tests.model.trial import Trial, live
from tests.scenarios.real import RealWorld

_HISTORIES = 3
_MOST_STEPS = 8


def test_a_history_on_a_real_control_plane_ends_as_the_oracle_promises(stack: Stack) -> None:
    numbers = itertools.count(1)
    world = RealWorld(stack)

    def start() -> Trial:
        prefix = f"model{next(numbers)}-"
        return Trial(world, stack.strategy, lambda: world.calls_of(prefix), prefix)

    live(start, 1, histories=_HISTORIES, most_steps=_MOST_STEPS, phases=[Phase.generate])
