"""Sum up syncers and their copies, from what kubectl prints of them.

The hook has judged every namespace already, and the status says how; what the status cannot say is
read from the objects themselves: which look like copies and are none that a syncer looks after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hooks.api.names import CONTROLLER_UID, SYNCED_BY, SYNCER_KIND
from hooks.preview.simulator.objects import (
    Object,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    sources_of,
    uid_of,
)

_NOT_REMOVED: Final = "NotRemoved"
"""Why a namespace fails whose copy should be gone and cannot be deleted."""

_NOT_JUDGED: Final = "NotObserved"
"""The reason where no status is about this spec; it is no reason of the hook."""


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """A namespace that fails: the reason, what to do, and since when it waits if it does."""

    namespace: str
    reason: str
    message: str
    since: str | None = None


@dataclass(frozen=True, slots=True)
class UnmanagedCopy:
    """An object that looks like a copy and is none that a syncer looks after; what to do."""

    kind: str
    namespace: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class SyncerSummary:
    """A syncer at one moment.

    `ready` is `True`, `False` or `Unknown`. The counts are complete where the lists are cut.
    `is_in_progress` tells that something goes on without anybody's help.
    """

    name: str
    source: str
    ready: str
    reason: str
    message: str
    is_in_progress: bool
    target_count: int
    synced_count: int
    synced: Sequence[str]
    pending_count: int
    pending_since: str | None
    failed_count: int
    failed: Sequence[NamespaceState]
    not_removed: Sequence[NamespaceState]
    unmanaged: Sequence[UnmanagedCopy] = ()


@dataclass(frozen=True, slots=True)
class ClusterState:
    """All syncers that were asked for; copies of none; what could not be read, and why."""

    syncers: Sequence[SyncerSummary]
    without_syncer: Sequence[UnmanagedCopy] = ()
    unknown: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether every syncer is Ready."""
        return all(syncer.ready == "True" for syncer in self.syncers)

    @property
    def is_in_progress(self) -> bool:
        """Whether anything goes on without anybody's help."""
        return any(syncer.is_in_progress for syncer in self.syncers)

    def as_json(self) -> Mapping[str, Any]:
        """The same for other programs; absent is what is not known."""
        shown: dict[str, Any] = {"syncers": [_syncer_as_json(each) for each in self.syncers]}
        if self.unknown is None:
            shown["withoutSyncer"] = [_as_json(each) for each in self.without_syncer]
            return shown
        for syncer in shown["syncers"]:
            del syncer["unmanaged"]
        return shown | {"copiesUnknown": self.unknown}


def state_of(items: Iterable[Object], copies: Iterable[Object], *, are_all: bool) -> ClusterState:
    """Sum up syncers and the objects that look like copies.

    Where not all syncers of the cluster are among the items, no copy is without a syncer.
    """
    items = sorted(items, key=name_of)
    names = {name_of(item) for item in items}
    by_syncer: dict[str, list[UnmanagedCopy]] = {}
    without = []
    states = {name_of(item): _state_of(item) for item in items}
    uids = {uid_of(item): name_of(item) for item in items}
    for copy in sorted(copies, key=lambda item: (namespace_of(item), name_of(item))):
        syncer, message = _unmanaged(copy, states, uids)
        if message and syncer in names:
            by_syncer.setdefault(syncer, []).append(_as_unmanaged(copy, message))
        elif message and are_all:
            without.append(_as_unmanaged(copy, message))
    return ClusterState(
        [replace(states[name], unmanaged=by_syncer.get(name, ())) for name in sorted(states)],
        without,
    )


def _state_of(item: Object) -> SyncerSummary:
    status: Object = item.get("status") or {}
    is_current = status.get("observedGeneration") == item["metadata"].get("generation")
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    ready = conditions.get("Ready") if is_current else None
    failures = [
        NamespaceState(
            each["namespace"], each["reason"], each.get("message", ""), each.get("since")
        )
        for each in status.get("failures") or ()
    ]
    is_reconciling = conditions.get("Reconciling", {}).get("status") == "True"
    return SyncerSummary(
        name=name_of(item),
        source=_source(item),
        ready=ready["status"] if ready else "Unknown",
        reason=ready["reason"] if ready else _NOT_JUDGED,
        message=ready["message"]
        if ready
        else "The hook has not observed this spec yet; if that lasts, it cannot be reached.",
        is_in_progress=ready is None or is_reconciling or is_deleting(item),
        target_count=status.get("targetCount", 0),
        synced_count=status.get("syncedCount", 0),
        synced=status.get("syncedNamespaces") or (),
        pending_count=status.get("pendingCount", 0),
        pending_since=status.get("pendingSince"),
        failed_count=status.get("failedCount", 0),
        failed=[each for each in failures if each.reason != _NOT_REMOVED],
        not_removed=[each for each in failures if each.reason == _NOT_REMOVED],
    )


def _source(syncer: Object) -> str:
    for kind, name in sources_of(syncer):
        return f"{kind.kind} {syncer['spec'].get('sourceNamespace', '')}/{name}"
    return "none"


def _unmanaged(
    copy: Object, states: Mapping[str, SyncerSummary], uids: Mapping[str, str]
) -> tuple[str, str]:
    """Whose copy an object is, and what to do about it; no message where it is none."""
    owner = controller_of(copy)
    label = labels_of(copy).get(SYNCED_BY, "")
    if owner is not None and owner["kind"] == SYNCER_KIND:
        syncer = uids.get(owner["uid"], str(owner["name"]))
        if syncer == label:
            return syncer, ""
        return syncer, (
            f"names the syncer as its controller and is no copy of it: remove the label "
            f"{CONTROLLER_UID}, or it is deleted with the syncer"
        )
    if owner is not None or not label:
        return label, ""
    state = states.get(label)
    if state is None:
        return label, (
            f"carries the label {SYNCED_BY}={label}, and there is no such syncer: delete it, or "
            "remove the label to keep it"
        )
    place = namespace_of(copy)
    if place in state.synced or any(each.namespace == place for each in state.failed):
        return label, ""
    return label, (
        f"carries the label {SYNCED_BY}={label} and has no owner: delete it, remove the label to "
        "keep it, or make its namespace a target to have it managed again"
    )


def _as_unmanaged(copy: Object, message: str) -> UnmanagedCopy:
    return UnmanagedCopy(copy["kind"], namespace_of(copy), name_of(copy), message)


def _syncer_as_json(state: SyncerSummary) -> dict[str, Any]:
    return {
        "name": state.name,
        "source": state.source,
        "ready": state.ready,
        "reason": state.reason,
        "message": state.message,
        "inProgress": state.is_in_progress,
        "targetCount": state.target_count,
        "synced": {"count": state.synced_count, "namespaces": list(state.synced)},
        "pending": _known({"count": state.pending_count, "since": state.pending_since}),
        "failed": {"count": state.failed_count, "namespaces": [*map(_as_json, state.failed)]},
        "notRemoved": [*map(_as_json, state.not_removed)],
        "unmanaged": [*map(_as_json, state.unmanaged)],
    }


def _as_json(part: NamespaceState | UnmanagedCopy) -> dict[str, Any]:
    return _known({name: getattr(part, name) for name in part.__slots__})


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
