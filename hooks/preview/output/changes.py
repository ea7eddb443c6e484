"""Tell what became of each copy, and why, from two states of the cluster.

Only what Kubernetes itself knows is used: owners, keys, versions, and what a syncer's status says
of the namespaces that it cannot serve. So the report says what happened in the cluster, not what
the hook meant to happen.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hooks.preview.kubectl import Reference
from hooks.preview.simulation import State, is_same
from hooks.preview.simulator.objects import (
    COPIED,
    NAMESPACE,
    SYNCER,
    Object,
    Resource,
    controller_of,
    has_been_looked_at,
    is_deleting,
    is_revision,
    sources_of,
    uid_of,
)

_NAMED: Final = 4
"""How many keys a reason names before it only counts."""


class Happened(StrEnum):
    """What became of a copy."""

    CREATED = "created"
    UPDATED = "updated"
    REPLACED = "replaced"
    TAKEN_OVER = "taken over"
    UNCHANGED = "unchanged"
    RELEASED = "released"
    DELETED = "deleted"
    NOT_MADE = "not made"


_OF_REVISIONS: Final = {
    Happened.CREATED: "stores the content for rollouts",
    Happened.DELETED: "is a revision that is no longer needed",
}


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy: where, whose, its keys (never its values), what became of it, and why."""

    namespace: str
    name: str
    syncer: str
    happened: Happened
    keys: tuple[str, ...] = ()
    why: str = ""


def copies(before: State, after: State) -> list[Copy]:
    """Every object that a syncer controls or controlled, and every copy that could not be made.

    Sorted by namespace and name.
    """
    return _Comparison(before, after).copies()


def keys_or_count(names: list[str]) -> str:
    """A few names, or how many there are."""
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} keys"


@dataclass(slots=True)
class _Comparison:
    before: State
    after: State
    _syncers: Mapping[str, Object] = field(init=False)
    _failures: Mapping[tuple[str, str], str] = field(init=False)
    _failed_before: Mapping[tuple[str, str], str] = field(init=False)

    def __post_init__(self) -> None:
        self._syncers = _syncers(self.after)
        self._failures = dict(_failures(self._syncers))
        self._failed_before = dict(_failures(_syncers(self.before)))

    def copies(self) -> list[Copy]:
        found = [
            copy
            for reference in self.before.keys() | self.after.keys()
            if reference.resource in COPIED
            if (copy := self._copy(reference)) is not None
        ]
        found += self._not_made({(copy.syncer, copy.namespace) for copy in found})
        return sorted(found, key=lambda copy: (copy.namespace, copy.name, copy.syncer))

    def _copy(self, reference: Reference) -> Copy | None:
        old, new = self.before.get(reference), self.after.get(reference)
        syncer = syncer_of(new) or syncer_of(old)
        shown = new or old
        if syncer is None or shown is None:
            return None
        happened = _happened(old, new)
        return Copy(
            reference.namespace,
            reference.name,
            syncer,
            happened,
            tuple(sorted(_content(shown))),
            self._why(reference, syncer, happened),
        )

    def _why(self, reference: Reference, syncer: str, happened: Happened) -> str:
        failure = self._failures.get((syncer, reference.namespace))
        if failure is not None:
            return failure
        old, new = self.before.get(reference, {}), self.after.get(reference, {})
        if happened in _OF_REVISIONS and is_revision(new or old):
            return _OF_REVISIONS[happened]
        reasons: Mapping[Happened, Callable[[], str]] = {
            Happened.CREATED: lambda: self._why_created(reference.namespace, syncer),
            Happened.UPDATED: lambda: _difference(old, new),
            Happened.REPLACED: lambda: _why_replaced(old, new),
            Happened.TAKEN_OVER: lambda: "was unmanaged",
            Happened.RELEASED: lambda: self._why_released(syncer),
            Happened.DELETED: lambda: self._why_deleted(reference, syncer),
            Happened.UNCHANGED: lambda: "is being deleted" if is_deleting(new) else "",
        }
        return reasons[happened]()

    def _why_created(self, namespace: str, syncer: str) -> str:
        before = self.before.get(Reference(SYNCER, "", syncer), {})
        if not has_been_looked_at(before):
            return "the syncer is new"
        known = before["status"]
        if Reference(NAMESPACE, "", namespace) not in self.before:
            return "the namespace is new"
        if failed := self._failed_before.get((syncer, namespace)):
            return f"was {failed}"
        if reason := unresolved(known):
            return f"was {reason}"
        listed = _listed(known)
        if namespace in listed:
            return "was missing"
        # Long lists are cut, and what is pending stands in none.
        is_complete = known.get("targetCount", len(listed)) == len(listed)
        return "is a target now" if is_complete else "was not there"

    def _why_released(self, syncer: str) -> str:
        if syncer in self._syncers:
            return "lost the label controller-uid"
        return "the syncer is gone, its copies stay"

    def _why_deleted(self, reference: Reference, syncer: str) -> str:
        owner = self._syncers.get(syncer)
        if owner is None:
            return "the syncer is gone"
        namespace = self.after.get(Reference(NAMESPACE, "", reference.namespace))
        if namespace is None or is_deleting(namespace):
            return "the namespace is gone"
        if reference.resource is not copied(owner):
            return f"the copies are {copied(owner).kind}s now"
        if reference.name != copy_name(owner):
            return f"the copies are named {copy_name(owner)} now"
        if reason := unresolved(owner.get("status") or {}):
            return reason
        return "is no longer a target"

    def _not_made(self, there: set[tuple[str, str]]) -> Iterator[Copy]:
        for (syncer, namespace), reason in self._failures.items():
            if (syncer, namespace) not in there:
                name = copy_name(self._syncers[syncer])
                yield Copy(namespace, name, syncer, Happened.NOT_MADE, why=reason)


def _happened(old: Object | None, new: Object | None) -> Happened:
    if old is None:
        return Happened.CREATED
    if new is None:
        return Happened.DELETED
    if uid_of(old) != uid_of(new):
        return Happened.REPLACED
    if syncer_of(old) is None:
        return Happened.TAKEN_OVER
    if syncer_of(new) is None:
        return Happened.RELEASED
    return Happened.UNCHANGED if is_same(old, new) else Happened.UPDATED


def _why_replaced(old: Object, new: Object) -> str:
    how = "was immutable" if old.get("immutable") else "was deleted"
    if old.get("type") != new.get("type"):
        how = "has another type"
    return ", ".join(filter(None, [how, _difference(old, new)]))


def _difference(old: Object, new: Object) -> str:
    """Which keys changed, or else which of the rest."""
    before, after = _content(old), _content(new)
    changes = {
        "new": sorted(after.keys() - before.keys()),
        "changed": sorted(key for key in before.keys() & after.keys() if before[key] != after[key]),
        "gone": sorted(before.keys() - after.keys()),
    }
    parts = [f"{word}: {keys_or_count(keys)}" for word, keys in changes.items() if keys]
    if not parts:
        parts = [
            word
            for word in ("labels", "annotations", "ownerReferences", "finalizers")
            if old["metadata"].get(word) != new["metadata"].get(word)
        ]
    return "; ".join(parts)


def _content(item: Object) -> Mapping[str, tuple[str, str]]:
    """Every key of an object with the side on which it stands and its value."""
    return {
        key: (side, value)
        for side in ("data", "binaryData")
        for key, value in (item.get(side) or {}).items()
    }


def _syncers(state: State) -> Mapping[str, Object]:
    return {ref.name: item for ref, item in state.items() if ref.resource is SYNCER}


def _failures(syncers: Mapping[str, Object]) -> Iterator[tuple[tuple[str, str], str]]:
    """Syncer and namespace with the reason of the failure, as far as the statuses tell it."""
    for syncer, item in sorted(syncers.items()):
        for failure in (item.get("status") or {}).get("failures") or ():
            yield (syncer, failure["namespace"]), failure["reason"]


def _listed(status: Object) -> set[str]:
    return {*(status.get("syncedNamespaces") or ()), *(status.get("failedNamespaces") or ())}


def unresolved(status: Object) -> str:
    """The reason why there is no content to copy; empty where there is."""
    return next(
        (
            str(condition["reason"])
            for condition in status.get("conditions") or ()
            if condition["type"] == "SourceResolved" and condition["status"] == "False"
        ),
        "",
    )


def copied(syncer: Object) -> Resource:
    """The kind of a syncer's source and copies."""
    kind, _ = next(sources_of(syncer))
    return kind


def copy_name(syncer: Object) -> str:
    """The name of a syncer's copies."""
    _, name = next(sources_of(syncer))
    return str(syncer["spec"].get("targetName") or name)


def syncer_of(item: Object | None) -> str | None:
    """The syncer that controls an object."""
    controller = controller_of(item) if item is not None else None
    if controller is None or controller["kind"] != SYNCER.kind:
        return None
    return str(controller["name"])
