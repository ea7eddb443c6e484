"""What dynamic apply makes of what is there, what it wrote last, and what it wants now."""

from typing import Any

import pytest

from hooks.preview.simulator.three_way_merge import merge


@pytest.mark.parametrize(
    ("observed", "last_applied", "desired", "expected"),
    [
        pytest.param(
            {"data": {"a": "1", "b": "1", "foreign": "1"}},
            {"data": {"a": "1", "b": "1"}},
            {"data": {"a": "2"}},
            {"data": {"a": "2", "foreign": "1"}},
            id="what was desired and is no longer goes, what others added stays",
        ),
        pytest.param(
            {"data": {"a": "1", "foreign": "1"}, "kind": "ConfigMap"},
            {"data": {"a": "1"}},
            {},
            {"kind": "ConfigMap"},
            id="a map that is no longer desired is removed with what others added",
        ),
        pytest.param(
            {"data": {"a": "edited"}},
            {"data": {"a": "1"}},
            {"data": {"a": "1"}},
            {"data": {"a": "1"}},
            id="an edit is put back",
        ),
        pytest.param(
            {}, None, {"data": {"a": "1"}}, {"data": {"a": "1"}}, id="nothing was written before"
        ),
        pytest.param(
            {"owners": [{"name": "a", "uid": "1"}, {"name": "b", "uid": "2"}]},
            {"owners": [{"name": "b", "uid": "2"}]},
            {"owners": [{"name": "c", "uid": "3"}]},
            {"owners": [{"name": "a", "uid": "1"}, {"name": "c", "uid": "3"}]},
            id="a list of maps is merged by its key, what is new comes last",
        ),
        pytest.param(
            {"owners": [{"name": "a", "uid": "1", "controller": True}]},
            None,
            {"owners": [{"name": "a", "uid": "2"}]},
            {"owners": [{"name": "a", "uid": "2", "controller": True}]},
            id="two owners of one name are taken for one",
        ),
        pytest.param(
            {"finalizers": ["a"]},
            {"finalizers": ["b"]},
            {"finalizers": ["c"]},
            {"finalizers": ["c"]},
            id="any other list is replaced",
        ),
        pytest.param(
            {"list": [{"path": "a"}, {"kind": "b"}]},
            None,
            {"list": []},
            {"list": []},
            id="maps without a key in common are replaced",
        ),
        pytest.param(
            {"data": {"a": "1", "b": "2"}},
            {"data": ["a"]},
            {"data": {"a": "3"}},
            {"data": {"a": "3", "b": "2"}},
            id="a list that was written where a map is counts as empty",
        ),
        pytest.param(
            {"list": [{"name": "a"}]},
            {"list": {"name": "a"}},
            {"list": [{"name": "b"}]},
            {"list": [{"name": "a"}, {"name": "b"}]},
            id="a map that was written where a list is counts as empty",
        ),
    ],
)
def test_a_difference_is_made_in_what_is_there(
    observed: Any, last_applied: Any, desired: Any, expected: Any
) -> None:
    assert merge(observed, last_applied, desired) == expected
