"""Who may be given a copy, as the owners of the source and of the receiving namespace say it.

A syncer reads with Metacontroller's rights, so its author may see less than it does. What he may
not give away stays where it is unless its owner's annotation says otherwise, and a namespace may
want to say from where it takes anything. Both annotations are a comma-separated list of namespace
names and globs; `*` means all, nothing means none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hooks import globs, syncer
from hooks.protocol import KubernetesObject

ALLOW_SYNC_TO: Final = f"{syncer.GROUP}/allow-sync-to"
"""The annotation on a source that lists the namespaces which may hold a copy."""
ACCEPT_SYNC_FROM: Final = f"{syncer.GROUP}/accept-sync-from"
"""The annotation on a Namespace that lists the namespaces from which it takes copies."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A list as it was written, and whether some of its items can match no namespace."""

    patterns: Sequence[str]
    is_malformed: bool

    def covers(self, namespace: str) -> bool:
        """Whether the list has a namespace."""
        return globs.matches(namespace, self.patterns)


def given(by: KubernetesObject, annotation: str) -> Consent | None:
    """The consent that an object's annotation gives; None where it says nothing."""
    text = by.annotation(annotation)
    if text is None:
        return None
    items = [item for item in map(str.strip, text.split(",")) if item]
    patterns = tuple(item for item in items if syncer.is_namespace_or_glob(item))
    return Consent(patterns, len(patterns) < len(items))
