"""Take from what was read the objects that matter, and say what the API server would refuse.

Every object is judged on its own, and every mistake in it is named by file, line and field, so
that one run of the preview shows them all.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from hooks.preview.input import documents, near_misses
from hooks.preview.input.decoding import HALF_A_CHARACTER, TOO_DEEP, refusals
from hooks.preview.input.source_locations import Problem, SourceLocation
from hooks.preview.simulator import validation
from hooks.preview.simulator.objects import DEFAULT_NAMESPACE, RESOURCES, SYNCER, Object, key_of
from hooks.preview.simulator.submitted import SyncerSchema

_LONGEST: Final = 300
"""A kind and a name that the API server takes are shorter."""

_CONTENT: Final = ("data", "binaryData", "stringData")

_UNKNOWN: Final = re.compile(r'unknown field "(.*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of the kinds that matter here, and where it was read.

    Where it `names_no_namespace`, the one in `item` is assumed.
    """

    item: Object
    location: SourceLocation
    names_no_namespace: bool = False

    @property
    def reference(self) -> tuple[str, str]:
        """The kind, and `namespace/name` or the name alone."""
        return self.item["kind"], key_of(self.item)

    @property
    def is_applied(self) -> bool:
        """Whether somebody applies it; a dump shows what is there, of all writers."""
        return not self.item["metadata"].get("uid")

    def problem(self, sentence: str) -> Problem:
        """A mistake in this object, at the line of the field with which the sentence begins."""
        metadata = self.item.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        called = f"{self.item['kind']} {name}" if isinstance(name, str) else self.item["kind"]
        unknown = _UNKNOWN.fullmatch(sentence)
        path = unknown[1] if unknown else sentence.split(": ", maxsplit=1)[0]
        return Problem(self.location.at(path), f"{called[:_LONGEST]}: {sentence}")


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that was read: objects, mistakes, and how many objects of other kinds."""

    manifests: tuple[Manifest, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: int = 0


def read(
    paths: Iterable[str],
    standard_input: BinaryIO,
    schema: SyncerSchema,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    allow_empty: bool = False,
) -> Input:
    """Read and check everything under the paths; nothing is raised for a mistake in them.

    A path under which there is no object is a mistake, unless `allow_empty`. An object that names
    no namespace is in `namespace`.
    """
    problems: list[Problem] = []
    found = documents.read(paths, standard_input, problems, allow_empty=allow_empty)
    return _read(found, problems, schema, namespace)


def read_text(source: str, text: str, schema: SyncerSchema) -> Input:
    """Read and check the objects of a text; `source` names it where something is wrong."""
    problems: list[Problem] = []
    found = documents.objects_in(source, text, problems)
    return _read(found, problems, schema, DEFAULT_NAMESPACE)


def _read(
    found: Iterable[tuple[SourceLocation, Object]],
    problems: list[Problem],
    schema: SyncerSchema,
    namespace: str,
) -> Input:
    """Check what is found; `problems` are those of the reading, which goes on meanwhile."""
    manifests: list[Manifest] = []
    ignored = 0
    for location, item in found:
        kind, version = item.get("kind"), item.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
            problems.append(Problem(str(location), "apiVersion and kind: Required value"))
        elif kind in RESOURCES and RESOURCES[kind].api_version == version:
            manifests.append(_placed(item, location, namespace))
        else:
            mistaken = list(_mistaken(item))
            problems += [Manifest(item, location).problem(sentence) for sentence in mistaken]
            ignored += not mistaken
    checked = list(_checked(manifests, schema, problems))
    return Input(tuple(checked), tuple(problems), ignored)


def _mistaken(item: Object) -> Iterator[str]:
    """Why an object of another kind may not be ignored."""
    meant = near_misses.misspelled(item["apiVersion"], item["kind"])
    if meant is not None:
        yield from near_misses.corrections(item, meant)
        return
    for path, kind in near_misses.hidden(item):
        yield f"{path}: the {kind} in it is not previewed: make it a document of its own"
    yield from near_misses.unrendered(item)


def _checked(
    manifests: Iterable[Manifest], schema: SyncerSchema, problems: list[Problem]
) -> Iterator[Manifest]:
    """The manifests that the API server would take; a problem for each field of the others."""
    first: dict[tuple[str, str], SourceLocation] = {}
    for manifest in manifests:
        found = list(_refusals(manifest.item, schema))
        hint = near_misses.helm_hint(_without_content(manifest.item)) if found else ""
        problems += [manifest.problem(f"{sentence}{hint}") for sentence in found]
        if found:
            continue
        if manifest.reference in first:
            problems.append(manifest.problem(f"is already defined at {first[manifest.reference]}"))
            continue
        first[manifest.reference] = manifest.location
        yield manifest


def _without_content(item: Object) -> str:
    """An object as text but for its values, which may be templates of other programs."""
    return str({field: value for field, value in item.items() if field not in _CONTENT})


def _refusals(item: Object, schema: SyncerSchema) -> Iterator[str]:
    """What is wrong with an object, each mistake once; each sentence begins with its field."""
    found = list(refusals(item))
    found += [f'unknown field "{path}"' for path in validation.unknown_fields(item)]
    if not any(sentence.endswith((HALF_A_CHARACTER, TOO_DEEP)) for sentence in found):
        resource = RESOURCES[item["kind"]]
        found += map(str, validation.violations(resource, item))
        if resource is SYNCER and isinstance(item.get("metadata"), dict):
            found += map(str, schema.violations(item))
    yield from dict.fromkeys(found)


def _placed(item: Object, location: SourceLocation, namespace: str) -> Manifest:
    """A manifest; where it should name a namespace and does not, it is in the given one."""
    metadata = item.get("metadata")
    if not RESOURCES[item["kind"]].namespaced or not isinstance(metadata, dict):
        return Manifest(item, location)
    if metadata.get("namespace"):
        return Manifest(item, location)
    item = {**item, "metadata": {**metadata, "namespace": namespace}}
    return Manifest(item, location, names_no_namespace=True)
