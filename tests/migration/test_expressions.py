"""A regular expression becomes globs only where those match the same names in every tool."""

import re
from itertools import product

import pytest

from hooks.migration import expressions
from hooks.spec.globs import Patterns

SAME = {
    "dev": ["dev"],
    " dev ": ["dev"],
    "^dev$": ["dev"],
    "team-.*": ["team-*"],
    "team-.+": ["team-?*"],
    "team-.": ["team-?"],
    ".*": ["*"],
    "(a|b)-(x|y)": ["a-x", "a-y", "b-x", "b-y"],
    "(?:a|b)-.*": ["a-*", "b-*"],
}


@pytest.mark.parametrize("expression", SAME)
def test_an_expression_becomes_globs_that_match_the_same(expression: str) -> None:
    assert expressions.globs(expression) == SAME[expression]


@pytest.mark.parametrize("expression", SAME)
def test_no_name_is_matched_by_one_and_not_by_the_other(expression: str) -> None:
    globs = Patterns.of(SAME[expression])
    pieces = ("", "a", "b", "x", "y", "dev", "team-", "-", "1")
    for name in map("".join, product(pieces, repeat=3)):
        # Names of namespaces are not empty.
        if name:
            whole = re.fullmatch(expression.strip(), name) is not None
            assert (name, globs.matches(name)) == (name, whole)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "^",
        "ns-[0-9]+",
        "a*",
        "a+",
        "a{2}",
        ".{3}",
        ".?",
        ".*?",
        "a|b",
        "(a|ab)",
        "(a|b)*",
        "(a|)",
        r"a\.b",
        r"\d",
        "(a(b|c))",
        "(?!a).*",
        "A",
        "(",
        "-".join(["(a|b|c|d|e)"] * 3),
    ],
)
def test_what_no_glob_can_say_becomes_none(expression: str) -> None:
    assert expressions.globs(expression) is None
