"""Read Kubernetes objects that are plain JSON.

The offline run keeps every object as the JSON that the API server would send, because that is
what the hook is sent. These are the few questions that all its parts ask of such an object.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]
"""One Kubernetes object as decoded JSON. What the cluster has stored is never changed in place."""

Objects: TypeAlias = list[Object]


@dataclass(frozen=True, slots=True)
class Resource:
    """What the API server knows about a kind.

    `fields` are those that a client sets and that are stored, but for `apiVersion`, `kind` and
    `metadata`; a custom resource has its schema instead.
    """

    kind: str
    api_version: str
    plural: str
    namespaced: bool
    has_status: bool
    fields: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return group_of(self.api_version)

    @property
    def qualified(self) -> str:
        """The name that the API server's own messages use, such as `configmaps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_key(self) -> str:
        """The key of this kind's group in a hook request of version 2, such as `ConfigMap.v1`."""
        return f"{self.kind}.{self.api_version}"


CONFIG_MAP: Final = Resource(
    "ConfigMap",
    "v1",
    "configmaps",
    namespaced=True,
    has_status=False,
    fields=("data", "binaryData", "immutable"),
)
SECRET: Final = Resource(
    "Secret",
    "v1",
    "secrets",
    namespaced=True,
    has_status=False,
    fields=("data", "immutable", "type"),
)
COPIED: Final = (CONFIG_MAP, SECRET)
"""The kinds that a syncer can copy. A source is named by the field `source` and its kind."""
NAMESPACE: Final = Resource("Namespace", "v1", "namespaces", namespaced=False, has_status=True)
SYNCER: Final = Resource(
    "ConfigMapSyncer",
    "config.example.com/v1alpha1",
    "configmapsyncers",
    namespaced=False,
    has_status=True,
)
SYNCED_BY: Final = "synced-by"
"""The label that names the syncer of a copy; the hook has it, too (hooks/api/names.py)."""
REVISION_OF: Final = "config.example.com/revision-of"
"""The label of a stored revision, which is no copy (hooks/api/names.py)."""
CONTROLLER_UID: Final = "controller-uid"
"""Metacontroller's label on children."""
FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
"""The finalizers by which a deletion asks the garbage collector for more than collecting."""
COPY_LABELS: Final = ("app.kubernetes.io/managed-by", CONTROLLER_UID, SYNCED_BY, "synced-from")
"""All labels of the system on a copy."""
RESOURCES: Final = {resource.kind: resource for resource in (NAMESPACE, *COPIED, SYNCER)}

DEFAULT_NAMESPACE: Final = "default"
"""Where an object is that names no namespace, as for kubectl."""

NOT_OBSERVED: Final = -1
"""The `status.observedGeneration` of a syncer at which no controller has looked."""


class ApiError(Exception):
    """The API server refused a request: HTTP status, reason and the sentence that it answers."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


def not_found(resource: Resource, name: str) -> ApiError:
    """Refuse because there is no object of this name."""
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found')


def group_of(api_version: str) -> str:
    """The API group of an `apiVersion`; empty for the core group."""
    group, slash, _ = api_version.rpartition("/")
    return group if slash else ""


def has_been_looked_at(syncer: Object) -> bool:
    """Whether a controller has written the status; before, the API server's default stands there.

    A dump of a cluster with an older CRD has no status then.
    """
    status = syncer.get("status") or {}
    return bool(status) and status.get("observedGeneration") != NOT_OBSERVED


def sources_of(syncer: Object) -> Iterator[tuple[Resource, str]]:
    """The kind and the name of what a syncer names as its source; a valid one names one."""
    for kind in COPIED:
        if name := syncer["spec"].get(f"source{kind.kind}"):
            yield kind, name


def name_of(item: Object) -> str:
    """`metadata.name`."""
    return str(item["metadata"]["name"])


def namespace_of(item: Object) -> str:
    """`metadata.namespace`, empty for a cluster-scoped object."""
    return str(item["metadata"].get("namespace") or "")


def uid_of(item: Object) -> str:
    """`metadata.uid`."""
    return str(item["metadata"]["uid"])


def labels_of(item: Object) -> Mapping[str, str]:
    """`metadata.labels`."""
    labels: Mapping[str, str] = item["metadata"].get("labels") or {}
    return labels


def is_revision(item: Object) -> bool:
    """Whether an object is a content that a syncer stores for its rollouts, and no copy."""
    labels = labels_of(item)
    return REVISION_OF in labels and SYNCED_BY not in labels and bool(item.get("immutable"))


def annotations_of(item: Object) -> Mapping[str, str]:
    """The annotations."""
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return annotations


def owners_of(item: Object) -> list[Object]:
    """`metadata.ownerReferences`."""
    return list(item["metadata"].get("ownerReferences") or ())


def finalizers_of(item: Object) -> list[str]:
    """`metadata.finalizers`."""
    return list(item["metadata"].get("finalizers") or ())


def is_deleting(item: Object) -> bool:
    """Whether the object is marked for deletion and waits for its finalizers."""
    return item["metadata"].get("deletionTimestamp") is not None


def controller_of(item: Object) -> Object | None:
    """The ownerReference of the one owner that controls the object."""
    return next((owner for owner in owners_of(item) if owner.get("controller")), None)


def key_of(item: Object) -> str:
    """`namespace/name`, or the name alone: the key of an object in a hook request."""
    namespace = namespace_of(item)
    return f"{namespace}/{name_of(item)}" if namespace else name_of(item)


def with_metadata(item: Object, **fields: object) -> Object:
    """Copy an object with some metadata replaced; a field set to None is left out."""
    metadata = {**item["metadata"], **fields}
    for field, value in fields.items():
        if value is None:
            del metadata[field]
    return {**item, "metadata": metadata}


def merge(target: object, patch: object) -> Any:  # noqa: ANN401 - JSON of any shape comes out
    """Apply a JSON merge patch (RFC 7386): null deletes, maps merge, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; one that is absent or empty matches everything."""
    selector = selector or {}
    required: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in required.items()):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions") or ())


def _holds(rule: Object, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f'"{other}" is not a valid label selector operator')
