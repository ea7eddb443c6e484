"""docs/conflicts.md is held true by the real control plane, cell by cell."""

from tests.controlplane import Stack
from tests.scenarios.matrix import walk
from tests.scenarios.real import RealWorld


def test_every_conflict_ends_as_the_table_says(stack: Stack) -> None:
    walk(RealWorld(stack), stack.strategy, "matrix-")
