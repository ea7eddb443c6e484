"""Write one desired child the way Metacontroller's apply strategy does.

The strategy decides what a write leaves standing and what an unowned object of that name meets;
everything around it is the same. So each strategy is one `Applier`.
"""

from typing import Final, Protocol

from hooks.preview.cluster import Cluster
from hooks.preview.objects import (
    ApiError,
    Object,
    is_deleting,
    name_of,
    namespace_of,
    with_metadata,
)

FIELD_MANAGER: Final = "metacontroller"
LAST_APPLIED: Final = "metacontroller.k8s.io/last-applied-configuration"

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
        if observed is not None and LAST_APPLIED in (observed["metadata"].get("annotations") or {}):
            self._cluster.patch(
                "ConfigMap",
                name_of(observed),
                namespace_of(observed),
                {"metadata": {"annotations": {LAST_APPLIED: None}}},
                FIELD_MANAGER,
            )
        cleaned = with_metadata(desired, **dict.fromkeys(_SYSTEM_FIELDS))
        cleaned.pop("status", None)
        self._cluster.server_side_apply(with_owner(cleaned, parent), FIELD_MANAGER)


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
