"""Random histories end as the oracle of tests/model says, and notice a rule that is not kept."""

from typing import Any

import pytest
from hypothesis import Phase

from hooks.api.names import SYNCED_BY
from tests.model.trial import Trial, in_memory, live
from tests.scenarios.story import STRATEGIES

pytestmark = pytest.mark.no_cover  # Traced, they take three times as long.

_MOST_STEPS = 20
_HISTORIES = 10
_HISTORIES_TO_NOTICE = 40
_NOTICED = r"what is promised after|was written for nothing|the status holds"
_PARTS = 8
_PARTS_TO_NOTICE = 24
"""Every part draws other histories, and runs next to the others."""

_RULES: dict[str, tuple[str, Any]] = {
    "what others made a copy is not deleted": (
        "copies.field_ownership.is_managed_by_us",
        lambda *_: True,
    ),
    "a released copy is taken back": ("copies.observation.is_orphaned", lambda *_: False),
    "a copy without consent goes": ("copies.observation._is_withdrawn", lambda *_: False),
    "no copy is made without consent": ("resolve.source.allowed", lambda *_: None),
    "too large a change is held": ("copies.prune_guard.held", lambda *_: None),
    "an edit that leaves no target is held": ("copies.prune_guard._is_emptying", lambda *_: False),
    "what hangs in deletion is said to": (
        "api.protocol.KubernetesObject.is_terminating",
        property(lambda _: False),
    ),
    "text of others is cut and cleaned": ("resolve.source.excerpt", lambda text: text),
    "a copy that should go and cannot is reported": ("sync.not_removed", lambda *_: {}),
    "an unmanaged object is written without a request": (
        "copies.conflicts._is_overwritten",
        lambda found, *_: found.label(SYNCED_BY) is None,
    ),
    "what is to be overwritten is": ("copies.conflicts._is_overwritten", lambda *_: False),
    "a retained copy has a second owner": ("copies.retention.retains", lambda _syncer: False),
    "a key that is too much goes": ("copies.writing._claimed", lambda *_: {}),
    "no copy is copied": ("resolve.source.is_copy", lambda _found: False),
    "copies are deleted with their source when the policy says so": (
        "copies.source_deletion.decide",
        lambda *_: None,
    ),
    "content that breaks a rule is not copied": ("sync.verdict.refusal", lambda *_: None),
    "what others made immutable stays": (
        "copies.field_ownership.is_frozen_by_us_alone",
        lambda *_: True,
    ),
}
"""Promises, each with a place in the service and what breaks it there."""


@pytest.mark.parametrize(
    "part",
    [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, _PARTS))],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_history_ends_as_the_oracle_promises(strategy: str, part: int) -> None:
    def rests(trial: Trial) -> None:
        waiting = trial.waiting()
        if waiting:
            # What was refused is tried again at once, and ever more rarely.
            trial.world.metacontroller.advance(3600)
        assert trial.world.unrest(waiting) == []

    live(
        lambda: in_memory(strategy),
        part,
        histories=_HISTORIES,
        most_steps=_MOST_STEPS,
        phases=[Phase.generate, Phase.shrink],
        then=rests,
    )


@pytest.mark.long
@pytest.mark.parametrize("rule", _RULES)
def test_the_histories_notice_when_a_rule_is_not_kept(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, broken = _RULES[rule]
    monkeypatch.setattr(f"hooks.{place}", broken)
    with pytest.raises(AssertionError, match=_NOTICED):
        _live_all("server-side-apply")


def _live_all(strategy: str) -> None:
    for part in range(_PARTS_TO_NOTICE):
        live(
            lambda: in_memory(strategy),
            part,
            histories=_HISTORIES_TO_NOTICE,
            most_steps=_MOST_STEPS,
            phases=[Phase.generate],
        )
