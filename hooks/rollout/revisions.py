"""The stored revisions: which content each holds, which stay, and what is returned for them."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from msgspec import UNSET, UnsetType

from hooks.api import protocol
from hooks.api.names import REVISION_OF
from hooks.api.protocol import Child, KubernetesObject
from hooks.copies.child import preserve_child
from hooks.copies.observation import AnyObservation, Observation
from hooks.copies.revision import kept_revision, revision_child
from hooks.resolve import source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.rollout.held import distinct, held_contents
from hooks.spec.syncer import Syncer

_DIGITS: Final = 16
"""How many digits of its digest name the revision of a ConfigMap."""
_ALGORITHM: Final = "sha256:"
_COLLISIONS_LIMIT: Final = 1_000


_UNREAD: Final = (
    SourceReason.CONTENT_INVALID,
    SourceReason.KEY_NOT_FOUND,
    SourceReason.TOO_LARGE,
)
"""What can be wrong with the content of a source, and does not matter while another is pinned."""


def pinned(observation: Observation[Syncer], content: Content | NoContent) -> Content | NoContent:
    """The content of the revision that the spec pins, whatever the source holds.

    Where the source is missing or its owner does not consent, nothing is copied all the same.
    """
    syncer = observation.syncer
    name = syncer.pinned_revision
    if name is None or (isinstance(content, NoContent) and content.reason not in _UNREAD):
        return content
    stored = Revisions(observation).content(name)
    if stored is not None:
        return stored
    kind, namespace = syncer.source.kind, syncer.source.namespace
    return NoContent(
        SourceReason.REVISION_NOT_FOUND,
        f"{kind.name} {namespace}/{name} is not stored as a revision; set spec.pinnedRevision to "
        f"one that `kubectl get {kind.resource} -n {namespace} -l {REVISION_OF}={syncer.name}` "
        "lists, or remove it to roll out the source",
    )


def preserved_revisions(observation: AnyObservation) -> Sequence[Child]:
    """The revisions as they are, while every copy is held; none where no rollout is asked for."""
    syncer = observation.syncer
    if isinstance(syncer, Syncer) and syncer.rollout is None:
        return ()
    return [
        preserve_child(each, observation.options)
        for each in observation.revisions
        if not each.is_terminating
    ]


# Without slots, for what is read once is kept.
@dataclass(frozen=True, eq=False)
class Revisions:
    """The revisions of a syncer that are observed in the source's namespace."""

    observation: Observation[Syncer]
    _contents: dict[str, Content | None] = field(default_factory=dict)

    def of(self, content: Content, preferred: str | UnsetType = UNSET) -> Content:
        """The content with the name of its revision: that which holds it, or the next free one.

        Secrets have no digest that may leave them, so a revision is named after the version of the
        source, and known by being equal; of several that are, the preferred one is.
        """
        first = f"{self.observation.syncer.name}-{_digits(content)}"
        numbered = re.compile(rf"{re.escape(first)}(-[0-9]{{1,3}})?")
        taken = [name for name in self._by_name if numbered.fullmatch(name)]
        named = taken if content.hash is not None else [*self._by_name, *self._elsewhere]
        named.sort(key=lambda name: name != preferred)
        equal = next((name for name in named if self._is_equal(name, content)), None)
        if equal is not None:
            return replace(content, revision=equal)
        # What is not what its name says is made again; only another whole content has the name.
        others = {name for name in taken if content.hash is None or self._read(name) is not None}
        candidates = (first, *(f"{first}-{number}" for number in range(2, _COLLISIONS_LIMIT)))
        return replace(content, revision=next((n for n in candidates if n not in others), first))

    def content(self, name: str) -> Content | None:
        """What a revision holds; None where it is not stored, or not as it must be.

        One where the source was before is read, too, so that it can be stored again here.
        """
        if name not in self._contents:
            self._contents[name] = self._read(name)
        return self._contents[name]

    def known(self, name: str) -> Content | None:
        """What a revision holds, as it is stored, or as a copy of a ConfigMap holds it whole."""
        return self.content(name) or self._recovered(name)

    def is_stored(self, content: Content) -> bool:
        """Whether the revision of a content is observed, and holds it whole."""
        return self._is_usable(content.revision) and self._is_equal(content.revision, content)

    def children(self, used: Collection[Content], *, are_all_kept: bool = False) -> Iterator[Child]:
        """The revisions that stay: those in use, and the newest of the others, or all of them.

        One that is not as it must be is left out once, so that it can be made again. Those where
        the source was before go when those in use are stored here.
        """
        syncer, options = self.observation.syncer, self.observation.options
        names = {content.revision for content in used}
        is_closing = self.observation.is_closing(syncer.source.namespace)
        for content in used:
            is_new = content.revision not in self._by_name and not is_closing
            if is_new or self.is_stored(content):
                yield revision_child(content.revision, content, syncer)
        others = [each for each in self._by_name if each not in names and self._is_usable(each)]
        limit = syncer.rollout.revision_history_limit if syncer.rollout else 0
        others.sort(key=lambda name: (self._by_name[name].metadata.creation_timestamp, name))
        for name in others if are_all_kept else others[-limit:] if limit else ():
            yield kept_revision(self._by_name[name], syncer)
        if not all(map(self.is_stored, used)):
            yield from (
                preserve_child(each, options)
                for each in self._elsewhere.values()
                if not each.is_terminating
            )

    @cached_property
    def _by_name(self) -> Mapping[str, KubernetesObject]:
        """The revisions in the namespace of the source, of its kind."""
        return {each.metadata.name: each for each in self._of_kind if self._is_here(each)}

    @cached_property
    def _elsewhere(self) -> Mapping[str, KubernetesObject]:
        """The revisions in namespaces where the source was before."""
        return {each.metadata.name: each for each in self._of_kind if not self._is_here(each)}

    @property
    def _of_kind(self) -> Sequence[KubernetesObject]:
        kind = self.observation.syncer.source.kind.name
        return [each for each in self.observation.revisions if each.kind == kind]

    def _is_here(self, stored: KubernetesObject) -> bool:
        return stored.metadata.namespace == self.observation.syncer.source.namespace

    def _is_usable(self, name: str) -> bool:
        """Whether a revision lives, is controlled by this syncer, and cannot be changed."""
        found = self._by_name.get(name)
        return found is not None and self._is_intact(found)

    def _is_intact(self, found: KubernetesObject) -> bool:
        is_living = not found.is_terminating and bool(found.immutable)
        return is_living and self.observation.syncer.controls(found)

    def _recovered(self, name: str) -> Content | None:
        """What a copy of a ConfigMap holds whole under the digest in the name; else None."""
        if self.observation.syncer.source.kind.is_secret:
            return None
        contents = distinct(held_contents(self.observation))
        found = (each for each in contents if self.of(each).revision == name)
        content = next(found, None)
        return None if content is None else replace(content, revision=name)

    def _is_equal(self, name: str, content: Content) -> bool:
        stored = self._by_name.get(name) or self._elsewhere[name]
        if source.type_of(stored, self.observation.syncer.source.kind) != content.type:
            return False
        if (stored.data, stored.binary_data) == (content.raw_data, content.raw_binary_data):
            return True
        data = protocol.decode_values(stored.data, stored, "data")
        binary_data = protocol.decode_values(stored.binary_data, stored, "binaryData")
        return (data, binary_data) == (content.data, content.binary_data)

    def _read(self, name: str) -> Content | None:
        stored = self._by_name.get(name) or self._elsewhere.get(name)
        if stored is None or not self._is_intact(stored):
            return None
        syncer = self.observation.syncer
        content = source.content_of(stored, syncer.source.kind)
        digits, _, _ = name.removeprefix(f"{syncer.name}-").partition("-")
        if content.hash is None:
            # The name is all that tells which version of the source it was.
            return replace(content, revision=name, resource_version=digits)
        return replace(content, revision=name) if digits == _digits(content) else None


def _digits(content: Content) -> str:
    """What tells revisions apart by their names, as far as names can."""
    if content.hash is None:
        return content.resource_version
    return content.hash.removeprefix(_ALGORITHM)[:_DIGITS]
