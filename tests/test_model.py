"""Random histories end as the oracle of tests/model says, and notice a rule that is not kept."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hooks.syncer import SYNCED_BY
from tests.model.histories import drawn
from tests.model.trial import SettledWorld, Trial
from tests.scenarios.story import STRATEGIES

pytestmark = pytest.mark.no_cover  # Traced, they take three times as long.

_MOST_STEPS = 20
_HISTORIES = 20
_HISTORIES_TO_NOTICE = 40
_PARTS = 4
"""Every part draws other histories, and runs beside the others."""

_RULES: dict[str, tuple[str, Callable[..., Any]]] = {
    "what others made a copy is not deleted": ("copies.is_of_our_making", lambda _copy: True),
    "a released copy is taken back": ("copies.is_released", lambda _found, _asked: False),
    "a copy without consent goes": ("copies.is_withdrawn", lambda *_: False),
    "no copy is made without consent": ("source.allows", lambda *_: True),
    "too large a change is held": ("brake.held", lambda *_: None),
    "nobody's object is written without being asked": (
        "copies.Copies._is_overwritten",
        lambda _copies, found: found.label(SYNCED_BY) is None,
    ),
    "what is to be overwritten is": ("copies.Copies._is_overwritten", lambda *_: False),
    "a retained copy has a second owner": ("retention.is_wanted", lambda _asked: False),
    "a key that is too much goes": ("copies._claimed", lambda _held, _wanted, _claims: {}),
    "no copy is copied": ("syncer.is_copy", lambda _found: False),
    "copies go with their source where they shall": ("loss.follow", lambda *_: None),
    "what others made immutable stays": ("copies._is_frozen_by_us_alone", lambda _copy: True),
}
"""Promises, each with a place in the service and what breaks it there."""


@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_history_ends_as_it_is_promised(strategy: str, part: int) -> None:
    def rest(world: SettledWorld) -> None:
        assert world.unrest(waiting=()) == []

    _live(strategy, part, _HISTORIES, [Phase.generate, Phase.shrink], rest)


@pytest.mark.parametrize("rule", _RULES)
def test_the_histories_notice_when_a_rule_is_not_kept(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, broken = _RULES[rule]
    monkeypatch.setattr(f"hooks.{place}", broken)
    with pytest.raises(AssertionError, match=r"what is promised after|was written for nothing"):
        _live_all("server-side-apply")


def _live_all(strategy: str) -> None:
    for part in range(_PARTS):
        _live(strategy, part, _HISTORIES_TO_NOTICE, [Phase.generate], lambda _world: None)


def _live(
    strategy: str,
    part: int,
    histories: int,
    phases: list[Phase],
    then: Callable[[SettledWorld], None],
) -> None:
    @seed(part)
    @settings(
        max_examples=histories,
        derandomize=False,  # The seed makes it the same every time.
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        world = SettledWorld(strategy)
        trial = Trial(world, strategy, world.metacontroller.calls.total)
        try:
            trial.run(drawn(data, lambda: trial.oracle, _MOST_STEPS))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{trial.story()}") from error
        then(world)

    live()
