"""The labels and annotations that a copy gets."""

from collections.abc import Mapping

from hooks.api.names import (
    CONTENT_HASH,
    MANAGED_BY,
    MANAGER,
    REVISION,
    SOURCE,
    SYNCED_BY,
    SYNCED_FROM,
)
from hooks.resolve.source import Content
from hooks.spec.syncer import Syncer


def copy_labels(syncer: Syncer) -> Mapping[str, str]:
    """Those of every copy; Metacontroller adds its own."""
    return {
        **syncer.target_labels,
        SYNCED_BY: syncer.name,
        SYNCED_FROM: syncer.source.namespace,
        MANAGED_BY: MANAGER,
    }


def copy_annotations(content: Content, syncer: Syncer) -> Mapping[str, str]:
    """Those of a copy that is written with a content."""
    hashed = {} if content.hash is None else {CONTENT_HASH: content.hash}
    revision = {REVISION: content.revision} if content.revision else {}
    return {**syncer.target_annotations, SOURCE: str(syncer.source), **hashed, **revision}
