"""Which object gets the label by which Metacontroller adopts it: handing over, dynamic apply's way.

Under dynamic apply Metacontroller writes no object that it does not own, and owns what bears its
label `controller-uid`. An object that is handed over by `synced-by` gets that label here, but only
where the syncer wants it: a child that is not wanted is deleted. Of that the syncer's own status is
the proof, for it alone is made from all that matters, the consent of the source's owner included.
What can have changed since is looked at again. Under server-side apply nothing is done here: there,
returning an object takes it over.
"""

from typing import Final

from hooks.api.names import (
    CONTROLLER_UID,
    NAMESPACES,
    PLURAL,
    RELATED,
    SYNCED_BY,
    SYNCER_API_VERSION,
)
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    AdoptRequest,
    ApplyStrategy,
    CustomizeRequest,
    CustomizeResponse,
    KubernetesObject,
    Parent,
    RelatedRule,
    SyncRequest,
)
from hooks.copies import etcd
from hooks.resolve import targets
from hooks.resolve.targets import FailureReason
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec, Syncer
from hooks.status.previous import previous

_SIZE_LIMIT: Final = etcd.LIMIT - 16_384
"""Bytes that etcd takes (`--max-request-bytes`), with room for a label and an owner.

Metacontroller adopts what has the label; where it cannot, its syncer gets no further.
"""
_IN_THE_WAY: Final = (FailureReason.CONFLICT, FailureReason.OVERWRITE_IMPOSSIBLE)


def related_rules(request: CustomizeRequest, options: HookOptions) -> CustomizeResponse:
    """The rules that show all syncers and the object's own Namespace.

    Metacontroller asks for every ConfigMap, labelled or not, and keeps the answer for 20 minutes
    whatever becomes of the labels: so it cannot depend on which syncer is named.
    """
    if options.strategy is not ApplyStrategy.DYNAMIC_APPLY:
        return CustomizeResponse(related_resources=())
    return CustomizeResponse(
        related_resources=(
            RelatedRule(SYNCER_API_VERSION, PLURAL),
            RelatedRule(
                targets.API_VERSION,
                targets.RESOURCE,
                names=(request.parent.metadata.namespace,),
            ),
        )
    )


def adopter(request: AdoptRequest, options: HookOptions) -> Syncer | None:
    """The syncer that the object belongs to from now on, if any. Raises MalformedRequest."""
    candidate = request.object
    if options.strategy is not ApplyStrategy.DYNAMIC_APPLY or not _is_free(candidate):
        return None
    if request.size > _SIZE_LIMIT:
        return None
    parent = request.parent(RELATED, candidate.label(SYNCED_BY) or "")
    if parent is None or parent.metadata.deletion_timestamp is not None:
        return None
    syncer = parse_syncer(parent)
    if isinstance(syncer, InvalidSpec) or syncer.suspend or not _is_copy_of(candidate, syncer):
        return None
    is_adopted = _is_target(request, parent, syncer, options) and _is_missed(parent, candidate)
    return syncer if is_adopted else None


def _is_free(candidate: KubernetesObject) -> bool:
    """Whether the object is unmanaged; Metacontroller judges one that has its label."""
    return (
        not candidate.is_terminating
        and candidate.controller is None
        and candidate.label(CONTROLLER_UID) is None
    )


def _is_copy_of(candidate: KubernetesObject, syncer: Syncer) -> bool:
    """Whether the object is what a copy would be; Secrets are not copied under dynamic apply."""
    kind = syncer.source.kind
    is_of_kind = candidate.kind == kind.name and not kind.is_secret
    return is_of_kind and candidate.metadata.name == syncer.copy_name


def _is_target(request: AdoptRequest, parent: Parent, syncer: Syncer, options: HookOptions) -> bool:
    """Whether the object's namespace is a target that takes copies, as it is shown now."""
    namespace = request.object.metadata.namespace
    shown = SyncRequest(
        parent, related={NAMESPACES: request.related_objects(NAMESPACES, namespace)}
    )
    return any(
        target.namespace == namespace and target.failure is None
        for target in targets.resolve(syncer, shown, options)
    )


def _is_missed(parent: Parent, candidate: KubernetesObject) -> bool:
    """Whether the syncer says, of its present spec, that an object is in the way there."""
    said = previous(parent)
    return said.observed_generation == parent.metadata.generation and any(
        failure.namespace == candidate.metadata.namespace and failure.reason in _IN_THE_WAY
        for failure in said.failures
    )
