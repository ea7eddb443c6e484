"""What the copies hold by themselves, where no status says which revision is the stable one."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from dataclasses import replace

from hooks.api import protocol
from hooks.api.names import CONTENT_HASH, SOURCE
from hooks.api.protocol import KubernetesObject
from hooks.copies.observation import ExistingCopy, Observation
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.spec.syncer import Syncer


def held_contents(observation: Observation[Syncer]) -> Mapping[str, Content | None]:
    """The content of the living copy in each target; None for one that is not as it was written.

    A copy under a name that copies no longer have counts where there is no other, and one for each
    target: who may write in one namespace has one voice. Copies in one state share the work. Raises
    MalformedRequest.
    """
    kind = observation.syncer.source.kind
    read: dict[tuple[bytes, bytes, str | None, str], Content | None] = {}
    held = {}
    for namespace, existing in _living(observation).items():
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
        held[namespace] = read[key]
    return held


def copies_of(observation: Observation[Syncer], namespace: str) -> Sequence[ExistingCopy]:
    """The copy in a namespace, or those of the same kind that it is to replace."""
    current = observation.current_copies.get(namespace)
    if current is not None:
        return [current]
    kind = observation.syncer.source.kind.name
    outdated = observation.outdated_copies.get(namespace, ())
    return [copy for copy in outdated if copy.object.kind == kind]


def living_copy(observation: Observation[Syncer], namespace: str) -> KubernetesObject | None:
    """The copy of ours in a namespace, or one that it is to replace, that is not being deleted."""
    copies = copies_of(observation, namespace)
    return next((each.object for each in copies if each.is_ours and not each.is_terminating), None)


def _living(observation: Observation[Syncer]) -> Mapping[str, KubernetesObject]:
    able = [each.namespace for each in observation.targets if each.failure is None]
    copies = {name: living_copy(observation, name) for name in able}
    living = {name: copy for name, copy in copies.items() if copy is not None}
    # Copies that a deleted syncer of this name has left. Anybody can make such an object in a
    # namespace of their own: it counts only where most targets have one.
    left = {
        orphan.metadata.namespace: orphan
        for orphan in observation.orphans
        if orphan.annotation(SOURCE) is not None and not orphan.is_terminating
    }
    left = {name: orphan for name, orphan in left.items() if name in copies}
    return {**left, **living} if _are_most(len(left), able) else living


def _are_most(number: int, of: Sized) -> bool:
    return 2 * number > len(of)


def identity(content: Content) -> bytes:
    """What equal contents have in common, and never leaves the process."""
    whole = protocol.encode([content.type, content.data, content.binary_data])
    return hashlib.sha256(whole).digest()


def holding(held: Mapping[str, Content | None], content: Content) -> AbstractSet[str]:
    """The namespaces whose copies hold a content whole."""
    own = identity(content)
    same = {id(each) for each in distinct(held) if identity(each) == own}
    return {namespace for namespace, each in held.items() if id(each) in same}


def held_by_most(
    observation: Observation[Syncer], held: Mapping[str, Content | None]
) -> Content | None:
    """The content that more than half of the targets that can take a copy hold whole."""
    able = [each for each in observation.targets if each.failure is None]
    identities = {id(each): identity(each) for each in distinct(held)}
    counted = Counter(identities[id(each)] for each in held.values() if each is not None)
    for most, number in counted.most_common(1):
        if _are_most(number, able):
            return next(each for each in distinct(held) if identities[id(each)] == most)
    return None


def distinct(held: Mapping[str, Content | None]) -> Sequence[Content]:
    """Contents that copies share are read once, so they are the same."""
    return list({id(each): each for each in held.values() if each is not None}.values())
