"""Why a copy that should be gone is still there."""

from collections.abc import Iterable, Mapping

from hooks.api import text
from hooks.api.protocol import Child, KubernetesObject, Parent
from hooks.copies.observation import Observation
from hooks.spec.syncer import Syncer


def blocked_by(copy: KubernetesObject, what: str = "the copy") -> str | None:
    """What keeps a copy that is being deleted, a fragment of a sentence; None for a living one."""
    if not copy.is_terminating:
        return None
    finalizers = copy.metadata.finalizers
    if not finalizers:
        return f"{what} is still being deleted"
    return (
        f"{what} is stuck in deletion with the finalizers {text.named(finalizers)}; find out who "
        "set them and have them removed"
    )


def deletion_refused(copy: KubernetesObject, parent: Parent, what: str = "the copy") -> str:
    """Why a copy that should be gone is still there, a fragment of a sentence."""
    refused = text.refused(
        parent.metadata.name, f"{what} should have been deleted and still exists"
    )
    return blocked_by(copy, what) or refused


def not_removed(
    observation: Observation[Syncer], children: Iterable[Child], *, is_replacing: bool = True
) -> Mapping[str, str]:
    """Where copies are observed that should be gone, and why they are not, by namespace.

    Those are the copies that an answer leaves out. Not where one of their name is wanted, for they
    are replaced; nor where the namespace itself goes, and Kubernetes deletes all that is in it.
    """
    returned = {child.identity for child in children}
    taking = {each.namespace for each in observation.targets if each.failure is None}
    remaining: dict[str, str] = {}
    for copy in observation.copies:
        is_replaced = is_replacing and copy.namespace in taking and copy.has_current_name
        if (
            copy.identity not in returned
            and not is_replaced
            and not observation.is_closing(copy.namespace)
            and copy.is_managed_by_us
        ):
            kind, _, name = copy.identity
            what = "the copy" if copy.has_current_name else f"the former copy, {kind} {name},"
            why = deletion_refused(copy.object, observation.parent, what)
            remaining.setdefault(copy.namespace, why)
    return remaining
