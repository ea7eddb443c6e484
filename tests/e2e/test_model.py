"""A few random histories end on the real control plane as the oracle of tests/model says.

`python -m tests.model --real` runs more of them, and `tests/unit/test_model.py` many in memory.
"""

from hypothesis import Phase

from tests.controlplane import Stack
from tests.model.trial import live, on_control_plane

_HISTORIES = 3
_MOST_STEPS = 8


def test_a_history_on_a_real_control_plane_ends_as_the_oracle_promises(stack: Stack) -> None:
    live(
        on_control_plane(stack),
        1,
        histories=_HISTORIES,
        most_steps=_MOST_STEPS,
        phases=[Phase.generate],
    )
