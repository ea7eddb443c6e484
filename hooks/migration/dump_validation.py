"""Judge the objects of a dump before anything is made of them: a dump can hold anything.

The API server has checked what is read of a cluster. From a dump, names get into commands that
somebody runs, and a name such as `--kubeconfig=FILE` is an option there, however it is quoted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hooks.migration.controller import DEPLOYMENT
from hooks.migration.replicator import OTHER_KINDS
from hooks.migration.trust_manager import BUNDLE
from hooks.preview.input.decoding import HALF_A_CHARACTER, TOO_DEEP, refusals
from hooks.preview.simulator import metadata_validation
from hooks.preview.simulator.objects import (
    CONFIG_MAP,
    NAMESPACE,
    RESOURCES,
    SECRET,
    Object,
    Resource,
    group_of,
)
from hooks.preview.simulator.schema import Schema


def _resource(kind: str, api_version: str, *, namespaced: bool = True) -> Resource:
    return Resource(kind, api_version, f"{kind.lower()}s", namespaced, has_status=True)


_RESOURCES: Final[Mapping[str, Resource]] = {
    **RESOURCES,
    DEPLOYMENT: _resource(DEPLOYMENT, "apps/v1"),
    BUNDLE: _resource(BUNDLE, "trust.cert-manager.io/v1alpha1", namespaced=False),
    "Role": _resource("Role", "rbac.authorization.k8s.io/v1"),
    "RoleBinding": _resource("RoleBinding", "rbac.authorization.k8s.io/v1"),
    "ServiceAccount": _resource("ServiceAccount", "v1"),
}
"""Everything that any of the tools is about."""


def _map(
    fields: Mapping[str, Any] | None = None, *, required: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """A map with fields that are known; others may be there."""
    return {
        "type": "object",
        "nullable": not required,
        "properties": fields or {},
        "required": list(required),
    }


def _list(items: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "array", "nullable": True, "items": items}


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "object", "nullable": True, "additionalProperties": _TEXT}
_LABELS: Final = {
    "type": "object",
    "nullable": True,
    "patternProperties": {
        r"\A[-A-Za-z0-9_./]+\Z": {"type": "string", "pattern": r"\A[-A-Za-z0-9_.]*\Z"}
    },
    "additionalProperties": False,
}
_SELECTOR: Final = _map(
    {
        "matchLabels": _TEXTS,
        "matchExpressions": _list(
            _map(
                {
                    "key": _TEXT,
                    "operator": {"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                    "values": _list(_TEXT),
                },
                required=("key", "operator"),
            )
        ),
    }
)
_COPIED: Final = _map(
    {
        "data": _TEXTS,
        "binaryData": _TEXTS,
        "immutable": {"type": "boolean", "nullable": True},
        "type": {"type": "string", "nullable": True},
    }
)
_CONTAINER: Final = _map({"image": _TEXT, "args": _list(_TEXT)})
_DEPLOYMENT_SPEC: Final = _map(
    {
        "replicas": {"type": "integer", "nullable": True, "minimum": 0},
        "selector": {**_map({"matchLabels": _LABELS}), "nullable": False},
        "template": _map({"spec": _map({"containers": _list(_CONTAINER)})}),
    }
)
_BUNDLE_SOURCE: Final = _map(
    {
        "configMap": {**_map({"name": _TEXT, "key": _TEXT}), "nullable": False},
        "secret": {**_map(), "nullable": False},
        "inLine": _TEXT,
        "useDefaultCAs": {"type": "boolean"},
    }
)
_BUNDLE_TARGET: Final = _map(
    {
        "configMap": _map(
            {"key": _TEXT, "metadata": _map({"labels": _TEXTS, "annotations": _TEXTS})},
            required=("key",),
        ),
        "secret": _map(required=("key",)),
        "namespaceSelector": _SELECTOR,
        "additionalFormats": _map(),
    }
)
_BUNDLE_SPEC: Final = _map(
    {"sources": _list({**_BUNDLE_SOURCE, "nullable": False}), "target": _BUNDLE_TARGET}
)


_SHAPES: Final[Mapping[str, Schema]] = {
    kind: Schema(open_api=shape, columns=())
    for kind, shape in {
        CONFIG_MAP.kind: _COPIED,
        SECRET.kind: _COPIED,
        NAMESPACE.kind: _map({"status": _map({"phase": _TEXT})}),
        DEPLOYMENT: _map({"spec": _DEPLOYMENT_SPEC}),
        BUNDLE: _map({"spec": _BUNDLE_SPEC}),
    }.items()
}
"""What is read of an object other than its metadata."""


def resource_of(item: Object) -> Resource | None:
    """What an object is; None where no tool is about it."""
    resource = _RESOURCES.get(item["kind"])
    if resource is None or group_of(item["apiVersion"]) != resource.group:
        return None
    return resource


def violations(resource: Resource, item: Object) -> Iterator[str]:
    """Why nothing can be made of an object: sentences that begin with the field.

    No value of the object is in them, because it may be a Secret's.
    """
    found = list(refusals(item))
    yield from found
    if any(sentence.endswith((HALF_A_CHARACTER, TOO_DEEP)) for sentence in found):
        return
    for violation in metadata_validation.violations(resource, item.get("metadata")):
        # Names of these may hold more, such as `system:node`, and get into no command.
        is_name = str(violation).startswith("metadata.name: Invalid")
        if not is_name or resource.kind not in OTHER_KINDS:
            yield str(violation)
    if resource.kind in _SHAPES:
        yield from map(str, _SHAPES[resource.kind].shape_violations(item))
