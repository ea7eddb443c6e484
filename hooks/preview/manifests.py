"""Read manifests as people keep them, and say exactly where one is wrong.

Files, folders and standard input; YAML and JSON; many documents in a file; Lists as
`kubectl get -o yaml` prints them. One mistake must not hide the next: every document is read on
its own, and every problem names its file, its line and, where there is one, the field.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import yaml

from hooks.preview import validation
from hooks.preview.cluster import SyncerSchema
from hooks.preview.objects import RESOURCES, SYNCER, Object

_SUFFIXES: Final = (".json", ".yaml", ".yml")
_MARKER_LINE: Final = re.compile(r"\A---[ \t]*\r?\n")
_DOCUMENT_START: Final = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_STANDARD_INPUT: Final = "-"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands."""

    source: str
    document: int
    line: int

    def __str__(self) -> str:
        return f"{self.source}, document {self.document} (line {self.line})"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the input: where, in which field or object, and what is wrong."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of the kinds that matter here, and where it was read."""

    item: Object
    place: Place


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that was read: objects, mistakes, and how many objects of other kinds."""

    manifests: tuple[Manifest, ...]
    problems: tuple[Problem, ...]
    ignored: int


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


def read(paths: Iterable[str], standard_input: TextIO, schema: SyncerSchema) -> Input:
    """Read and check everything under the paths; nothing is raised for a mistake in them."""
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    ignored = 0
    for source in _sources(paths, standard_input, problems):
        for place, item in _objects(source, problems):
            if _is_known(item):
                manifests.append(Manifest(item, place))
            elif isinstance(item.get("kind"), str) and item["kind"] and item.get("apiVersion"):
                ignored += 1
            else:
                problems.append(Problem(str(place), "apiVersion and kind: Required value"))
    checked = list(_checked(manifests, schema, problems))
    return Input(tuple(checked), tuple(problems), ignored)


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    text: str


def _sources(
    paths: Iterable[str], standard_input: TextIO, problems: list[Problem]
) -> Iterator[_Source]:
    for given in paths:
        if given == _STANDARD_INPUT:
            try:
                yield _Source("standard input", standard_input.read())
            except UnicodeDecodeError:
                problems.append(Problem("standard input", "is not UTF-8 text"))
            continue
        path = Path(given)
        files = _files(path)
        if not files:
            sought = "holds no .yaml, .yml or .json file" if path.is_dir() else "no such file"
            problems.append(Problem(given, sought))
        for file in files:
            try:
                yield _Source(str(file), file.read_text(encoding="utf-8-sig"))
            except UnicodeDecodeError:
                problems.append(Problem(str(file), "is not UTF-8 text"))
            except OSError as error:
                problems.append(Problem(str(file), error.strerror or "cannot be read"))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(
            file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file()
        )
    return [path] if path.exists() else []


def _objects(source: _Source, problems: list[Problem]) -> Iterator[tuple[Place, Object]]:
    for place, text in _documents(source):
        try:
            value = _parse(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = place.line + (mark.line if mark else 0)
            column = f", column {mark.column + 1}" if mark else ""
            where = f"{place.source}, document {place.document}, line {line}{column}"
            problems.append(Problem(where, f"not YAML: {error.problem or error.context}"))
            continue
        except json.JSONDecodeError as error:
            line = place.line + error.lineno - 1
            where = f"{place.source}, document {place.document}, line {line}, column {error.colno}"
            problems.append(Problem(where, f"not JSON: {error.msg}"))
            continue
        except (yaml.YAMLError, ValueError, RecursionError):
            problems.append(Problem(str(place), "cannot be read as YAML or JSON"))
            continue
        try:
            yield from list(_unpacked(place, value, problems))
        except RecursionError:
            problems.append(Problem(str(place), "a List contains itself"))


def _documents(source: _Source) -> Iterator[tuple[Place, str]]:
    """Cut at the markers, which YAML allows nowhere else, so that each document stands alone."""
    starts = [0, *(found.start() for found in _DOCUMENT_START.finditer(source.text))]
    number = 0
    for start, end in zip(starts, [*starts[1:], len(source.text)], strict=True):
        marker = _MARKER_LINE.match(source.text[start:end])
        first = start + marker.end() if marker else start
        text = source.text[first:end]
        if not text.removeprefix("---").strip():
            continue
        number += 1
        yield Place(source.name, number, 1 + source.text.count("\n", 0, first)), text


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


def _unpacked(
    place: Place, value: object, problems: list[Problem]
) -> Iterator[tuple[Place, Object]]:
    """The object of a document, or those of its List; nothing for a document without content."""
    if value is None:
        return
    if not isinstance(value, dict):
        problems.append(Problem(str(place), "is not an object: a map with apiVersion and kind"))
        return
    if value.get("kind") == "List" or (
        str(value.get("kind")).endswith("List") and isinstance(value.get("items"), list)
    ):
        items = value.get("items")
        if not isinstance(items, list):
            problems.append(Problem(str(place), "items: must be a list"))
            return
        for item in items:
            yield from _unpacked(place, item, problems)
        return
    yield place, value


def _is_known(item: Object) -> bool:
    resource = RESOURCES.get(item["kind"]) if isinstance(item.get("kind"), str) else None
    return resource is not None and resource.api_version == item.get("apiVersion")


def _checked(
    manifests: Iterable[Manifest], schema: SyncerSchema, problems: list[Problem]
) -> Iterator[Manifest]:
    """The manifests that the API server would take; a problem for each field of the others."""
    first: dict[tuple[str, str, str], Place] = {}
    for manifest in manifests:
        item = _in_a_namespace(manifest.item)
        resource = RESOURCES[item["kind"]]
        found = [str(violation) for violation in validation.violations(resource, item)]
        if resource is SYNCER and isinstance(item.get("metadata"), dict):
            found += [
                sentence
                for sentence in (str(violation) for violation in schema.violations(item))
                if sentence not in found
            ]
        metadata = item.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        called = f"{resource.kind} {name}" if isinstance(name, str) else resource.kind
        problems += [Problem(str(manifest.place), f"{called}: {sentence}") for sentence in found]
        if found:
            continue
        key = (resource.kind, item["metadata"].get("namespace") or "", item["metadata"]["name"])
        if key in first:
            problems.append(
                Problem(str(manifest.place), f"{called}: stands already in {first[key]}")
            )
            continue
        first[key] = manifest.place
        yield Manifest(item, manifest.place)


def _in_a_namespace(item: Object) -> Object:
    """A namespaced manifest without a namespace means `default`, as for kubectl."""
    metadata = item.get("metadata")
    if RESOURCES[item["kind"]].namespaced and isinstance(metadata, dict):
        return {
            **item,
            "metadata": {**metadata, "namespace": metadata.get("namespace") or "default"},
        }
    return item
