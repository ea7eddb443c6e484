"""A label selector is read as Kubernetes reads it, and refused where a syncer cannot have it."""

from typing import Any

import pytest

from hooks.migration import label_selectors
from hooks.preview.simulator.objects import selects

READ: dict[str, Any] = {
    "tier=lower": {"matchLabels": {"tier": "lower"}},
    "tier == lower, team=a": {"matchLabels": {"tier": "lower", "team": "a"}},
    "empty=": {"matchLabels": {"empty": ""}},
    "tier!=lower": {
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["lower"]}]
    },
    "tier,!legacy": {
        "matchExpressions": [
            {"key": "tier", "operator": "Exists"},
            {"key": "legacy", "operator": "DoesNotExist"},
        ]
    },
    "example.com/team in (a, b), tier notin (x),kind=c": {
        "matchLabels": {"kind": "c"},
        "matchExpressions": [
            {"key": "example.com/team", "operator": "In", "values": ["a", "b"]},
            {"key": "tier", "operator": "NotIn", "values": ["x"]},
        ],
    },
}


@pytest.mark.parametrize("text", READ)
def test_a_selector_is_read(text: str) -> None:
    assert label_selectors.parse(text) == READ[text]


def test_what_is_read_selects() -> None:
    selector = label_selectors.parse("tier in (a, b),!legacy")
    assert selects(selector, {"tier": "b"})
    assert not selects(selector, {"tier": "b", "legacy": ""})


@pytest.mark.parametrize(
    "text",
    [
        *("tier > 3", "tier gt 3", "tier in lower", "tier in (a", "=a", "tier=a=b", "tier=a b"),
        *("-tier=a", "tier=-a", "tier in (-a)", "tier=a,tier=b"),
    ],
)
def test_what_a_syncer_cannot_have_becomes_none(text: str) -> None:
    assert label_selectors.parse(text) is None
