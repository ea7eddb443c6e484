"""Refuse what the API server would refuse, and say in which field.

An offline run that accepts a ConfigMap which the cluster will not take promises a copy that never
comes. Facts: Kubernetes' `ValidateConfigMap`, `ValidateSecret`, `ValidateNamespace` and
`ValidateObjectMeta`. No value of a Secret or a ConfigMap gets into a sentence.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hooks.preview.simulator.objects import ApiError, Object, Resource

MAXIMUM_BYTES: Final = 1024 * 1024
"""What the values of one ConfigMap or Secret may hold together."""

_MAXIMUM_ANNOTATION_BYTES: Final = 256 * 1024
_LABEL: Final = re.compile(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN: Final = re.compile(
    r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z"
)
_QUALIFIED: Final = re.compile(r"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_KEY: Final = re.compile(r"\A[-._a-zA-Z0-9]+\Z")
_TIME: Final = re.compile(
    r"\A\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}Z\Z"
)
_LABEL_LENGTH: Final = 63
_NAME_LENGTH: Final = 253
_EVERY_OBJECT: Final = frozenset({"apiVersion", "kind", "metadata"})
_FIELDS: Final = {
    "ConfigMap": _EVERY_OBJECT | {"data", "binaryData", "immutable"},
    "Secret": _EVERY_OBJECT | {"data", "stringData", "immutable", "type"},
    "Namespace": _EVERY_OBJECT | {"spec", "status"},
}
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
_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
"""The finalizers that need no prefix on objects of Kubernetes' own kinds."""

_REQUIRED_KEYS: Final = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that the API server would refuse, by its path, and why."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def invalid(resource: Resource, name: str, violations: Sequence[object]) -> ApiError:
    """The refusal (422) that names every violation."""
    sentences = [str(violation) for violation in violations]
    said = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {said}')


def violations(resource: Resource, item: Object) -> list[Violation]:
    """What is wrong with an object, but for the schema of a custom resource."""
    found = list(_metadata(resource, item.get("metadata")))
    match resource.kind:
        case "ConfigMap":
            found += _values(item, text="data", encoded="binaryData")
        case "Secret":
            found += _values(item, text="stringData", encoded="data")
            found += _typed(item)
    return found


def unknown_fields(item: Object) -> Iterator[str]:
    """Paths that Kubernetes does not know, but for those in a custom resource's own fields.

    The API server would drop them; `kubectl apply` asks it to refuse them.
    """
    known = _FIELDS.get(item["kind"], item.keys())
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


def forbidden_changes(old: Object, new: Object) -> list[Violation]:
    """What an update may not change: the type of a Secret, and what is immutable."""
    found = []
    if old.get("type") != new.get("type"):
        found.append(Violation("type", "Invalid value: field is immutable"))
    if not old.get("immutable"):
        return found
    if not new.get("immutable"):
        found.append(
            Violation("immutable", "Forbidden: field is immutable when `immutable` is set")
        )
    found += [
        Violation(field, "Forbidden: field is immutable when `immutable` is set")
        for field in ("data", "binaryData")
        if (old.get(field) or {}) != (new.get(field) or {})
    ]
    return found


def is_namespace_name(name: str) -> bool:
    """Whether a name is a DNS label, as names of Namespaces are."""
    return len(name) <= _LABEL_LENGTH and _LABEL.match(name) is not None


def is_object_name(name: str) -> bool:
    """Whether a name is a DNS subdomain, as names of most objects are."""
    return len(name) <= _NAME_LENGTH and _SUBDOMAIN.match(name) is not None


def _metadata(resource: Resource, metadata: object) -> Iterator[Violation]:
    if not isinstance(metadata, dict):
        yield Violation("metadata", "Required value")
        return
    name = metadata.get("name")
    fits = is_namespace_name if resource.kind == "Namespace" else is_object_name
    if not isinstance(name, str) or not name:
        yield Violation("metadata.name", "Required value: name is required")
    elif not fits(name):
        yield Violation("metadata.name", f'Invalid value: "{name}": {_name_rule(resource)}')
    prefix = metadata.get("generateName")
    if not isinstance(prefix, str | None):
        yield Violation("metadata.generateName", "must be a string")
    # What is appended to the prefix makes a '-' at its end right.
    elif prefix and not fits(re.sub(r"(?<=.)-\Z", "a", prefix)):
        yield Violation(
            "metadata.generateName", f'Invalid value: "{prefix}": {_name_rule(resource)}'
        )
    namespace = metadata.get("namespace")
    if resource.namespaced and (not isinstance(namespace, str) or not is_namespace_name(namespace)):
        yield Violation("metadata.namespace", "Invalid value: must be a lowercase RFC 1123 label")
    if not resource.namespaced and namespace:
        yield Violation("metadata.namespace", "Forbidden: not allowed on this type")
    yield from _labels(metadata.get("labels"))
    yield from _annotations(metadata.get("annotations"))
    yield from _owners(metadata.get("ownerReferences"))
    yield from _finalizers(resource, metadata.get("finalizers"))
    yield from _server_fields(metadata)


def _name_rule(resource: Resource) -> str:
    if resource.kind == "Namespace":
        return "a lowercase RFC 1123 label: at most 63 of a-z, 0-9 and '-', no '-' at either end"
    return (
        "a lowercase RFC 1123 subdomain: at most 253 of a-z, 0-9, '-' and '.', "
        "each part beginning and ending with a letter or digit"
    )


def _labels(given: object) -> Iterator[Violation]:
    labels = _strings(given)
    if labels is None:
        yield Violation("metadata.labels", "must be a map of strings")
        return
    for key, value in labels.items():
        if not _is_qualified(key):
            yield Violation("metadata.labels", f'Invalid value: "{key}": not a qualified name')
        if value and (len(value) > _LABEL_LENGTH or not _QUALIFIED.match(value)):
            yield Violation(f"metadata.labels.{key}", "Invalid value: not a label value")


def _annotations(given: object) -> Iterator[Violation]:
    annotations = _strings(given)
    if annotations is None:
        yield Violation("metadata.annotations", "must be a map of strings")
        return
    for key in annotations:
        if not _is_qualified(key.lower()):
            yield Violation("metadata.annotations", f'Invalid value: "{key}": not a qualified name')
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MAXIMUM_ANNOTATION_BYTES:
        yield Violation(
            "metadata.annotations",
            f"Too long: may not be more than {_MAXIMUM_ANNOTATION_BYTES} bytes",
        )


def _owners(given: object) -> Iterator[Violation]:
    if not isinstance(given, list | None):
        yield Violation("metadata.ownerReferences", "must be a list")
        return
    controllers = []
    for position, owner in enumerate(given or ()):
        wrong = list(_owner(owner, f"metadata.ownerReferences[{position}]"))
        yield from wrong
        if not wrong and owner.get("controller"):
            controllers.append(f"{owner['kind']}/{owner['name']}")
    if len(controllers) > 1:
        yield Violation(
            "metadata.ownerReferences",
            "Invalid value: Only one reference can have Controller set to true. "
            f'Found "true" in references for {" and ".join(controllers)}',
        )


def _owner(owner: object, path: str) -> Iterator[Violation]:
    if not isinstance(owner, dict):
        yield Violation(path, "must be a map")
        return
    for field in ("apiVersion", "kind", "name", "uid"):
        if not isinstance(owner.get(field), str):
            yield Violation(f"{path}.{field}", "Required value")
        elif field == "apiVersion" and not _names_a_version(owner[field]):
            yield Violation(f"{path}.{field}", "Invalid value: version must not be empty")
        elif not owner[field]:
            yield Violation(f"{path}.{field}", "Invalid value: must not be empty")
    for field in ("controller", "blockOwnerDeletion"):
        if not isinstance(owner.get(field), bool | None):
            yield Violation(f"{path}.{field}", "must be true or false")
    if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
        yield Violation(path, "Invalid value: /v1, Kind=Event is disallowed from being an owner")


def _names_a_version(api_version: str) -> bool:
    """Whether an `apiVersion` reads as `version` or `group/version`."""
    group, _, version = api_version.rpartition("/")
    return bool(version) and "/" not in group


def _finalizers(resource: Resource, given: object) -> Iterator[Violation]:
    if not isinstance(given, list | None):
        yield Violation("metadata.finalizers", "must be a list")
        return
    for position, finalizer in enumerate(given or ()):
        path = f"metadata.finalizers[{position}]"
        if not isinstance(finalizer, str):
            yield Violation(path, "must be a string")
        elif not _is_qualified(finalizer):
            yield Violation(
                path,
                f'Invalid value: "{finalizer}": not a qualified name such as example.com/name: '
                "the prefix is a lowercase DNS subdomain, and the name has at most 63 of "
                "A-Z, a-z, 0-9, '-', '_' and '.'",
            )
        elif not resource.group and "/" not in finalizer and finalizer not in _FINALIZERS:
            yield Violation(
                path,
                f'Invalid value: "{finalizer}": name is neither a standard finalizer name '
                "nor is it fully qualified, such as example.com/name",
            )
    if {"orphan", "foregroundDeletion"} <= {name for name in given or () if isinstance(name, str)}:
        yield Violation(
            "metadata.finalizers",
            "Invalid value: finalizer orphan and foregroundDeletion cannot be both set",
        )


def _server_fields(metadata: Object) -> Iterator[Violation]:
    """What the server fills in itself, and a dump therefore holds."""
    for field, kind in (("uid", str), ("generation", int), ("managedFields", list)):
        if not isinstance(metadata.get(field), kind | None):
            yield Violation(f"metadata.{field}", "Invalid value: not what the server writes there")
    for field in ("creationTimestamp", "deletionTimestamp"):
        value = metadata.get(field)
        if value is not None and not (isinstance(value, str) and _TIME.match(value)):
            yield Violation(f"metadata.{field}", "must be a time such as 2025-01-31T12:00:00Z")
    entries = metadata.get("managedFields")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("fieldsV1"), dict | None):
            yield Violation(f"metadata.managedFields[{position}]", "must be a map with fieldsV1")


def _values(item: Object, *, text: str, encoded: str) -> Iterator[Violation]:
    """What is wrong with the two maps of values, one of text and one of base64."""
    size = 0
    for field in ("data", *({text, encoded} - {"data"})):
        values = _strings(item.get(field))
        if values is None:
            yield from _not_strings(field, item[field])
            continue
        for key, value in values.items():
            if not is_key(key):
                yield Violation(
                    f"{field}[{key}]",
                    "Invalid value: a valid config key must consist of alphanumeric characters, "
                    "'-', '_' or '.', at most 253 of them, and not begin with '..' or be '.'",
                )
            length = len(value.encode()) if field == text else _decoded_length(value)
            if length is None:
                yield Violation(f"{field}[{key}]", "Invalid value: not base64")
            size += length or 0
    if "binaryData" in (text, encoded):
        for key in sorted(_keys(item, "data") & _keys(item, "binaryData")):
            yield Violation(f"data[{key}]", "Invalid value: duplicate of key present in binaryData")
    if size > MAXIMUM_BYTES:
        said = f"Too long: may not be more than {MAXIMUM_BYTES} bytes, it has {size}"
        yield Violation("data", said)
    if not isinstance(item.get("immutable"), bool | None):
        yield Violation("immutable", "must be true or false")


def _typed(secret: Object) -> Iterator[Violation]:
    """What a Secret of a type of Kubernetes' own lacks."""
    kind = secret.get("type")
    if not isinstance(kind, str | None):
        yield Violation("type", "must be a string")
        return
    keys = _keys(secret, "data") | _keys(secret, "stringData")
    for key in _REQUIRED_KEYS.get(kind or "", ()):
        if key not in keys:
            yield Violation(f"data[{key}]", "Required value")
    if kind == "kubernetes.io/basic-auth" and not keys & {"username", "password"}:
        yield Violation("data[username]", "Required value")
    account = "kubernetes.io/service-account.name"
    metadata = secret.get("metadata")
    annotations = (
        _strings(metadata.get("annotations") if isinstance(metadata, dict) else None) or {}
    )
    if kind == "kubernetes.io/service-account-token" and not annotations.get(account):
        yield Violation(f"metadata.annotations[{account}]", "Required value")


def _keys(item: Object, field: str) -> set[str]:
    return set(_strings(item.get(field)) or ())


def is_key(key: str) -> bool:
    """Whether a key may stand in a ConfigMap's data."""
    return (
        len(key) <= _NAME_LENGTH
        and _KEY.match(key) is not None
        and key != "."
        and not key.startswith("..")
    )


def _not_strings(field: str, values: object) -> Iterator[Violation]:
    if not isinstance(values, dict):
        yield Violation(field, "must be a map of strings")
        return
    for key, value in values.items():
        if not isinstance(key, str):
            yield Violation(field, f"the key {key!r} must be a string: put it in quotes")
        elif not isinstance(value, str):
            yield Violation(
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


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not is_object_name(prefix):
        return False
    return len(name) <= _LABEL_LENGTH and _QUALIFIED.match(name) is not None


def _strings(values: object) -> Mapping[str, str] | None:
    """A map of strings, empty where it is absent; None where it is something else."""
    if values is None:
        return {}
    if isinstance(values, dict) and all(
        isinstance(key, str) and isinstance(value, str) for key, value in values.items()
    ):
        return values
    return None
