"""Random histories of rollouts end as docs/rollout.md says, and notice a rule that is not kept."""

from functools import partial
from typing import Any

import pytest
from hypothesis import Phase

from hooks.rollout.judgement import TargetsSeen
from tests.model.rollout_trial import RolloutTrial, drawn_rollouts
from tests.model.trial import live
from tests.scenarios.story import STRATEGIES

pytestmark = pytest.mark.no_cover  # Traced, they take three times as long.

_MOST_STEPS = 20
_HISTORIES = 3
_HISTORIES_TO_NOTICE = 60
_PARTS = 22
_PARTS_TO_NOTICE = 12
"""Every part draws other histories, and runs next to the others."""


class _Anything:
    """Holds whatever is asked for."""

    def __contains__(self, _: object) -> bool:
        return True


_JUDGE = "rollout.judgement._Judge"
_RULES: dict[str, tuple[str, Any]] = {
    "a target waits for its stage": ("spec.rollout.Rollout.place", lambda *_: 0),
    "a stage soaks": (f"{_JUDGE}._soaking", lambda *_: ("2025-01-01T00:00:00Z", 1e9)),
    "a stage waits for a person": (f"{_JUDGE}._approved", _Anything()),
    "an approval is good for one step": (f"{_JUDGE}._token", lambda *_: "0123456789abcdef"),
    "failures stop a rollout": (f"{_JUDGE}._is_exceeded", property(lambda _: False)),
    "a copy that is refused is a failure": (f"{_JUDGE}._refused", property(lambda _: set())),
    "only who is refused the update fails": (
        f"{_JUDGE}._refused",
        property(lambda self: {name for name in self._able if name in self.seen.failures}),
    ),
    "a copy that hangs is none": (
        "copies.observation.ExistingCopy.is_terminating",
        property(lambda _: False),
    ),
    "each stage has a deadline of its own": ("rollout.judgement._given_next", lambda *_: set()),
    "some failures are allowed": ("spec.limit.Limit.of", lambda *_: 0),
    "a failure is of the update revision": (
        "rollout.judgement.ROLLOUT_FAILED",
        "config.example.com/other",
    ),
    "nobody gets the update after a halt": (
        "rollout.assignment._Known._frozen",
        lambda self, _name, update, _stable, _reached: dict.fromkeys(self.stages, update),
    ),
    "a target that loses the content restarts the soak": (
        "status.report.TargetsSeen",
        lambda **seen: TargetsSeen(**{**seen, "were_synced": frozenset()}),
    ),
    "an edit of the spec restarts the soak": (
        "status.report.TargetsSeen",
        lambda **seen: TargetsSeen(**{**seen, "is_edited": False}),
    ),
    "a pin goes everywhere": ("sync.pinned", lambda _observation, content: content),
    "a suspension restarts the soak": ("status.report.paused", lambda recorded: recorded),
    "what is in use is stored": ("rollout.revisions.Revisions.children", lambda *_, **__: iter(())),
}
"""Promises, each with a place in the service and what breaks it there."""


@pytest.mark.parametrize(
    "part",
    [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, _PARTS))],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_rollout_ends_as_the_oracle_promises(strategy: str, part: int) -> None:
    _live(strategy, part, _HISTORIES, [Phase.generate, Phase.shrink])


@pytest.mark.long
@pytest.mark.parametrize("rule", _RULES)
def test_the_rollouts_notice_when_a_rule_is_not_kept(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, broken = _RULES[rule]
    monkeypatch.setattr(f"hooks.{place}", broken)
    with pytest.raises(AssertionError, match="after "):
        _live_all("server-side-apply")


def _live_all(strategy: str) -> None:
    for part in range(_PARTS_TO_NOTICE):
        _live(strategy, part, _HISTORIES_TO_NOTICE, [Phase.generate])


def _live(strategy: str, part: int, histories: int, phases: list[Phase]) -> None:
    live(
        partial(RolloutTrial, strategy),
        part,
        histories=histories,
        most_steps=_MOST_STEPS,
        phases=phases,
        draw=drawn_rollouts,
    )
