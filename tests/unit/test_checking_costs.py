"""What a check costs is counted the same in every version: an upgrade refuses no content."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from hooks.spec.json_values import DEPTH_LIMIT
from hooks.validation import verdict
from hooks.validation.budget import STEPS, Budget
from tests.hostile_contents import TOO_COSTLY
from tests.validating import content, syncer


def _costs(
    data: Mapping[str, str], rule: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> int:
    """How many steps a check needs at least, whatever it finds."""
    low, high = 0, STEPS
    while low < high:
        steps = (low + high) // 2
        monkeypatch.setattr(verdict, "Budget", partial(Budget, steps))
        verdict.forget()
        refused = verdict.refusal(content(data), syncer([rule]))
        if refused is not None and refused.message.endswith(TOO_COSTLY):
            low = steps + 1
        else:
            high = steps
    return low


def _pem(lines: int) -> str:
    return "-----BEGIN CERTIFICATE-----\n" + f"{'A' * 64}\n" * lines + "-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("text", "rule", "steps"),
    [
        pytest.param("", {"format": "PEM"}, 11, id="no PEM"),
        pytest.param("text\n" * 109, {"format": "PEM"}, 21, id="lines without a block"),
        pytest.param(_pem(7), {"format": "PEM"}, 22, id="a block"),
        pytest.param(_pem(27) + _pem(40), {"format": "PEM"}, 31, id="two blocks"),
        pytest.param('{"a": [1, "b", {}]}', {"format": "JSON"}, 21, id="JSON"),
        pytest.param(
            "[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT, {"format": "JSON"}, 139, id="deep JSON"
        ),
        pytest.param("a: [1, b, {}]", {"format": "YAML"}, 23, id="YAML"),
        pytest.param("1\n---\n2\n", {"format": "YAML"}, 15, id="two documents"),
        pytest.param("a: &a [1, {b: 2}]\nc: *a\nd: [*a, *a]", {"format": "YAML"}, 52, id="aliases"),
    ],
)
def test_a_text_takes_as_many_steps_as_it_always_did(
    text: str, rule: Mapping[str, Any], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _costs({"key": text}, rule, monkeypatch) == steps


@pytest.mark.parametrize(
    ("value", "schema", "steps"),
    [
        pytest.param(1, True, 12, id="true"),
        pytest.param(1, {}, 12, id="nothing"),
        pytest.param(1, {"title": "t", "type": "integer"}, 15, id="a type"),
        pytest.param([1, 2], {"items": {"type": "integer"}}, 24, id="items"),
        pytest.param(
            {"a": 1},
            {"properties": {"a": {"minimum": 1}, "b": {}}, "required": ["a"]},
            25,
            id="names",
        ),
        pytest.param([[1], {"a": [2, 3]}], {"enum": [[[1], {"a": [2, 3]}], 4]}, 34, id="an enum"),
        pytest.param({"a": [2]}, {"const": {"a": [2], "b": {}}}, 23, id="a constant"),
        pytest.param(
            {"a": 1}, {"dependentRequired": {"a": ["b", "c", "d"], "x": []}}, 20, id="dependencies"
        ),
        pytest.param(["a" * 40, "b" * 15], {"uniqueItems": True}, 24, id="unique items"),
        pytest.param("a" * 990, {"pattern": "^a+$"}, 44, id="a pattern"),
        pytest.param("a" * 90, {"pattern": "^(a|b){40}"}, 30, id="a large pattern"),
        pytest.param(["a" * 990, "b"], {"items": {"pattern": "^[ab]+$"}}, 56, id="a pattern twice"),
        pytest.param(
            {f"k{number}": number for number in range(13)},
            {
                "properties": {"k1": True},
                "patternProperties": {"2$": True, "3$": {"type": "integer"}},
                "additionalProperties": {"type": "integer"},
            },
            135,
            id="other properties",
        ),
        pytest.param(
            [1, 2],
            {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}},
            31,
            id="$ref",
        ),
        pytest.param(3, {"anyOf": [{"multipleOf": 2}, {"not": {"const": 2}}]}, 27, id="branches"),
    ],
)
def test_a_schema_takes_as_many_steps_as_it_always_did(
    value: object, schema: Any, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"format": "JSON", "schema": schema}

    assert _costs({"key": json.dumps(value)}, rule, monkeypatch) == steps


@pytest.mark.parametrize(
    ("keys", "globs", "steps"),
    [
        pytest.param(3, [], 33, id="all keys"),
        pytest.param(3, ["k-*"], 34, id="a glob"),
        pytest.param(50, ["k-*", f"{'*a' * 20}*", f"{'*b' * 20}*"], 579, id="long globs"),
    ],
)
def test_keys_take_as_many_steps_as_they_always_did(
    keys: int, globs: list[str], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {f"k-{number:0100}": "1" for number in range(keys)}

    assert _costs(data, {"format": "JSON", "keys": globs}, monkeypatch) == steps
