"""An object that has the name of the copies and is not a copy: taken over, or in the way."""

from hooks.api import kinds
from hooks.api.names import (
    ALLOW_SYNC_TO,
    CONTROLLER_UID,
    SYNCED_BY,
    SYNCER_API_VERSION,
    SYNCER_KIND,
)
from hooks.api.protocol import ApplyStrategy, KubernetesObject, OwnerReference
from hooks.api.text import excerpt
from hooks.copies import observation
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.resolve.targets import Failure, FailureReason
from hooks.spec.syncer import ConflictPolicy, Syncer


def is_predecessor(controller: OwnerReference, syncer: Syncer) -> bool:
    """Whether a controller, which is not this syncer, is one of the same name that is gone."""
    named = (controller.api_version, controller.kind, controller.name)
    return named == (SYNCER_API_VERSION, SYNCER_KIND, syncer.name)


def is_taken_over(existing: KubernetesObject, syncer: Syncer, content: Content) -> bool:
    """Whether an unmanaged object becomes the copy: it was ours, or somebody wants it so.

    Its owner wants it who labelled it for us, or the author of the syncer. Neither applies to a
    Secret of a type that is never copied: it would be deleted, and something depends on it.
    """
    if source.why_uncopied(_type_of(existing, syncer)) is not None:
        return False
    return observation.is_orphaned(existing, syncer) or _is_overwritten(existing, syncer, content)


def managed_by_another(existing: KubernetesObject, controller: OwnerReference) -> Failure:
    """The failure where another controller has the object."""
    return Failure(
        FailureReason.MANAGED_BY_ANOTHER,
        f"the {kinds.of(existing.kind).name} of the copy's name is controlled by "
        f"{excerpt(controller.kind)} {excerpt(controller.name)}; remove the namespace from one of "
        "the two",
    )


def conflict(existing: KubernetesObject, syncer: Syncer, strategy: ApplyStrategy) -> Failure:
    """The failure where an unmanaged object is not taken over."""
    kind, name = syncer.source.kind.name, existing.metadata.name
    uncopied = source.why_uncopied(_type_of(existing, syncer))
    if uncopied is not None:
        return Failure(
            FailureReason.CONFLICT,
            f"a {kind} {name} of the type {existing.type} is in the way, and that type is never "
            f"taken over, because {uncopied}; give the copies another name with spec.targetName, "
            "or remove the namespace from the targets",
        )
    return Failure(
        FailureReason.CONFLICT,
        f"a {kind} {name} that {_foreign(existing, syncer)} is in the way; remove it, or give it "
        f"to this syncer with {_handing_over(existing, syncer, strategy)}",
    )


def unadoptable(existing: KubernetesObject, syncer: Syncer, strategy: ApplyStrategy) -> Failure:
    """Dynamic apply takes possession of nothing that does not carry the syncer's uid."""
    command = f"hand it over with {_handing_over(existing, syncer, strategy)}"
    if not observation.is_orphaned(existing, syncer):
        return Failure(
            FailureReason.OVERWRITE_IMPOSSIBLE,
            f"a {syncer.source.kind.name} {existing.metadata.name} that does not "
            f"belong to this syncer is in the way, and {strategy} cannot take it over; "
            f"remove it, or {command}",
        )
    return Failure(
        FailureReason.CONFLICT,
        f"the copy does not carry this syncer's label {CONTROLLER_UID}, without which "
        f"{strategy} cannot write it; {command}",
    )


def _is_overwritten(existing: KubernetesObject, syncer: Syncer, content: Content) -> bool:
    """Whether an unmanaged object is taken over although its owner did not label it for us.

    Never a copy of another syncer, nor an object that has a list of consent and so is a source,
    nor a Secret of another type, which would be deleted and not overwritten.
    """
    return (
        syncer.conflict_policy is ConflictPolicy.OVERWRITE
        and existing.label(SYNCED_BY) is None
        and existing.annotation(ALLOW_SYNC_TO) is None
        and _type_of(existing, syncer) == content.type
    )


def _foreign(existing: KubernetesObject, syncer: Syncer) -> str:
    """Why an unmanaged object is not taken over, a relative clause."""
    other = existing.label(SYNCED_BY)
    if other is not None:
        return f"carries {SYNCED_BY}={excerpt(other)}"
    if syncer.conflict_policy is ConflictPolicy.FAIL:
        return "does not belong to this syncer"
    if existing.annotation(ALLOW_SYNC_TO) is not None:
        return f"carries the annotation {ALLOW_SYNC_TO}, as sources do,"
    return "has another type than the source"


def _handing_over(existing: KubernetesObject, syncer: Syncer, strategy: ApplyStrategy) -> str:
    """The one command after which the object is this syncer's copy, and what it takes."""
    label, right = f"{SYNCED_BY}={syncer.name}", ""
    if strategy is ApplyStrategy.DYNAMIC_APPLY:
        # What carries it is adopted, so the admission policy lets nobody else set it.
        label = f"{CONTROLLER_UID}={syncer.uid}"
        right = ", which only those who may update ConfigMapSyncers can do"
    name, namespace = existing.metadata.name, existing.metadata.namespace
    kind = syncer.source.kind.name.lower()
    return f"`kubectl label {kind} {name} -n {namespace} {label} --overwrite`{right}"


def _type_of(existing: KubernetesObject, syncer: Syncer) -> str:
    return source.type_of(existing, syncer.source.kind)
