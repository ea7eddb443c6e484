"""What a fault falls into: a fan-out, an update, a replacement, a finalize."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.reliability.world import LiveCluster


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that writes each copy `writes` times; `may_be_away` says that copies come back.

    `prepare` is done, and has converged, before `begin`.
    """

    name: str
    writes: int
    may_be_away: bool
    begin: Callable[[LiveCluster, random.Random], None]
    prepare: Callable[[LiveCluster], None] = lambda _: None


LIFE = (
    Operation(
        "fan-out",
        1,
        False,
        lambda world, chance: world.make_subject(by_label=chance.random() < 0.5),
    ),
    Operation("update", 1, False, lambda world, _: world.write_sources()),
    Operation(
        "replacement", 2, True, lambda world, _: world.write_sources(), LiveCluster.freeze_subject
    ),
    Operation("finalize", 1, False, lambda world, _: world.delete_subject()),
)
"""The life of a syncer."""
