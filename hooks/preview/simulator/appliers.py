"""Write one desired child the way Metacontroller's apply strategy does.

The strategy decides what a write leaves standing and what an unowned object of that name meets;
everything around it is the same. So each strategy is one `Applier`.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from hooks.preview.options import Strategy
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.hook import encode
from hooks.preview.simulator.objects import (
    ApiError,
    Object,
    annotations_of,
    is_deleting,
    name_of,
    namespace_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import LAST_APPLIED, METACONTROLLER
from hooks.preview.simulator.three_way_merge import merge

_SYSTEM_FIELDS: Final = (
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)


class Applier(Protocol):
    """How desired children reach the cluster."""

    def apply(self, parent: Object, observed: Object | None, desired: Object) -> None:
        """Create or update one child that carries its labels already. Raises ApiError."""


class ServerSideApply:
    """Force the desired fields, let go of those no longer desired, leave others' alone."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def apply(self, parent: Object, observed: Object | None, desired: Object) -> None:
        """Create or update one child. Raises ApiError."""
        if observed is not None and is_deleting(observed):
            return
        if not desired["metadata"].get("namespace"):
            raise ApiError(
                400,
                "BadRequest",
                "an empty namespace may not be set when a resource name is provided",
            )
        if observed is not None and LAST_APPLIED in annotations_of(observed):
            self._cluster.patch(
                observed["kind"],
                name_of(observed),
                namespace_of(observed),
                {"metadata": {"annotations": {LAST_APPLIED: None}}},
                METACONTROLLER,
            )
        cleaned = with_metadata(
            _with_annotation(desired, LAST_APPLIED, None), **dict.fromkeys(_SYSTEM_FIELDS)
        )
        cleaned.pop("status", None)
        self._cluster.server_side_apply(with_owner(cleaned, parent), METACONTROLLER)


class DynamicApply:
    """Merge with what was written last, which an annotation keeps; leave unowned objects alone."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def apply(self, parent: Object, observed: Object | None, desired: Object) -> None:
        """Create or update one child. Raises ApiError."""
        applied = _with_annotation(desired, LAST_APPLIED, None)
        try:
            if observed is None:
                self._create(parent, applied)
            else:
                self._update(observed, applied)
        except ApiError as error:
            # Another object of that name, or a newer version of this one: the next sync sees it.
            if error.reason not in ("AlreadyExists", "Conflict"):
                raise

    def _create(self, parent: Object, applied: Object) -> None:
        created = _with_annotation(applied, LAST_APPLIED, encode(applied).decode())
        self._cluster.create(with_owner(created, parent), METACONTROLLER)

    def _update(self, observed: Object, applied: Object) -> None:
        merged = _merged(observed, applied)
        restored = {field: observed["metadata"].get(field) for field in _SYSTEM_FIELDS}
        merged = with_metadata(merged, **{k: v for k, v in restored.items() if v is not None})
        merged = _with_annotation(merged, LAST_APPLIED, encode(applied).decode())
        if merged == observed or is_deleting(observed):
            return
        if self._cluster.look(merged["kind"], name_of(merged), namespace_of(merged)) is not None:
            self._cluster.update(merged, METACONTROLLER)


APPLIERS: Final[Mapping[str, Callable[[Cluster], Applier]]] = {
    Strategy.SERVER_SIDE: ServerSideApply,
    Strategy.DYNAMIC: DynamicApply,
}
"""The appliers by the name of the strategy, as Metacontroller's flag `--apply-strategy` has it."""


def _merged(observed: Object, applied: Object) -> Object:
    annotation = annotations_of(observed).get(LAST_APPLIED)
    try:
        last_applied = _remembered(annotation)
    except (ValueError, RecursionError) as error:
        raise ApiError(
            0, "Unreadable", f"can't unmarshal {json.dumps(LAST_APPLIED)} annotation: {error}"
        ) from error
    merged: Object = merge(observed, last_applied, applied)
    return merged


def _remembered(annotation: str | None) -> Object | None:
    """What was written last, read as strictly as Go reads it. Raises ValueError, RecursionError."""
    if not annotation:
        return None
    last_applied = json.loads(annotation, parse_constant=_refused, parse_float=_finite)
    if not isinstance(last_applied, dict | None):
        raise ValueError("not a map")  # noqa: TRY004 - as all else that cannot be read
    return last_applied


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number


def _with_annotation(item: Object, name: str, value: str | None) -> Object:
    annotations = {key: text for key, text in annotations_of(item).items() if key != name}
    if value is not None:
        annotations[name] = value
    if not annotations and "annotations" not in item["metadata"]:
        return item
    return {**item, "metadata": {**item["metadata"], "annotations": annotations}}


def controller_reference(parent: Object) -> Object:
    """The ownerReference that makes the parent the controller of a child."""
    return {
        "apiVersion": parent["apiVersion"],
        "kind": parent["kind"],
        "name": name_of(parent),
        "uid": parent["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_owner(child: Object, parent: Object) -> Object:
    """Copy a child with the parent among its owners; one that the hook wrote itself stays."""
    reference = controller_reference(parent)
    owners = list(child["metadata"].get("ownerReferences") or ())
    if any(owner.get("uid") == reference["uid"] for owner in owners):
        return child
    return with_metadata(child, ownerReferences=[*owners, reference])
