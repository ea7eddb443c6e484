"""Who may be given a copy, as the owners of the source and of the receiving namespace say it.

A syncer reads with Metacontroller's rights, so its author may see less than it does. What they may
not give away stays where it is unless its owner's annotation says otherwise, and a namespace may
want to say from where it takes anything. Both annotations are a comma-separated list of namespace
names and globs; `*` means all, nothing means none.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from hooks.api.protocol import KubernetesObject
from hooks.spec.globs import Patterns, is_glob
from hooks.spec.validation import is_namespace_list, is_namespace_or_glob

GLOBS_LIMIT: Final = 100
"""How many globs a list may have: every target's name is held against them."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A list as it was written, and whether it cannot be followed as a whole."""

    names: Collection[str]
    globs: Patterns
    is_malformed: bool

    def covers(self, namespace: str) -> bool:
        """Whether the list has a namespace."""
        return namespace in self.names or self.globs.matches(namespace)


def given(by: KubernetesObject, annotation: str) -> Consent | None:
    """The consent that an object's annotation gives; None where it says nothing."""
    return by.read(annotation, _read)


def _read(text: str) -> Consent:
    items = {*map(str.strip, text.split(","))}
    globs = sorted(filter(is_glob, items))
    names = items.difference(globs)
    kept = filter(is_namespace_or_glob, globs[:GLOBS_LIMIT])
    fits = is_namespace_list(text) and len(globs) <= GLOBS_LIMIT
    return Consent(names, Patterns.of(kept), is_malformed=not fits)
