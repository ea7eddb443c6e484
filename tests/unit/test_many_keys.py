"""Copies of very many keys, in memory; tests/e2e/test_sizes.py has the same on a real etcd."""

import pytest

from tests.controlplane import DYNAMIC_APPLY, SERVER_SIDE_APPLY
from tests.scenarios.many_keys import FULL, RELEASED, SCENARIOS, meet_the_limit_to_the_byte
from tests.scenarios.simulated import SimulatedWorld


@pytest.mark.parametrize("strategy", [SERVER_SIDE_APPLY, DYNAMIC_APPLY])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_etcd_would_refuse_costs_no_copy(strategy: str, scenario: str) -> None:
    world = SimulatedWorld(strategy)

    SCENARIOS[scenario](world, "many")


def test_etcds_limit_is_met_to_the_byte() -> None:
    meet_the_limit_to_the_byte(SimulatedWorld(SERVER_SIDE_APPLY), "exact")


@pytest.mark.parametrize("full", FULL)
@pytest.mark.parametrize("scenario", RELEASED)
def test_an_orphaned_copy_of_the_largest_size_is_taken_back(scenario: str, full: str) -> None:
    RELEASED[scenario](SimulatedWorld(SERVER_SIDE_APPLY), "full", FULL[full])
