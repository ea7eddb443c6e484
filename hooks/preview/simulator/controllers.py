"""What the controllers of a control plane do in the background: kube-controller-manager in memory.

The garbage collector reads ownerReferences, and deletes, strips or orphans; the namespace
controller empties what is being deleted. Both act some time after what they react to, which is why
the hook can see what comes in between.
"""

from collections.abc import Sequence
from typing import Final

from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.objects import (
    FOREGROUND,
    ORPHAN,
    RESOURCES,
    Object,
    finalizers_of,
    is_deleting,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
    with_metadata,
)

_MANAGER: Final = "kube-controller-manager"


class Controllers:
    """The background controllers of one cluster; they act only when `run` is called."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: str | None = None

    def run(self) -> bool:
        """Collect garbage and empty Namespaces until nothing is left to do; whether any was."""
        before = self._cluster.resource_version
        while self._seen != self._cluster.resource_version:
            self._seen = self._cluster.resource_version
            _collect_garbage(self._cluster)
            _empty_namespaces(self._cluster)
        return self._cluster.resource_version != before


def _collect_garbage(cluster: Cluster) -> None:
    """Delete what has lost its owners, and do what owners that are being deleted wait for."""
    for resource in RESOURCES.values():
        for item in list(cluster.look_all(resource.kind)):
            finalizers = finalizers_of(item)
            if not finalizers and not owners_of(item):
                continue
            if ORPHAN in finalizers:
                _orphan_dependents(cluster, item)
                _drop_finalizer(cluster, item, ORPHAN)
            elif FOREGROUND in finalizers and is_deleting(item):
                _delete_dependents(cluster, item)
                if not any(_blocks(dependent, item) for dependent in _dependents(cluster, item)):
                    _drop_finalizer(cluster, item, FOREGROUND)
            elif cluster.look(resource.kind, name_of(item), namespace_of(item)) is item:
                _collect(cluster, item)


def _collect(cluster: Cluster, item: Object) -> None:
    """Delete an object whose owners are all gone; strip only the dead ones where some live."""
    owners = owners_of(item)
    alive = [owner for owner in owners if _is_alive(cluster, owner, item)]
    if is_deleting(item) or len(alive) == len(owners):
        return
    if alive:
        _strip_owners(cluster, item, alive)
    else:
        cluster.delete(item["kind"], name_of(item), namespace_of(item), uid=uid_of(item))


def _delete_dependents(cluster: Cluster, owner: Object) -> None:
    """Delete what a foreground deletion waits for; what another owner holds only lets go."""
    for dependent in _dependents(cluster, owner):
        if is_deleting(dependent):
            continue
        alive = [
            reference
            for reference in owners_of(dependent)
            if reference["uid"] != uid_of(owner) and _is_alive(cluster, reference, dependent)
        ]
        if alive:
            _strip_owners(cluster, dependent, alive)
        else:
            cluster.delete(dependent["kind"], name_of(dependent), namespace_of(dependent))


def _orphan_dependents(cluster: Cluster, owner: Object) -> None:
    for dependent in _dependents(cluster, owner):
        kept = [item for item in owners_of(dependent) if item["uid"] != uid_of(owner)]
        _strip_owners(cluster, dependent, kept)


def _strip_owners(cluster: Cluster, item: Object, kept: Sequence[Object]) -> None:
    stripped = with_metadata(item, ownerReferences=list(kept) or None)
    cluster.update(stripped, _MANAGER)


def _drop_finalizer(cluster: Cluster, item: Object, finalizer: str) -> None:
    kept = [name for name in finalizers_of(item) if name != finalizer]
    cluster.update(with_metadata(item, finalizers=kept or None), _MANAGER)


def _dependents(cluster: Cluster, owner: Object) -> Sequence[Object]:
    uid = uid_of(owner)
    return [
        item
        for resource in RESOURCES.values()
        for item in cluster.look_all(resource.kind)
        if any(reference["uid"] == uid for reference in owners_of(item))
    ]


def _is_alive(cluster: Cluster, owner: Object, dependent: Object) -> bool:
    resource = RESOURCES.get(owner["kind"])
    if resource is None or resource.api_version != owner["apiVersion"]:
        return True  # Another kind's objects are not kept here, so nothing says that it is gone.
    namespace = namespace_of(dependent) if resource.namespaced else None
    found = cluster.look(resource.kind, owner["name"], namespace)
    return found is not None and uid_of(found) == owner["uid"]


def _empty_namespaces(cluster: Cluster) -> None:
    """Delete what is in a Namespace that is being deleted, and the Namespace when it is empty."""
    for namespace in list(cluster.look_all("Namespace")):
        if not is_deleting(namespace):
            continue
        left = [
            item
            for resource in RESOURCES.values()
            if resource.namespaced
            for item in cluster.look_all(resource.kind, name_of(namespace))
        ]
        for item in left:
            if not is_deleting(item):
                cluster.delete(item["kind"], name_of(item), namespace_of(item))
        if not left and not finalizers_of(namespace):
            cluster.finish(namespace)


def _blocks(dependent: Object, owner: Object) -> bool:
    return any(
        reference["uid"] == uid_of(owner) and reference.get("blockOwnerDeletion")
        for reference in owners_of(dependent)
    )
