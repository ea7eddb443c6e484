"""The source: found or not, and its content.

Losing the source must never empty a namespace, so everything but a usable content is a value
with a reason, which makes the caller hold the copies.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Raw

from hooks import keys, protocol, syncer
from hooks.keys import Fault, NoSelection
from hooks.protocol import NAMESPACES, KubernetesObject, RelatedRule, SyncRequest
from hooks.syncer import Syncer

API_VERSION: Final = "v1"
KIND: Final = "ConfigMap"
RESOURCE: Final = "configmaps"
GROUP: Final = f"{KIND}.{API_VERSION}"


class SourceReason(StrEnum):
    """Why there is, or is not, a content to copy (reasons of the condition SourceResolved)."""

    RESOLVED = "Resolved"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_IS_A_COPY = "SourceIsACopy"
    KEY_NOT_FOUND = "KeyNotFound"
    TOO_LARGE = "TooLarge"
    INVALID_SPEC = "InvalidSpec"


@dataclass(frozen=True, slots=True)
class NoContent:
    """Why there is no content: a reason, and a sentence without full stop that says what to do."""

    reason: SourceReason
    message: str


@dataclass(frozen=True, slots=True)
class Content:
    """What every copy shall hold, decoded once and encoded once.

    `raw_data` and `raw_binary_data` are the two maps as JSON, empty where a map is empty.
    `hash` is `sha256:` and 64 hexadecimal digits; equal contents have equal hashes, however
    their JSON was written.
    """

    data: Mapping[str, str]
    binary_data: Mapping[str, str]
    raw_data: Raw
    raw_binary_data: Raw
    hash: str


def content_hash(data: Mapping[str, str], binary_data: Mapping[str, str]) -> str:
    """The digest of a content: SHA-256 over its canonical JSON."""
    canonical = protocol.encode({"binaryData": binary_data, "data": data})
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def described(asked: Syncer) -> str:
    """The source as messages name it."""
    return f"{KIND} {asked.source}"


def related_rule(asked: Syncer) -> RelatedRule:
    """The rule that shows the source."""
    return RelatedRule(API_VERSION, RESOURCE, asked.source.namespace, (asked.source.name,))


def rules_are_current(asked: Syncer, request: SyncRequest) -> bool:
    """Whether what is related answers this version's rules.

    A source in a Namespace that is not shown means that an older version of the hook was asked
    which objects it needs (the answer is cached for 20 minutes): then absence proves nothing.
    """
    shown = str(asked.source) in request.seen(GROUP)
    return not shown or asked.source.namespace in request.seen(NAMESPACES)


def resolve(asked: Syncer, request: SyncRequest) -> Content | NoContent:
    """Find the source and read its content. Raises MalformedRequest where its data is no map."""
    found = request.seen(GROUP).get(str(asked.source))
    if found is None:
        return _not_found(asked, request)
    if syncer.is_copy(found):
        return NoContent(
            SourceReason.SOURCE_IS_A_COPY,
            f"{KIND} {asked.source} is itself a copy; name the original, "
            f"{_original(found)}, as the source",
        )
    return _read(asked, found)


def _not_found(asked: Syncer, request: SyncRequest) -> NoContent:
    if asked.source.namespace not in request.seen(NAMESPACES):
        message = (
            f"Namespace {asked.source.namespace} of the source does not exist; create it with "
            f"{KIND} {asked.source.name} in it, or correct spec.sourceNamespace"
        )
    else:
        message = (
            f"{KIND} {asked.source} does not exist; create it, or correct spec.sourceNamespace "
            "and spec.sourceConfigMap"
        )
    return NoContent(SourceReason.SOURCE_NOT_FOUND, message)


def _original(found: KubernetesObject) -> str:
    return found.annotation(syncer.SOURCE) or "from which it was made"


def _read(asked: Syncer, found: KubernetesObject) -> Content | NoContent:
    data = protocol.decode_values(found.data, found, "data")
    binary_data = protocol.decode_values(found.binary_data, found, "binaryData")
    names = keys.select(asked, {**data, **binary_data}.keys())
    if isinstance(names, NoSelection):
        return _no_keys(asked, names)
    chosen, chosen_binary = _renamed(data, names), _renamed(binary_data, names)
    return Content(
        data=chosen,
        binary_data=chosen_binary,
        raw_data=_raw(chosen, data, found.data),
        raw_binary_data=_raw(chosen_binary, binary_data, found.binary_data),
        hash=content_hash(chosen, chosen_binary),
    )


def _no_keys(asked: Syncer, problem: NoSelection) -> NoContent:
    if problem.fault is Fault.KEYS_COLLIDE:
        return NoContent(SourceReason.INVALID_SPEC, problem.message)
    return NoContent(SourceReason.KEY_NOT_FOUND, f"{described(asked)} {problem.message}")


def _renamed(values: Mapping[str, str], names: Mapping[str, str]) -> Mapping[str, str]:
    return {names[key]: value for key, value in values.items() if key in names}


def _raw(chosen: Mapping[str, str], values: Mapping[str, str], raw: Raw) -> Raw:
    """A map as JSON: where all of it is copied the source's own bytes.

    Copies come from the same encoder, so equal maps have equal bytes, and comparing them is all
    that a copy in sync costs.
    """
    if not chosen:
        return Raw(b"")
    return raw if chosen == values else Raw(protocol.encode(chosen))
