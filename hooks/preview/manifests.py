"""Take from what was read the objects that matter, and say what the API server would refuse.

Every object is judged on its own, and every mistake in it is named by file, line and field, so
that one run of the preview shows them all.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from hooks.preview import documents, validation
from hooks.preview.cluster import SyncerSchema
from hooks.preview.documents import Place, Problem
from hooks.preview.objects import RESOURCES, SYNCER, Object

_UNKNOWN: Final = re.compile(r'unknown field "(.*)"')


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of the kinds that matter here, and where it was read."""

    item: Object
    place: Place


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that was read: objects, mistakes, and how many objects of other kinds."""

    manifests: tuple[Manifest, ...] = ()
    problems: tuple[Problem, ...] = ()
    ignored: int = 0


def read(paths: Iterable[str], standard_input: TextIO, schema: SyncerSchema) -> Input:
    """Read and check everything under the paths; nothing is raised for a mistake in them."""
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    ignored = 0
    for place, item in documents.read(paths, standard_input, problems):
        if _is_known(item):
            manifests.append(Manifest(item, place))
        elif isinstance(item.get("kind"), str) and item["kind"] and item.get("apiVersion"):
            ignored += 1
        else:
            problems.append(Problem(str(place), "apiVersion and kind: Required value"))
    checked = list(_checked(manifests, schema, problems))
    return Input(tuple(checked), tuple(problems), ignored)


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
        problems += [_problem(manifest.place, called, sentence) for sentence in found]
        if found:
            continue
        key = (resource.kind, item["metadata"].get("namespace") or "", item["metadata"]["name"])
        if key in first:
            problems.append(
                Problem(str(manifest.place), f"{called}: stands already at {first[key]}")
            )
            continue
        first[key] = manifest.place
        yield Manifest(item, manifest.place)


def _problem(place: Place, called: str, sentence: str) -> Problem:
    unknown = _UNKNOWN.fullmatch(sentence)
    path = unknown[1] if unknown else sentence.split(": ", maxsplit=1)[0]
    return Problem(place.at(path), f"{called}: {sentence}")


def _in_a_namespace(item: Object) -> Object:
    """A namespaced manifest without a namespace means `default`, as for kubectl."""
    metadata = item.get("metadata")
    if RESOURCES[item["kind"]].namespaced and isinstance(metadata, dict):
        return {
            **item,
            "metadata": {**metadata, "namespace": metadata.get("namespace") or "default"},
        }
    return item
