"""Find what was meant to be one of the kinds that the preview reads, and is written differently.

The API server refuses such an object. A preview that counted it among the objects of other kinds
would end as if all was well, and the syncer would never exist.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from hooks.preview.simulator.objects import RESOURCES, SYNCER, Object, Resource, group_of

_TYPING_SLIP: Final = 2
"""The edit distance of what is still taken as the same word; two swapped letters have two."""

_LONGEST: Final = 100
"""No name of a kind or a group is longer; a longer text is cut when it is printed."""

_HELM: Final = re.compile(
    r"\{\{-?\s*(?:\.|\$|/\*|"
    r"(?:default|define|else|end|if|include|printf|quote|range|template|toYaml|with)\b)"
)
"""How the actions of templates begin."""

_CORE_GROUPS: Final = ("", "core")
_KUSTOMIZE: Final = "kustomize.config.k8s.io"
_UNCHANGED_BY: Final = frozenset({"apiVersion", "kind", "metadata", "resources"})
"""The fields of a Kustomization that leave its resources as they stand in their files."""


def misspelled(api_version: str, kind: str) -> Resource | None:
    """The resource that an unknown apiVersion and kind stand for; None where they are others'."""
    if any(_is_kind(text, SYNCER) or _is_group(text) for text in (api_version, kind)):
        return SYNCER
    if group_of(api_version) not in _CORE_GROUPS:
        return None
    core = (resource for resource in RESOURCES.values() if not resource.group)
    return next((resource for resource in core if _is_kind(kind, resource)), None)


def corrections(item: Object, meant: Resource) -> Iterator[str]:
    """One sentence for each of the two fields that has to be another."""
    for field, expected in (("apiVersion", meant.api_version), ("kind", meant.kind)):
        if item[field] != expected:
            found = item[field][:_LONGEST]
            yield f'{field}: no matches for "{found}"; did you mean "{expected}"?'


def hidden(item: Object) -> Iterator[tuple[str, str]]:
    """The path and the kind of every syncer inside an object of another kind."""
    inside: list[tuple[str, Any]] = [("", item)]
    while inside:
        path, value = inside.pop()
        if isinstance(value, list):
            inside += [(f"{path}[{number}]", part) for number, part in enumerate(value)]
        elif isinstance(value, dict):
            if path and _is_syncer(value):
                yield path, value["kind"][:_LONGEST]
            else:
                inside += [(f"{path}.{key}".strip("."), part) for key, part in value.items()]


def unrendered(item: Object) -> Iterator[str]:
    """What a Kustomization would change or add; only `kubectl kustomize` knows the result."""
    if group_of(item["apiVersion"]) != _KUSTOMIZE:
        return
    said = 'has to be rendered first: preview the output of "kubectl kustomize"'
    for field in item.keys() - _UNCHANGED_BY:
        yield f"{field}: {said}"
    resources = item.get("resources")
    for number, path in enumerate(resources if isinstance(resources, list) else ()):
        if not isinstance(path, str) or ".." in path.split("/") or "://" in path:
            yield f"resources[{number}]: is not in this folder, and {said}"


def helm_hint(text: str) -> str:
    """What to add to a mistake in a text in which an action of a Helm template stands."""
    if _HELM.search(text) is None:
        return ""
    return '; this looks like an unrendered Helm template: preview the output of "helm template"'


def _is_syncer(value: Object) -> bool:
    """Whether a map is a whole object, and not only a reference to one."""
    version, kind = value.get("apiVersion"), value.get("kind")
    is_object = isinstance(version, str) and isinstance(kind, str) and "spec" in value
    return is_object and misspelled(str(version), str(kind)) is SYNCER


def _is_kind(text: str, resource: Resource) -> bool:
    return _is_near(_folded(text), _folded(resource.kind))


def _is_group(text: str) -> bool:
    group, _, _ = text.partition("/")
    return _is_near(group.strip().lower(), SYNCER.group)


def _folded(text: str) -> str:
    """A kind without case, separators and the s of the plural."""
    plain = unicodedata.normalize("NFKC", text[: _LONGEST + 1])
    return "".join(filter(str.isalnum, plain)).lower().removesuffix("s")


def _is_near(text: str, word: str) -> bool:
    """Whether two words are at most a typing slip apart (Levenshtein's distance)."""
    if abs(len(text) - len(word)) > _TYPING_SLIP:
        return False
    distances = list(range(len(word) + 1))
    for row, character in enumerate(text, 1):
        above = distances
        distances = [row]
        for column, other in enumerate(word, 1):
            substituted = above[column - 1] + (character != other)
            distances.append(min(substituted, above[column] + 1, distances[-1] + 1))
    return distances[-1] <= _TYPING_SLIP
