"""Fuzz the rules for contents: hostile texts and schemas, without a request around them.

What a text means to its parser is behind its first thousand characters, so pieces that mean
something are put together and repeated. A finding is the JSON of the rules and the text.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from hooks.resolve.source import NoContent
from hooks.spec.content_rules import UnusableRulesError
from hooks.validation import verdict
from hooks.validation.budget import STEPS
from tests.fuzzing.report import FuzzReport
from tests.fuzzing.work import counted
from tests.validating import content, secret_content, syncer

_MARK: Final = "never-tell-x"
_LINES_PER_STEP: Final = 40
"""How many lines of Python one step of the budget may run."""
_LINES_PER_BYTE: Final = 2
_COUNTED: Final = 40
_LONGEST_COUNTED: Final = 20_000
"""One in so many is counted, which takes much longer."""

_YAML: Final = (
    *("a: ", "- ", "? ", ": ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "|\n  ", ">-\n  "),
    *("&a ", "*a ", "<<: *a\n", "!!str ", "!x ", "--- ", "...\n", "%TAG ! x:\n", "# \n", "'", '"'),
    *(
        "\t",
        "\0",
        "\u2028",
        "\ufeff",
        "é",
        "0x_",
        "1e999",
        ".inf",
        ".nan",
        "~",
        "yes",
        "1:30",
        "=",
        "<<",
    ),
    *(_MARK, f"{_MARK}: ", f"'{_MARK}' "),
)
_JSON: Final = (
    *("{", "}", "[", "]", ",", ":", '"a"', '"a":', '"\\ud800"', '"\\u0061":', "1", "-0.0", "1e999"),
    *("NaN", "-Infinity", "true", "null", " ", "\n", "9" * 400, f'"{_MARK}"', f'"{_MARK}":', "\\"),
)
_PEM: Final = (
    *(
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----",
    ),
    *(
        "-----END PRIVATE KEY-----\n",
        "MAA=\n",
        "AAAA",
        "\r\n",
        "\n",
        "DEK-Info: x\n",
        "-----",
        _MARK,
    ),
)
_SCALARS: Final[Sequence[Any]] = (
    None,
    True,
    0,
    1,
    -1,
    0.1,
    1e308,
    2**61 - 1,
    "",
    "a",
    "x" * 300,
    [],
    {},
    [1],
    {"a": 1},
)
_PATTERNS: Final = (
    "a",
    "^(a+)+$",
    "(a?){30}a{30}",
    ".*.*=",
    "(?=a)",
    "[",
    "\\p{L}+",
    "(((a?){30}){30})b",
)
_APPLICATORS: Final = (
    "not",
    "if",
    "then",
    "else",
    "items",
    "contains",
    "additionalProperties",
    "propertyNames",
)
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS: Final = ("properties", "patternProperties", "dependentSchemas", "$defs")
_PLAIN: Final = (
    *(
        "type",
        "enum",
        "const",
        "required",
        "minimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
    ),
    *(
        "maxItems",
        "uniqueItems",
        "minContains",
        "dependentRequired",
        "pattern",
        "$ref",
        "$dynamicRef",
    ),
    *("$anchor", "$id", "$schema", "unevaluatedItems", "format", "x"),
)
_VALUES: Final = (
    *_SCALARS,
    *(
        "object",
        "array",
        "string",
        ["string", "null"],
        "#",
        "#/$defs/a",
        "#a",
        "https://example.com/x",
    ),
    *(["a"], ["a", "b"], {"a": ["a"]}, *_PATTERNS),
)


class BrokenVerdict(Exception):
    """A verdict that does not keep what all must keep."""


def fuzz(seconds: int, seed: int, findings: Path) -> FuzzReport:
    """Run for so many seconds, or until a verdict breaks what all must keep."""
    random = Random(seed)
    end = time.monotonic() + seconds
    verdicts = {"valid": 0, "invalid": 0, "unusable rules": 0}
    while time.monotonic() < end:
        given = drawn(random)
        try:
            verdicts[judge(given, is_counted=random.randrange(_COUNTED) == 0)] += 1
        except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
            written = json.dumps(given).encode()
            file = findings / f"contents-{hashlib.sha256(written).hexdigest()[:16]}"
            file.write_bytes(written)
            return FuzzReport("contents", seed, (repr(error),), (file,), is_broken=True)
    numbers = ", ".join(f"{number:,} {what}" for what, number in verdicts.items())
    return FuzzReport("contents", seed, (f"{sum(verdicts.values()):,} contents: {numbers}",))


def replay(file: Path) -> None:
    """Check what a finding checked. Raises what it raised."""
    judge(json.loads(file.read_bytes()), is_counted=True)


def drawn(random: Random) -> Any:
    """Rules and a text, with whether it is of a Secret."""
    of_format, pieces = random.choice(
        (("YAML", _YAML), ("JSON", _JSON), ("PEM", _PEM), (None, _YAML))
    )
    rule: dict[str, Any] = {} if of_format is None else {"format": of_format}
    if of_format is None or (of_format != "PEM" and random.random() < 0.7):
        rule["schema"] = _schema(random, 4)
    text = json.dumps(_value(random, 5)) if random.random() < 0.3 else _text(random, pieces)
    text = text[: 1024 * 1024]
    return {"validation": [rule], "text": text, "is_secret": random.random() < 0.3}


def judge(given: Any, *, is_counted: bool) -> str:
    """Check, and check the verdict. Raises BrokenVerdict, and whatever is let through."""
    text = given["text"].encode(errors="replace").decode()
    try:
        rules = syncer(given["validation"], is_secret=given["is_secret"])
    except UnusableRulesError:
        return "unusable rules"
    held = secret_content({"key": text.encode()}) if given["is_secret"] else content({"key": text})

    def found() -> NoContent | None:
        verdict.forget()
        return verdict.refusal(held, rules)

    is_counted = is_counted and len(text) <= _LONGEST_COUNTED
    refused, lines = counted(found) if is_counted else (found(), 0)
    if refused != found() or refused != verdict.refusal(held, rules):
        raise BrokenVerdict("the same content has two verdicts")
    most = STEPS * _LINES_PER_STEP + len(text) * _LINES_PER_BYTE
    if lines > most:
        raise BrokenVerdict(f"{lines:,} lines of work, and {most:,} are allowed")
    if refused is None:
        return "valid"
    if _MARK in refused.message and _MARK not in json.dumps(given["validation"]):
        raise BrokenVerdict("a value is shown")
    return "invalid"


def _text(random: Random, pieces: tuple[str, ...]) -> str:
    parts = []
    for _ in range(random.choice((1, 2, 4, 8, 16))):
        piece = "".join(random.choices(pieces, k=random.choice((1, 2, 3, 5))))
        parts.append(piece * random.choice((1, 1, 1, 2, 70, 1_000, 20_000)))
    return "".join(parts)


def _value(random: Random, levels: int) -> Any:
    if levels == 0 or random.random() < 0.3:
        return random.choice((*_SCALARS, _MARK, {_MARK: _MARK}))
    if random.random() < 0.5:
        item = _value(random, levels - 1)
        return [item, _value(random, levels - 1)] * random.choice((1, 1, 2, 50))
    return {name: _value(random, levels - 1) for name in random.sample(("a", "b", "c", _MARK), 2)}


def _schema(random: Random, levels: int) -> Any:
    if random.random() < 0.1:
        return random.random() < 0.7
    schema: dict[str, Any] = {}
    for _ in range(random.choice((1, 2, 3, 5))):
        if levels == 0 or random.random() < 0.4:
            schema[random.choice(_PLAIN)] = random.choice(_VALUES)
            continue
        inner = _schema(random, levels - 1)
        match random.randrange(3):
            case 0:
                schema[random.choice(_APPLICATORS)] = inner
            case 1:
                schema[random.choice(_LISTS)] = [inner] * random.choice((1, 2, 2, 30))
            case _:
                schema[random.choice(_MAPS)] = {random.choice(("a", "b", *_PATTERNS)): inner}
    return schema
