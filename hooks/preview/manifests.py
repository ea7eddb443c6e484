"""Take from what was read the objects that matter, and say what the API server would refuse.

Every object is judged on its own, and every mistake in it is named by file, line and field, so
that one run of the preview shows them all.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from hooks.preview import documents, validation
from hooks.preview.cluster import SyncerSchema
from hooks.preview.decoding import HALF_A_CHARACTER, TOO_DEEP, refusals
from hooks.preview.objects import RESOURCES, SYNCER, Object, key_of
from hooks.preview.places import Place, Problem

_UNKNOWN: Final = re.compile(r'unknown field "(.*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of the kinds that matter here, and where it was read."""

    item: Object
    place: Place

    @property
    def reference(self) -> tuple[str, str]:
        """The kind, and `namespace/name` or the name alone."""
        return self.item["kind"], key_of(self.item)

    def problem(self, sentence: str) -> Problem:
        """A mistake in this object, at the line of the field with which the sentence begins."""
        metadata = self.item.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        called = f"{self.item['kind']} {name}" if isinstance(name, str) else self.item["kind"]
        unknown = _UNKNOWN.fullmatch(sentence)
        path = unknown[1] if unknown else sentence.split(": ", maxsplit=1)[0]
        return Problem(self.place.at(path), f"{called}: {sentence}")


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that was read: objects, mistakes, and how many objects of other kinds."""

    manifests: tuple[Manifest, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: int = 0


def read(paths: Iterable[str], standard_input: BinaryIO, schema: SyncerSchema) -> Input:
    """Read and check everything under the paths; nothing is raised for a mistake in them."""
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    ignored = 0
    for place, item in documents.read(paths, standard_input, problems):
        kind, version = item.get("kind"), item.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
            problems.append(Problem(str(place), "apiVersion and kind: Required value"))
        elif kind in RESOURCES and RESOURCES[kind].api_version == version:
            manifests.append(Manifest(item, place))
        else:
            ignored += 1
    checked = list(_checked(manifests, schema, problems))
    return Input(tuple(checked), tuple(problems), ignored)


def _checked(
    manifests: Iterable[Manifest], schema: SyncerSchema, problems: list[Problem]
) -> Iterator[Manifest]:
    """The manifests that the API server would take; a problem for each field of the others."""
    first: dict[tuple[str, str], Place] = {}
    for given in manifests:
        manifest = Manifest(_in_a_namespace(given.item), given.place)
        found = list(_refusals(manifest.item, schema))
        problems += [manifest.problem(sentence) for sentence in found]
        if found:
            continue
        if manifest.reference in first:
            problems.append(manifest.problem(f"stands already at {first[manifest.reference]}"))
            continue
        first[manifest.reference] = manifest.place
        yield manifest


def _refusals(item: Object, schema: SyncerSchema) -> Iterator[str]:
    """What is wrong with an object, each mistake once; each sentence begins with its field."""
    found = list(refusals(item))
    if not any(sentence.endswith((HALF_A_CHARACTER, TOO_DEEP)) for sentence in found):
        resource = RESOURCES[item["kind"]]
        found += map(str, validation.violations(resource, item))
        if resource is SYNCER and isinstance(item.get("metadata"), dict):
            found += map(str, schema.violations(item))
    yield from dict.fromkeys(found)


def _in_a_namespace(item: Object) -> Object:
    """A namespaced manifest without a namespace means `default`, as for kubectl."""
    metadata = item.get("metadata")
    if RESOURCES[item["kind"]].namespaced and isinstance(metadata, dict):
        namespace = metadata.get("namespace") or "default"
        return {**item, "metadata": {**metadata, "namespace": namespace}}
    return item
