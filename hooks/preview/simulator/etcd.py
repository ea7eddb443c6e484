"""Refuse what etcd would not take, as the API server does.

Objects are stored in protobuf, with their managedFields inside. What is too large with them and
was not applied, the API server stores without them: then nobody owns anything.
Facts: etcd's `--max-request-bytes`; Kubernetes' handlers for create, update and patch
(`isTooLargeError`).
"""

import json
from collections.abc import Iterator
from typing import Final

from hooks.preview.simulator.objects import ApiError, Object, Resource

_LIMIT: Final = 1_572_864
_TRANSACTION_BYTES: Final = 200
_NEVER_TOO_LARGE: Final = 250_000
"""Characters of keys and values below which an object fits, whatever else is in it."""


def fits(resource: Resource, item: Object) -> bool:
    """Whether etcd takes an object with all that is in it."""
    entries = list(_lengths(resource, item))
    if sum(map(sum, entries)) < _NEVER_TOO_LARGE:
        return True
    size = sum(_sized(_sized(key) + _sized(value)) for key, value in entries)
    metadata = json.dumps(item["metadata"], separators=(",", ":"))
    return size + len(metadata) + _TRANSACTION_BYTES <= _LIMIT


def refusal() -> ApiError:
    """What the API server passes on where etcd does not take an object."""
    return ApiError(500, "", "etcdserver: request is too large")


def _lengths(resource: Resource, item: Object) -> Iterator[tuple[int, int]]:
    """Bytes of every key and its value."""
    for field in ("data", "binaryData"):
        is_text = field == "data" and resource.kind != "Secret"
        for key, value in (item.get(field) or {}).items():
            stored = len(value.encode()) if is_text else len(value) * 3 // 4 - value.count("=")
            yield len(key), stored


def _sized(length: int) -> int:
    """Bytes of what has this length, with its tag and the length itself."""
    return 1 + max(1, (length.bit_length() + 6) // 7) + length
