"""Who may be given a copy, as the owners of the source and of the receiving namespace say it.

A syncer reads with Metacontroller's rights, so its author may see less than it does. What he may
not give away stays where it is unless its owner's annotation says otherwise, and a namespace may
want to say from where it takes anything. Both annotations are a comma-separated list of namespace
names and globs; `*` means all, nothing means none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hooks import globs, syncer
from hooks.protocol import KubernetesObject

ALLOW_SYNC_TO: Final = f"{syncer.GROUP}/allow-sync-to"
"""The annotation on a source that lists the namespaces which may hold a copy."""
GLOBS_LIMIT: Final = 100
"""How many globs a list may have: each is held against the name of every target."""
ACCEPT_SYNC_FROM: Final = f"{syncer.GROUP}/accept-sync-from"
"""The annotation on a Namespace that lists the namespaces from which it takes copies."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A list as it was written, and whether it cannot be followed as a whole."""

    names: Collection[str]
    globs: Sequence[str]
    is_malformed: bool

    def covers(self, namespace: str) -> bool:
        """Whether the list has a namespace."""
        return namespace in self.names or globs.matches(namespace, self.globs)


def given(by: KubernetesObject, annotation: str) -> Consent | None:
    """The consent that an object's annotation gives; None where it says nothing."""
    text = by.annotation(annotation)
    if text is None:
        return None
    return _read(text)


@lru_cache(maxsize=256)
def _read(text: str) -> Consent:
    """Read a list once for all targets: its owner decides how long it is, and may be anybody."""
    items = {item for item in map(str.strip, text.split(",")) if item}
    patterns = tuple(sorted(item for item in items if globs.is_glob(item)))
    fits = all(map(syncer.is_namespace_or_glob, items)) and len(patterns) <= GLOBS_LIMIT
    return Consent(items.difference(patterns), patterns[:GLOBS_LIMIT], not fits)
