"""Print objects the way kubectl does, so that what one reads here is what one will read there.

Facts: the printer columns of the custom resource definition, kubectl's table printer, and
apimachinery's `HumanDuration` for ages. Values of ConfigMaps are never printed, only their keys.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from hooks.preview.simulator.objects import Object, name_of

_PADDING: Final = 3
_NARROWEST: Final = 6
_STEP: Final = re.compile(
    r"""\.(?P<name>[^.\[]+)|\[(?P<names>'[^\]]*')\]|\[\?\(@\.(?P<key>[^=\s]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]"""
)
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


class Column(Protocol):
    """One of `additionalPrinterColumns`."""

    @property
    def name(self) -> str:
        """The header."""

    @property
    def type(self) -> str:
        """The OpenAPI type; `date` is printed as an age."""

    @property
    def json_path(self) -> str:
        """Where in the object the value stands."""

    @property
    def priority(self) -> int:
        """Above zero: only shown by `-o wide`."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of columns, three spaces apart, headers in upper case."""
    lines = [[header.upper() for header in headers], *(list(row) for row in rows)]
    widths = [
        max(_NARROWEST, _PADDING + max(len(line[column]) for line in lines))
        for column in range(len(headers) - 1)
    ]
    return "\n".join(
        (
            "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1]
        ).rstrip()
        for line in lines
    )


def syncers(
    columns: Sequence[Column], items: Iterable[Object], now: datetime, *, is_wide: bool = False
) -> str:
    """The table of `kubectl get configmapsyncers`, or with `-o wide`."""
    shown = [column for column in columns if is_wide or column.priority == 0]
    return table(
        ["name", *(column.name for column in shown)],
        ([name_of(item), *(_cell(column, item, now) for column in shown)] for item in items),
    )


def age(since: datetime, now: datetime) -> str:
    """How long ago, as kubectl writes it: `0s`, `3m12s`, `5h`, `12d`."""
    seconds = max(0, int((now - since).total_seconds()))
    table_of_units = (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    )
    for limit, unit, letter, smaller, small_letter in table_of_units:
        if seconds < limit:
            rest = (seconds % unit) // smaller if smaller else 0
            return f"{seconds // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")
    return f"{seconds // _YEAR}y"


def _cell(column: Column, item: Object, now: datetime) -> str:
    value = _find(item, column.json_path)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str() if column.type == "date":
            return _age_of(value, now)
        case _:
            return str(value).splitlines()[0] if str(value) else ""


def _age_of(value: str, now: datetime) -> str:
    try:
        return age(datetime.fromisoformat(value).astimezone(UTC), now)
    except ValueError:
        return "<invalid>"


def _find(item: object, json_path: str) -> object:
    value = item
    for step in _STEP.finditer(json_path):
        name, names, key, expected = step.group("name", "names", "key", "value")
        if name is not None or names is not None:
            fields = [name] if names is None else re.findall(r"'([^']*)'", names)
            found = value if isinstance(value, dict) else {}
            value = next((found[field] for field in fields if field in found), None)
        else:
            entries = value if isinstance(value, list) else []
            value = next((entry for entry in entries if str(entry.get(key)) == expected), None)
    return value
