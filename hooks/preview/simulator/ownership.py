"""Know who wrote which field, as the API server's managedFields do.

Server-side apply removes a key when the applier stops sending it, but only if nobody else owns
it; a user's edit takes the field from its owner. Both depend on ownership field by field.
Only the fields that a copy is made of are distinguished: each key of data, binaryData, labels and
annotations, each owner, each finalizer; `spec` is one field.

Facts: Kubernetes documentation, "Server-Side Apply", and structured-merge-diff's `merge.Updater`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from hooks.preview.simulator.objects import COPY_LABELS, Object, annotations_of, owners_of

Path: TypeAlias = tuple[str, ...]
"""A field: `("data", key)`, `("metadata", "labels", key)`, `("immutable",)` and the like."""

_MAPS: Final[tuple[Path, ...]] = (
    ("metadata", "labels"),
    ("metadata", "annotations"),
    ("data",),
    ("binaryData",),
)
_OWNER: Final[Path] = ("metadata", "ownerReferences")
_FINALIZER: Final[Path] = ("metadata", "finalizers")
STATUS: Final[Path] = ("status",)
"""The whole status, which only controllers write."""
METACONTROLLER: Final = "metacontroller"
"""The field manager of Metacontroller."""

USER: Final = "user"
"""The field manager of every user who is not known better."""

LAST_APPLIED: Final = "metacontroller.k8s.io/last-applied-configuration"
"""Where dynamic apply keeps what it wrote."""

_OUR_PREFIX: Final = "config.example.com/"
_WHOLE: Final[tuple[Path, ...]] = (("immutable",), ("spec",), ("type",))


@dataclass(frozen=True, slots=True, order=True)
class Writer:
    """A field manager with the way it writes: one name has one entry for each way."""

    operation: str
    name: str


BEFORE_FIRST_APPLY: Final = Writer("Update", "before-first-apply")
"""Whom the API server gives what is there when it begins to keep track."""

Ownership: TypeAlias = Mapping[Writer, frozenset[Path]]


def fields_of(item: Object) -> dict[Path, object]:
    """Every field of an object that can have an owner, with its value."""
    fields: dict[Path, object] = {}
    for path in _MAPS:
        for key, value in _at(item, path).items():
            fields[(*path, key)] = value
    for owner in owners_of(item):
        fields[(*_OWNER, owner["uid"])] = owner
    for finalizer in item["metadata"].get("finalizers") or ():
        fields[(*_FINALIZER, finalizer)] = finalizer
    for path in _WHOLE:
        if item.get(path[0]) is not None:
            fields[path] = item[path[0]]
    return fields


def with_fields(item: Object, fields: Mapping[Path, object]) -> Object:
    """Copy an object so that exactly these fields are set; maps without keys are left out."""
    metadata = {
        key: value
        for key, value in item["metadata"].items()
        if key not in ("labels", "annotations", "ownerReferences", "finalizers")
    }
    rest = {
        key: value
        for key, value in item.items()
        if key not in ("metadata", "data", "binaryData", "immutable", "spec", "type")
    }
    body: Object = {**rest, "metadata": metadata}
    for path, value in fields.items():
        head, *middle = path
        if path in _WHOLE:
            body[head] = value
        elif path[:2] in (_OWNER, _FINALIZER):
            metadata.setdefault(middle[0], []).append(value)
        else:
            section = metadata.setdefault(middle[0], {}) if head == "metadata" else None
            (body.setdefault(head, {}) if section is None else section)[path[-1]] = value
    return body


def after_update(
    ownership: Ownership, writer: Writer, old: Object | None, new: Object
) -> tuple[Ownership, bool]:
    """Who owns what after a plain write, and whether the writer set any field.

    The writer owns what it changed, and nobody else does. Where nobody owns anything, the
    API server stops keeping track until something is applied.
    """
    if old is not None and not ownership:
        return {}, False
    before = fields_of(old) if old else {}
    after = fields_of(new)
    changed = _changed(before, after)
    taken = changed & after.keys()
    owned = (ownership.get(writer, frozenset()) - changed) | taken
    return _with_writer(_without(ownership, changed), writer, owned), bool(taken)


def apply(
    ownership: Ownership, writer: Writer, live: Object | None, applied: Object
) -> tuple[dict[Path, object], Ownership]:
    """Force an applied object onto the living one: the fields that result, and who owns them.

    A field that the writer applied earlier and no longer applies goes, unless someone else owns it
    too. A field of another writer stays; one with another value changes hands.
    """
    before = fields_of(live) if live else {}
    if not ownership:
        ownership = {BEFORE_FIRST_APPLY: frozenset(before)} if before else {}
    desired = fields_of(applied)
    others = {path for other, paths in ownership.items() if other != writer for path in paths}
    dropped = ownership.get(writer, frozenset()) - desired.keys() - others
    together = {**before, **desired}
    order = _in_order(before, desired)
    after = {path: together[path] for path in order if path not in dropped}
    changed = _changed(before, after)
    return after, _with_writer(_without(ownership, changed), writer, frozenset(desired))


def _in_order(live: Iterable[Path], applied: Collection[Path]) -> Iterable[Path]:
    """The fields of both: in lists, what is applied stands in the order in which it is applied."""
    left = iter(applied)
    seen = set()
    for path in live:
        if path not in applied:
            yield path
        while path in applied and path not in seen:
            seen.add(first := next(left))
            yield first
    yield from left


def managed_fields(
    ownership: Ownership, api_version: str, times: Mapping[Writer, str]
) -> list[Object]:
    """`metadata.managedFields` as the API server shows them; `times`: when each last wrote."""
    return [
        {
            "manager": writer.name,
            "operation": writer.operation,
            "apiVersion": api_version,
            "time": times[writer],
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields_v1(paths),
        }
        for writer, paths in sorted(ownership.items())
    ]


def from_managed_fields(entries: list[Object], item: Object) -> Ownership:
    """Read the ownership of an object back from its `metadata.managedFields`."""
    steps = {path: _steps(path) for path in fields_of(item)}
    ownership: dict[Writer, frozenset[Path]] = {}
    for entry in entries:
        writer = Writer(str(entry.get("operation")), str(entry.get("manager")))
        held = frozenset(
            path for path, step in steps.items() if _holds(entry.get("fieldsV1") or {}, step)
        )
        if held:
            ownership[writer] = ownership.get(writer, frozenset()) | held
    return ownership


def times_of(entries: list[Object]) -> Mapping[Writer, str]:
    """When each writer last wrote, as `metadata.managedFields` of an object say it."""
    return {
        Writer(str(entry.get("operation")), str(entry.get("manager"))): str(entry["time"])
        for entry in entries
        if entry.get("time")
    }


def assumed(item: Object) -> Ownership:
    """Who owns what where `metadata.managedFields` were left out, as `kubectl get` leaves them out.

    What Metacontroller wrote into an object that it manages follows from what marks it as managed:
    the content, our labels and annotations, and the reference to the syncer. Dynamic apply keeps
    what it wrote in an annotation, which is exact; otherwise all content is taken for its own.
    Everything else is some user's.
    """
    fields = fields_of(item)
    last_applied = annotations_of(item).get(LAST_APPLIED)
    if last_applied is None:
        writer = Writer("Apply", METACONTROLLER)
        written = frozenset(path for path in fields if _is_ours(path))
    else:
        writer = Writer("Update", METACONTROLLER)
        written = frozenset(_applied(last_applied)) & fields.keys()
        written |= {path for path in fields if path[-1] == LAST_APPLIED or path[:2] == _OWNER}
    return _with_writer(
        {Writer("Update", USER): frozenset(fields.keys() - written)}, writer, frozenset(written)
    )


def _is_ours(path: Path) -> bool:
    if path[0] != "metadata":
        return True
    return path[:2] == _OWNER or path[-1] in COPY_LABELS or path[-1].startswith(_OUR_PREFIX)


def _applied(annotation: str) -> Mapping[Path, object]:
    """The fields of the object that an annotation of dynamic apply holds; none if it is damaged."""
    try:
        applied = json.loads(annotation)
        return fields_of({**applied, "metadata": applied.get("metadata") or {}})
    except (AttributeError, TypeError, ValueError):
        return {}


def _at(item: Object, path: Path) -> Mapping[str, object]:
    value: Object = item
    for step in path:
        value = value.get(step) or {}
    return value


def _changed(before: Mapping[Path, object], after: Mapping[Path, object]) -> frozenset[Path]:
    return frozenset(
        path
        for path in before.keys() | after.keys()
        if path not in before or path not in after or before[path] != after[path]
    )


def _without(ownership: Ownership, paths: frozenset[Path]) -> Ownership:
    return {writer: owned - paths for writer, owned in ownership.items()}


def _with_writer(ownership: Ownership, writer: Writer, paths: frozenset[Path]) -> Ownership:
    return {key: owned for key, owned in {**ownership, writer: paths}.items() if owned}


def _steps(path: Path) -> list[str]:
    *parents, last = path
    if path[:2] == _OWNER:
        return [f"f:{step}" for step in parents] + [
            "k:" + json.dumps({"uid": last}).replace(" ", "")
        ]
    if path[:2] == _FINALIZER:
        return [f"f:{step}" for step in parents] + ["v:" + json.dumps(last)]
    return [f"f:{step}" for step in path]


def _fields_v1(paths: frozenset[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for step in _steps(path):
            node = node.setdefault(step, {})
    return tree


def _holds(tree: Object, steps: list[str]) -> bool:
    node = tree
    for step in steps:
        if step not in node:
            return False
        node = node[step]
    return True
