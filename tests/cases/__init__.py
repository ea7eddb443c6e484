"""What the hook answers, in folders `HOOK/CONCEPT/SENTENCE`.

`request.json` is a body as Metacontroller sends it, `response.json` the whole answer, or the
`code`, `Retry-After` and `text` of a deferred one. `case.json`
is there where the defaults do not fit: `now`, the present moment of the hook, `strategy`, the
apply strategy that it is set to, and other settings by their names.

Large values and long lists are written small: `{"$repeat": ["x", 300000]}` is a string,
`{"$list": {"count": 1001, "value": V}}` a list, and `"$map": {"count": 1001, "key": K, "value": V}`
adds entries to the map in which it stands; in K and V, `{n}` is the entry's number, in four digits.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from hooks.api.protocol import ApplyStrategy
from hooks.preview.simulator.hook import encode
from hooks.settings import Settings

FOLDER: Final = Path(__file__).parent
HOOKS: Final = ("sync", "finalize", "customize", "adopt", "adopt/customize")
NOW: Final = "2026-01-01T12:00:00Z"
"""The present moment of a case that names none."""
STRATEGY: Final = "server-side-apply"
"""The apply strategy of a case that names none."""
WIDTH: Final = 100
MANY: Final = 20
"""Longer lists are written small where they can be."""
ASIDE: Final = ("controller", "managedFields", "ownerReferences")
"""Fields that a reader seldom looks at: each stands on one line of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One folder, its small notations written out."""

    folder: Path
    hook: str
    request: Any
    now: datetime
    settings: Settings

    @classmethod
    def read(cls, folder: Path) -> "Case":
        named = folder / "case.json"
        options = json.loads(named.read_text("utf-8")) if named.exists() else {}
        return cls(
            folder=folder,
            hook=_hook(folder),
            request=expanded(json.loads((folder / "request.json").read_text("utf-8"))),
            now=datetime.fromisoformat(options.get("now", NOW)),
            settings=replace(
                Settings(apply_strategy=ApplyStrategy(options.pop("strategy", STRATEGY))),
                **{name: value for name, value in options.items() if name != "now"},
            ),
        )

    @property
    def strategy(self) -> ApplyStrategy:
        """The apply strategy that the hook is set to."""
        return self.settings.apply_strategy

    @property
    def is_deferred(self) -> bool:
        """Whether the recorded answer is that there is none yet."""
        return self.hook == "finalize" and "Retry-After" in self.response

    def __str__(self) -> str:
        return f"{self.hook}/{self.folder.name}"

    @property
    def body(self) -> bytes:
        """The request as Metacontroller writes it."""
        return encode(self.request)

    @property
    def response(self) -> Any:
        """The recorded answer, its small notations written out."""
        return expanded(json.loads((self.folder / "response.json").read_text("utf-8")))


@cache
def cases() -> Sequence[Case]:
    """All cases, hook by hook, in the order of their names; no request is changed in place."""
    folders = [request.parent for request in FOLDER.rglob("request.json")]
    folders.sort(key=lambda each: (HOOKS.index(_hook(each)), each.name))
    return tuple(map(Case.read, folders))


def find(hook: str, name: str) -> Case:
    """The case of a hook with this name, whatever concept it is about."""
    (folder,) = (each for each in (FOLDER / hook).rglob(name) if _hook(each) == hook)
    return Case.read(folder)


def _hook(folder: Path) -> str:
    """The hook whose folder this is in; between the two is one for the concept."""
    inside = folder.relative_to(FOLDER).as_posix()
    return max((hook for hook in HOOKS if inside.startswith(f"{hook}/")), key=len)


def expanded(value: Any) -> Any:
    """JSON with its small notations written out."""
    match value:
        case {"$repeat": [str(text), int(count)]}:
            return text * count
        case {"$list": {"count": int(count), "value": item}}:
            return list(_numbered(item, count))
        case {"$map": {"count": int(count), "key": key, "value": item}, **others}:
            entries = zip(_numbered(key, count), _numbered(item, count), strict=True)
            return expanded(others) | dict(entries)
        case dict():
            return {key: expanded(item) for key, item in value.items()}
        case list():
            return [expanded(item) for item in value]
        case _:
            return value


def _numbered(value: Any, count: int) -> Iterator[Any]:
    text = json.dumps(expanded(value))
    return (json.loads(text.replace("{n}", f"{number:04}")) for number in range(count))


def shortened(value: Any) -> Any:
    """JSON in short notations where they make it much smaller; `expanded` gives it back."""
    match value:
        case str() if len(value) > WIDTH and len(set(value)) == 1:
            return {"$repeat": [value[0], len(value)]}
        case list() if len(value) > MANY:
            first = shortened(value[0])
            item = json.loads(json.dumps(first).replace(f"{0:04}", "{n}"))
            short = {"$list": {"count": len(value), "value": item}}
            return short if expanded(short) == value else [shortened(each) for each in value]
        case dict():
            return {key: shortened(item) for key, item in value.items()}
        case list():
            return [shortened(item) for item in value]
        case _:
            return value


def written(value: Any) -> str:
    """JSON for a file: what fits into a line stands on one."""
    return f"{_written(value, 0, 0)}\n"


def _written(value: Any, indent: int, taken: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if indent + taken + len(line) < WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        names = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value]
        items = [
            f"{name}{_written(item, inner, -len(json.dumps(item)) if key in ASIDE else len(name))}"
            for name, (key, item) in zip(names, value.items(), strict=True)
        ]
        opening, closing = "{", "}"
    else:
        items = [_written(item, inner, 0) for item in value]
        opening, closing = "[", "]"
    lines = f",\n{' ' * inner}".join(items)
    return f"{opening}\n{' ' * inner}{lines}\n{' ' * indent}{closing}"
