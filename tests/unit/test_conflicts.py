"""docs/conflicts.md is held true by the in-memory Metacontroller, cell by cell."""

import pytest

from tests.scenarios.matrix import IN_THE_WAY, table, walk
from tests.scenarios.simulated import SimulatedWorld
from tests.scenarios.story import STRATEGIES


@pytest.mark.parametrize(
    "strategy",
    [STRATEGIES[0], *(pytest.param(each, marks=pytest.mark.long) for each in STRATEGIES[1:])],
)
def test_every_conflict_ends_in_memory_as_the_table_says(strategy: str) -> None:
    walk(SimulatedWorld(strategy), strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_table_has_every_combination(strategy: str) -> None:
    rows = [cells for row, cells in table(strategy).items() if row[0] in IN_THE_WAY]
    assert [len(row) for row in rows] == [5] * 2 * len(IN_THE_WAY)
