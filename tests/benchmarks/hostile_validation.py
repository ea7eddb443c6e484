"""What checking costs where a content or a schema is made to cost much: once, and nothing again.

Compared with the same sync of a content that nobody has made for that: the first sync with 1 MiB of
settings, which is the most that a content can hold; the second one with as many bytes.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hooks.validation import verdict
from tests.benchmarks import grown
from tests.benchmarks.hook import cpu_time
from tests.benchmarks.ratio import Ratio
from tests.benchmarks.validation import ask, plain_text, request_of
from tests.hostile_contents import HOSTILE_CONTENTS, HostileContent

_ROUNDS: Final = 3
_SECOND_ROUNDS: Final = 20
_FIRST_LIMITS: Final[Mapping[str, float]] = {
    "an alias bomb": 0.1,
    "200,000 nested levels": 0.1,
    "1 MiB in flow style": 2.0,
    "a pattern that could backtrack": 0.2,
    "a schema of 200 KB": 0.4,
    "an allOf that doubles": 0.6,
    "a $ref that loops": 0.1,
    "50,000 unique items": 0.8,
    "50,000 unique items a hundred times": 2.5,
}
_SECOND_LIMIT: Final = 1.5
_YAML: Final = ({"format": "YAML"},)


def measure() -> Iterator[Ratio]:
    """CPU time of the first and of the second sync of each hostile content."""
    for name, hostile in HOSTILE_CONTENTS.items():
        yield Ratio.of_pairs(
            f"Hook, CPU time, first sync of {name}",
            "the first sync of 1 MiB of YAML with a rule for its format",
            [_first(hostile, number) for number in range(_ROUNDS)],
            _FIRST_LIMITS[name],
        )
        yield Ratio.of_pairs(
            f"Hook, CPU time, second sync of {name}",
            "the second sync of as many plain bytes with a rule for their format",
            _second(hostile),
            _SECOND_LIMIT,
        )


def _first(hostile: HostileContent, number: int) -> tuple[float, float]:
    app = grown.application()
    body, plain = _request(hostile, number), request_of(plain_text(number), _YAML)
    verdict.forget()
    return (
        cpu_time(lambda: ask(app, body, _reason(hostile))),
        cpu_time(lambda: ask(app, plain)),
    )


def _second(hostile: HostileContent) -> Iterator[tuple[float, float]]:
    app = grown.application()
    body = _request(hostile, _ROUNDS)
    text = json.dumps("a" * max(0, len(hostile.text) - 2))
    plain = request_of(text, [{"format": hostile.rule["format"]}])
    ask(app, body, _reason(hostile))
    ask(app, plain)
    for _ in range(_SECOND_ROUNDS):
        yield (
            cpu_time(lambda: ask(app, body, _reason(hostile))),
            cpu_time(lambda: ask(app, plain)),
        )


def _request(hostile: HostileContent, number: int) -> bytes:
    """A request that no other number gives: neither its rule nor its content was read before."""
    rule: dict[str, Any] = dict(hostile.rule)
    if "schema" in rule:
        rule["schema"] = rule["schema"] | {"title": str(number)}
    return request_of(hostile.text + "\n" * number, [rule])


def _reason(hostile: HostileContent) -> str:
    return "Progressing" if hostile.problem is None else "ContentInvalid"
