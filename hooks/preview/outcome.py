"""Tell what became of each copy, from what was there before and what is there now.

Only what Kubernetes itself knows is used: the owner that controls a ConfigMap. So the report says
what happened in the cluster, not what the hook meant to happen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hooks.preview.cluster import Cluster
from hooks.preview.objects import SYNCER, Object, controller_of, name_of, namespace_of, uid_of


class Happened(StrEnum):
    """What became of a copy."""

    CREATED = "created"
    UPDATED = "updated"
    REPLACED = "replaced"
    TAKEN_OVER = "taken over"
    UNCHANGED = "unchanged"
    RELEASED = "released"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy: where, whose, its keys (never its values), and what became of it."""

    namespace: str
    name: str
    syncer: str
    keys: tuple[str, ...]
    happened: Happened


def copies(before: Iterable[Object], cluster: Cluster) -> list[Copy]:
    """Every ConfigMap that a syncer controls or controlled, sorted by namespace and name."""
    earlier = {(namespace_of(item), name_of(item)): item for item in before}
    now = {(namespace_of(item), name_of(item)): item for item in cluster.look_all("ConfigMap")}
    found = []
    for key in sorted(earlier.keys() | now.keys()):
        old, new = earlier.get(key), now.get(key)
        syncer = _syncer_of(new) or _syncer_of(old)
        shown = new or old
        if syncer is not None and shown is not None:
            keys = sorted((shown.get("data") or {}).keys() | (shown.get("binaryData") or {}).keys())
            found.append(Copy(*key, syncer, tuple(keys), _happened(old, new)))
    return found


def _happened(old: Object | None, new: Object | None) -> Happened:
    if old is None:
        return Happened.CREATED
    if new is None:
        return Happened.DELETED
    if uid_of(old) != uid_of(new):
        return Happened.REPLACED
    if _syncer_of(old) is None:
        return Happened.TAKEN_OVER
    if _syncer_of(new) is None:
        return Happened.RELEASED
    same = old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]
    return Happened.UNCHANGED if same else Happened.UPDATED


def _syncer_of(item: Object | None) -> str | None:
    controller = controller_of(item) if item is not None else None
    if controller is None or controller["kind"] != SYNCER.kind:
        return None
    return str(controller["name"])
