"""Everything that was read of a cluster, to be looked up by kind, namespace and name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from hooks.preview.simulator.objects import (
    NAMESPACE,
    SYNCER,
    Object,
    Resource,
    is_deleting,
    name_of,
    namespace_of,
)

_PHASE_OF_THE_LEAVING: Final = "Terminating"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The objects by kind, and there by namespace and name."""

    by_kind: Mapping[str, Mapping[tuple[str, str], Object]]

    @classmethod
    def of(cls, items: Iterable[Object]) -> Self:
        """All of these; of an object that was read twice, the last one counts."""
        by_kind: dict[str, dict[tuple[str, str], Object]] = {}
        for item in items:
            kind = by_kind.setdefault(str(item.get("kind")), {})
            kind[(namespace_of(item), name_of(item))] = item
        return cls(by_kind)

    def of_kind(self, kind: str) -> Iterator[Object]:
        """All objects of a kind, sorted by namespace and name."""
        found = self.by_kind.get(kind, {})
        return (found[key] for key in sorted(found))

    def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object; None where it was not read."""
        return self.by_kind.get(resource.kind, {}).get((namespace, name))

    @property
    def namespaces(self) -> Iterator[Object]:
        """The namespaces that take objects."""
        for namespace in self.of_kind(NAMESPACE.kind):
            phase = (namespace.get("status") or {}).get("phase")
            if phase != _PHASE_OF_THE_LEAVING and not is_deleting(namespace):
                yield namespace

    @property
    def syncer_names(self) -> set[str]:
        """The names that syncers have already."""
        return {name_of(item) for item in self.of_kind(SYNCER.kind)}


def annotations_of(item: Object) -> Mapping[str, str]:
    """`metadata.annotations`."""
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return annotations


def content_of(item: Object) -> Mapping[str, str]:
    """The keys of a ConfigMap or Secret with their values; binary ones as they are encoded."""
    return {
        **{key: f"text:{value}" for key, value in _map(item, "data").items()},
        **{key: f"base64:{value}" for key, value in _map(item, "binaryData").items()},
    }


def _map(item: Object, field: str) -> Mapping[str, str]:
    values: Mapping[str, str] = item.get(field) or {}
    return values


def called(item: Object) -> str:
    """An object in a sentence: `ConfigMap shared/settings`."""
    place = namespace_of(item)
    return f"{item['kind']} {place}/{name_of(item)}" if place else f"{item['kind']} {name_of(item)}"
