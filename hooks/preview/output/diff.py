"""Show what changes in every object, key by key, as one reads it in a pull request.

Values of ConfigMaps are shown, for they are what changes; values of Secrets are not, only that
they are others. What a value holds cannot take hold of the terminal.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from hooks.preview import kubectl
from hooks.preview.kubectl import Reference
from hooks.preview.redaction import HIDDEN, is_hidden
from hooks.preview.simulation import State
from hooks.preview.simulator import ownership
from hooks.preview.simulator.objects import (
    SECRET,
    SYNCER,
    Object,
    annotations_of,
    controller_of,
    finalizers_of,
    is_deleting,
    labels_of,
)
from hooks.preview.simulator.registration import FINALIZER
from hooks.preview.terminal import printable

_CONTEXT_LINES: Final = 2
MOST_LINES: Final = 2_000
"""Comparing costs the square of the lines; larger texts are shown as they were and as they are."""

_NOT_SHOWN: Final = (kubectl.LAST_APPLIED, ownership.LAST_APPLIED)
_CONTENT: Final = ("data", "binaryData")


class Colour(StrEnum):
    """Escape sequences of a terminal."""

    ADDED = "\x1b[32m"
    REMOVED = "\x1b[31m"
    HEADING = "\x1b[1m"
    END = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class _Field:
    """What is compared of a field, and what is shown of it."""

    value: str
    shown: str


def lines(before: State, after: State, *, coloured: bool) -> Iterator[str]:
    """The lines of the diff, object by object; none where nothing changes."""
    for reference in sorted(before.keys() | after.keys(), key=_order):
        old, new = before.get(reference), after.get(reference)
        if old is new:
            continue
        changes = list(_changes(_fields(old), _fields(new)))
        if not changes and old is not None and new is not None:
            continue
        sign = "+" if old is None else "-" if new is None else "~"
        for line in (f"{sign} {reference}", *changes):
            yield _coloured(line) if coloured else line


def _order(reference: Reference) -> tuple[str, str, str]:
    return reference.resource.kind, reference.namespace, reference.name


def _coloured(line: str) -> str:
    if not line.startswith(" "):
        return f"{Colour.HEADING}{line}{Colour.END}"
    match line.strip()[:1]:
        case "+":
            return f"{Colour.ADDED}{line}{Colour.END}"
        case "-":
            return f"{Colour.REMOVED}{line}{Colour.END}"
        case _:
            return line


def _changes(old: Mapping[str, _Field], new: Mapping[str, _Field]) -> Iterator[str]:
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            yield from _change(
                path, before.shown if before else None, after.shown if after else None
            )


def _change(path: str, before: str | None, after: str | None) -> Iterator[str]:
    if not any("\n" in (value or "") for value in (before, after)):
        if before is not None:
            yield f"  - {path}: {printable(before)}"
        if after is not None:
            yield f"  + {path}: {printable(after)}"
        return
    yield f"    {path}:"
    for line in _line_by_line(before or "", after or ""):
        yield f"  {line[0]}   {line[1:]}".rstrip()


@lru_cache(maxsize=64)
def _line_by_line(before: str, after: str) -> Sequence[str]:
    """The lines that change, each with a sign before it, and a few that do not around them.

    The same two texts stand in many copies, and are compared once.
    """
    old, new = (printable(value).splitlines() for value in (before, after))
    if old == new:
        return [" (only the line break at the end)"]
    if max(len(old), len(new)) > MOST_LINES:
        return [*(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    # The first two lines would name the files.
    found = list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES))[2:]
    return [" …" if line.startswith("@@") else line for line in found[1:]]


def _fields(item: Object | None) -> Mapping[str, _Field]:
    """Every field that says something to a person, by its path."""
    if item is None:
        return {}
    is_secret = item["kind"] == SECRET.kind
    content = {
        f"{side}.{key}": _Field(value, HIDDEN if is_secret else value)
        for side in _CONTENT
        for key, value in (item.get(side) or {}).items()
    }
    others = {**dict(_of_metadata(item)), **dict(_of_syncer(item))}
    others |= {part: str(item[part]) for part in ("immutable", "type") if part in item}
    content |= dict(_of_annotations(item))
    return content | {path: _Field(text, text) for path, text in others.items()}


def _of_annotations(item: Object) -> Iterator[tuple[str, _Field]]:
    for key, value in annotations_of(item).items():
        if key not in _NOT_SHOWN:
            shown = HIDDEN if is_hidden(item, key) else value
            yield f"metadata.annotations.{key}", _Field(value, shown)


def _of_metadata(item: Object) -> Iterator[tuple[str, str]]:
    for key, value in labels_of(item).items():
        yield f"metadata.labels.{key}", value
    owner = controller_of(item)
    if owner is not None:
        yield "metadata.ownerReferences", f"{owner['kind']} {owner['name']}"
    if finalizers := [name for name in finalizers_of(item) if name != FINALIZER]:
        yield "metadata.finalizers", ", ".join(finalizers)
    if is_deleting(item):
        yield "metadata.deletionTimestamp", "is being deleted"


def _of_syncer(item: Object) -> Iterator[tuple[str, str]]:
    if item["kind"] != SYNCER.kind:
        return
    for field, value in item["spec"].items():
        yield f"spec.{field}", value if isinstance(value, str) else json.dumps(value)
    conditions: Sequence[Object] = (item.get("status") or {}).get("conditions") or ()
    for condition in conditions:
        if condition["type"] == "Ready":
            yield "status.Ready", f"{condition['status']} ({condition['reason']})"
