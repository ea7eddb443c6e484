"""Keep the objects of one cluster as they are stored, and find them again.

Objects are found by kind and key, by name in all namespaces, and by the owner that controls them.
Every write counts the resource version up, rewrites the managedFields, refuses what etcd does
not take, and notifies the subscribers.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hooks.preview.simulator import etcd, ownership
from hooks.preview.simulator.clock import Clock, rfc3339
from hooks.preview.simulator.objects import (
    COPIED,
    RESOURCES,
    Object,
    Objects,
    Resource,
    controller_of,
    name_of,
    namespace_of,
    not_found,
    with_metadata,
)
from hooks.preview.simulator.ownership import Ownership, Writer
from hooks.preview.simulator.submitted import resource_of


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: `old` is None for a new object, `new` for one that is gone."""

    kind: str
    old: Object | None
    new: Object | None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object with its field owners, and when each of them last wrote."""

    item: Object
    ownership: Ownership
    times: Mapping[Writer, str] = field(default_factory=dict)


class ObjectStore:
    """The stored objects: anyone reads them, only the API server writes them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._stored: dict[str, dict[tuple[str, str], StoredObject]] = {
            kind: {} for kind in RESOURCES
        }
        self._named: dict[tuple[str, str], dict[str, Object]] = {}
        self._by_controller: dict[str | None, dict[tuple[str, str, str], Object]] = {}
        self._subscribers: list[Callable[[WatchEvent], None]] = []
        self._resource_version = 0

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """A copy of one object, None where there is none."""
        found = self.look(kind, name, namespace)
        return None if found is None else copy.deepcopy(found)

    def list(self, kind: str, namespace: str | None = None) -> Objects:
        """Copies of all objects of a kind, of one namespace or all, in the order of their names."""
        return copy.deepcopy(list(self.look_all(kind, namespace)))

    def look(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object as it is stored, for reading only; None where there is none."""
        stored = self._stored[resource_of(kind).kind].get((namespace or "", name))
        return None if stored is None else stored.item

    def look_all(self, kind: str, namespace: str | None = None) -> Iterator[Object]:
        """All objects of a kind as they are stored, for reading only."""
        stored = self._stored[resource_of(kind).kind]
        return (
            stored[key].item for key in sorted(stored) if namespace is None or key[0] == namespace
        )

    def look_named(self, kind: str, name: str) -> Objects:
        """The objects of a kind and a name in all namespaces, for reading only."""
        named = self._named.get((resource_of(kind).kind, name), {})
        return [named[namespace] for namespace in sorted(named)]

    def controlled_by(self, uid: str | None) -> Objects:
        """What is copied and controlled by this owner (None: by nobody), for reading only."""
        held = self._by_controller.get(uid, {})
        return [held[key] for key in sorted(held)]

    def subscribe(self, notify: Callable[[WatchEvent], None]) -> None:
        """Call back for every change from now on, in order, while it happens."""
        self._subscribers.append(notify)

    @property
    def resource_version(self) -> str:
        """The version of the last write, of whatever object."""
        return str(self._resource_version)

    def _existing(self, resource: Resource, name: str, namespace: str | None) -> StoredObject:
        stored = self._stored[resource.kind].get((namespace or "", name))
        if stored is None:
            raise not_found(resource, name)
        return stored

    def _store(
        self,
        resource: Resource,
        old: StoredObject | None,
        new: StoredObject,
        writer: Writer | None = None,
    ) -> Object:
        key = (namespace_of(new.item), name_of(new.item))
        if (
            old is not None
            and without_bookkeeping(old.item) == without_bookkeeping(new.item)
            and (old.ownership == new.ownership)
        ):
            return old.item
        self._resource_version += 1
        known = new.times if old is None else old.times
        times = {
            owner: self._now() if owner == writer else known.get(owner, self._now())
            for owner in new.ownership
        }
        item = with_metadata(
            new.item,
            resourceVersion=self.resource_version,
            managedFields=ownership.managed_fields(new.ownership, resource.api_version, times),
        )
        owned = new.ownership
        if not etcd.fits(resource, item) and (writer is None or writer.operation != "Apply"):
            # Whatever is not applied, the API server then stores without its owners.
            owned, item = {}, with_metadata(item, managedFields=[])
        if not etcd.fits(resource, item):
            raise etcd.refusal()
        self._stored[resource.kind][key] = StoredObject(item, owned, times)
        self._named.setdefault((resource.kind, key[1]), {})[key[0]] = item
        if resource in COPIED:
            place = (resource.kind, *key)
            if old is not None:
                self._by_controller[_controller_uid(old.item)].pop(place)
            self._by_controller.setdefault(_controller_uid(item), {})[place] = item
        self._notify(WatchEvent(resource.kind, None if old is None else old.item, item))
        return item

    def _remove(self, resource: Resource, stored: StoredObject) -> None:
        key = (namespace_of(stored.item), name_of(stored.item))
        del self._stored[resource.kind][key]
        del self._named[resource.kind, key[1]][key[0]]
        if resource in COPIED:
            self._by_controller[_controller_uid(stored.item)].pop((resource.kind, *key))
        self._resource_version += 1
        self._notify(WatchEvent(resource.kind, stored.item, None))

    def _notify(self, event: WatchEvent) -> None:
        for notify in self._subscribers:
            notify(event)

    def _now(self) -> str:
        return rfc3339(self.clock.now())


def _controller_uid(item: Object) -> str | None:
    controller = controller_of(item)
    return None if controller is None else str(controller["uid"])


def without_bookkeeping(item: Object) -> Object:
    """An object without what every write of it changes."""
    return with_metadata(item, resourceVersion=None, managedFields=None)
