"""Do to the objects in memory what `kubectl apply` and `kubectl delete` do to a cluster.

A change is shown as it would be made: a field that is no longer in a manifest goes, if kubectl
wrote it the last time; a field that others wrote stays. What kubectl wrote the last time stands in
its annotation, or else in the manifest from which the object was taken. Where one applier owns
fields instead (`kubectl apply --server-side`, Flux), it is taken to apply once more.
"""

import copy
import json
from dataclasses import dataclass
from typing import Final

from hooks.preview.options import Propagation
from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.objects import (
    DEFAULT_NAMESPACE,
    RESOURCES,
    ApiError,
    Object,
    Resource,
    annotations_of,
    name_of,
    namespace_of,
    with_metadata,
)
from hooks.preview.simulator.ownership import METACONTROLLER

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Where `kubectl apply` keeps what it wrote; on a Secret it holds the values."""

_WRITER: Final = "kubectl-client-side-apply"
_SHORT_NAMES: Final = {"ns": "Namespace", "cm": "ConfigMap", "cmsync": "ConfigMapSyncer"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One object: its kind, its namespace (empty where it is in none) and its name."""

    resource: Resource
    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str, namespace: str = DEFAULT_NAMESPACE) -> "Reference":
        """Read `KIND/[NAMESPACE/]NAME`, as kubectl takes kinds. Raises ValueError."""
        kind, *path = text.split("/")
        known = {
            spelling.lower(): resource
            for resource in RESOURCES.values()
            for spelling in (resource.kind, resource.plural)
        } | {short: RESOURCES[long] for short, long in _SHORT_NAMES.items()}
        resource = known.get(kind.lower())
        if resource is None:
            kinds = ", ".join(resource.kind for resource in RESOURCES.values())
            raise ValueError(f"{text}: no such kind; the kinds are {kinds}")
        if resource.namespaced and len(path) == 1:
            path = [namespace, *path]
        if len(path) != 1 + resource.namespaced or not all(path):
            shape = f"{resource.kind}/[NAMESPACE/]NAME" if resource.namespaced else "KIND/NAME"
            raise ValueError(f"{text}: write {shape}")
        *inside, name = path
        return cls(resource, "".join(inside), name)

    @classmethod
    def of(cls, item: Object) -> "Reference":
        """The reference of an object."""
        return cls(RESOURCES[item["kind"]], namespace_of(item), name_of(item))

    def __str__(self) -> str:
        path = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource.kind} {path}"


def apply(cluster: Cluster, manifest: Object, earlier: Object | None) -> bool:
    """Apply a manifest; `earlier` is the one from which the object was taken, where there is one.

    Returns whether it is known what was applied before: only then do fields go. Raises ApiError.
    """
    reference = Reference.of(manifest)
    kind, name, namespace = reference.resource.kind, reference.name, reference.namespace
    living = cluster.look(kind, name, namespace)
    if living is None:
        cluster.create(manifest, _WRITER)
        return True
    remembered = annotations_of(living).get(LAST_APPLIED)
    last = _decoded(remembered) or earlier
    applier = _applier_of(living)
    if last is None and applier is not None:
        cluster.server_side_apply(copy.deepcopy(_content(manifest)), applier)
        return True
    patch = _difference(_content(last or {}), _content(manifest))
    if remembered is not None:
        annotations = patch.setdefault("metadata", {}).setdefault("annotations", {})
        annotations[LAST_APPLIED] = json.dumps(_content(manifest), separators=(",", ":")) + "\n"
    cluster.patch(kind, name, namespace, patch, _WRITER)
    return last is not None


def delete(cluster: Cluster, reference: Reference, propagation: Propagation) -> None:
    """Delete an object. Raises ApiError where there is none."""
    kind = reference.resource.kind
    cluster.delete(kind, reference.name, reference.namespace, propagation)


def _applier_of(living: Object) -> str | None:
    """The one field manager that applies the object server-side, Metacontroller aside."""
    appliers = {
        str(entry["manager"])
        for entry in living["metadata"].get("managedFields") or ()
        if entry.get("operation") == "Apply" and entry.get("manager") != METACONTROLLER
    }
    return appliers.pop() if len(appliers) == 1 else None


def _decoded(annotation: str | None) -> Object | None:
    try:
        decoded: object = json.loads(annotation or "null")
    except ValueError as error:
        raise ApiError(0, "Invalid", f"the annotation {LAST_APPLIED} is damaged") from error
    return decoded if isinstance(decoded, dict) else None


def _content(manifest: Object) -> Object:
    """What of a manifest a user writes: no status, nothing that the server fills in."""
    metadata = manifest.get("metadata") or {}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key != LAST_APPLIED
    }
    content = {key: value for key, value in manifest.items() if key != "status"}
    return with_metadata(
        {**content, "metadata": metadata},
        annotations=annotations or None,
        **dict.fromkeys(
            ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
        ),
    )


def _difference(last: Object, desired: Object) -> Object:
    """The merge patch that sets what is desired and takes away what was desired before."""
    gone = {key: None for key in last if key not in desired}
    return gone | {
        key: _difference(_map(last.get(key)), value) if isinstance(value, dict) else value
        for key, value in desired.items()
    }


def _map(value: object) -> Object:
    return value if isinstance(value, dict) else {}
