"""Speak Metacontroller's hook protocol (v2) without copying what it sends.

A sync request repeats the content of the source once for every copy and once more for every
related object: tens of megabytes for a thousand namespaces. So the content of an object stays
undecoded (`msgspec.Raw`, a view into the body) and is compared as bytes; unknown fields are
skipped. Field names and shapes: Metacontroller's guide, "CompositeController, hook v2".

Errors: `MalformedRequest`, one line that names the field by its path and shows no value.
"""

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Final, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from hooks.api.managed_fields import FieldManager

_T = TypeVar("_T")

_NULL: Final = Raw(b"null")

_PIECE_BYTES: Final = 1024 * 1024
_PRIVATE_URL: Final = re.compile(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]")


class MalformedRequest(ValueError):
    """The body is not a request of Metacontroller's hook v2; the message is safe to send back."""


class ApplyStrategy(StrEnum):
    """How Metacontroller writes children (its flag `--apply-strategy`)."""

    SERVER_SIDE_APPLY = "server-side-apply"
    DYNAMIC_APPLY = "dynamic-apply"


class OwnerReference(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One entry of `metadata.ownerReferences`."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Struct, frozen=True, gc=False, rename="camel"):
    """The part of an object's metadata on which an answer can depend."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    owner_references: Sequence[OwnerReference] | None = None
    finalizers: Sequence[str] | None = None
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    managed_fields: Raw = Raw(b"")


class NamespaceStatus(Struct, frozen=True, gc=False):
    """`status` of a Namespace; other kinds have none that matters here."""

    phase: str = ""


# Without a dict, what is read once could not be kept.
class KubernetesObject(Struct, frozen=True, dict=True, rename="camel"):
    """A child or a related object, its content undecoded; only Secrets have a `type`."""

    metadata: ObjectMeta
    kind: str = ""
    type: str | None = None
    data: Raw = Raw(b"")
    binary_data: Raw = Raw(b"")
    immutable: bool | None = None
    status: NamespaceStatus | None = None

    @property
    def key(self) -> str:
        """`namespace/name`, the key under which hook v2 groups a namespaced object."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.metadata.deletion_timestamp is not None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls this object; Kubernetes allows one at most."""
        for owner in self.metadata.owner_references or ():
            if owner.controller:
                return owner
        return None

    @cached_property
    def field_managers(self) -> Sequence[FieldManager]:
        """The entries of `metadata.managedFields`, decoded once; none where it was left out.

        Raises MalformedRequest.
        """
        raw = self.metadata.managed_fields
        if is_absent(raw):
            return ()
        return _decode(_FIELD_MANAGERS, raw, f"managedFields of {self.key}: ")

    def read(self, annotation: str, reader: Callable[[str], _T]) -> _T | None:
        """What a reader makes of an annotation, read once; None where it is not set."""
        text = self.annotation(annotation)
        if text is None:
            return None
        if (annotation, reader) not in self._readings:
            self._readings[annotation, reader] = reader(text)
        return cast("_T", self._readings[annotation, reader])

    @cached_property
    def _readings(self) -> dict[tuple[str, Callable[[str], object]], object]:
        return {}

    def written_by(self, manager: str) -> datetime | None:
        """When a field manager last set a field, to the second; None where nobody knows.

        A hint and no proof, because anybody can write under any name at any time. Raises
        MalformedRequest.
        """
        times = [entry.written for entry in self.field_managers if entry.manager == manager]
        return max((time for time in times if time is not None), default=None)

    def label(self, name: str) -> str | None:
        """The value of a label, None where it is not set."""
        return (self.metadata.labels or {}).get(name)

    def annotation(self, name: str) -> str | None:
        """The value of an annotation, None where it is not set."""
        return (self.metadata.annotations or {}).get(name)


class Parent(Struct, frozen=True, gc=False, rename="camel"):
    """The object whose children are wanted; what its spec and status mean is not known here."""

    metadata: ObjectMeta
    kind: str = ""
    spec: Raw = Raw(b"")
    status: Raw = Raw(b"")


Group = Mapping[str, KubernetesObject]


class ChildResource(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of a CompositeController's `childResources`."""

    api_version: str = ""
    resource: str = ""


class _Webhook(Struct, frozen=True, gc=False):
    url: str | None = None


class _RegisteredHook(Struct, frozen=True, gc=False):
    webhook: _Webhook | None = None


class _ControllerSpec(Struct, frozen=True, gc=False, rename="camel"):
    child_resources: Sequence[ChildResource] = ()
    hooks: Mapping[str, _RegisteredHook | None] = msgspec.field(default_factory=dict)


class Controller(Struct, frozen=True, gc=False):
    """The CompositeController on whose behalf Metacontroller asks."""

    spec: _ControllerSpec = _ControllerSpec()

    def manages(self, api_version: str, resource: str) -> bool:
        """Whether children of a kind are registered; what is not, Metacontroller refuses."""
        return ChildResource(api_version, resource) in self.spec.child_resources

    @property
    def asks_in_the_clear(self) -> bool:
        """Whether a webhook's URL lets anybody on the network read what is asked and answered."""
        hooks = [hook.webhook for hook in self.spec.hooks.values() if hook and hook.webhook]
        return any(not _PRIVATE_URL.match(webhook.url or "") for webhook in hooks)


class SyncRequest(Struct, frozen=True, gc=False):
    """The body of `/sync` and `/finalize`: groups are `Kind.version`, keys `namespace/name`."""

    parent: Parent
    controller: Controller = Controller()
    children: Mapping[str, Group] | None = None
    related: Mapping[str, Group] | None = None
    finalizing: bool = False

    def observed(self, group: str) -> Group:
        """The children of one group; a group that holds nothing may be absent."""
        return (self.children or {}).get(group, {})

    def related_objects(self, group: str) -> Group:
        """The related objects of one group; a group that holds nothing may be absent."""
        return (self.related or {}).get(group, {})


class CustomizeRequest(Struct, frozen=True, gc=False):
    """The body of `/customize` and `/adopt/customize`."""

    parent: Parent
    controller: Controller = Controller()


class _AdoptBody(Struct, frozen=True, gc=False):
    """The object in the body of `/adopt`, undecoded."""

    object: Raw


class AdoptRequest(Struct, frozen=True, gc=False):
    """The body of `/adopt`: an object that wants an owner, and what is related, undecoded.

    `size` is that of the object in JSON, which is more than etcd keeps of it.
    """

    object: KubernetesObject
    size: int = 0
    related: Mapping[str, Mapping[str, Raw]] | None = None

    def parent(self, group: str, name: str) -> Parent | None:
        """One related object as a parent, None where it is not shown. Raises MalformedRequest."""
        raw = self._related(group, name)
        return None if raw is None else _decode(_PARENT, raw, f"related {group}: ")

    def related_objects(self, group: str, name: str) -> Group:
        """The group with at most one object of it. Raises MalformedRequest."""
        raw = self._related(group, name)
        return {} if raw is None else {name: _decode(_OBJECT, raw, f"related {group}: ")}

    def _related(self, group: str, name: str) -> Raw | None:
        return (self.related or {}).get(group, {}).get(name)


class AdoptResponse(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer of `/adopt`: labels to set on the object. Metacontroller parses it strictly."""

    labels: Mapping[str, str] = msgspec.field(default_factory=dict)


class ChildMeta(Struct, frozen=True, gc=False, rename="camel"):
    """The metadata that a desired child carries, and nothing else of it."""

    name: str
    namespace: str
    labels: Mapping[str, str] | UnsetType = UNSET
    annotations: Mapping[str, str] | UnsetType = UNSET
    owner_references: Sequence[OwnerReference] | UnsetType = UNSET


class Child(Struct, frozen=True, gc=False, rename="camel"):
    """A desired child: a partial object, only the fields that the hook wants to own."""

    api_version: str
    kind: str
    metadata: ChildMeta
    data: Raw | UnsetType = UNSET
    binary_data: Raw | UnsetType = UNSET
    immutable: bool | UnsetType = UNSET
    type: str | UnsetType = UNSET

    @property
    def identity(self) -> tuple[str, str, str]:
        """Its kind, namespace and name."""
        return self.kind, self.metadata.namespace, self.metadata.name


StatusT = TypeVar("StatusT")


class SyncResponse(
    Struct, Generic[StatusT], frozen=True, gc=False, rename="camel", omit_defaults=True
):
    """The answer of `/sync` and `/finalize`. Metacontroller parses it strictly."""

    status: StatusT
    children: Sequence[Child] = msgspec.field(default_factory=tuple)
    resync_after_seconds: float = 0.0
    finalized: bool = False


class RelatedRule(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One entry of `relatedResources`. Empty `names` would select everything, so none is sent."""

    api_version: str
    resource: str
    namespace: str = ""
    names: Sequence[str] = ()
    label_selector: Mapping[str, object] | UnsetType = UNSET


class CustomizeResponse(Struct, frozen=True, gc=False, rename="camel"):
    """The answer of `/customize` and `/adopt/customize`."""

    related_resources: Sequence[RelatedRule]


_SYNC = msgspec.json.Decoder(SyncRequest)
_CUSTOMIZE = msgspec.json.Decoder(CustomizeRequest)
_ADOPT = msgspec.json.Decoder(AdoptRequest)
_ADOPT_BODY = msgspec.json.Decoder(_AdoptBody)
_PARENT = msgspec.json.Decoder(Parent)
_OBJECT = msgspec.json.Decoder(KubernetesObject)
_FIELD_MANAGERS = msgspec.json.Decoder(tuple[FieldManager, ...])
_MAP = msgspec.json.Decoder(dict[str, str])
_ENCODER = msgspec.json.Encoder(order="deterministic")


def decode_sync(body: bytes) -> SyncRequest:
    """Decode the body of `/sync` or `/finalize`. Raises MalformedRequest."""
    return _decode_body(_SYNC, body)


def decode_customize(body: bytes) -> CustomizeRequest:
    """Decode the body of `/customize` or `/adopt/customize`. Raises MalformedRequest."""
    return _decode_body(_CUSTOMIZE, body)


def decode_adopt(body: bytes) -> AdoptRequest:
    """Decode the body of `/adopt`. Raises MalformedRequest."""
    request = _decode_body(_ADOPT, body)
    return msgspec.structs.replace(request, size=len(_ADOPT_BODY.decode(body).object))


def decode_values(raw: Raw, of: KubernetesObject, field: str) -> dict[str, str]:
    """Decode `data` or `binaryData` of an object: {} where it is absent or null.

    Raises MalformedRequest where it is no map of strings.
    """
    if is_absent(raw):
        return {}
    return _decode(_MAP, raw, f"{field} of {of.key}: ")


def is_absent(raw: Raw) -> bool:
    """Whether a field that stays undecoded was left out or is null."""
    return not raw or raw == _NULL


def ordered(values: Mapping[str, str]) -> Mapping[str, str]:
    """The same map in the order of its keys, as everything is that Metacontroller sends.

    What is put together here has to be sorted before it is encoded: for a map that is sorted but
    for its first key, msgspec's own sorting takes time that grows with the square.
    """
    return {key: values[key] for key in sorted(values)}


def encode(value: object) -> bytes:
    """Encode an answer: the same value gives the same bytes, and Raw parts go in as they are."""
    return _ENCODER.encode(value)


def _decode_body(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """A request, refused where its body is no text: what stays undecoded is answered as it is.

    The text is decoded in pieces, because all of it could take four times the body's memory.
    """
    request = _decode(decoder, body)
    if body.isascii():
        return request
    text = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(body), _PIECE_BYTES):
            text.decode(body[start : start + _PIECE_BYTES])
        text.decode(b"", final=True)
    except UnicodeDecodeError:
        raise MalformedRequest("JSON is malformed: not UTF-8") from None
    return request


def _decode(decoder: msgspec.json.Decoder[_T], body: bytes | Raw, where: str = "") -> _T:
    # msgspec names the path and the types, never a value; the other two errors carry parts of
    # the input in their text, so they get a text of ours.
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise MalformedRequest(f"{where}{error}") from None
    except UnicodeDecodeError:
        raise MalformedRequest(f"{where}JSON is malformed: not UTF-8") from None
    except RecursionError:
        raise MalformedRequest(f"{where}JSON is nested too deeply") from None
