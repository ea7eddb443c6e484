"""Which rules can be followed, what is said of others, and what a content is held to."""

import json
import re
from typing import Any

import pytest
from msgspec import Raw

from hooks.resolve.source import NoContent, SourceReason
from hooks.spec import content_rules
from hooks.spec.content_rules import UnusableRulesError
from hooks.spec.json_values import quiet
from hooks.validation import verdict
from tests.validating import content, secret_content, short, syncer

_SCHEMA = "Correct spec.validation[0].schema: "
_NOT_A_SCHEMA = "has to refer to a place in the schema itself that is a schema"


def _unusable(rules: Any) -> str | None:
    try:
        content_rules.parse(Raw(json.dumps(rules).encode()))
    except UnusableRulesError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], None),
        (None, None),
        ([{"format": "YAML"}] * 20, None),
        (
            [{"format": "YAML"}] * 21,
            "Shorten spec.validation: it has 21 rules, at most 20 fit",
        ),
        ({}, "Correct spec.validation: Expected 'array', got 'object'"),
        (
            [{"keys": 1}],
            "Correct spec.validation: Expected 'array', got 'int' - at '$[0].keys'",
        ),
        (
            [{"format": "XML"}],
            "Correct spec.validation: Invalid enum value 'XML' - at '$[0].format'",
        ),
        ([{"format": "YAML"}, {}], "Give spec.validation[1] a format or a schema"),
        ([{"schema": None}], "Give spec.validation[0] a format or a schema"),
        (
            [{"format": "PEM", "schema": {}}],
            "Remove schema from spec.validation[0]: PEM has none",
        ),
        ([{"format": "YAML", "keys": ["k"] * 50}], None),
        (
            [{"format": "YAML", "keys": ["k"] * 51}],
            "Shorten spec.validation[0].keys: at most 50 items fit",
        ),
        (
            [{"format": "YAML", "keys": ["a/b", "", "c"]}],
            "Correct spec.validation[0].keys: 2 of its items cannot be keys",
        ),
        ([{"schema": {"const": "x" * 262_117}}], None),
        (
            [{"schema": {"const": "x" * 262_144}}],
            "Shorten spec.validation: it has 262,171 bytes, at most 262,144 fit",
        ),
    ],
)
def test_rules_that_cannot_be_followed_are_refused_with_a_sentence(
    rules: Any, expected: str | None
) -> None:
    assert _unusable(rules) == expected


def test_rules_that_are_no_text_or_nested_beyond_reason_are_refused() -> None:
    for raw in (b'[{"format": "\xff"}]', b'[{"schema": ' + b"[" * 100_000):
        with pytest.raises(
            UnusableRulesError, match=r"^Correct spec\.validation: unreadable JSON\Z"
        ):
            content_rules.parse(Raw(raw))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, None),
        ({"unknown": {"type": 3}, "format": "email", "title": []}, None),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://a/b"}, None),
        ({"$defs": {"a/b": {}}, "$ref": "#/$defs/a~1b"}, None),
        (
            {"$defs": {"a b": {"$anchor": "x"}}, "$ref": "#/$defs/a%20b", "not": {"$ref": "#x"}},
            None,
        ),
        ({"type": ["string", "null"], "enum": [], "minimum": 1.5, "minLength": 0}, None),
        ([], "a schema is an object"),
        ("x", "a schema is an object"),
        ({"items": [{}]}, "what is at /items is no schema"),
        ({"properties": {"a": {"not": 1}}}, "what is at /properties/a/not is no schema"),
        ({"properties": []}, "properties has to be an object of schemas"),
        ({"allOf": []}, "allOf has to be a list of schemas"),
        ({"anyOf": {}}, "anyOf has to be a list of schemas"),
        ({"type": "text"}, "type has to be a type of JSON, or a list of them"),
        ({"type": ["string", 1]}, "type has to be a type of JSON, or a list of them"),
        ({"type": ["string", []]}, "type has to be a type of JSON, or a list of them"),
        ({"not": {"type": "text"}}, "type at /not has to be a type of JSON, or a list of them"),
        ({"not": {"properties": []}}, "properties at /not has to be an object of schemas"),
        ({"not": {"allOf": []}}, "allOf at /not has to be a list of schemas"),
        (
            {"not": {"pattern": "(?=a)"}},
            "pattern at /not is no regular expression of RE2 (which has no lookaround)",
        ),
        (
            {"not": {"patternProperties": {"(?=a)": {}}}},
            "patternProperties at /not is no regular expression of RE2 (which has no lookaround)",
        ),
        ({"type": []}, "type has to be a type of JSON, or a list of them"),
        ({"minLength": -1}, "minLength has to be a number from 0"),
        ({"maxItems": True}, "maxItems has to be a number from 0"),
        ({"minimum": "1"}, "minimum has to be a number"),
        ({"multipleOf": 0}, "multipleOf has to be a number above 0"),
        ({"required": "a"}, "required has to be a list of names"),
        ({"required": [1]}, "required has to be a list of names"),
        (
            {"dependentRequired": {"a": "b"}},
            "dependentRequired has to be an object of lists of names",
        ),
        ({"enum": 1}, "enum has to be a list"),
        ({"uniqueItems": 1}, "uniqueItems has to be true or false"),
        ({"pattern": 1}, "pattern has to be a string"),
        ({"pattern": "(?=a)"}, "pattern is no regular expression of RE2 (which has no lookaround)"),
        (
            {"patternProperties": {"a{1001}": {}}},
            "patternProperties is no regular expression of RE2 (which has no lookaround)",
        ),
        (
            {"pattern": "(a{1000}){9}"},
            "pattern is no regular expression of RE2 (which has no lookaround)",
        ),
        (
            {"allOf": [{"pattern": f"a{number}"} for number in range(201)]},
            "pattern at /allOf/200 is one regular expression too many",
        ),
        (
            {"allOf": [{"pattern": f"a{{1000}}b{{{number}}}"} for number in range(100)]},
            "pattern at /allOf/95 is one regular expression too many",
        ),
        ({"allOf": [{"pattern": "a{1000}"}] * 300}, None),
        ({"$ref": "https://example.com/a"}, f"$ref {_NOT_A_SCHEMA}"),
        ({"$ref": "#/$defs/a"}, f"$ref {_NOT_A_SCHEMA}"),
        ({"$defs": {"a": {}}, "$ref": "#/$defs"}, f"$ref {_NOT_A_SCHEMA}"),
        ({"not": {"$dynamicRef": "#x"}}, f"$dynamicRef at /not {_NOT_A_SCHEMA}"),
        ({"$ref": 1}, "$ref has to be a string"),
        ({"allOf": [{"$anchor": "a"}, {"$anchor": "a"}]}, "$anchor at /allOf/1 is there twice"),
        ({"not": {"$id": "x"}}, "$id at /not is supported only at the top"),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#"},
            "$schema has to be https://json-schema.org/draft/2020-12/schema",
        ),
        ({"unevaluatedItems": False}, "unevaluatedItems is not supported; use items"),
        (
            {"not": {"unevaluatedProperties": False}},
            "unevaluatedProperties at /not is not supported; use additionalProperties",
        ),
    ],
)
def test_schemas_that_cannot_be_used_are_refused_with_a_sentence(
    schema: Any, expected: str | None
) -> None:
    found = _unusable([{"schema": schema}])

    assert found == (None if expected is None else f"{_SCHEMA}{expected}")


def _nested(levels: int) -> Any:
    schema: Any = {}
    for _ in range(levels):
        schema = {"not": schema}
    return [{"schema": schema}]


def test_a_schema_has_as_many_levels_as_a_content() -> None:
    assert _unusable(_nested(63)) is None
    assert _unusable(_nested(64)) == f"{_SCHEMA}it is nested too deeply"
    lists: Any = []
    for _ in range(63):
        lists = [lists]
    assert _unusable([{"schema": {"const": lists}}]) == f"{_SCHEMA}it is nested too deeply"
    assert _unusable([{"schema": {"const": lists[0]}}]) is None


def test_what_libraries_print_of_a_value_is_its_type() -> None:
    assert repr(quiet(["hush"])) == "an array"
    assert repr(quiet({"hush": 1})) == "an object"
    assert repr(quiet("hush")) == "a string"


def test_a_schema_that_is_no_text_is_refused_as_the_part_that_it_is() -> None:
    with pytest.raises(UnusableRulesError, match=f"^{re.escape(_SCHEMA)}it is not JSON\\Z"):
        content_rules.parse(Raw(b'[{"schema": {"a": "\xff"}}]'))


def _problem(rule: Any, **kinds_of_data: Any) -> str | None:
    refused = verdict.refusal(content(**kinds_of_data), syncer([rule]))
    return None if refused is None else short(refused)


def test_rules_are_about_all_text_where_they_name_no_keys() -> None:
    rule = {"format": "JSON"}

    assert _problem(rule, data={"a": "1"}, binary_data={"b": b"\xff"}) is None
    assert _problem(rule, data={"a": "1", "c": "x"}) == (
        "the value of c is not JSON (line 1, column 1); correct it"
    )
    assert _problem(rule, data={"a": "1"}, binary_data={"b": b"x"}) == (
        "the value of b is not JSON (line 1, column 1); correct it"
    )


def test_a_glob_may_match_nothing_and_a_name_may_not() -> None:
    assert _problem({"format": "JSON", "keys": ["*.json"]}, data={"a": "x"}) is None
    assert _problem({"format": "JSON", "keys": ["*.json", "b", "c"]}, data={"a": "x"}) == (
        "it has no key b and c to copy; add what is missing"
    )


def test_values_that_a_rule_selects_are_text() -> None:
    rule = {"format": "JSON", "keys": ["*"]}

    assert _problem(rule, data={}, binary_data={"a": b"\xff", "b": b"\xff"}) == (
        "the value of a and b is not UTF-8 text; correct it"
    )


def test_the_values_of_a_secret_are_decoded() -> None:
    rules = syncer([{"format": "JSON"}, {"schema": {"required": ["a"]}}], is_secret=True)

    assert verdict.refusal(secret_content({"a": b"1", "b": b"\xff"}), rules) is None
    refused = verdict.refusal(secret_content({"b": b"\xff"}), rules)
    assert refused == NoContent(
        SourceReason.CONTENT_INVALID,
        "Secret default/app breaks spec.validation[1]: it does not satisfy required of the schema; "
        "correct it, or the schema",
    )


@pytest.mark.parametrize("value", ["%", "\u202e"])
def test_what_is_no_base64_is_no_text(value: str) -> None:
    broken = content({"a": value})

    assert verdict.refusal(broken, syncer([{"format": "JSON"}], is_secret=True)) is None


def test_a_verdict_is_about_the_names_that_the_keys_had() -> None:
    rule = {"format": "JSON", "keys": ["old"]}
    renamed = syncer([rule], rename_keys={"old": "new"})
    missing = verdict.refusal(content({"new": "1"}), syncer([rule]))

    assert verdict.refusal(content({"new": "1"}), renamed) is None
    assert missing is not None
    assert short(missing) == "it has no key old to copy; add what is missing"


def test_binary_data_is_named_as_in_the_source_too() -> None:
    renamed = syncer([{"format": "JSON", "keys": ["old"]}], rename_keys={"old": "new"})

    assert verdict.refusal(content({}, {"new": b"1"}), renamed) is None


def test_a_schema_without_a_format_is_about_the_texts_by_their_keys() -> None:
    assert _problem({"schema": {"properties": {"a": {"const": "b"}}}}, data={"a": "b"}) is None
    # A key is no part of the content that has to stay hidden.
    assert _problem({"schema": {"additionalProperties": {"maxLength": 1}}}, data={"a": "bc"}) == (
        "it does not satisfy maxLength of the schema at /a; correct it, or the schema"
    )


def test_rules_are_read_once() -> None:
    raw = Raw(b'[{"format": "JSON", "keys": ["only-here"]}]')

    assert content_rules.parse(raw) is content_rules.parse(raw)


def test_rules_name_keys_as_the_source_does() -> None:
    renamed = syncer([{"format": "JSON", "keys": ["old"]}], rename_keys={"old": "new"})

    refused = verdict.refusal(content({"new": "x"}), renamed)

    assert refused is not None
    assert short(refused) == "the value of old is not JSON (line 1, column 1); correct it"


def test_all_rules_share_what_one_content_may_cost() -> None:
    text = json.dumps(list(range(70_000)))
    rule = {"format": "JSON", "schema": {"uniqueItems": True}}

    once = verdict.refusal(content({"a": text}), syncer([rule]))
    often = verdict.refusal(content({"a": text}), syncer([rule] * 5))

    assert once is None
    assert often is not None
    assert often.message == (
        "ConfigMap default/app breaks spec.validation[3]: the value of a is too costly to check; "
        "make it smaller, or simplify the rules"
    )


def test_many_globs_over_many_keys_are_too_costly() -> None:
    rule = {"format": "YAML", "keys": [f"*{'a*' * 100}{number}" for number in range(50)]}
    many = content({f"{number:0200}": "" for number in range(5_000)})

    refused = verdict.refusal(many, syncer([rule] * 5))

    assert refused is not None
    assert refused.message == (
        "ConfigMap default/app breaks spec.validation[2]: it is too costly to check; make it "
        "smaller, or simplify the rules"
    )


def test_a_value_is_parsed_once_for_all_rules() -> None:
    large = content({"a": json.dumps(list(range(140_000)))})

    assert verdict.refusal(large, syncer([{"format": "JSON"}] * 20)) is None


def test_a_verdict_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = syncer([{"format": "JSON", "schema": {"const": "only here"}}])
    broken, sound = content({"a": '"only there"'}), content({"a": '"only here"'})
    first = verdict.refusal(broken, rules), verdict.refusal(sound, rules)
    monkeypatch.setattr(verdict, "Budget", None)

    again = verdict.refusal(broken, rules), verdict.refusal(sound, rules)

    assert again == first
    assert first[1] is None
    assert first[0] is not None
