"""When the soak of a stage is over, by what a status and the spec that it is about say."""

from datetime import datetime, timedelta

from msgspec import UNSET

from hooks.api.protocol import Parent
from hooks.api.times import read_time
from hooks.rollout.types import Phase, RolloutStatus
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec


def soak_end(parent: Parent, status: RolloutStatus) -> datetime | None:
    """When the soak of the stage that a rollout has reached is over; None where it does not soak.

    It also passes while the stage waits for the copy of a target that joined.
    """
    since, stage = status.soaking_since, status.stage
    if status.phase is not Phase.SOAKING or since is UNSET or stage is UNSET:
        return None
    syncer, began = parse_syncer(parent), read_time(since)
    if isinstance(syncer, InvalidSpec) or syncer.rollout is None or began is None:
        return None
    place = syncer.rollout.index(stage)
    if place is None:
        return None
    return began + timedelta(seconds=syncer.rollout.stages[place].soak_seconds)
