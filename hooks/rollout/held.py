"""What the copies hold by themselves, where no status says which revision is the stable one."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hooks.api import protocol
from hooks.api.names import CONTENT_HASH, SOURCE
from hooks.api.protocol import KubernetesObject
from hooks.copies.observation import ExistingCopy, Observation
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.spec.syncer import Syncer


def held_contents(observation: Observation[Syncer]) -> Sequence[Content | None]:
    """The content of each living copy in a target; None for one that is not as it was written.

    A copy under a name that copies no longer have counts where there is no other, and so does one
    that a deleted syncer of this name has left. Copies in one state share the work. Raises
    MalformedRequest.
    """
    kind = observation.syncer.source.kind
    read: dict[tuple[bytes, bytes, str | None, str], Content | None] = {}
    held = []
    for existing in _living(observation):
        recorded = existing.annotation(CONTENT_HASH)
        key = (
            bytes(existing.data),
            bytes(existing.binary_data),
            recorded,
            source.type_of(existing, kind),
        )
        if key not in read:
            content = source.content_of(existing, kind)
            is_whole = content.hash is None or content.hash == recorded
            version = existing.metadata.resource_version
            read[key] = replace(content, resource_version=version) if is_whole else None
        held.append(read[key])
    return held


def copies_of(observation: Observation[Syncer], namespace: str) -> Sequence[ExistingCopy]:
    """The copy in a namespace, or those of the same kind that it is to replace."""
    current = observation.current_copies.get(namespace)
    if current is not None:
        return [current]
    kind = observation.syncer.source.kind.name
    outdated = observation.outdated_copies.get(namespace, ())
    return [copy for copy in outdated if copy.object.kind == kind]


def _living(observation: Observation[Syncer]) -> Iterator[KubernetesObject]:
    for target in observation.targets:
        for copy in copies_of(observation, target.namespace):
            if copy.is_ours and not copy.is_terminating:
                yield copy.object
    for orphan in observation.orphans:
        # An object that was handed over and never taken has no source.
        if orphan.annotation(SOURCE) is not None and not orphan.is_terminating:
            yield orphan


def identity(content: Content | None) -> bytes:
    """What equal contents have in common, and never leaves the process."""
    if content is None:
        return b""
    whole = protocol.encode([content.type, content.data, content.binary_data])
    return hashlib.sha256(whole).digest()


def most_common(held: Sequence[Content | None]) -> Content | None:
    """The content that most copies hold whole; of several the one that comes first."""
    whole = {id(each): each for each in held if each is not None}
    identities = {key: identity(each) for key, each in whole.items()}
    counted = Counter(identities[id(each)] for each in held if each is not None)
    if not counted:
        return None
    (first, _), *_ = counted.most_common(1)
    return next(each for key, each in whole.items() if identities[key] == first)
