"""The annotation in which dynamic apply keeps what it wrote, as far as Metacontroller reads it.

Anybody who may write an object may write the annotation.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from hooks.api.protocol import OwnerReference

GO_NESTING: Final = 10_000
"""How many levels of JSON Go reads, and the API server stores (encoding/json, sigs.k8s.io/json)."""
RECURSION_LIMIT: Final = GO_NESTING + 2_000
"""What Python's limit has to be: msgspec counts each level against it, also where it skips one."""
_LONG_NUMBER: Final = re.compile(r"[0-9]{309}")
_BRACKETS_AND_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[][{}]')


class AppliedMetadata(Struct, frozen=True, gc=False):
    """What of an object's metadata dynamic apply has written."""

    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None


class _Applied(Struct, frozen=True, gc=False):
    metadata: AppliedMetadata = AppliedMetadata()


class _AppliedOwnersMetadata(Struct, frozen=True, gc=False, rename="camel"):
    owner_references: Raw | UnsetType = UNSET


class _AppliedOwners(Struct, frozen=True, gc=False):
    metadata: _AppliedOwnersMetadata | None = None


_APPLIED = msgspec.json.Decoder(_Applied)
_REMEMBERED = msgspec.json.Decoder(dict[str, object] | None)
_APPLIED_OWNERS = msgspec.json.Decoder(_AppliedOwners)
_OWNERS = msgspec.json.Decoder(tuple[OwnerReference, ...])


def decode_applied_metadata(annotation: str) -> AppliedMetadata:
    """The metadata that dynamic apply remembers to have written; none where it is damaged."""
    try:
        return _APPLIED.decode(annotation.encode()).metadata
    except (msgspec.MsgspecError, RecursionError):
        return AppliedMetadata()


def decode_applied_owners(annotation: str) -> Sequence[OwnerReference] | UnsetType | None:
    """The owners that dynamic apply remembers to have written; None where they are damaged.

    UNSET where it remembers nothing of them, so that it leaves them alone.
    """
    # The name of a field can be written with escapes, too.
    if '"ownerReferences"' not in annotation and "\\u" not in annotation:
        return UNSET
    try:
        metadata = _APPLIED_OWNERS.decode(annotation.encode()).metadata
        if metadata is None or metadata.owner_references is UNSET:
            return UNSET
        return _OWNERS.decode(metadata.owner_references)
    except (msgspec.MsgspecError, RecursionError):
        return None


def is_readable_by_dynamic_apply(annotation: str) -> bool:
    """Whether Metacontroller can read back what it remembers to have written.

    Go reads at most GO_NESTING levels, and numbers that a float64 can hold (encoding/json).
    """
    try:
        _REMEMBERED.decode(annotation.encode())
        if _LONG_NUMBER.search(annotation):
            json.loads(annotation, parse_int=_float64)
    except (ValueError, OverflowError, RecursionError):
        return False
    return _is_nested_as_go_reads(annotation)


def _float64(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise OverflowError
    return number


def _is_nested_as_go_reads(text: str) -> bool:
    if text.count("{") + text.count("[") <= GO_NESTING:
        return True
    levels = 0
    for found in _BRACKETS_AND_STRINGS.finditer(text):
        levels += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        if levels > GO_NESTING:
            return False
    return True
