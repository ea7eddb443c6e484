"""Read manifests as people keep them: files, folders, standard input, Lists, many in a file.

One mistake must not hide the next, so every document is read on its own.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from hooks.preview.input import near_misses
from hooks.preview.input.decoding import DecodingError, decode
from hooks.preview.input.source_locations import Problem, SourceLocation

STANDARD_INPUT: Final = "-"

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_MARKER_LINE: Final = re.compile(r"---[ \t]*\r?\n")
_MOST_BYTES: Final = 256 * 1024 * 1024
"""What is read of one file; a dump of ten thousand copies of 10 KB has less."""

_DOCUMENT_START: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)


def read(
    paths: Iterable[str],
    standard_input: BinaryIO,
    problems: list[Problem],
    *,
    allow_empty: bool = False,
) -> Iterator[tuple[SourceLocation, dict[str, Any]]]:
    """Every object under the paths with its place; what cannot be read is added to `problems`.

    A path under which there is no object is one of those, unless `allow_empty`.
    """
    for path in paths:
        is_empty, known = True, len(problems)
        for location, item in _objects(path, standard_input, problems):
            is_empty = False
            yield location, item
        if is_empty and len(problems) == known and not allow_empty:
            problems.append(Problem(_shown(path), _nothing_in(path)))


def objects_in(
    source: str, text: str, problems: list[Problem]
) -> Iterator[tuple[SourceLocation, dict[str, Any]]]:
    """Every object of a text with its place; what cannot be read is added to `problems`.

    `source` names the text in places.
    """
    for location in _documents(source, text):
        try:
            value = decode(location.text)
        except DecodingError as error:
            column = "" if error.column is None else f":{error.column + 1}"
            said = f"{error}{near_misses.helm_hint(location.text)}"
            problems.append(Problem(f"{source}:{location.line + error.line}{column}", said))
        else:
            yield from _unpacked(location, value, problems)


def files(paths: Iterable[str]) -> list[Path]:
    """The files that `read` would open, standard input left aside."""
    return [file for given in paths if given != STANDARD_INPUT for file in _files(given)]


def _objects(
    path: str, standard_input: BinaryIO, problems: list[Problem]
) -> Iterator[tuple[SourceLocation, dict[str, Any]]]:
    for source, text in _texts(path, standard_input, problems):
        yield from objects_in(source, text, problems)


def _shown(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path or '""'


def _nothing_in(path: str) -> str:
    """What is wrong with a path under which there is no object."""
    if path != STANDARD_INPUT and not _files(path):
        return "holds no .yaml, .yml or .json file"
    return "holds no object"


def _texts(
    path: str, standard_input: BinaryIO, problems: list[Problem]
) -> Iterator[tuple[str, str]]:
    """The name and the text of every file to read under a path."""
    for name, content in _contents(path, standard_input, problems):
        if len(content) > _MOST_BYTES:
            problems.append(Problem(name, f"has more than {_MOST_BYTES:,} bytes"))
            continue
        try:
            yield name, content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = 1 + content.count(b"\n", 0, error.start)
            problems.append(Problem(f"{name}:{line}", "is not UTF-8 text"))


def _contents(
    path: str, standard_input: BinaryIO, problems: list[Problem]
) -> Iterator[tuple[str, bytes]]:
    if path == STANDARD_INPUT:
        yield _shown(path), standard_input.read(_MOST_BYTES + 1)
        return
    found = _files(path)
    if not found and not _is_folder(path):
        problems.append(Problem(_shown(path), "no such file"))
    for file in found:
        try:
            with file.open("rb") as opened:
                yield str(file), opened.read(_MOST_BYTES + 1)
        except OSError as error:
            problems.append(Problem(str(file), error.strerror or "cannot be read"))


def _files(given: str) -> list[Path]:
    """The files that a path means; none where it means none, such as a folder that goes away."""
    with contextlib.suppress(OSError):
        if _is_folder(given):
            return _files_in(given)
        # An empty name, as of a variable that is not set, is not the folder that one is in.
        return [Path(given)] if given and Path(given).exists() else []
    return []


def _files_in(folder: str) -> list[Path]:
    """The manifests in a folder and those below it, links followed, each file once.

    A link that leads nowhere and a folder that cannot be read are among them: opening them says so.
    """
    found: dict[str, Path] = {}
    entered = {os.path.realpath(folder)}

    def unreadable(error: OSError) -> None:
        found[str(error.filename)] = Path(error.filename)

    for path, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        folders[:] = sorted(name for name in folders if _is_new(f"{path}/{name}", entered))
        for file in (Path(path, name) for name in sorted(names)):
            if file.suffix in _SUFFIXES and (file.is_file() or file.is_symlink()):
                found.setdefault(os.path.realpath(file), file)
    return sorted(found.values())


def _is_new(folder: str, entered: set[str]) -> bool:
    """Whether a folder is entered for the first time; a link may lead back to where it stands."""
    real = os.path.realpath(folder)
    is_new = real not in entered
    entered.add(real)
    return is_new


def _is_folder(given: str) -> bool:
    try:
        return bool(given) and Path(given).is_dir()
    except OSError:
        return False  # No file can have such a name.


def _documents(source: str, text: str) -> Iterator[SourceLocation]:
    """Cut at the markers, which YAML allows nowhere else, so that each document stands alone."""
    starts = [0, *(found.start() for found in _DOCUMENT_START.finditer(text))]
    line, counted = 1, 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        marker = _MARKER_LINE.match(text, start, end)
        first = marker.end() if marker else start
        document = text[first:end]
        if document.removeprefix("---").strip():
            line += text.count("\n", counted, first)
            counted = first
            yield SourceLocation(source, line, document)


def _unpacked(
    location: SourceLocation, value: object, problems: list[Problem]
) -> Iterator[tuple[SourceLocation, dict[str, Any]]]:
    """The object of a document, or those of its List; nothing for a document without content."""
    if value is None:
        return
    if not isinstance(value, dict):
        problems.append(Problem(str(location), "is not an object: a map with apiVersion and kind"))
        return
    items = value.get("items")
    is_list = value.get("kind") == "List" or (
        str(value.get("kind")).endswith("List") and isinstance(items, list)
    )
    if not is_list:
        yield location, value
    elif not isinstance(items, list):
        problems.append(Problem(location.at("items"), "items: must be a list"))
    else:
        for number, item in enumerate(items):
            path = f"{location.path}.items[{number}]".strip(".")
            yield from _unpacked(replace(location, path=path), item, problems)
