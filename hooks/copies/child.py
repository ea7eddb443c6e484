"""The children to return for objects that stay, written so that nothing of them changes."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import UNSET, Raw, UnsetType, structs

from hooks.api import kinds, protocol
from hooks.api.last_applied import decode_applied_owners
from hooks.api.names import CONTROLLER_UID, HELD, LAST_APPLIED, SOURCE, SYNCER_API_VERSION
from hooks.api.options import HookOptions
from hooks.api.protocol import (
    ApplyStrategy,
    Child,
    ChildMeta,
    KubernetesObject,
    OwnerReference,
    SyncRequest,
)
from hooks.copies import etcd, field_ownership, retention
from hooks.copies.field_ownership import OUR_ANNOTATIONS, OUR_LABELS
from hooks.copies.observation import AnyObservation, ExistingCopy, Observation
from hooks.resolve import source
from hooks.spec.syncer import Syncer


def preserved(observation: AnyObservation) -> Sequence[ExistingCopy]:
    """Every living copy, except where its namespace can or may have none.

    Where it can take none, writes would fail; where consent is withdrawn, nothing keeps the copy,
    also where the namespace is no longer a target. Others may keep what they made a copy; a copy of
    another syncer is made again by that syncer.
    """
    closed = {target.namespace for target in observation.targets if target.is_closed}
    refusing = {target.namespace for target in observation.targets if target.is_refusing}
    return [
        copy
        for copy in observation.copies
        if copy.namespace not in closed
        and not copy.is_terminating
        and not copy.belongs_to_another
        and not (copy.is_managed_by_us and (copy.is_withdrawn or copy.namespace in refusing))
    ]


def preserve_all(observation: AnyObservation) -> Sequence[Child]:
    """Every copy that stays while all is held, as it is."""
    return [preserve(copy, observation) for copy in preserved(observation)]


def preserve(copy: ExistingCopy, observation: AnyObservation) -> Child:
    """An observed copy as it is: returned, it writes nothing and keeps the copy."""
    existing, options = copy.object, observation.options
    if copy.is_managed_by_us:
        child = preserve_child(existing, options, retention.desired(existing, observation))
    else:
        child = minimal_child(existing, options)
    is_marked = kinds.of(existing.kind).is_secret and is_marked_by_dynamic_apply(existing)
    return _unmarking(child, existing) if is_marked else child


def is_marked_by_dynamic_apply(copy: KubernetesObject) -> bool:
    """Whether a copy has the annotation in which dynamic apply keeps what it wrote."""
    return copy.annotation(LAST_APPLIED) is not None


def foreign_children(observation: Observation[Syncer]) -> Sequence[ExistingCopy]:
    """What is observed as a copy where none is wanted, and was made a copy by somebody else.

    Users who apply a copy's manifest in another namespace apply our labels and owner with it,
    perhaps to an object of their own. Left out of the answer, it would be deleted.
    """
    by_namespace = {target.namespace: target for target in observation.targets}
    foreign = []
    for copy in observation.copies:
        target = by_namespace.get(copy.namespace)
        is_desired = target is not None and target.failure is None and copy.has_current_name
        is_lost = copy.is_terminating or (target is not None and target.is_closed)
        if not (is_desired or is_lost or copy.is_managed_by_us):
            foreign.append(copy)
    return foreign


def minimal_child(existing: KubernetesObject, options: HookOptions) -> Child:
    """What keeps an object that somebody else made a copy, without taking more of it over.

    Dynamic apply takes off what its annotation says to be its own, and that came with the
    manifest, so there the content has to be said again.
    """
    child = Child(
        api_version=kinds.API_VERSION,
        kind=kinds.of(existing.kind).name,
        metadata=ChildMeta(name=existing.metadata.name, namespace=existing.metadata.namespace),
    )
    if not is_marked_by_dynamic_apply(existing):
        return child
    return structs.replace(preserve_child(existing, options), metadata=child.metadata)


def preserve_child(
    existing: KubernetesObject, options: HookOptions, owner: OwnerReference | None = None
) -> Child:
    """The object as it is: its kind and type, what is ours of its metadata, and all its content.

    The `owner` is the one in addition to its syncer (see `retention`).
    """
    owned = field_ownership.owned_metadata(existing, options)
    labels = {
        name: value
        for name, value in (existing.metadata.labels or {}).items()
        if name in OUR_LABELS or (name in owned.labels and name != CONTROLLER_UID)
    }
    kind = kinds.of(existing.kind)
    # A copy of a Secret has no digest of its content from us: one that is there is somebody else's.
    always = (SOURCE,) if kind.is_secret else OUR_ANNOTATIONS
    annotations = {
        name: value
        for name, value in (existing.metadata.annotations or {}).items()
        if name in always or (name in owned.annotations and name != LAST_APPLIED)
    }
    return Child(
        api_version=kinds.API_VERSION,
        kind=kind.name,
        metadata=ChildMeta(
            name=existing.metadata.name,
            namespace=existing.metadata.namespace,
            labels=labels or UNSET,
            annotations=annotations or UNSET,
            owner_references=owners(owner),
        ),
        data=UNSET if protocol.is_absent(existing.data) else existing.data,
        binary_data=UNSET if protocol.is_absent(existing.binary_data) else existing.binary_data,
        immutable=UNSET if existing.immutable is None else existing.immutable,
        type=source.type_of(existing, kind) or UNSET,
    )


def take_back(orphan: KubernetesObject, options: HookOptions) -> Child:
    """What makes an orphaned copy a child again under server-side apply: the copy as it is.

    Applying a key makes us one more owner of it, and others can have put so much on the copy
    that etcd has no room for that. Then it is made smaller, for only an observed copy is replaced.
    """
    whole = preserve_child(orphan, options)
    data = protocol.decode_values(orphan.data, orphan, "data")
    binary_data = protocol.decode_values(orphan.binary_data, orphan, "binaryData")
    if not etcd.is_too_much(_stored_size(whole, data, binary_data), orphan, options):
        return whole
    applied = field_ownership.applied_keys(orphan, options)
    emptied = [
        _emptied(values, applied, is_immutable=bool(orphan.immutable))
        for values in (data, binary_data)
    ]
    return structs.replace(whole, data=emptied[0], binary_data=emptied[1])


def owners(owner: OwnerReference | None) -> Sequence[OwnerReference] | UnsetType:
    """The owners that a child names; Metacontroller adds the syncer itself."""
    return UNSET if owner is None else (owner,)


def still_controlled(
    children: Sequence[Child], request: SyncRequest, options: HookOptions
) -> Sequence[Child]:
    """The children, naming the syncer as their controller where else they would lose it.

    Dynamic apply removes what its annotation says that it wrote and that is not asked for now, and
    anybody can write that annotation. With owners in it, Metacontroller itself would leave a copy
    without a controller, to be adopted again; where that fails, the whole syncer stops.
    """
    if options.strategy is not ApplyStrategy.DYNAMIC_APPLY or not children:
        return children
    return [_still_controlled(child, request) for child in children]


def _unmarking(child: Child, copy: KubernetesObject) -> Child:
    """What keeps a marked copy, and is never what was returned for it the last time.

    Metacontroller takes the mark off where it writes. A mark that is set between its two writes (it
    takes the mark off, then applies) stays for ever if the same is returned again, for then it
    writes nothing. Under dynamic apply the mark tells what was returned, and that stays.
    """
    annotations = child.metadata.annotations or {}
    others = {name: value for name, value in annotations.items() if name != HELD}
    was_returned = copy.annotation(HELD) is not None
    is_noted = f'"{HELD}":' in (copy.annotation(LAST_APPLIED) or "")
    noted = {} if was_returned and not is_noted else {HELD: "true"}
    metadata = structs.replace(child.metadata, annotations={**others, **noted} or UNSET)
    return structs.replace(child, metadata=metadata)


def _stored_size(whole: Child, data: Mapping[str, str], binary_data: Mapping[str, str]) -> int:
    """Bytes that etcd has to take for a copy that is written as it is."""
    is_secret = kinds.of(whole.kind).is_secret
    lengths = source.lengths({} if is_secret else data, data if is_secret else binary_data)
    return etcd.child_size(whole.metadata, lengths)


def _emptied(
    values: Mapping[str, str], applied: Collection[str], *, is_immutable: bool
) -> Raw | UnsetType:
    """What is ours already, and every value of others without its text: that needs no room.

    A key whose value is changed has us for its only owner. Of an immutable copy no value can be
    changed, and nothing that is ours can be left out.
    """
    emptied = {
        name: value if name in applied else ""
        for name, value in values.items()
        if name in applied or (value and not is_immutable)
    }
    return Raw(protocol.encode(emptied)) if emptied else UNSET


def _still_controlled(child: Child, request: SyncRequest) -> Child:
    metadata = child.metadata
    group = request.observed(kinds.of(child.kind).group)
    existing = group.get(f"{metadata.namespace}/{metadata.name}")
    annotation = None if existing is None else existing.annotation(LAST_APPLIED)
    recorded = UNSET if annotation is None else decode_applied_owners(annotation)
    named = () if metadata.owner_references is UNSET else tuple(metadata.owner_references)
    if recorded in (UNSET, named):
        return child
    parent = request.parent
    controller = OwnerReference(
        api_version=SYNCER_API_VERSION,
        kind=parent.kind,
        name=parent.metadata.name,
        uid=parent.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )
    owned = structs.replace(metadata, owner_references=(*named, controller))
    return structs.replace(child, metadata=owned)
