"""What others write costs as much as it is long, and nothing costs its square."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from hooks.api import protocol
from hooks.api.options import HookOptions
from tests.benchmarks.hostile import SITUATIONS, encoded
from tests.conditions import ready
from tests.fuzzing.calls import HookCall
from tests.fuzzing.work import counted

NUMBER = 400


def call(what: str, number: int, hook: str = "sync") -> HookCall:
    return HookCall(hook, HookOptions(), encoded(SITUATIONS[what].make(number)))


@pytest.mark.parametrize("what", SITUATIONS)
def test_a_hostile_request_is_the_situation_that_it_is_said_to_be(what: str) -> None:
    answer = json.loads(call(what, NUMBER).answer())

    assert ready(answer["status"])["reason"] == SITUATIONS[what].reason


@pytest.mark.parametrize("hook", ["sync", "finalize", "customize"])
@pytest.mark.parametrize("what", SITUATIONS)
def test_twice_as_many_of_anything_cost_at_most_twice_the_steps(what: str, hook: str) -> None:
    once, twice = call(what, NUMBER, hook), call(what, 2 * NUMBER, hook)

    _, lines = counted(once.answer)
    _, more_lines = counted(twice.answer)

    assert more_lines < 2.1 * lines
    assert more_lines < 4 * len(twice.body)


@pytest.mark.parametrize("what", SITUATIONS)
def test_maps_are_sorted_before_they_are_encoded(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How long msgspec takes to sort one that is not can grow with the square.
    encoder = protocol._ENCODER

    class Watching:
        def encode(self, value: object) -> bytes:
            for values in maps(msgspec.to_builtins(value, builtin_types=[msgspec.Raw])):
                assert len(values) < NUMBER or list(values) == sorted(values)
            return encoder.encode(value)

    monkeypatch.setattr(protocol, "_ENCODER", Watching())

    call(what, NUMBER).answer()


def maps(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for part in value.values():
            yield from maps(part)
    elif isinstance(value, list):
        for part in value:
            yield from maps(part)
