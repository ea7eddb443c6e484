"""Laws of the choice of namespaces: union, exclusion, whole names, and labels as Kubernetes has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hooks.api.protocol import encode
from hooks.preview.simulator.objects import selects
from hooks.spec.globs import Patterns
from hooks.spec.selectors import MalformedSelector, parse
from hooks.spec.syncer import NamespaceSelection

NAMES = st.text("ab-", min_size=1, max_size=5)
PATTERNS = st.lists(st.text("ab-*?", min_size=1, max_size=5), max_size=4)
KEYS = st.sampled_from(["team", "tier", "example.com/zone"])
VALUES = st.sampled_from(["", "a", "b", "c"])
LABELS = st.dictionaries(KEYS, VALUES)
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": KEYS,
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(VALUES, min_size=1),
        }
    ),
    st.fixed_dictionaries({"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])}),
)


def matches(name: str, patterns: list[str]) -> bool:
    return Patterns.of(patterns).matches(name)


@given(NAMES, PATTERNS, PATTERNS, PATTERNS)
def test_two_lists_of_globs_reach_what_either_does_except_what_is_excluded(
    name: str, one: list[str], other: list[str], excluded: list[str]
) -> None:
    def reached(patterns: list[str], but: list[str] | None = None) -> bool:
        return NamespaceSelection(globs=patterns, excluded=but or []).reaches(name, None)

    assert reached(one + other) is (reached(one) or reached(other))
    assert reached(one, excluded) is (reached(one) and not matches(name, excluded))


@given(NAMES, LABELS, PATTERNS, LABELS)
def test_a_selector_and_globs_reach_what_either_does(
    name: str, labels: dict[str, str], patterns: list[str], required: dict[str, str]
) -> None:
    selector = parse(Raw(encode(required)))
    both = NamespaceSelection(globs=patterns, selector=selector).reaches(name, labels)

    assert both is (matches(name, patterns) or selector.matches(labels))


@given(LABELS, LABELS, st.lists(EXPRESSIONS, max_size=3))
def test_labels_are_selected_as_the_simulated_api_server_selects_them(
    labels: dict[str, str], required: dict[str, str], expressions: list[dict[str, object]]
) -> None:
    given_selector = {"matchLabels": required, "matchExpressions": expressions}

    selector = parse(Raw(encode(given_selector)))

    assert selector.matches(labels) is selects(given_selector, labels)


@pytest.mark.parametrize(
    ("operator", "of_a_value", "of_another", "of_none"),
    [
        pytest.param("In", True, False, False, id="In"),
        pytest.param("NotIn", False, True, True, id="NotIn"),
        pytest.param("Exists", True, True, False, id="Exists"),
        pytest.param("DoesNotExist", False, False, True, id="DoesNotExist"),
    ],
)
def test_an_operator_says_what_a_label_must_be_like(
    operator: str, of_a_value: bool, of_another: bool, of_none: bool
) -> None:
    values = {"values": ["a"]} if operator in {"In", "NotIn"} else {}
    expression = {"key": "team", "operator": operator, **values}
    selector = parse(Raw(encode({"matchExpressions": [expression]})))

    assert selector.matches({"team": "a"}) is of_a_value
    assert selector.matches({"team": "b"}) is of_another
    assert selector.matches({"tier": "a"}) is of_none


@given(LABELS, LABELS)
def test_a_plain_map_means_match_labels(labels: dict[str, str], required: dict[str, str]) -> None:
    short, long = parse(Raw(encode(required))), parse(Raw(encode({"matchLabels": required})))

    assert short.matches(labels) is long.matches(labels)


def test_a_value_that_is_not_text_is_not_a_selector() -> None:
    with pytest.raises(MalformedSelector, match="it is not a map"):
        parse(Raw(b'{"team": "\xff"}'))


@pytest.mark.parametrize(
    ("given_selector", "sentence"),
    [
        pytest.param(
            {"matchExpressions": [{"key": "team", "operator": "In", "values": ["-"]}]},
            "the value of team is not a valid label value",
            id="a value in an expression",
        ),
        pytest.param(
            {"te\nam\u00e9": 1},
            "the value of te?am? is not a string, put it in quotes",
            id="unprintable",
        ),
        pytest.param(
            {"x" * 201: 1},
            f"the value of {'x' * 197}... is not a string, put it in quotes",
            id="without end",
        ),
    ],
)
def test_what_is_wrong_in_a_selector_is_named_so_that_a_status_can_show_it(
    given_selector: dict[str, object], sentence: str
) -> None:
    with pytest.raises(MalformedSelector) as refused:
        parse(Raw(encode(given_selector)))

    assert str(refused.value) == sentence
