"""Refuse what the API server would refuse, and say in which field.

An offline run that accepts a ConfigMap which the cluster will not take promises a copy that never
comes. Facts: Kubernetes' `ValidateConfigMap`, `ValidateSecret` and `ValidateNamespace`. No value of
a Secret or a ConfigMap gets into a sentence.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from hooks.preview.simulator import metadata_validation
from hooks.preview.simulator.objects import COPIED, RESOURCES, SECRET, SYNCER, Object, Resource
from hooks.preview.simulator.refusals import FieldViolation, strings

_MAXIMUM_BYTES: Final = 1024 * 1024
"""What the values of one ConfigMap or Secret may hold together."""

_KEY: Final = re.compile(r"\A[-._a-zA-Z0-9]+\Z")
_KEY_LENGTH: Final = 253
_EVERY_OBJECT: Final = frozenset({"apiVersion", "kind", "metadata"})
_NOT_STORED: Final = {"Secret": {"stringData"}, "Namespace": {"spec", "status"}}
"""Fields that a client may send although the simulator stores nothing of them."""
_METADATA: Final = frozenset(
    {
        *("name", "generateName", "namespace", "labels", "annotations"),
        *("ownerReferences", "finalizers", "managedFields"),
        *("uid", "resourceVersion", "generation", "selfLink"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    }
)
_ITEMS: Final = {
    "ownerReferences": frozenset(
        {"apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"}
    ),
    "managedFields": frozenset(
        {"manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"}
    ),
}
_REQUIRED_KEYS: Final = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def violations(resource: Resource, item: Object) -> list[FieldViolation]:
    """What is wrong with an object, except for the schema of a custom resource."""
    found = list(metadata_validation.violations(resource, item.get("metadata")))
    if resource is SECRET:
        found += _values(item, text="stringData", encoded="data")
        found += _typed(item)
    elif resource in COPIED:
        found += _values(item, text="data", encoded="binaryData")
    return found


def unknown_fields(item: Object) -> Iterator[str]:
    """Paths that Kubernetes does not know, except for those in a custom resource's own fields.

    The API server would drop them; `kubectl apply` asks it to refuse them.
    """
    known = frozenset(item)
    resource = RESOURCES.get(item["kind"], SYNCER)
    if resource is not SYNCER:
        known = _EVERY_OBJECT | {*resource.fields} | _NOT_STORED.get(resource.kind, set())
    yield from sorted(str(field) for field in item.keys() - known)
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        return
    yield from sorted(f"metadata.{field}" for field in metadata.keys() - _METADATA)
    for field, names in _ITEMS.items():
        entries = metadata.get(field)
        for position, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                path = f"metadata.{field}[{position}]"
                yield from sorted(f"{path}.{name}" for name in entry.keys() - names)


def forbidden_changes(old: Object, new: Object) -> list[FieldViolation]:
    """What an update may not change: the type of a Secret, and what is immutable."""
    found = []
    if old.get("type") != new.get("type"):
        found.append(FieldViolation("type", "Invalid value: field is immutable"))
    if not old.get("immutable"):
        return found
    if not new.get("immutable"):
        found.append(
            FieldViolation("immutable", "Forbidden: field is immutable when `immutable` is set")
        )
    found += [
        FieldViolation(field, "Forbidden: field is immutable when `immutable` is set")
        for field in ("data", "binaryData")
        if (old.get(field) or {}) != (new.get(field) or {})
    ]
    return found


def _values(item: Object, *, text: str, encoded: str) -> Iterator[FieldViolation]:
    """What is wrong with the two maps of values, one of text and one of base64."""
    size = 0
    for field in ("data", *({text, encoded} - {"data"})):
        values = strings(item.get(field))
        if values is None:
            yield from _not_strings(field, item[field])
            continue
        for key, value in values.items():
            if not _is_key(key):
                yield FieldViolation(
                    f"{field}[{key}]",
                    "Invalid value: a valid config key must consist of alphanumeric characters, "
                    "'-', '_' or '.', at most 253 of them, and not begin with '..' or be '.'",
                )
            length = len(value.encode()) if field == text else _decoded_length(value)
            if length is None:
                yield FieldViolation(f"{field}[{key}]", "Invalid value: not base64")
            size += length or 0
    if "binaryData" in (text, encoded):
        for key in sorted(_keys(item, "data") & _keys(item, "binaryData")):
            yield FieldViolation(
                f"data[{key}]", "Invalid value: duplicate of key present in binaryData"
            )
    if size > _MAXIMUM_BYTES:
        said = f"Too long: may not be more than {_MAXIMUM_BYTES} bytes, it has {size}"
        yield FieldViolation("data", said)
    if not isinstance(item.get("immutable"), bool | None):
        yield FieldViolation("immutable", "must be true or false")


def _typed(secret: Object) -> Iterator[FieldViolation]:
    """What a Secret of a type of Kubernetes' own lacks."""
    kind = secret.get("type")
    if not isinstance(kind, str | None):
        yield FieldViolation("type", "must be a string")
        return
    keys = _keys(secret, "data") | _keys(secret, "stringData")
    for key in _REQUIRED_KEYS.get(kind or "", ()):
        if key not in keys:
            yield FieldViolation(f"data[{key}]", "Required value")
    if kind == "kubernetes.io/basic-auth" and not keys & {"username", "password"}:
        yield FieldViolation("data[username]", "Required value")
    account = "kubernetes.io/service-account.name"
    metadata = secret.get("metadata")
    annotations = strings(metadata.get("annotations") if isinstance(metadata, dict) else None) or {}
    if kind == "kubernetes.io/service-account-token" and not annotations.get(account):
        yield FieldViolation(f"metadata.annotations[{account}]", "Required value")


def _keys(item: Object, field: str) -> set[str]:
    return set(strings(item.get(field)) or ())


def _is_key(key: str) -> bool:
    """Whether a key may stand in a ConfigMap's data."""
    return (
        len(key) <= _KEY_LENGTH
        and _KEY.match(key) is not None
        and key != "."
        and not key.startswith("..")
    )


def _not_strings(field: str, values: object) -> Iterator[FieldViolation]:
    if not isinstance(values, dict):
        yield FieldViolation(field, "must be a map of strings")
        return
    for key, value in values.items():
        if not isinstance(key, str):
            yield FieldViolation(field, f"the key {key!r} must be a string: put it in quotes")
        elif not isinstance(value, str):
            yield FieldViolation(
                f"{field}[{key}]", f"must be a string, not {_json_type(value)}: put it in quotes"
            )


def _json_type(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case None:
            return "null"
        case list():
            return "a list"
        case _:
            return "a map"


def _decoded_length(value: str) -> int | None:
    try:
        return len(base64.b64decode(value.encode(), validate=True))
    except binascii.Error:
        return None
