"""Refuse the metadata that the API server would refuse: names, labels, owners, finalizers, times.

Facts: Kubernetes' `ValidateObjectMeta`. What a dump holds and the server writes itself is read here
as well, because a dump can be put in as it is.
"""

import re
from collections.abc import Iterator
from typing import Final

from hooks.preview.simulator.objects import Object, Resource
from hooks.preview.simulator.refusals import FieldViolation, strings

_MAXIMUM_ANNOTATION_BYTES: Final = 256 * 1024
_LABEL: Final = re.compile(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN: Final = re.compile(
    r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z"
)
_QUALIFIED: Final = re.compile(r"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_TIME: Final = re.compile(
    r"\A\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}Z\Z"
)
_LABEL_LENGTH: Final = 63
_NAME_LENGTH: Final = 253
_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
"""The finalizers that need no prefix on objects of Kubernetes' own kinds."""


def violations(resource: Resource, metadata: object) -> Iterator[FieldViolation]:
    """What is wrong with the metadata of an object, in the order in which the API server checks."""
    if not isinstance(metadata, dict):
        yield FieldViolation("metadata", "Required value")
        return
    name = metadata.get("name")
    fits = _is_namespace_name if resource.kind == "Namespace" else _is_object_name
    if not isinstance(name, str) or not name:
        yield FieldViolation("metadata.name", "Required value: name is required")
    elif not fits(name):
        yield FieldViolation("metadata.name", f'Invalid value: "{name}": {_name_rule(resource)}')
    prefix = metadata.get("generateName")
    if not isinstance(prefix, str | None):
        yield FieldViolation("metadata.generateName", "must be a string")
    # What is appended to the prefix makes a '-' at its end right.
    elif prefix and not fits(re.sub(r"(?<=.)-\Z", "a", prefix)):
        yield FieldViolation(
            "metadata.generateName", f'Invalid value: "{prefix}": {_name_rule(resource)}'
        )
    namespace = metadata.get("namespace")
    if resource.namespaced and (
        not isinstance(namespace, str) or not _is_namespace_name(namespace)
    ):
        yield FieldViolation(
            "metadata.namespace", "Invalid value: must be a lowercase RFC 1123 label"
        )
    if not resource.namespaced and namespace:
        yield FieldViolation("metadata.namespace", "Forbidden: not allowed on this type")
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


def _is_namespace_name(name: str) -> bool:
    """Whether a name is a DNS label, as names of Namespaces are."""
    return len(name) <= _LABEL_LENGTH and _LABEL.match(name) is not None


def _is_object_name(name: str) -> bool:
    """Whether a name is a DNS subdomain, as names of most objects are."""
    return len(name) <= _NAME_LENGTH and _SUBDOMAIN.match(name) is not None


def _labels(given: object) -> Iterator[FieldViolation]:
    labels = strings(given)
    if labels is None:
        yield FieldViolation("metadata.labels", "must be a map of strings")
        return
    for key, value in labels.items():
        if not _is_qualified(key):
            yield FieldViolation("metadata.labels", f'Invalid value: "{key}": not a qualified name')
        if value and (len(value) > _LABEL_LENGTH or not _QUALIFIED.match(value)):
            yield FieldViolation(f"metadata.labels.{key}", "Invalid value: not a label value")


def _annotations(given: object) -> Iterator[FieldViolation]:
    annotations = strings(given)
    if annotations is None:
        yield FieldViolation("metadata.annotations", "must be a map of strings")
        return
    for key in annotations:
        if not _is_qualified(key.lower()):
            yield FieldViolation(
                "metadata.annotations", f'Invalid value: "{key}": not a qualified name'
            )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _MAXIMUM_ANNOTATION_BYTES:
        yield FieldViolation(
            "metadata.annotations",
            f"Too long: may not be more than {_MAXIMUM_ANNOTATION_BYTES} bytes",
        )


def _owners(given: object) -> Iterator[FieldViolation]:
    if not isinstance(given, list | None):
        yield FieldViolation("metadata.ownerReferences", "must be a list")
        return
    controllers = []
    for position, owner in enumerate(given or ()):
        wrong = list(_owner(owner, f"metadata.ownerReferences[{position}]"))
        yield from wrong
        if not wrong and owner.get("controller"):
            controllers.append(f"{owner['kind']}/{owner['name']}")
    if len(controllers) > 1:
        yield FieldViolation(
            "metadata.ownerReferences",
            "Invalid value: Only one reference can have Controller set to true. "
            f'Found "true" in references for {" and ".join(controllers)}',
        )


def _owner(owner: object, path: str) -> Iterator[FieldViolation]:
    if not isinstance(owner, dict):
        yield FieldViolation(path, "must be a map")
        return
    for field in ("apiVersion", "kind", "name", "uid"):
        if not isinstance(owner.get(field), str):
            yield FieldViolation(f"{path}.{field}", "Required value")
        elif field == "apiVersion" and not _names_a_version(owner[field]):
            yield FieldViolation(f"{path}.{field}", "Invalid value: version must not be empty")
        elif not owner[field]:
            yield FieldViolation(f"{path}.{field}", "Invalid value: must not be empty")
    for field in ("controller", "blockOwnerDeletion"):
        if not isinstance(owner.get(field), bool | None):
            yield FieldViolation(f"{path}.{field}", "must be true or false")
    if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
        yield FieldViolation(
            path, "Invalid value: /v1, Kind=Event is disallowed from being an owner"
        )


def _names_a_version(api_version: str) -> bool:
    """Whether an `apiVersion` reads as `version` or `group/version`."""
    group, _, version = api_version.rpartition("/")
    return bool(version) and "/" not in group


def _finalizers(resource: Resource, given: object) -> Iterator[FieldViolation]:
    if not isinstance(given, list | None):
        yield FieldViolation("metadata.finalizers", "must be a list")
        return
    for position, finalizer in enumerate(given or ()):
        path = f"metadata.finalizers[{position}]"
        if not isinstance(finalizer, str):
            yield FieldViolation(path, "must be a string")
        elif not _is_qualified(finalizer):
            yield FieldViolation(
                path,
                f'Invalid value: "{finalizer}": not a qualified name such as example.com/name: '
                "the prefix is a lowercase DNS subdomain, and the name has at most 63 of "
                "A-Z, a-z, 0-9, '-', '_' and '.'",
            )
        elif not resource.group and "/" not in finalizer and finalizer not in _FINALIZERS:
            yield FieldViolation(
                path,
                f'Invalid value: "{finalizer}": name is neither a standard finalizer name '
                "nor is it fully qualified, such as example.com/name",
            )
    if {"orphan", "foregroundDeletion"} <= {name for name in given or () if isinstance(name, str)}:
        yield FieldViolation(
            "metadata.finalizers",
            "Invalid value: finalizer orphan and foregroundDeletion cannot be both set",
        )


def _server_fields(metadata: Object) -> Iterator[FieldViolation]:
    """What the server fills in itself, and a dump therefore holds."""
    for field, kind in (("uid", str), ("generation", int), ("managedFields", list)):
        if not isinstance(metadata.get(field), kind | None):
            yield FieldViolation(
                f"metadata.{field}", "Invalid value: not what the server writes there"
            )
    for field in ("creationTimestamp", "deletionTimestamp"):
        value = metadata.get(field)
        if value is not None and not (isinstance(value, str) and _TIME.match(value)):
            yield FieldViolation(f"metadata.{field}", "must be a time such as 2025-01-31T12:00:00Z")
    entries = metadata.get("managedFields")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("fieldsV1"), dict | None):
            yield FieldViolation(
                f"metadata.managedFields[{position}]", "must be a map with fieldsV1"
            )


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not _is_object_name(prefix):
        return False
    return len(name) <= _LABEL_LENGTH and _QUALIFIED.match(name) is not None
