"""Values are judged as `jsonschema` judges them, at a cost that is counted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.hostile_contents import HOSTILE_CONTENTS, TOO_COSTLY, HostileContent, doubling
from tests.validating import problem

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from((0.5, 1.5)),
    st.text("ab", max_size=3),
)
_names = st.sampled_from(("a", "b", "ab"))
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=3)
    ),
    max_leaves=8,
)
_types = st.sampled_from(("array", "boolean", "integer", "null", "number", "object", "string"))
_counts = st.integers(0, 3)
_patterns = st.sampled_from(("a", "^b", "b$", "^(a|b)+$"))


def _schemas_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=2)
    by_name = st.dictionaries(_names, inner, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(_types, st.lists(_types, min_size=1, max_size=2, unique=True)),
            "enum": st.lists(_scalars, max_size=2),
            "const": _values,
            "required": st.lists(_names, max_size=2, unique=True),
            "dependentRequired": st.dictionaries(_names, st.lists(_names, max_size=2), max_size=2),
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "multipleOf": st.sampled_from((1, 2, 0.5)),
            "minLength": _counts,
            "maxLength": _counts,
            "pattern": _patterns,
            "minItems": _counts,
            "maxItems": _counts,
            "uniqueItems": st.booleans(),
            "minProperties": _counts,
            "maxProperties": _counts,
            "properties": by_name,
            "patternProperties": st.dictionaries(_patterns, inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "dependentSchemas": by_name,
            "items": inner,
            "prefixItems": several,
            "contains": inner,
            "minContains": _counts,
            "maxContains": _counts,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    ).map(lambda schema: dict(sorted(schema.items())[:4]))


_schemas = st.recursive(st.booleans(), _schemas_of, max_leaves=6)


@given(_schemas, _values)
def test_the_verdict_is_that_of_jsonschema(schema: Any, value: Any) -> None:
    found = problem(json.dumps(value), {"format": "JSON", "schema": schema})

    assert (found is None) == Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (False, 1, "the schema"),
        ({"properties": {"a": False}}, {"a": 1}, "properties of the schema at /a"),
        ({"properties": {"a": {"minimum": 3}}}, {"a": 2}, "minimum of the schema at /a"),
        ({"additionalProperties": False}, {"hush": 2}, "additionalProperties of the schema"),
        ({"additionalProperties": {"type": "null"}}, {"hush": 2}, "type of the schema at /*"),
        ({"patternProperties": {"^h": {"type": "null"}}}, {"hush": 2}, "type of the schema at /*"),
        ({"items": {"items": {"type": "null"}}}, [[], [1]], "type of the schema at /1/0"),
        ({"items": {"required": ["a"]}}, [{"a": 1}, {}], "required of the schema at /1"),
        (
            {"properties": {"a/b": {"anyOf": [{"type": "null"}, {"items": False}]}}},
            {"a/b": 1, "c": 2},
            None,
        ),
        (
            {"properties": {"a/b~": {"anyOf": [{"type": "null"}, {"type": "string"}]}}},
            {"a/b~": 1},
            "anyOf of the schema at /a~1b~0",
        ),
        ({"$defs": {"n": {"type": "null"}}, "$ref": "#/$defs/n"}, 1, "type of the schema"),
        ({"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}, "maxItems": 0}, [], None),
        ({"uniqueItems": True}, [1, True, "1", [1], 1.0], "uniqueItems of the schema"),
        ({"uniqueItems": True}, [1, True, "1", [1], [True]], None),
        (
            {"uniqueItems": True},
            [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
            "uniqueItems of the schema",
        ),
        (
            {"$defs": {"hush": {}}, "additionalProperties": {"type": "null"}},
            {"hush": 2},
            "type of the schema at /*",
        ),
        (
            {"dependentSchemas": {"a": {"additionalProperties": {"type": "null"}}}},
            {"a": 1},
            "type of the schema at /a",
        ),
        ({"multipleOf": 0.1}, 0.3, None),
        ({"multipleOf": 0.1}, 0.35, "multipleOf of the schema"),
        ({"multipleOf": 2}, True, None),
        ({"contains": {"const": 1}, "maxContains": 1}, [1, 1], "contains of the schema"),
        ({"format": "email"}, "no address", None),
        ({"patternProperties": {"a": False}, "additionalProperties": False}, [], None),
        ({"pattern": "a"}, 1, None),
        ({"pattern": "a"}, "\ud800", "pattern of the schema"),
        ({"uniqueItems": False}, [1, 1], None),
        ({"anyOf": [{"uniqueItems": True}, False]}, [1, 1], "anyOf of the schema"),
        ({"anyOf": [{"additionalProperties": False}, False]}, {"a": 1}, "anyOf of the schema"),
        ({"uniqueItems": True}, "aa", None),
        ({"multipleOf": 2}, "1", None),
        (
            {
                "patternProperties": {"^a": {}},
                "properties": {"b": {}},
                "additionalProperties": False,
            },
            {"ab": 1, "b": 1},
            None,
        ),
    ],
)
def test_a_breach_is_named_by_its_place_and_keyword(
    schema: Any, value: Any, expected: str | None
) -> None:
    found = problem(json.dumps(value), {"format": "JSON", "schema": schema})

    assert found == (
        None if expected is None else f"does not satisfy {expected}; correct it, or the schema"
    )


def _chain(levels: int, *before: Any) -> Any:
    """A schema whose last of so many levels is reached after what is before the chain."""
    definitions: dict[str, Any] = {"d1": {"type": "integer"}}
    for level in range(2, levels):
        definitions[f"d{level}"] = {"$ref": f"#/$defs/d{level - 1}"}
    chain = {"$ref": f"#/$defs/d{levels - 3}"}
    return {"$defs": definitions, "allOf": [{"allOf": [*before, chain]}]}


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="nothing before"),
        pytest.param([{}], id="after another subschema"),
        pytest.param([{"allOf": [{}, {}]}], id="after others"),
    ],
)
def test_as_many_subschemas_are_inside_each_other_as_there_is_room_for(before: list[Any]) -> None:
    assert problem("1", {"format": "JSON", "schema": _chain(128, *before)}) is None
    assert problem("1", {"format": "JSON", "schema": _chain(129, *before)}) == TOO_COSTLY


def test_a_breach_in_one_of_several_documents_says_in_which() -> None:
    rule = {"format": "YAML", "schema": {"type": "integer"}}

    assert problem("1\n---\nx\n", rule) == (
        "document 2 of key does not satisfy type of the schema; correct it, or the schema"
    )
    assert problem("1\n---\n2\n---\nx\n", rule) == (
        "document 3 of key does not satisfy type of the schema; correct it, or the schema"
    )


@pytest.mark.parametrize("hostile", HOSTILE_CONTENTS.values(), ids=HOSTILE_CONTENTS)
def test_what_is_made_to_cost_much_costs_a_bounded_number_of_steps(hostile: HostileContent) -> None:
    assert problem(hostile.text, hostile.rule) == hostile.problem


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        pytest.param(doubling(12), 1, None, id="some doublings"),
        pytest.param(
            {"allOf": [{"items": {"$ref": "#"}}] * 2}, None, TOO_COSTLY, id="doubling in depth"
        ),
        pytest.param(
            {"uniqueItems": True},
            [number * (2**61 - 1) for number in range(40_000)],
            None,
            id="40,000 numbers with one hash",
        ),
        pytest.param(
            {"pattern": "((((a?){30}){30}))b"}, "a" * 1_000_000, TOO_COSTLY, id="a large pattern"
        ),
        pytest.param(
            {"patternProperties": {f"a{number}": {} for number in range(200)}},
            {f"k{number}": 1 for number in range(2_000)},
            TOO_COSTLY,
            id="many patterns over many properties",
        ),
        pytest.param(
            {"items": {"enum": [[number] for number in range(20_000)]}},
            [[19_999]] * 1_000,
            TOO_COSTLY,
            id="a large enum over many items",
        ),
        pytest.param(
            {"items": {"const": {str(number): [number] for number in range(9_000)}}},
            [{str(number): [number] for number in range(9_000)}] * 8,
            TOO_COSTLY,
            id="a large constant over large items",
        ),
        pytest.param(
            {"dependentRequired": {"a": ["a"] * 20_000}}, {"a": 1}, None, id="many dependencies"
        ),
        pytest.param({"multipleOf": 1e-300}, 1e308, None, id="numbers far apart"),
    ],
)
def test_hostile_schemas_and_values_cost_a_bounded_number_of_steps(
    schema: Any, value: Any, expected: str | None
) -> None:
    if value is None:
        value = json.loads("[" * 40 + "]" * 40)
    found = problem(json.dumps(value), {"format": "JSON", "schema": schema})

    assert found == expected
