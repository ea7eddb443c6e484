"""Show what every syncer would do, suspended or not, next to what is there now.

The hook itself says so in `status.plan`, for syncers that the simulation has suspended; a syncer
that is deleted makes no plan, and what becomes of its copies is seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hooks.preview.kubectl import Reference
from hooks.preview.output import changes, render
from hooks.preview.output.changes import Happened
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import (
    COPIED,
    NAMESPACE,
    SYNCED_BY,
    SYNCER,
    Object,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
)

_VERBS: Final = {
    "create": "create",
    "update": "update",
    "takeOver": "take over",
    "delete": "delete",
    "hold": "hold",
    "fail": "fail",
}
_NOTHING: Final = "nothing"
_DONE: Final = {Happened.DELETED: "delete", Happened.RELEASED: "release"}


def sections(before: State, after: State, *, changes_only: bool) -> Iterator[str]:
    """A table for every syncer; `changes_only` leaves out what would stay as it is."""
    plans = [_Planned(before, item) for item in _living(after)]
    shown = [text for plan in plans if (text := plan.section(changes_only=changes_only))]
    shown += _of_deleted(before, after)
    if shown:
        yield from shown
        return
    why = [f"- {name_of(item)}: {_why_nothing(item)}" for item in _living(after)]
    yield "\n".join(["No copy would change.", *why])


def problems(after: State) -> Iterator[str]:
    """One sentence for each source without content, held deletion and failing namespace."""
    for item in _living(after):
        status = item.get("status") or {}
        if "plan" not in status:
            yield f"{name_of(item)}: the hook gave no plan"
        for condition in status.get("conditions") or ():
            if condition["type"] == "SourceResolved" and condition["status"] == "False":
                yield f"{name_of(item)}: {condition['reason']}: {condition['message']}"
        if held := ((status.get("plan") or {}).get("hold") or {}).get("count", 0):
            yield f"{name_of(item)}: PruneHeld: the deletion of {held:,} copies would be held"
        for failure in status.get("failures") or ():
            yield (
                f"{name_of(item)}, namespace {failure['namespace']}: "
                f"{failure['reason']}: {failure.get('message', '')}"
            )


def _why_nothing(syncer: Object) -> str:
    """Why a syncer whose plan is empty would do nothing, a fragment of a sentence."""
    status = syncer.get("status") or {}
    if reason := changes.unresolved(status):
        return f"it has no content to copy ({reason})"
    if "plan" not in status:
        return "the hook gave no plan"
    if not status.get("targetCount"):
        return "it selects no namespace"
    if status.get("syncedCount") == status["targetCount"]:
        return "every copy holds the content already"
    return "what its other namespaces wait for is no change of a copy"


def _living(state: State) -> list[Object]:
    return [
        item
        for reference, item in state.items()
        if reference.resource is SYNCER and not is_deleting(item)
    ]


def _of_deleted(before: State, after: State) -> Iterator[str]:
    living = set(map(name_of, _living(after)))
    copies: dict[str, list[Sequence[str]]] = {}
    for copy in changes.copies(before, after):
        if copy.syncer not in living and copy.happened in _DONE:
            row = [copy.namespace, f"copy {copy.name}", _DONE[copy.happened], ""]
            copies.setdefault(copy.syncer, []).append(row)
    for syncer, rows in sorted(copies.items()):
        yield _table(f"{syncer}, which is deleted", rows)


def _table(heading: str, rows: Sequence[Sequence[str]]) -> str:
    return f"{heading}:\n{render.table(['namespace', 'now', 'planned', 'keys'], rows)}"


@dataclass(slots=True)
class _Planned:
    before: State
    syncer: Object
    _there: Mapping[str, list[Object]] = field(init=False)

    def __post_init__(self) -> None:
        there: dict[str, list[Object]] = {}
        for reference, item in self.before.items():
            if reference.resource in COPIED:
                there.setdefault(reference.namespace, []).append(item)
        self._there = there

    def section(self, *, changes_only: bool) -> str:
        """The syncer's table; empty where there is nothing to show."""
        status = self.syncer.get("status") or {}
        plan = status.get("plan") or {}
        reasons = {f["namespace"]: f["reason"] for f in status.get("failures") or ()}
        deeds: dict[str, list[str]] = {}
        keys: dict[str, str] = {}
        unnamed = []
        for part, verb in _VERBS.items():
            planned = plan.get(part) or {}
            named = [
                *(planned.get("namespaces") or ()),
                *(copy["namespace"] for copy in planned.get("copies") or ()),
            ]
            for namespace in named:
                why = f": {reasons[namespace]}" if verb == "fail" and namespace in reasons else ""
                deeds.setdefault(namespace, []).append(f"{verb}{why}")
            keys |= {copy["namespace"]: _keys(copy) for copy in planned.get("copies") or ()}
            if rest := planned.get("count", 0) - len(named):
                unnamed.append(f"{rest:,} more to {verb}")
        if not changes_only and not unnamed:
            for namespace in status.get("syncedNamespaces") or ():
                deeds.setdefault(namespace, [_NOTHING])
        if not deeds:
            why = f"nothing would be done, because {_why_nothing(self.syncer)}."
            return "" if changes_only else f"{name_of(self.syncer)}: {why}"
        rows = [
            [namespace, self._now(namespace), ", ".join(verbs), keys.get(namespace, "")]
            for namespace, verbs in sorted(deeds.items())
        ]
        table = _table(name_of(self.syncer), rows)
        return f"{table}\nand {', '.join(unnamed)}" if unnamed else table

    def _now(self, namespace: str) -> str:
        """What is there now of what the syncer would write."""
        if Reference(NAMESPACE, "", namespace) not in self.before:
            return "no namespace"
        there = self._there.get(namespace, [])
        copies = [item for item in there if changes.syncer_of(item) == name_of(self.syncer)]
        in_the_way = [item for item in there if self._is_desired(item)]
        return ", ".join(map(self._described, copies or in_the_way)) or _NOTHING

    def _is_desired(self, item: Object) -> bool:
        is_of_kind = item["kind"] == changes.copied(self.syncer).kind
        return is_of_kind and name_of(item) == changes.copy_name(self.syncer)

    def _described(self, item: Object) -> str:
        owner = controller_of(item)
        if changes.syncer_of(item) == name_of(self.syncer):
            what = "copy" if self._is_desired(item) else f"{item['kind']} {name_of(item)}"
        elif owner is not None:
            what = f"{owner['kind']} {owner['name']} has it"
        else:
            is_released = labels_of(item).get(SYNCED_BY) == name_of(self.syncer)
            what = "released copy" if is_released else "unmanaged object"
        return f"{what} (being deleted)" if is_deleting(item) else what


def _keys(copy: Object) -> str:
    keys: Sequence[str] = copy.get("keys") or ()
    rest = copy["keyCount"] - len(keys)
    names = ", ".join(keys) or "none"
    return f"{names} and {rest:,} more" if rest else names
