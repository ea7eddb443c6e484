"""What checking 1 MiB of YAML costs: once for a new content, and nothing for the same one again."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from tests.benchmarks import grown
from tests.benchmarks.hook import cpu_time
from tests.benchmarks.ratio import Ratio
from tests.conditions import ready

_ROUNDS: Final = 5
_KEY: Final = "services.yaml"
_BYTES: Final = 1024 * 1024
_FIRST_LIMIT: Final = 1.0
_SECOND_LIMIT: Final = 1.25


def measure() -> Iterator[Ratio]:
    """CPU time of the first and of the second sync of a content of 1 MiB of YAML."""
    yield Ratio.of_pairs(
        f"Hook, CPU time, first sync of {_BYTES:,} bytes of YAML with a rule for its format",
        "yaml.load of the same YAML, with libyaml",
        [_first(number) for number in range(_ROUNDS)],
        _FIRST_LIMIT,
    )
    yield Ratio.of_pairs(
        f"Hook, CPU time, second sync of {_BYTES:,} bytes of YAML with a rule for its format",
        "the same sync without the rule",
        _second(),
        _SECOND_LIMIT,
    )


def _first(number: int) -> tuple[float, float]:
    app = grown.application()
    text = plain_text(number)
    body = request_of(text, [{"format": "YAML"}])
    return (
        cpu_time(lambda: ask(app, body)),
        cpu_time(lambda: yaml.load(text, Loader=yaml.CSafeLoader)),
    )


def _second() -> Iterable[tuple[float, float]]:
    app = grown.application()
    text = plain_text(_ROUNDS)
    ruled, unruled = request_of(text, [{"format": "YAML"}]), request_of(text, None)
    ask(app, ruled)
    return [
        (cpu_time(lambda: ask(app, ruled)), cpu_time(lambda: ask(app, unruled)))
        for _ in range(4 * _ROUNDS)
    ]


def ask(app: Any, body: bytes, expected: str = "Progressing") -> None:
    """One sync; RuntimeError where it is not the one that it is said to be."""
    answer = json.loads(grown.ask(app, io.BytesIO(body), len(body)))
    reason = ready(answer["status"])["reason"]
    if reason != expected:
        raise RuntimeError(f"not {expected} but {reason}")


def plain_text(number: int) -> str:
    """Settings as people write them; each number gives another text."""
    lines = [f"revision: {number}\n"]
    size = len(lines[0])
    for service in range(_BYTES):
        entry = (
            f"service-{service:05}:\n  image: registry.example.com/team/service:{service}\n"
            f"  replicas: 3\n  environment:\n    - name: LOG_LEVEL\n      value: info\n"
        )
        size += len(entry)
        if size > _BYTES - 1024:
            return "".join(lines)
        lines.append(entry)
    raise AssertionError


def request_of(text: str, rules: Any) -> bytes:
    """A request in which the source holds a text, and spec.validation these rules."""
    request = grown.recorded()
    spec = request["parent"]["spec"]
    if rules is not None:
        spec["validation"] = rules
    source = f"{spec['sourceNamespace']}/{spec['sourceConfigMap']}"
    request["related"]["ConfigMap.v1"][source]["data"] = {_KEY: text}
    return grown.encoded(request)
