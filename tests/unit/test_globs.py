"""Globs match as the shell's do, and cost what the names and patterns are long, however twisted."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.spec.globs import Patterns
from tests.fuzzing.work import counted

NAMES = st.text("ab-", max_size=6)
PATTERNS = st.lists(st.text("ab-*?", min_size=1, max_size=6), max_size=5)


@given(NAMES, PATTERNS)
def test_a_name_is_matched_as_the_shell_matches_it(name: str, patterns: list[str]) -> None:
    expected = any(fnmatchcase(name, pattern) for pattern in patterns)

    assert Patterns.of(patterns).matches(name) is expected


@given(st.lists(NAMES, unique=True), PATTERNS)
def test_a_selection_is_what_any_pattern_matches_and_the_patterns_that_match_nothing(
    names: list[str], patterns: list[str]
) -> None:
    selection = Patterns.of(patterns).select(names)

    assert selection.names == [n for n in names if any(fnmatchcase(n, p) for p in patterns)]
    unmatched = {p for p in patterns if not any(fnmatchcase(n, p) for n in names)}
    assert sorted(selection.unmatched) == sorted(unmatched)


@given(NAMES, NAMES)
def test_a_glob_matches_whole_names_alone(name: str, other: str) -> None:
    glob = Patterns.of([f"x{name}*"])

    assert glob.matches(f"x{name}{other}")
    assert not glob.matches(f"yx{name}")
    assert not Patterns.of([f"x{name}"]).matches(f"x{name}\n")


TWISTED = {
    "nothing": [],
    "one glob": ["team-*"],
    "names": [f"team-{number}" for number in range(10_000)],
    "a hundred globs that could backtrack": [f"{'*a' * 20}*{number}" for number in range(100)],
    "ten thousand globs": [f"*{number}*x" for number in range(10_000)],
    "questions": ["?" * length for length in range(1, 64)],
}


@pytest.mark.parametrize("patterns", TWISTED.values(), ids=TWISTED)
def test_a_name_takes_a_few_steps_for_each_character_whatever_the_patterns_are_like(
    patterns: list[str],
) -> None:
    ready = Patterns.of(patterns)

    _, lines = counted(lambda: ready.matches("a" * 63))

    assert lines < 5 * 63 + 10


def test_getting_ready_takes_a_few_steps_for_each_pattern() -> None:
    def lines(number: int) -> int:
        return counted(lambda: Patterns.of([f"*{n:06}*x" for n in range(number)]))[1]

    assert lines(2_000) < 2.1 * lines(1_000)
