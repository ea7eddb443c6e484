"""How many bytes etcd has to take for an object, which no other limit of Kubernetes covers.

ConfigMaps and Secrets are stored in protobuf, with `managedFields` as JSON inside: thousands of
short keys take more there than in a request. What etcd refuses, the API server refuses with 500
for every writer. Facts: etcd's `--max-request-bytes`, which counts the object with the three times
that its key stands in the transaction around it; Kubernetes' `core/v1` protobuf.
"""

from collections.abc import Collection, Mapping
from typing import Final

from hooks.api import protocol
from hooks.api.names import LAST_APPLIED
from hooks.api.options import HookOptions
from hooks.api.protocol import ChildMeta, KubernetesObject

LIMIT: Final = 1_572_864
"""Bytes of one request to etcd, unless `--max-request-bytes` says otherwise."""
_ENVELOPE_BYTES: Final = 2_000
"""The transaction, what the API server adds (uid, times, managers), and up to two owners."""
_PLACES: Final = 3
"""How often the key of an object stands in the transaction that writes it."""
_FIELD_BYTES: Final = len('"f:":{},')


def child_size(metadata: ChildMeta, lengths: Mapping[tuple[int, int], int]) -> int:
    """Bytes of a child with keys and values of these lengths, its own metadata left out.

    What is written of the metadata stands once more in `managedFields`, and that is counted.
    """
    return (
        _ENVELOPE_BYTES
        + _PLACES * (len(metadata.namespace) + len(metadata.name))
        + _content_size(lengths)
        + _fields_size([*(metadata.labels or ()), *(metadata.annotations or ())])
    )


def _content_size(lengths: Mapping[tuple[int, int], int]) -> int:
    """Bytes of the entries of `data` and `binaryData`: how often keys and values have which length.

    Each key stands once more in `managedFields`, under its owner.
    """
    return sum(
        times * (_entry_size(key_length, value_length) + key_length + _FIELD_BYTES)
        for (key_length, value_length), times in lengths.items()
    )


def _fields_size(names: Collection[str]) -> int:
    """Bytes of names in an entry of `managedFields`."""
    return sum(len(name.encode()) + _FIELD_BYTES for name in names)


def is_too_much(stored: int, copy: KubernetesObject, options: HookOptions) -> bool:
    """Whether what is written, with the metadata of others that stays, is beyond the limit.

    A little too early rather than too late. Raises MalformedRequest.
    """
    metadata = copy.metadata
    annotations = {k: v for k, v in (metadata.annotations or {}).items() if k != LAST_APPLIED}
    parts = (metadata.labels, annotations, metadata.owner_references, metadata.finalizers)
    room = LIMIT - stored - sum(len(protocol.encode(part)) for part in parts)
    managed = memoryview(metadata.managed_fields).nbytes
    if protocol.is_absent(metadata.managed_fields):
        # Where none are kept, the first apply gives all that is there to one more manager.
        keys = (protocol.decode_values(raw, copy, "data") for raw in (copy.data, copy.binary_data))
        managed = sum(map(_fields_size, keys))
    if managed <= room:
        return False
    # What is ours in managedFields is written again, and so is counted where the copy is.
    ours = [m for m in copy.field_managers if m.manager == options.field_manager]
    return managed - sum(_fields_size(manager.keys) for manager in ours) > room


def _entry_size(key_length: int, value_length: int) -> int:
    """Bytes of one entry of a map in protobuf."""
    inside = _text_size(key_length) + _text_size(value_length)
    return _text_size(inside)


def _text_size(length: int) -> int:
    """Bytes of a text or a message in protobuf: a tag, the length, seven bits a byte, and it."""
    return 1 + max(1, (length.bit_length() + 6) // 7) + length
