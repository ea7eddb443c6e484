"""What keeps a copy when its syncer is gone: a second owner, the copy's own Namespace.

The garbage collector deletes an object when the last of its owners is gone, and takes off the one
that is gone where another is left. So under `deletionPolicy: Retain` every living copy names its
Namespace as an owner, long before anybody deletes the syncer: then it is too late to write, for
under foreground deletion Metacontroller no longer applies anything.
"""

from collections.abc import Iterable
from typing import Final

from hooks.api.names import LAST_APPLIED
from hooks.api.protocol import ApplyStrategy, KubernetesObject, OwnerReference
from hooks.copies.observation import AnyObservation
from hooks.resolve.targets import Target
from hooks.spec.syncer import DeletionPolicy, InvalidSpec, Syncer

_API_VERSION: Final = "v1"
_KIND: Final = "Namespace"


def retains(syncer: Syncer | InvalidSpec) -> bool:
    """Whether the copies outlive their syncer."""
    return syncer.deletion_policy is DeletionPolicy.RETAIN


def observed(copy: KubernetesObject) -> OwnerReference | None:
    """The copy's own Namespace among its owners, as we write it; None where it is not there."""
    for owner in copy.metadata.owner_references or ():
        named = (owner.api_version, owner.kind, owner.name)
        if named == (_API_VERSION, _KIND, copy.metadata.namespace) and not owner.controller:
            return _owner(owner.name, owner.uid)
    return None


def available(namespace: str, observation: AnyObservation) -> OwnerReference | None:
    """The Namespace as an owner; None where it is not shown, for then its uid is not known."""
    shown = observation.namespaces.get(namespace)
    return None if shown is None else _owner(namespace, shown.metadata.uid)


def desired(copy: KubernetesObject, observation: AnyObservation) -> OwnerReference | None:
    """The owner that a copy which stays has in addition to its syncer.

    Where the spec cannot be followed, where the Namespace is not shown, or where it has the name of
    the syncer and dynamic apply could not tell the two apart, it is the one that is there.
    """
    syncer = observation.syncer
    if isinstance(syncer, InvalidSpec):
        return observed(copy)
    if not retains(syncer):
        return None
    is_merged_by_name = copy.annotation(LAST_APPLIED) is not None
    if is_merged_by_name and copy.metadata.namespace == syncer.name:
        return observed(copy)
    return available(copy.metadata.namespace, observation) or observed(copy)


def is_safe(copy: KubernetesObject, observation: AnyObservation) -> bool:
    """Whether a copy that is to outlive its syncer has the owner that lets it."""
    owner = observed(copy)
    return owner is not None and owner == desired(copy, observation)


def conflict(
    syncer: Syncer, targets: Iterable[Target], strategy: ApplyStrategy
) -> InvalidSpec | None:
    """Say so where the second owner would take the place of the first.

    Dynamic apply merges owners by their name alone.
    """
    is_merged = strategy is ApplyStrategy.DYNAMIC_APPLY and retains(syncer)
    if not is_merged or all(target.namespace != syncer.name for target in targets):
        return None
    return InvalidSpec(
        f"Set spec.deletionPolicy to {DeletionPolicy.DELETE}, or remove namespace {syncer.name} "
        f"from the targets: it has the syncer's own name, and {strategy} cannot tell two owners of "
        "one name apart",
        syncer.deletion_policy,
    )


def _owner(name: str, uid: str) -> OwnerReference:
    return OwnerReference(
        api_version=_API_VERSION,
        kind=_KIND,
        name=name,
        uid=uid,
        controller=False,
        block_owner_deletion=False,
    )
