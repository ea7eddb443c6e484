"""Read YAML and JSON as people keep them, and find the line of a mistake.

Files, folders and standard input; many documents in a file; Lists as `kubectl get -o yaml` prints
them. One mistake must not hide the next, so every document is read on its own. And no document may
cost more than its size: what its anchors stand for is counted before anybody walks through it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

STANDARD_INPUT: Final = "-"

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_MARKER_LINE: Final = re.compile(r"\A---[ \t]*\r?\n")
_DOCUMENT_START: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_MOST_CHARACTERS: Final = 256 * 1024 * 1024
"""What is read of one file; a dump of ten thousand copies of 10 KB has less."""

_MOST_VALUES: Final = 1_000_000
"""What the anchors of one document may stand for, all repetitions counted."""

_NUMBERS: Final = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object stands: the line on which its document begins, its path in the document."""

    source: str
    line: int
    text: str = field(default="", repr=False)
    path: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.line_of('')}"

    def at(self, field_path: str) -> str:
        """`file:line` of a field such as `spec.targetNamespaces[3]`; of what is nearest to it."""
        return f"{self.source}:{self.line_of(field_path)}"

    def line_of(self, field_path: str) -> int:
        """The line of a field in its file, counted from one."""
        node = _composed(self.text)
        if node is None:
            return self.line
        line: int = _nearest(node, f"{self.path}.{field_path}".strip(".")).line
        return self.line + line


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the input: `file:line`, and a sentence that names the field.

    What a document holds cannot take hold of the terminal through it.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return printable(f"{self.place}: {self.message}")


# The loader in C is ten times as fast; PyYAML can be built without it.
_FastLoader: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FastLoader):  # type: ignore[valid-type,misc]
    """YAML as kubectl reads it: a time stays the text that it is, a key stands once in a map."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    raise yaml.constructor.ConstructorError(
                        None, None, f'the key "{key.value}" stands there twice', key.start_mark
                    )
                seen.add(key.value)
        constructed: dict[object, object] = super().construct_mapping(node, deep=deep)
        return constructed


class _UnusableError(Exception):
    """A document that can be read but not used; the message says why."""


def read(
    paths: Iterable[str], standard_input: TextIO, problems: list[Problem]
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every object under the paths with its place; what cannot be read is added to `problems`."""
    for source in _sources(paths, standard_input, problems):
        for place in _documents(source):
            try:
                value = _parse(place.text)
                _bound(value, place.text)
                yield from list(_unpacked(place, value, problems))
            except yaml.MarkedYAMLError as error:
                mark = error.problem_mark
                line = place.line + (mark.line if mark else 0)
                column = f":{mark.column + 1}" if mark else ""
                said = error.problem or error.context or ""
                said = "nested too deeply" if "nesting" in said else f"not YAML: {said}"
                problems.append(Problem(f"{place.source}:{line}{column}", said))
            except yaml.reader.ReaderError as error:
                line = place.line + place.text.count("\n", 0, error.position)
                said = "not YAML: a character that must not stand in a text"
                problems.append(Problem(f"{place.source}:{line}", said))
            except json.JSONDecodeError as error:
                line = place.line + error.lineno - 1
                said = f"not JSON: {error.msg}"
                problems.append(Problem(f"{place.source}:{line}:{error.colno}", said))
            except _UnusableError as error:
                problems.append(Problem(f"{place.source}:{place.line}", str(error)))
            except RecursionError:
                said = "nested too deeply"
                problems.append(Problem(f"{place.source}:{place.line}", said))
            except (yaml.YAMLError, ValueError):
                said = "cannot be read as YAML or JSON"
                problems.append(Problem(f"{place.source}:{place.line}", said))


def printable(text: str) -> str:
    """A text in which nothing but line breaks and tabs moves the cursor."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def files(paths: Iterable[str]) -> list[Path]:
    """The files that `read` would open, standard input left aside."""
    return [file for given in paths if given != STANDARD_INPUT for file in _files(Path(given))]


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    text: str


def _sources(
    paths: Iterable[str], standard_input: TextIO, problems: list[Problem]
) -> Iterator[_Source]:
    for given in paths:
        if given == STANDARD_INPUT:
            try:
                yield _Source("standard input", _text(standard_input))
            except _UnusableError as error:
                problems.append(Problem("standard input", str(error)))
            except UnicodeDecodeError:
                problems.append(Problem("standard input", "is not UTF-8 text"))
            continue
        path = Path(given)
        found = _files(path)
        if not found:
            sought = "holds no .yaml, .yml or .json file" if path.is_dir() else "no such file"
            problems.append(Problem(given, sought))
        for file in found:
            try:
                with file.open(encoding="utf-8-sig") as opened:
                    yield _Source(str(file), _text(opened))
            except _UnusableError as error:
                problems.append(Problem(str(file), str(error)))
            except UnicodeDecodeError:
                problems.append(Problem(str(file), "is not UTF-8 text"))
            except OSError as error:
                problems.append(Problem(str(file), error.strerror or "cannot be read"))


def _text(opened: TextIO) -> str:
    text = opened.read(_MOST_CHARACTERS + 1)
    if len(text) > _MOST_CHARACTERS:
        raise _UnusableError(f"has more than {_MOST_CHARACTERS:,} characters")
    return text


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file()
        )
    return [path] if path.exists() else []


def _documents(source: _Source) -> Iterator[Place]:
    """Cut at the markers, which YAML allows nowhere else, so that each document stands alone."""
    starts = [0, *(found.start() for found in _DOCUMENT_START.finditer(source.text))]
    line, counted = 1, 0
    for start, end in zip(starts, [*starts[1:], len(source.text)], strict=True):
        marker = _MARKER_LINE.match(source.text[start:end])
        first = start + marker.end() if marker else start
        text = source.text[first:end]
        if not text.removeprefix("---").strip():
            continue
        line += source.text.count("\n", counted, first)
        counted = first
        yield Place(source.name, line, text)


def _parse(text: str) -> object:
    if text.lstrip()[:1] not in ("{", "["):
        return _parse_yaml(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return _parse_yaml(text)  # YAML may begin with a brace, too.
        except yaml.YAMLError:
            raise error from None


def _parse_yaml(text: str) -> object:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _bound(value: object, text: str) -> None:
    """Refuse what costs more than it shows: anchors that multiply or contain themselves."""
    if "&" in text and "*" in text:
        sizes: dict[int, int] = {}
        if _size(value, sizes, set()) > _MOST_VALUES:
            raise _UnusableError(f"its anchors stand for more than {_MOST_VALUES:,} values")


def _size(value: object, sizes: dict[int, int], above: set[int]) -> int:
    """How many values there are, everything counted as often as it stands there."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in above:
        raise _UnusableError("an anchor contains itself")
    if id(value) not in sizes:
        above.add(id(value))
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(_size(part, sizes, above) for part in parts)
        above.remove(id(value))
    return sizes[id(value)]


def _unpacked(
    place: Place, value: object, problems: list[Problem]
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The object of a document, or those of its List; nothing for a document without content."""
    if value is None:
        return
    if not isinstance(value, dict):
        problems.append(Problem(str(place), "is not an object: a map with apiVersion and kind"))
        return
    items = value.get("items")
    is_list = value.get("kind") == "List" or (
        str(value.get("kind")).endswith("List") and isinstance(items, list)
    )
    if not is_list and _has_huge_number(value):
        problems.append(Problem(str(place), "holds a number that does not fit into 64 bits"))
    elif not is_list:
        yield place, value
    elif not isinstance(items, list):
        problems.append(Problem(place.at("items"), "items: must be a list"))
    else:
        for number, item in enumerate(items):
            yield from _unpacked(replace(place, path=f"items[{number}]"), item, problems)


@lru_cache(maxsize=1)
def _composed(text: str) -> yaml.Node | None:
    """A document with the marks of all its fields; made once, however many mistakes there are."""
    try:
        return yaml.compose(text, Loader=_FastLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _has_huge_number(value: object) -> bool:
    """Whether there is an integer that JSON could hold, but Kubernetes cannot."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return any(_has_huge_number(part) for part in parts)
    return isinstance(value, int) and value not in _NUMBERS


def _nearest(node: yaml.Node, path: str) -> yaml.Mark:
    """The mark of the field at a path, or of the innermost one on the way to it that is there."""
    if path and isinstance(node, yaml.MappingNode):
        # A key may hold dots itself, so the longest that fits is meant.
        for key, value in sorted(node.value, key=lambda pair: -len(str(pair[0].value))):
            for step in (f"{key.value}", f"[{key.value}]"):
                rest = path.removeprefix(step)
                if rest != path and rest[:1] in ("", ".", "["):
                    below = _nearest(value, rest.removeprefix("."))
                    return key.start_mark if below is value.start_mark else below
    found = re.match(r"\[(\d+)\]\.?", path)
    if found and isinstance(node, yaml.SequenceNode) and int(found[1]) < len(node.value):
        return _nearest(node.value[int(found[1])], path[found.end() :])
    return node.start_mark
