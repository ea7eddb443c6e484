"""`make chaos` finds what is wrong, and the product recovers from a few of its faults."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pytest

from tests.benchmarks.objects import manifest
from tests.reliability.chaos import Chaos, Injected
from tests.reliability.faults import FAULTS
from tests.reliability.healing import Healing
from tests.reliability.history import STORED_AS_JSON
from tests.reliability.parts import Parts
from tests.reliability.rollouts import RolloutChaos
from tests.reliability.watch import Watch
from tests.reliability.world import BYSTANDER, SUBJECT, LiveCluster

_TARGETS = 20
_SHORT = ("hook killed while it answers", "Metacontroller killed", "half a body")


@dataclass(frozen=True, slots=True)
class Run:
    """A short run, and what it left."""

    parts: Parts
    world: LiveCluster
    injected: list[Injected]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    parts = Parts()
    with parts.running():
        world = LiveCluster(parts.client, _TARGETS)
        world.make()
        with Watch(parts.client, SUBJECT, world.untargeted) as watch:
            faults = [fault for fault in FAULTS if fault.name in _SHORT]
            # How long a copy is away is for `make chaos` to judge, on a machine that is quiet.
            chaos = Chaos(parts, world, watch, seed=1, faults=faults, away_allowance=math.inf)
            yield Run(parts, world, list(islice(chaos.live(), 5)))


def test_the_product_recovers_from_a_short_run(run: Run) -> None:
    assert {each.fault for each in run.injected} <= set(_SHORT)
    assert [(each.failures, each.healing) for each in run.injected] == [([], Healing.BY_ITSELF)] * 5


def test_what_is_wrong_is_found(run: Run) -> None:
    world, client = run.world, run.parts.client
    assert world.shortcomings() == {}
    run.parts.metacontroller.kill()

    client.merge_patch("ConfigMap", "decoy", {"data": {"a": "c"}}, world.namespaces[0])
    client.merge_patch("ConfigMap", SUBJECT, {"data": {"key": "edited"}}, world.namespaces[1])
    client.delete("ConfigMap", SUBJECT, world.namespaces[2])
    client.create(manifest("ConfigMap", "x", world.namespaces[3]))

    found = world.shortcomings()
    assert found[""] == [
        f"the unmanaged {(world.namespaces[0], 'decoy')} was touched",
        f"{(world.namespaces[3], 'x')} was left behind",
    ]
    edited, missing = found[SUBJECT]
    assert edited.startswith(f"{world.namespaces[1]}/{SUBJECT}: its data are {{'key': 'edited'}}")
    assert missing == f"{world.namespaces[2]}/{SUBJECT}: missing"
    assert BYSTANDER not in found


def test_a_few_faults_in_rollouts_let_no_content_out_of_its_stages() -> None:
    parts = Parts(STORED_AS_JSON)
    with parts.running():
        chaos = RolloutChaos(parts, seed=1)
        disturbed = list(islice(chaos.live(), 4))
    assert [(each.failures, each.healing) for each in disturbed] == [([], Healing.BY_ITSELF)] * 4
    assert chaos.rule.copies > 0
    assert chaos.rule.statuses > 0
