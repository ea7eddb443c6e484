"""Take from a submitted object what a client can set, as the API server does before it validates.

The status and the fields that the server fills are left out, and so are the fields that a kind does
not have; a Secret's `stringData` becomes `data`, and a custom resource gets the defaults of its
schema.
"""

import base64
from collections.abc import Sequence
from typing import Final, Protocol

from hooks.preview.simulator.objects import (
    NAMESPACE,
    RESOURCES,
    SECRET,
    SYNCER,
    ApiError,
    Object,
    Resource,
)

_EVERY_OBJECT: Final = ("apiVersion", "kind", "metadata")
_METADATA_FIELDS: Final = (
    "name",
    "namespace",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)


class SyncerSchema(Protocol):
    """What the custom resource's definition says of an object."""

    def default(self, item: Object) -> Object:
        """Copy an object with defaults set and unknown fields left out."""

    def violations(self, item: Object) -> Sequence[object]:
        """What the schema and its rules refuse, one sentence each; empty when all is well."""

    def status_violations(self, status: object) -> Sequence[object]:
        """What they refuse in a status; as `violations`."""


def accepted(resource: Resource, manifest: Object, schema: SyncerSchema | None) -> Object:
    """What of a manifest a client can set: no status, no fields that the server fills."""
    if manifest.get("apiVersion") != resource.api_version:
        raise ApiError(
            404,
            "NotFound",
            f'no matches for kind "{resource.kind}" in version "{manifest.get("apiVersion")}"',
        )
    given = manifest.get("metadata") or {}
    metadata = {field: given[field] for field in _METADATA_FIELDS if given.get(field)}
    if resource.namespaced:
        metadata["namespace"] = namespace_in(resource, manifest)
    elif resource is NAMESPACE and isinstance(metadata.get("name"), str):
        marker = {"kubernetes.io/metadata.name": metadata["name"]}
        metadata["labels"] = {**(metadata.get("labels") or {}), **marker}
    item = {**manifest, "metadata": metadata}
    item.pop("status", None)
    if resource is SECRET:
        item = _encoded(item)
    if resource is not SYNCER:
        item = {
            field: item[field]
            for field in (*_EVERY_OBJECT, *resource.fields)
            if item.get(field) not in (None, {})
        }
    elif schema is not None:
        item = schema.default(item)
    return item


def resource_of(kind: object) -> Resource:
    """The resource of a kind. Refused: 404 for a kind that is not known."""
    if not isinstance(kind, str) or kind not in RESOURCES:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return RESOURCES[kind]


def namespace_in(resource: Resource, manifest: Object) -> str | None:
    """The namespace that a manifest means: without one, `default`, as kubectl takes it."""
    if not resource.namespaced:
        return None
    return str((manifest.get("metadata") or {}).get("namespace") or "default")


def _encoded(secret: Object) -> Object:
    """A Secret as it is stored: `stringData` is only a way to write `data`, and it has a type."""
    written = {
        key: base64.b64encode(value.encode()).decode()
        for key, value in (secret.get("stringData") or {}).items()
    }
    data = {**(secret.get("data") or {}), **written}
    return {**secret, "data": data, "type": secret.get("type") or "Opaque"}
