"""Laws of the choice of keys: nothing but the source's, nothing lost, nothing twice."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hooks.resolve.keys import Fault, NoSelection, select
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer

NAMES = st.text("ab.", min_size=1, max_size=4)
PATTERNS = st.text("ab.*?", min_size=1, max_size=4)


def asking(keys: list[str], rename_keys: dict[str, str] | None = None) -> Syncer:
    source = SourceReference("default", "app-config")
    return Syncer(
        "sample",
        "uid",
        source,
        NamespaceSelection(["dev"]),
        keys=keys,
        rename_keys=rename_keys or {},
    )


@given(st.sets(NAMES), st.lists(PATTERNS), st.dictionaries(NAMES, NAMES, max_size=3))
def test_every_selected_key_is_in_the_source_and_has_a_name_of_its_own(
    present: set[str], patterns: list[str], renames: dict[str, str]
) -> None:
    names = select(asking(patterns, renames), present)

    if isinstance(names, NoSelection):
        return
    assert names.keys() <= present
    assert len(set(names.values())) == len(names)
    assert renames.keys() <= names.keys()
    assert all(names[key] == renames.get(key, key) for key in names)
    expected = {key for key in present if any(fnmatchcase(key, p) for p in patterns or ["*"])}
    assert names.keys() == expected


@given(st.sets(NAMES), st.lists(PATTERNS))
def test_order_and_repetition_do_not_matter(present: set[str], patterns: list[str]) -> None:
    once = select(asking(patterns), present)

    assert select(asking([*reversed(patterns), *patterns]), sorted(present)) == once


@given(st.sets(NAMES), st.lists(PATTERNS))
def test_a_selection_is_refused_only_when_a_requested_key_is_missing(
    present: set[str], patterns: list[str]
) -> None:
    lacking = [p for p in patterns if not any(fnmatchcase(key, p) for key in present)]

    names = select(asking(patterns), present)

    assert isinstance(names, NoSelection) is bool(lacking)


@pytest.mark.parametrize(
    ("keys", "renames", "fault", "message"),
    [
        pytest.param(
            ["a", "x", "y.*"], {}, Fault.KEY_NOT_FOUND, "has no keys x and y.*, which spec.keys",
            id="a name and a glob that match nothing",
        ),
        pytest.param(
            [], {"x": "a"}, Fault.KEY_NOT_FOUND, "has no key x, which spec.renameKeys",
            id="a renamed key that is not there",
        ),
        pytest.param(
            [], {"a": "b"}, Fault.KEYS_COLLIDE, "the keys a and b would both become b",
            id="a name that another key has",
        ),
        pytest.param(
            list("vwxyz"), {}, Fault.KEY_NOT_FOUND, "has no keys v, w, x and 2 more, which",
            id="many keys are counted",
        ),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_selected_is_named(
    keys: list[str], renames: dict[str, str], fault: Fault, message: str
) -> None:
    found = select(asking(keys, renames), ["a", "b"])

    assert isinstance(found, NoSelection)
    assert found.fault is fault
    assert message in found.message


def test_keys_may_change_places() -> None:
    assert select(asking([], {"a": "b", "b": "a"}), ["a", "b"]) == {"a": "b", "b": "a"}


def test_a_glob_matches_whole_keys_and_upper_case_is_another_case() -> None:
    assert select(asking(["a?"]), ["ab", "abc", "xab", "Ab"]) == {"ab": "ab"}
