"""How large a copy gets, held against the limits of Kubernetes and etcd."""

from collections.abc import Collection, Iterable
from typing import Final

from msgspec import UNSET, structs

from hooks.api import kinds, protocol
from hooks.api.names import (
    CONTROLLER_UID,
    LAST_APPLIED,
)
from hooks.api.protocol import ApplyStrategy, Child, ChildMeta
from hooks.copies import etcd
from hooks.copies.desired_metadata import copy_annotations, copy_labels
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Target
from hooks.spec.syncer import Syncer

VALUES_LIMIT: Final = 1_048_576
"""Bytes of all values of one object; Kubernetes, core/v1 `MaxSecretSize`."""
REQUEST_LIMIT: Final = 3_145_728
"""Bytes of one request body; Kubernetes API server, `MaxRequestBodyBytes`."""
ANNOTATIONS_LIMIT: Final = 262_144
"""Bytes of all annotations, names and values; Kubernetes, `TotalAnnotationSizeLimitB`."""

LONGEST: Final = (Target("n" * 63),)
"""A target whose copy is as large as it can get."""


def too_large(
    content: Content, syncer: Syncer, targets: Collection[Target], strategy: ApplyStrategy
) -> NoContent | None:
    """Say so where Kubernetes would refuse the copies, before any of them is touched."""
    values = sum(length * times for (_, length), times in content.lengths.items())
    request = request_size(content, syncer, targets)
    checks = [
        (values, VALUES_LIMIT, "its values", "Kubernetes for one object"),
        (request, REQUEST_LIMIT, "the copy as a request", "the API server"),
    ]
    if strategy is ApplyStrategy.DYNAMIC_APPLY:
        annotations = _annotations_size(request, syncer, content)
        whose = "Kubernetes (dynamic-apply keeps the content in an annotation)"
        checks.append((annotations, ANNOTATIONS_LIMIT, "the copy's annotations", whose))
    stored = stored_size(content, syncer, targets, strategy)
    checks.append((stored, etcd.LIMIT, "the copy with its managedFields", "etcd"))
    for size, limit, what, whose in checks:
        if size > limit:
            return NoContent(
                SourceReason.TOO_LARGE,
                f"{source.described(syncer)} is too large to copy: {what} would take {size:,} "
                f"bytes, more than the {limit:,} bytes that are the limit of {whose}; make the "
                "source smaller",
            )
    return None


def request_size(content: Content, syncer: Syncer, targets: Collection[Target]) -> int:
    """Bytes of one copy as Metacontroller (Go, encoding/json) writes it, owner left out."""
    child = structs.replace(
        _largest(content, syncer, targets),
        data=content.raw_data or UNSET,
        binary_data=content.raw_binary_data or UNSET,
    )
    encoded = protocol.encode(child)
    # Go writes these five characters as six-byte escapes; a Go-written source has them already.
    ascii_escapes = sum(encoded.count(character) for character in (b"<", b">", b"&"))
    separators = encoded.count("\u2028".encode()) + encoded.count("\u2029".encode())
    return len(encoded) + 5 * ascii_escapes + 3 * separators


def stored_size(
    content: Content, syncer: Syncer, targets: Collection[Target], strategy: ApplyStrategy
) -> int:
    """Bytes that etcd has to take for one copy, a little on the large side."""
    largest = _largest(content, syncer, targets)
    size = etcd.child_size(largest.metadata, content.lengths) + len(protocol.encode(largest))
    if strategy is ApplyStrategy.DYNAMIC_APPLY:
        size += len(LAST_APPLIED) + request_size(content, syncer, targets)
    return size


def _largest(content: Content, syncer: Syncer, targets: Iterable[Target]) -> Child:
    """The copy in the namespace with the longest name, without its data."""
    return Child(
        api_version=kinds.API_VERSION,
        kind=syncer.source.kind.name,
        metadata=ChildMeta(
            name=syncer.copy_name,
            namespace=max((target.namespace for target in targets), key=len, default=""),
            labels={**copy_labels(syncer), CONTROLLER_UID: syncer.uid},
            annotations=copy_annotations(content, syncer),
        ),
        immutable=syncer.immutable or UNSET,
        type=content.type or UNSET,
    )


def _annotations_size(request: int, syncer: Syncer, content: Content) -> int:
    """Bytes of a copy's annotations under dynamic apply: ours, and the request itself in one."""
    ours = copy_annotations(content, syncer)
    return (
        request
        + len(LAST_APPLIED)
        + sum(len(k.encode()) + len(v.encode()) for k, v in ours.items())
    )
