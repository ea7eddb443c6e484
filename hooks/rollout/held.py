"""What the copies hold by themselves, where no status says which revision is the stable one."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hooks.api import protocol
from hooks.api.names import CONTENT_HASH
from hooks.copies.observation import Observation
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.spec.syncer import Syncer


def held_contents(observation: Observation[Syncer]) -> Sequence[Content | None]:
    """The content of each living copy in a target; None for one that is not as it was written.

    Copies in one state share the work. Raises MalformedRequest.
    """
    kind = observation.syncer.source.kind
    read: dict[tuple[bytes, bytes, str | None, str], Content | None] = {}
    held = []
    for target in observation.targets:
        copy = observation.current_copies.get(target.namespace)
        if copy is None or copy.is_terminating or not copy.is_ours:
            continue
        existing = copy.object
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
