"""Walk every combination of what is in the way, of the policy, and of what then happens.

docs/conflicts.md says in a table for people how each of them ends; every cell of it is a syncer of
its own here, with a copy of its own name, so that one cluster goes through all of them at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.story import Manifest, ObjectReference, World

_PAGE = Path(__file__).resolve().parents[2] / "docs/conflicts.md"
_SECTIONS = {
    "server-side-apply": "## Outcomes under server-side apply",
    "dynamic-apply": "## Outcomes under dynamic apply",
}
_POLICIES = ("Fail", "Overwrite")

_COPY = "a copy"
_KEPT = "kept as it was"
_LEFT_ALONE = "left alone"
_GONE = "gone"

_CONTENT = {"level": "info", "color": "blue"}
_CHANGED = {"level": "debug", "color": "blue"}
_THEIRS = {"level": "theirs", "mine": "1"}


def _equal(cell: "Cell") -> Manifest:
    return cell.object(data=_CONTENT)


def _different(cell: "Cell") -> Manifest:
    return cell.object(labels={"team": "blue"}, data=_THEIRS)


def _labelled(cell: "Cell") -> Manifest:
    return cell.object(labels={"synced-by": cell.syncer}, data=_THEIRS)


def _of_another_controller(cell: "Cell") -> Manifest:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "controller": True}
    return cell.object(ownerReferences=[owner | {"uid": cell.owner_uid}], data=_THEIRS)


def _of_another_syncer(cell: "Cell") -> Manifest:
    return cell.object(labels={"synced-by": "another"}, data=_THEIRS)


def _annotated(cell: "Cell") -> Manifest:
    annotations = {"config.example.com/allow-sync-to": "elsewhere"}
    return cell.object(annotations=annotations, data=_THEIRS)


IN_THE_WAY: Mapping[str, Callable[["Cell"], Manifest] | None] = {
    "nothing": None,
    "an object with the same content": _equal,
    "an object with other content": _different,
    "an object labelled `synced-by=<syncer>`": _labelled,
    "an object that another controller owns": _of_another_controller,
    "an object labelled `synced-by=<another>`": _of_another_syncer,
    "an object annotated `allow-sync-to`": _annotated,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination, with the names of its objects and the namespaces that all share."""

    number: int
    existing: str
    policy: str
    happens: str
    source: str
    target: str
    rest: str
    owner_uid: str

    @property
    def syncer(self) -> str:
        return f"{self.source}-{self.number:02}"

    @property
    def manifest(self) -> Manifest:
        return {
            "apiVersion": "config.example.com/v1alpha1",
            "kind": "ConfigMapSyncer",
            "metadata": {"name": self.syncer},
            "spec": {
                "sourceNamespace": self.source,
                "sourceConfigMap": self.syncer,
                "targetNamespaces": [self.target, self.rest],
                "conflictPolicy": self.policy,
            },
        }

    def object(self, data: Mapping[str, str], **metadata: object) -> Manifest:
        return _config_map(self.target, self.syncer, data, **metadata)


def table(strategy: str) -> Mapping[tuple[str, str], Sequence[str]]:
    """What the page says: by what is in the way and the policy, how each event ends."""
    section = _PAGE.read_text("utf-8").partition(_SECTIONS[strategy])[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    cells = [row.split(" | ") for row in rows]
    return {(row[0], row[1].strip("`")): row[2:] for row in cells if len(row) == 7}


def walk(world: World, strategy: str, prefix: str = "x-") -> None:
    """Go through all combinations; AssertionError names the cells that end otherwise."""
    header, *rows = table(strategy).items()
    assert [row for row, _ in rows] == [(o, p) for o in IN_THE_WAY for p in _POLICIES]
    source, target, rest = (f"{prefix}{name}" for name in ("source", "target", "rest"))
    for name in (source, target, rest):
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    world.apply(_config_map(target, "owner", {}))
    owner = world.find(ObjectReference("ConfigMap", "owner", target))
    assert owner
    uid = owner["metadata"]["uid"]
    expected: dict[Cell, str] = {}
    for (existing, policy), ends in rows:
        for happens, end in zip(header[1], ends, strict=True):
            cell = Cell(len(expected), existing, policy, happens, source, target, rest, uid)
            expected[cell] = end
    _create(world, expected)
    before = {cell: _found(world, cell) for cell in expected}
    for cell in expected:
        world.apply(cell.manifest)
    created = {cell: expected[_sibling(expected, cell)] for cell in expected}
    _await(world, created, before, _CONTENT)
    for cell in expected:
        _EVENTS[cell.happens](world, cell)
    _await(world, expected, before, _CHANGED)


def _sibling(cells: Mapping[Cell, str], cell: Cell) -> Cell:
    """The cell of the same row in which nothing but the creation happens."""
    return next(
        other
        for other in cells
        if (other.existing, other.policy) == (cell.existing, cell.policy)
        and _EVENTS[other.happens] is _nothing
    )


def _create(world: World, cells: Mapping[Cell, str]) -> None:
    for cell in cells:
        world.apply(_config_map(cell.source, cell.syncer, _CONTENT))
        make = IN_THE_WAY[cell.existing]
        if make is not None:
            world.apply(make(cell))


def _await(
    world: World,
    expected: Mapping[Cell, str],
    before: Mapping[Cell, Manifest | None],
    changed: Mapping[str, str],
) -> None:
    def look() -> str | None:
        wrong = [
            f"{cell.existing} | {cell.policy} | {cell.happens}: {seen}, not {end}"
            for cell, end in expected.items()
            if (seen := _seen(world, cell, before[cell], changed)) != end
        ]
        return "\n".join(wrong) or None

    world.eventually(look, "every combination to end as the table says")
    # And it stays so, now that everything that was on its way has come through.
    missing = look()
    assert missing is None, missing


def _seen(world: World, cell: Cell, before: Manifest | None, changed: Mapping[str, str]) -> str:
    found = _found(world, cell)
    if found is None:
        return _GONE
    if found == before:
        return _LEFT_ALONE
    owners = found["metadata"].get("ownerReferences", ())
    if not any(owner["name"] == cell.syncer and owner.get("controller") for owner in owners):
        return "written, and unmanaged"
    if found["data"] == _CONTENT and _EVENTS[cell.happens] is _lose_source:
        return _KEPT if changed is _CHANGED else _COPY
    expected = changed if _EVENTS[cell.happens] is _change_source else _CONTENT
    return _COPY if found["data"] == expected else "with wrong content"


def _found(world: World, cell: Cell) -> Manifest | None:
    return world.find(ObjectReference("ConfigMap", cell.syncer, cell.target))


def _config_map(namespace: str, name: str, data: Mapping[str, str], **metadata: object) -> Manifest:
    named = {"namespace": namespace, "name": name, **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": dict(data)}


def _nothing(world: World, cell: Cell) -> None:
    """The syncer has been created, and that is all."""


def _change_source(world: World, cell: Cell) -> None:
    world.patch(ObjectReference("ConfigMap", cell.syncer, cell.source), {"data": _CHANGED})


def _lose_source(world: World, cell: Cell) -> None:
    world.delete(ObjectReference("ConfigMap", cell.syncer, cell.source), None)


def _remove_target(world: World, cell: Cell) -> None:
    patch = {"spec": {"targetNamespaces": [cell.rest]}}
    world.patch(ObjectReference("ConfigMapSyncer", cell.syncer), patch)


def _delete_syncer(world: World, cell: Cell) -> None:
    world.delete(ObjectReference("ConfigMapSyncer", cell.syncer), None)


_EVENTS: Mapping[str, Callable[[World, Cell], None]] = {
    "the syncer is created": _nothing,
    "the source changes": _change_source,
    "the source is deleted": _lose_source,
    "the namespace leaves the targets": _remove_target,
    "the syncer is deleted": _delete_syncer,
}
