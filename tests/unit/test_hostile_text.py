"""Whatever others write, the API server takes the status, and a terminal can show it."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hooks.api import protocol
from hooks.api.deferred import Deferred
from hooks.api.protocol import MalformedRequest
from hooks.api.text import as_fragment, excerpt, named
from hooks.finalize import finalize
from hooks.preview.simulator.schema import Schema
from hooks.sync import sync
from tests.cases import Case, cases

SCHEMA: Final = Schema.load()
CASES: Final = tuple(
    case for case in cases() if case.hook in ("sync", "finalize") and len(case.body) < 50_000
)
PARTS: Final = 6
"""Every part takes other cases; one is enough for every day."""

LARGEST_STATUS: Final = 256 * 1024
LONGEST_LINE: Final = 1_000
HOSTILE: Final = (
    "\x1b[31mred\x07",
    "two\nlines\r\u2028and\u2029more",
    "\u202eright to left\u2066",
    "\x7f\x9b\x00\ufeff\U000e0041",
    "`kubectl delete namespaces --all`",
    "\u00fc\u4e2d\U0001f600",
    "",
    "-",
    "x" * 2_000,
    "\x1b" * 2_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_excerpt_is_one_short_line_without_commands(text: str) -> None:
    shown = excerpt(text)

    assert len(shown) <= 200
    assert all(" " <= character <= "~" and character != "`" for character in shown)


def test_an_excerpt_keeps_what_kubernetes_allows_in_names() -> None:
    assert excerpt("example.com/keep-0_1") == "example.com/keep-0_1"


def test_an_excerpt_says_that_it_is_cut() -> None:
    assert excerpt("x" * 201) == f"{'x' * 197}..."


@pytest.mark.parametrize(
    ("sentence", "fragment"), [("It is gone.", "it is gone"), ("X", "x"), ("", "")]
)
def test_a_sentence_can_stand_in_another(sentence: str, fragment: str) -> None:
    assert as_fragment(sentence) == fragment


def test_names_in_a_sentence_are_cleaned() -> None:
    assert named(["\x1b", "b"]) == "? and b"


@pytest.mark.no_cover  # Traced, it takes twice as long, and reaches nothing new.
@pytest.mark.parametrize(
    "what",
    [
        *("spec", "status", "controller", "finalizers", "labels", "annotations"),
        *("data", "type", "managedFields", "everything"),
    ],
)
@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.long) for part in range(1, PARTS))]
)
@settings(max_examples=2, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32))
def test_every_status_is_valid_within_its_bound_and_printable(
    what: str, part: int, seed: int
) -> None:
    chance = Random(seed)
    for case in CASES[part::PARTS]:
        _check(replace(case, request=_poisoned(case.request, what, chance)))


def _check(case: Case) -> None:
    decide = {"sync": sync, "finalize": finalize}[case.hook]
    refusal = ""
    try:
        response = decide(protocol.decode_sync(case.body), case.settings.options, case.now)
    except MalformedRequest as malformed:
        refusal = str(malformed)
    if refusal:
        assert refusal.isprintable()
        assert len(refusal) < LONGEST_LINE
        return
    if isinstance(response, Deferred):
        return
    status = json.loads(protocol.encode(response.status))
    assert [str(found) for found in SCHEMA.status_violations(status)] == []
    assert len(json.dumps(status)) <= LARGEST_STATUS
    unprintable = [text for text in _texts(status) if not (text.isascii() and text.isprintable())]
    assert unprintable == []


def _poisoned(request: Any, what: str, chance: Random) -> Any:
    """A request in which much of what anybody may write is hostile.

    Names, uids and versions of objects are the API server's, which checks or makes them.
    """
    request = copy.deepcopy(request)
    parent = request["parent"]
    for field in ("spec", "status"):
        if field in parent and what in (field, "everything"):
            parent[field] = _spoiled(parent[field], chance, 0.2)
    for part in ("children", "related"):
        for group in (request.get(part) or {}).values():
            for item in (group or {}).values():
                _spoil_object(item, what, chance)
    return request


def _spoil_object(item: Any, what: str, chance: Random) -> None:
    metadata = item["metadata"]

    def is_hit(*names: str) -> bool:
        return what in (*names, "everything") and chance.random() < 0.7

    if is_hit("controller"):
        owner = {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "x"}
        metadata["ownerReferences"] = [_spoiled(owner, chance, 0.5) | {"controller": True}]
    if is_hit("finalizers"):
        metadata["finalizers"] = [_hostile(chance)[:300] for _ in range(300)]
    for field, names in (
        ("labels", ("synced-by", "controller-uid")),
        ("annotations", ("config.example.com/source", "config.example.com/allow-sync-to")),
    ):
        if is_hit(field):
            texts = {name: _hostile(chance) for name in names if chance.random() < 0.7}
            metadata[field] = (metadata.get(field) or {}) | texts
    for field in ("data", "binaryData", "type"):
        if field in item and is_hit("type" if field == "type" else "data"):
            item[field] = _spoiled(item[field], chance, 0.3)
    if "managedFields" in metadata and is_hit("managedFields"):
        metadata["managedFields"] = _spoiled(metadata["managedFields"], chance, 0.2)


def _spoiled(value: Any, chance: Random, share: float) -> Any:
    """JSON in which keys and texts are replaced, each by chance."""
    if isinstance(value, dict):
        return {
            _hostile(chance) if chance.random() < share / 4 else key: _spoiled(item, chance, share)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_spoiled(item, chance, share) for item in value]
    if isinstance(value, str) and chance.random() < share:
        return _hostile(chance)
    return value


def _hostile(chance: Random) -> str:
    return chance.choice(HOSTILE)


def _texts(value: Any) -> Iterator[str]:
    """Every text in JSON."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
