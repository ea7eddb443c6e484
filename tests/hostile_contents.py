"""Contents and schemas that are made to cost much: for the tests of what is said, and of the cost.

What a check of one may cost is counted; see hooks/validation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TOO_COSTLY: Final = "is too costly to check; make it smaller, or simplify the rules"
TOO_DEEP: Final = "has more than 64 levels of nesting; make it flatter"
_MEBIBYTE: Final = 1024 * 1024
_ROOM: Final = 1024
"""So many bytes of 1 MiB are left for the rest of a ConfigMap."""


@dataclass(frozen=True, slots=True)
class HostileContent:
    """A text with the rule that it is checked by, and what is found; None where it is valid."""

    text: str
    rule: Mapping[str, Any] = field(default_factory=lambda: {"format": "YAML"})
    problem: str | None = TOO_COSTLY


def alias_bomb(levels: int = 10) -> str:
    """YAML in which every level has ten aliases of the one before."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


def nested(levels: int) -> str:
    """YAML with as many lists, each in the one before."""
    return "- " * levels


def flow_style(size: int) -> str:
    """YAML of about so many bytes that is one list in brackets."""
    return "[" + "a, " * (size // 3 - 1) + "a]"


def doubling(levels: int) -> Any:
    """A schema in which every level refers twice to the one before."""
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for level in range(1, levels):
        definitions[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * 2}
    return {"$defs": definitions, "$ref": f"#/$defs/d{levels - 1}"}


def many_properties(number: int) -> Any:
    """A schema of items that names many properties: 11 bytes for each."""
    return {"items": {"properties": {f"p{each}": {} for each in range(number)}}}


def checked(schema: Any, value: Any, problem: str | None = TOO_COSTLY) -> HostileContent:
    """A value that is checked by a schema."""
    return HostileContent(json.dumps(value), {"format": "JSON", "schema": schema}, problem)


_BACKTRACKING: Final = "does not satisfy pattern of the schema; correct it, or the schema"

HOSTILE_CONTENTS: Final[Mapping[str, HostileContent]] = {
    "an alias bomb": HostileContent(alias_bomb()),
    "200,000 nested levels": HostileContent(nested(200_000), problem=TOO_DEEP),
    "1 MiB in flow style": HostileContent(flow_style(_MEBIBYTE - _ROOM)),
    "a pattern that could backtrack": checked(
        {"pattern": "^(a+)+$"}, "a" * 1_000_000 + "b", _BACKTRACKING
    ),
    "a schema of 200 KB": checked(many_properties(16_500), [{}] * 1_000),
    "an allOf that doubles": checked(doubling(40), 1),
    "a $ref that loops": checked({"$ref": "#"}, 1),
    "50,000 unique items": checked({"uniqueItems": True}, list(range(50_000)), None),
    "50,000 unique items a hundred times": checked(
        {"allOf": [{"uniqueItems": True}] * 100}, list(range(50_000))
    ),
}
