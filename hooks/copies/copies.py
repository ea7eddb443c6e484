"""The copy in one namespace: create it, keep it, write it, replace it, or leave it alone.

Kubernetes and Metacontroller will not make a copy exact by themselves: keys that somebody added
are nobody's to remove, immutable objects refuse every update, and under server-side apply an
object that we never made is taken over as soon as it is returned. What to return in each case is
decided here, from what is observed alone.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final

from msgspec import UNSET, Raw, UnsetType, structs

from hooks.api import kinds, protocol
from hooks.api.options import Policy
from hooks.api.protocol import (
    LAST_APPLIED,
    ApplyStrategy,
    Child,
    ChildMeta,
    Group,
    KubernetesObject,
    OwnerReference,
    Parent,
    RelatedRule,
    SyncRequest,
)
from hooks.api.text import excerpt, named
from hooks.copies import etcd, field_ownership, retention
from hooks.copies.field_ownership import CONTENT_HASH, OUR_ANNOTATIONS, OUR_LABELS
from hooks.resolve import consent, source
from hooks.resolve.source import Content, NoContent, SourceReason
from hooks.resolve.targets import Failure, FailureReason, Target, is_closing
from hooks.spec import syncer
from hooks.spec.syncer import (
    CONTROLLER_UID,
    MANAGED_BY,
    SYNCED_BY,
    SYNCED_FROM,
    ConflictPolicy,
    InvalidSpec,
    Syncer,
)

HELD: Final = f"{syncer.GROUP}/held"
"""Comes and goes on a copy of a Secret for as long as that has dynamic apply's annotation."""
MANAGER: Final = "configmap-syncer"

VALUES_LIMIT: Final = 1_048_576
"""Bytes of all values of one object; Kubernetes, core/v1 `MaxSecretSize`."""
REQUEST_LIMIT: Final = 3_145_728
"""Bytes of one request body; Kubernetes API server, `MaxRequestBodyBytes`."""
ANNOTATIONS_LIMIT: Final = 262_144
"""Bytes of all annotations, names and values; Kubernetes, `TotalAnnotationSizeLimitB`."""

_LONGEST: Final = (Target("n" * 63),)
"""A target whose copy is as large as it can get."""

# A key that must go is first written with a value that it does not have: then it is ours alone.
_CLAIMS: Final = ("to-be-removed", "being-removed")
_BINARY_CLAIMS: Final = ("dG8tYmUtcmVtb3ZlZA==", "YmVpbmctcmVtb3ZlZA==")


class State(Enum):
    """What became of the copy in one namespace.

    EMPTIED: it went with its source, as asked for. LEAVING: one that should be gone is there.
    """

    CURRENT = "current"
    WAITING = "waiting"
    HELD = "held"
    EMPTIED = "emptied"
    LEAVING = "leaving"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state of one target, and the children to return for it.

    `failure` is set when FAILED; `obstacle` says what a WAITING copy is waiting for where that
    is known, and what keeps one that is LEAVING, and `seen` what is seen of it otherwise; `written`
    says when a CURRENT one was last written, as far as that is known.
    """

    namespace: str
    state: State
    children: Sequence[Child] = ()
    failure: Failure | None = None
    obstacle: str | None = None
    written: datetime | None = None
    seen: str = "the copy has been asked for and has not been seen with the current content"


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """What a copy holds, and whether its digest says that this is what was last written."""

    data: Mapping[str, str]
    binary_data: Mapping[str, str]
    is_current: bool
    is_recorded: bool


def related_rules(asked: Syncer) -> Sequence[RelatedRule]:
    """The rules that show the source and whatever bears the copies' name, in any namespace.

    Every event costs Metacontroller time for every rule, so the source has none of its own where
    it has the copies' name.
    """
    resource = asked.source.kind.resource
    by_name = RelatedRule(kinds.API_VERSION, resource, names=(asked.copy_name,))
    if asked.copy_name == asked.source.name:
        return (by_name,)
    return (source.related_rule(asked), by_name)


def observed(request: SyncRequest) -> Sequence[KubernetesObject]:
    """All observed copies of this syncer, of whatever kind and under whatever name, in order."""
    return [
        copy for kind in kinds.KINDS for _, copy in sorted(request.observed(kind.group).items())
    ]


def former_sources(
    request: SyncRequest, asked: Syncer, known: Collection[str] | None
) -> Collection[str]:
    """The sources that the syncer named before and of which there are copies.

    `known` are those that it is known to have named. None, where that is not known: then they are
    what the copies say, one a namespace. A wrong one keeps a copy that should go; a missing one
    deletes a copy that should stay.
    """
    origins: dict[str, str] = {}
    for copy in observed(request):
        origin = copy.annotation(syncer.SOURCE)
        is_former = origin != str(asked.source) and (known is None or origin in known)
        if origin is not None and is_former and syncer.is_source(origin):
            origins.setdefault(copy.metadata.namespace, origin)
    return frozenset(origins.values())


def leak(request: SyncRequest, asked: Syncer, targets: Iterable[Target]) -> NoContent | None:
    """Say so where Secrets' data stands in annotations, for then the next copies' would too.

    A setting is no proof of how Metacontroller writes, and one copy is none either, for the
    annotation can be set by anyone who may write the copy: one holds itself alone (see `Copies`).
    """
    if not asked.source.kind.is_secret:
        return None
    marks = _marks(request, targets)
    if not _are_most(marks):
        return None
    return NoContent(
        SourceReason.SECRETS_NOT_ENABLED,
        f"{sum(marks)} of {len(marks)} copies have the annotation {LAST_APPLIED}, which holds the "
        f"data once more, for Metacontroller runs with {ApplyStrategy.DYNAMIC_APPLY}; run it with "
        f"--apply-strategy={ApplyStrategy.SERVER_SIDE_APPLY}, which takes it off again",
    )


def _marks(request: SyncRequest, targets: Iterable[Target]) -> Sequence[bool]:
    """For each target namespace with a living copy, whether one there has dynamic apply's mark.

    Namespaces outside the targets count only where no target has a copy. Whoever owns one namespace
    has one voice, however many objects there look like copies. A copy that hangs in deletion is
    not written any more, so nothing takes its annotation off.
    """
    marks: dict[str, bool] = {}
    for copy in observed(request):
        if copy.is_living:
            namespace = copy.metadata.namespace
            marks[namespace] = marks.get(namespace, False) or _is_marked(copy)
    wanted = [marks[target.namespace] for target in targets if target.namespace in marks]
    return wanted or list(marks.values())


def _are_most(marks: Sequence[bool]) -> bool:
    return 2 * sum(marks) > len(marks)


def _is_marked(copy: KubernetesObject) -> bool:
    """Whether a copy has the annotation in which dynamic apply keeps what it wrote."""
    return copy.annotation(LAST_APPLIED) is not None


def too_large(
    content: Content, asked: Syncer, targets: Collection[Target], strategy: ApplyStrategy
) -> NoContent | None:
    """Say so where Kubernetes would refuse the copies, before any of them is touched."""
    values = sum(length * times for (_, length), times in content.lengths.items())
    request = request_size(content, asked, targets)
    checks = [
        (values, VALUES_LIMIT, "its values", "Kubernetes accepts in one object"),
        (request, REQUEST_LIMIT, "the copy as a request", "the API server accepts"),
    ]
    if strategy is ApplyStrategy.DYNAMIC_APPLY:
        annotations = _annotations_size(request, asked, content)
        accepts = "Kubernetes accepts (dynamic-apply keeps the content in an annotation)"
        checks.append((annotations, ANNOTATIONS_LIMIT, "the copy's annotations", accepts))
    stored = stored_size(content, asked, targets, strategy)
    checks.append((stored, etcd.LIMIT, "the copy with its managedFields in etcd", "etcd accepts"))
    for size, limit, what, accepts in checks:
        if size > limit:
            return NoContent(
                SourceReason.TOO_LARGE,
                f"{source.described(asked)} is too large to copy, for {what} would take {size:,} "
                f"bytes and {limit:,} are what {accepts}; make the source smaller",
            )
    return None


def echo(found: KubernetesObject, policy: Policy, owner: OwnerReference | None = None) -> Child:
    """The copy as it is: its kind and type, what is ours of its metadata, and all of its content.

    Returned, it writes nothing and keeps the copy. The `owner` is the one beside its syncer (see
    `retention`).
    """
    owned = field_ownership.owned_metadata(found, policy)
    labels = {
        name: value
        for name, value in (found.metadata.labels or {}).items()
        if name in OUR_LABELS or (name in owned.labels and name != CONTROLLER_UID)
    }
    annotations = {
        name: value
        for name, value in (found.metadata.annotations or {}).items()
        if name in OUR_ANNOTATIONS or (name in owned.annotations and name != LAST_APPLIED)
    }
    kind = kinds.of(found.kind)
    return Child(
        api_version=kinds.API_VERSION,
        kind=kind.name,
        metadata=ChildMeta(
            name=found.metadata.name,
            namespace=found.metadata.namespace,
            labels=labels or UNSET,
            annotations=annotations or UNSET,
            owner_references=_owners(owner),
        ),
        data=UNSET if protocol.is_absent(found.data) else found.data,
        binary_data=UNSET if protocol.is_absent(found.binary_data) else found.binary_data,
        immutable=UNSET if found.immutable is None else found.immutable,
        type=source.type_of(found, kind) or UNSET,
    )


def take_back(found: KubernetesObject, policy: Policy) -> Child:
    """What makes a released copy a child again under server-side apply: the copy as it is.

    Whoever applies a key becomes one more owner of it, and others can have put so much on the copy
    that etcd has no room for that. Then it is made smaller, for only an observed copy is replaced.
    """
    whole = echo(found, policy)
    data = protocol.decode_values(found.data, found, "data")
    binary_data = protocol.decode_values(found.binary_data, found, "binaryData")
    if not etcd.is_too_much(_echo_size(whole, data, binary_data), found, policy):
        return whole
    applied = field_ownership.applied_keys(found, policy)
    emptied = [
        _emptied(values, applied, is_immutable=bool(found.immutable))
        for values in (data, binary_data)
    ]
    return structs.replace(whole, data=emptied[0], binary_data=emptied[1])


def _echo_size(whole: Child, data: Mapping[str, str], binary_data: Mapping[str, str]) -> int:
    """Bytes that etcd has to take for a copy that is written as it is."""
    metadata = whole.metadata
    is_secret = kinds.of(whole.kind).is_secret
    lengths = source.lengths({} if is_secret else data, data if is_secret else binary_data)
    return (
        etcd.place_size(metadata.namespace, metadata.name)
        + etcd.content_size(lengths)
        + etcd.fields_size([*(metadata.labels or ()), *(metadata.annotations or ())])
    )


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


def hold(
    request: SyncRequest, asked: Syncer | InvalidSpec, targets: Iterable[Target], policy: Policy
) -> Sequence[Child]:
    """Every copy that is kept, as it is."""
    return [keep(copy, request, asked, policy) for copy in kept(request, asked, targets, policy)]


def kept(
    request: SyncRequest, asked: Syncer | InvalidSpec, targets: Iterable[Target], policy: Policy
) -> Sequence[KubernetesObject]:
    """Every living copy, save where its namespace can or may have none.

    Where it can take none, writes would fail; where consent is withdrawn, nothing keeps the copy,
    also where the namespace is no target any more. What others made a copy, they may keep; what is
    another syncer's copy, that one makes again.
    """
    closed = {target.namespace for target in targets if target.is_closed}
    refusing = {target.namespace for target in targets if target.is_refusing}
    return [
        copy
        for copy in observed(request)
        if copy.metadata.namespace not in closed
        and copy.is_living
        and not (
            _is_unwanted(copy, request, asked, refusing)
            and field_ownership.is_managed_by_us(copy, policy)
        )
        and not (isinstance(asked, Syncer) and belongs_to_another(copy, asked, policy))
    ]


def _is_unwanted(
    copy: KubernetesObject,
    request: SyncRequest,
    asked: Syncer | InvalidSpec,
    refusing: Collection[str],
) -> bool:
    """Whether the owner of the source or of the namespace does not want a copy there."""
    is_refused = copy.metadata.namespace in refusing
    return is_refused or (isinstance(asked, Syncer) and is_withdrawn(copy, asked, request))


def keep(
    copy: KubernetesObject, request: SyncRequest, asked: Syncer | InvalidSpec, policy: Policy
) -> Child:
    """An observed copy that stays as it is."""
    if field_ownership.is_managed_by_us(copy, policy):
        kept = echo(copy, policy, retention.desired(request, asked, copy))
    else:
        kept = bare(copy, policy)
    is_marked = kinds.of(copy.kind).is_secret and _is_marked(copy)
    return _unmarking(kept, copy) if is_marked else kept


def _unmarking(kept: Child, copy: KubernetesObject) -> Child:
    """What keeps a marked copy, and is never what was returned for it the last time.

    Metacontroller takes the mark off where it writes. A mark that is set between its two writes (it
    takes the mark off, then applies) stays for ever if the same is returned again, for then it
    writes nothing. Under dynamic apply the mark tells what was returned, and that stays.
    """
    annotations = kept.metadata.annotations or {}
    others = {name: value for name, value in annotations.items() if name != HELD}
    was_returned = copy.annotation(HELD) is not None
    is_noted = f'"{HELD}":' in (copy.annotation(LAST_APPLIED) or "")
    noted = {} if was_returned and not is_noted else {HELD: "true"}
    metadata = structs.replace(kept.metadata, annotations={**others, **noted} or UNSET)
    return structs.replace(kept, metadata=metadata)


def strays(
    request: SyncRequest, asked: Syncer, targets: Iterable[Target], policy: Policy
) -> Sequence[KubernetesObject]:
    """What is observed as a copy where none is wanted, and was made a copy by somebody else.

    Whoever applies a copy's manifest in another namespace applies our labels and owner with it,
    perhaps to an object of his own. Left out of the answer, it would be deleted.
    """
    by_namespace = {target.namespace: target for target in targets}
    found = []
    for copy in observed(request):
        target = by_namespace.get(copy.metadata.namespace)
        is_wanted = target is not None and target.failure is None and asked.names(copy)
        is_lost = not copy.is_living or (target is not None and target.is_closed)
        if not (is_wanted or is_lost or field_ownership.is_managed_by_us(copy, policy)):
            found.append(copy)
    return found


def bare(found: KubernetesObject, policy: Policy) -> Child:
    """What keeps an object that somebody else made a copy, without making it any more ours.

    Dynamic apply takes off what its annotation says to be its own, and that came with the
    manifest, so there the content has to be said again.
    """
    child = Child(
        api_version=kinds.API_VERSION,
        kind=kinds.of(found.kind).name,
        metadata=ChildMeta(name=found.metadata.name, namespace=found.metadata.namespace),
    )
    if found.annotation(LAST_APPLIED) is None:
        return child
    return structs.replace(echo(found, policy), metadata=child.metadata)


def belongs_to_another(copy: KubernetesObject, asked: Syncer, policy: Policy) -> bool:
    """Whether an observed copy was made for another syncer, whose name it carries.

    Somebody has set its label `controller-uid` to this syncer's uid, and Metacontroller has adopted
    it. What has the name of this syncer's own copies is one of them, whatever its labels say.
    """
    return (
        copy.label(SYNCED_BY) not in (None, asked.name)
        and not asked.names(copy)
        and field_ownership.is_managed_by_us(copy, policy)
    )


def still_controlled(
    children: Sequence[Child], request: SyncRequest, policy: Policy
) -> Sequence[Child]:
    """The children, naming the syncer as their controller where else they would lose it.

    Dynamic apply takes off what its annotation says that it wrote and nobody asks for any more, and
    anybody can write that annotation. With owners in it, Metacontroller itself would leave a copy
    without a controller, to be adopted again; where that fails, the whole syncer stops.
    """
    if policy.strategy is not ApplyStrategy.DYNAMIC_APPLY or not children:
        return children
    return [_still_controlled(child, request) for child in children]


def _still_controlled(child: Child, request: SyncRequest) -> Child:
    metadata = child.metadata
    group = request.observed(kinds.of(child.kind).group)
    found = group.get(f"{metadata.namespace}/{metadata.name}")
    annotation = None if found is None else found.annotation(LAST_APPLIED)
    recorded = UNSET if annotation is None else protocol.decode_applied_owners(annotation)
    owners = () if metadata.owner_references is UNSET else tuple(metadata.owner_references)
    if recorded in (UNSET, owners):
        return child
    parent = request.parent
    controller = OwnerReference(
        api_version=syncer.API_VERSION,
        kind=parent.kind,
        name=parent.metadata.name,
        uid=parent.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )
    owned = structs.replace(metadata, owner_references=(*owners, controller))
    return structs.replace(child, metadata=owned)


def is_withdrawn(copy: KubernetesObject, asked: Syncer, request: SyncRequest) -> bool:
    """Whether the owner of the source from which a copy was made does not want it there."""
    return source.made(copy, asked) and not source.allows(asked, request, copy.metadata.namespace)


def is_released(found: KubernetesObject, asked: Syncer) -> bool:
    """Whether an object without a controller carries our `synced-by`: ours, but no child."""
    return found.controller is None and found.label(SYNCED_BY) == asked.name


def is_going_along(found: KubernetesObject) -> bool:
    """Whether a released copy lives and was this syncer's until now, and so may go with it.

    An object that was handed over and never taken has no source; one that outlived its syncer
    carries the uid of that one.
    """
    was_ours = found.annotation(syncer.SOURCE) is not None and found.label(CONTROLLER_UID) is None
    return was_ours and found.is_living


def released(
    asked: Syncer, request: SyncRequest, targets: Iterable[Target]
) -> Sequence[KubernetesObject]:
    """The released copies in the targets, as related objects show them; never the source."""
    seen = request.seen(asked.source.kind.group)
    children = request.observed(asked.source.kind.group)
    namespaces = {target.namespace for target in targets} - {asked.source.namespace}
    keys = sorted(f"{namespace}/{asked.copy_name}" for namespace in namespaces)
    return [
        seen[key]
        for key in keys
        if key in seen and key not in children and is_released(seen[key], asked)
    ]


def contradiction(
    request: SyncRequest, asked: Syncer, targets: Sequence[Target], strategy: ApplyStrategy
) -> str | None:
    """Where most copies show that Metacontroller runs with the other strategy, the words for it."""
    lost = [_is_marked(copy) for copy in released(asked, request, targets)]
    marks = [*_marks(request, targets), *lost]
    if strategy is ApplyStrategy.SERVER_SIDE_APPLY and _are_most(marks):
        return _contradiction(strategy, ApplyStrategy.DYNAMIC_APPLY)
    if strategy is ApplyStrategy.DYNAMIC_APPLY and _are_most([not mark for mark in marks]):
        return _contradiction(strategy, ApplyStrategy.SERVER_SIDE_APPLY)
    return None


@dataclass(slots=True)
class Copies:
    """Decides for one syncer with one content; copies in the same state share the work."""

    asked: Syncer
    content: Content
    policy: Policy
    request: SyncRequest
    _children: Group = field(init=False)
    _related: Group = field(init=False)
    _labels: Mapping[str, str] = field(init=False)
    _readings: dict[tuple[bytes, bytes, str | None], _Reading] = field(init=False)
    _writings: dict[tuple[_Reading, bool, frozenset[str]], Content | None] = field(init=False)
    _stored: dict[int, int] = field(init=False)
    _outdated: Mapping[str, Sequence[KubernetesObject]] = field(init=False)

    def __post_init__(self) -> None:
        kind = self.asked.source.kind
        self._children = self.request.observed(kind.group)
        self._related = self.request.seen(kind.group)
        self._labels = {
            **self.asked.target_labels,
            SYNCED_BY: self.asked.name,
            SYNCED_FROM: self.asked.source.namespace,
            MANAGED_BY: MANAGER,
        }
        self._readings = {}
        self._writings = {}
        self._stored = {}
        outdated: dict[str, list[KubernetesObject]] = {}
        for copy in observed(self.request):
            is_ours = self._is_managed_by_us(copy) and not belongs_to_another(
                copy, self.asked, self.policy
            )
            if is_ours and not self.asked.names(copy):
                outdated.setdefault(copy.metadata.namespace, []).append(copy)
        self._outdated = outdated

    def decide(self, target: Target) -> Outcome:
        """What to return for one target. Raises MalformedRequest on a copy's malformed data."""
        if target.failure:
            kept = [self._keep(copy) for copy in self._kept(target)]
            return Outcome(target.namespace, State.FAILED, kept, target.failure)
        outcome = self._decide(target.namespace)
        outdated = self._outdated.get(target.namespace)
        if not outdated or outcome.state is State.CURRENT:
            return outcome
        # The copy of the old name or kind goes only when the new one is there.
        kept = [self._keep(copy) for copy in outdated if copy.is_living]
        return Outcome(
            outcome.namespace,
            outcome.state,
            (*outcome.children, *kept),
            outcome.failure,
            outcome.obstacle,
        )

    def found(self, namespace: str) -> KubernetesObject | None:
        """What bears the copies' name in a namespace, a copy or anything else."""
        key = f"{namespace}/{self.asked.copy_name}"
        return self._children.get(key) or self._related.get(key)

    def changed_keys(self, found: KubernetesObject) -> Sequence[str]:
        """The keys, sorted, in which an object is other than the content."""
        reading = self._read(found)
        if reading is None:
            return ()
        sides = (
            (reading.data, self.content.data),
            (reading.binary_data, self.content.binary_data),
        )
        return sorted(
            {
                key
                for held, wanted in sides
                for key in held.keys() | wanted.keys()
                if held.get(key) != wanted.get(key)
            }
        )

    def _kept(self, target: Target) -> Iterator[KubernetesObject]:
        """The copies that stay in a target in spite of its failure.

        Consent that a new source never gave withdraws nothing from the copies of the old one.
        """
        copy = self._children.get(f"{target.namespace}/{self.asked.copy_name}")
        for held in (*([copy] if copy else ()), *self._outdated.get(target.namespace, ())):
            is_of_another = target.is_unconsented and not source.made(held, self.asked)
            if held.is_living and (target.keeps or is_of_another) and self._is_managed_by_us(held):
                yield held

    def _keep(self, copy: KubernetesObject) -> Child:
        return keep(copy, self.request, self.asked, self.policy)

    def _is_managed_by_us(self, copy: KubernetesObject) -> bool:
        return field_ownership.is_managed_by_us(copy, self.policy)

    def _decide(self, namespace: str) -> Outcome:
        key = f"{namespace}/{self.asked.copy_name}"
        copy = self._children.get(key)
        if copy is None:
            return self._absent(namespace, self._related.get(key))
        if not copy.is_living:
            return Outcome(namespace, State.WAITING, obstacle=obstacle(copy))
        if self.asked.source.kind.is_secret and _is_marked(copy):
            # Server-side apply takes the annotation off; dynamic apply would put the new data in.
            held = self._keep(copy)
            return Outcome(namespace, State.WAITING, (held,), obstacle=_ANNOTATED)
        if _is_unmergeable(copy, self.policy.strategy):
            return _replaced(namespace)
        return self._present(namespace, copy)

    def _absent(self, namespace: str, found: KubernetesObject | None) -> Outcome:
        """No copy is observed: create it, unless something else bears its name."""
        if found is None:
            created = self._child(namespace, immutable=self.asked.immutable or UNSET)
            return Outcome(namespace, State.WAITING, (created,), seen=_UNSEEN)
        if self.asked.controls(found):
            # Metacontroller is about to observe it, or to release it where it lost its label;
            # what it then is, the next sync sees.
            is_kept = found.label(CONTROLLER_UID) == self.asked.uid
            children = (self._child(namespace),) if is_kept else ()
            return Outcome(namespace, State.WAITING, children)
        controller = found.controller
        if controller is not None and self._is_predecessor(controller):
            return Outcome(namespace, State.WAITING, obstacle=obstacle(found) or _LEFT_BEHIND)
        if controller is not None:
            failure = _managed_by_another(found, controller)
        elif not self._is_taken_over(found):
            failure = self._conflict(found)
        elif self.policy.strategy is ApplyStrategy.DYNAMIC_APPLY:
            failure = self._unadoptable(found)
        else:
            # As it is, not as it shall be: it may be immutable, or hold a key on the other side,
            # and then only an observed copy can be mended.
            return Outcome(namespace, State.WAITING, (take_back(found, self.policy),))
        return Outcome(namespace, State.FAILED, failure=failure)

    def _present(self, namespace: str, copy: KubernetesObject) -> Outcome:
        if self._type_of(copy) != self.content.type:
            return _replaced(namespace)
        reading = self._read(copy)
        if reading is None or reading.is_current:
            return self._exact(namespace, copy)
        # `immutable` comes only with what is seen to be right: a wrong copy would be kept wrong.
        writing = None if copy.immutable else self._write(copy, reading)
        if writing is None or self._is_overfull(copy, writing):
            return _replaced(namespace)
        return Outcome(namespace, State.WAITING, (self._child(namespace, writing),))

    def _exact(self, namespace: str, copy: KubernetesObject) -> Outcome:
        """The copy holds the content; it may still lack metadata, or be immutable against the spec.

        `immutable` cannot be taken back. Set by somebody else it is said again; set by us alone,
        the spec had asked for it and does so no more.
        """
        is_unwanted = copy.immutable and not self.asked.immutable
        if is_unwanted and field_ownership.is_frozen_by_us_alone(copy, self.policy):
            return _replaced(namespace)
        immutable = bool(copy.immutable) or self.asked.immutable
        is_current = immutable == bool(copy.immutable) and self._is_labelled(copy)
        owner = retention.desired(self.request, self.asked, copy)
        is_owned = owner == retention.observed(copy)
        children = (self._child(namespace, immutable=immutable or UNSET),)
        if is_current and is_owned:
            written = copy.written_by(self.policy.field_manager)
            return Outcome(namespace, State.CURRENT, children, written=written)
        obstacle = None if is_owned else _OWNED_OTHERWISE
        return Outcome(namespace, State.WAITING, children, obstacle=obstacle, seen=_UNLIKE)

    def _is_overfull(self, copy: KubernetesObject, writing: Content) -> bool:
        """Whether so much of others is on a copy that etcd would refuse it once it is written."""
        stored = self._stored.get(id(writing))
        if stored is None:
            stored = stored_size(writing, self.asked, _LONGEST, self.policy.strategy)
            self._stored[id(writing)] = stored
        return etcd.is_too_much(stored, copy, self.policy)

    def _read(self, copy: KubernetesObject) -> _Reading | None:
        """What the copy holds; None where its bytes are those of the content."""
        content = self.content
        if copy.data == content.raw_data and copy.binary_data == content.raw_binary_data:
            return None
        recorded = copy.annotation(CONTENT_HASH)
        key = (bytes(copy.data), bytes(copy.binary_data), recorded)
        reading = self._readings.get(key)
        if reading is None:
            data = protocol.decode_values(copy.data, copy, "data")
            binary_data = protocol.decode_values(copy.binary_data, copy, "binaryData")
            is_current = data == content.data and binary_data == content.binary_data
            # Hashing is what costs here, and where the content was recorded it tells nothing new.
            is_recorded = (
                is_current
                if recorded == content.hash
                else source.content_hash(data, binary_data) == recorded
            )
            reading = _Reading(data, binary_data, is_current, is_recorded)
            self._readings[key] = reading
        return reading

    def _is_untouched(self, copy: KubernetesObject, reading: _Reading) -> bool:
        """Whether what the content has not goes when it is left out.

        A digest tells that nobody has touched the copy; of a Secret there is none, and who owns
        its keys has to be looked up.
        """
        if self.content.hash is not None:
            return reading.is_recorded
        foreign = reading.data.keys() - self.content.data.keys()
        return foreign <= field_ownership.keys_of_ours_alone(copy, self.policy)

    def _is_labelled(self, copy: KubernetesObject) -> bool:
        labels = copy.metadata.labels or {}
        return all(labels.get(name) == value for name, value in self._labels.items()) and all(
            copy.annotation(name) == value
            for name, value in _annotations(self.asked, self.content.hash).items()
        )

    def _write(self, copy: KubernetesObject, reading: _Reading) -> Content | None:
        """What brings the copy nearer to the content in one write; None where nothing does."""
        wanted, wanted_binary = self.content.data, self.content.binary_data
        is_untouched = self._is_untouched(copy, reading)
        withheld = frozenset(
            (reading.data.keys() & wanted_binary.keys())
            | (reading.binary_data.keys() & wanted.keys())
        )
        # Kubernetes refuses a key on both sides, and a key that is not ours alone does not go by
        # being left out: then it is set on the one side when it has gone from the other.
        if withheld and is_untouched:
            withheld -= field_ownership.keys_of_ours_alone(copy, self.policy)
        key = (reading, is_untouched, withheld)
        if key not in self._writings:
            self._writings[key] = self._plan(reading, withheld, is_untouched=is_untouched)
        return self._writings[key]

    def _plan(
        self, reading: _Reading, withheld: frozenset[str], *, is_untouched: bool
    ) -> Content | None:
        content = self.content
        data: Mapping[str, str] = {k: v for k, v in content.data.items() if k not in withheld}
        binary_data: Mapping[str, str] = {
            k: v for k, v in content.binary_data.items() if k not in withheld
        }
        if not is_untouched:
            # Claim, then drop: a foreign key stays when it is left out, but once it holds a value
            # of ours, and we recorded so, leaving it out removes it.
            claims = _BINARY_CLAIMS if self.asked.source.kind.is_secret else _CLAIMS
            foreign = _claimed(reading.data, content.data, claims)
            foreign_binary = _claimed(reading.binary_data, content.binary_data, _BINARY_CLAIMS)
            data = protocol.ordered({**data, **foreign})
            binary_data = protocol.ordered({**binary_data, **foreign_binary})
        if data == content.data and binary_data == content.binary_data:
            return content
        planned = replace(
            content,
            data=data,
            binary_data=binary_data,
            raw_data=Raw(protocol.encode(data)) if data else Raw(b""),
            raw_binary_data=Raw(protocol.encode(binary_data)) if binary_data else Raw(b""),
            hash=None if content.hash is None else source.content_hash(data, binary_data),
        )
        # What a claim makes too large for Kubernetes would be refused for ever.
        if too_large(planned, self.asked, _LONGEST, self.policy.strategy):
            return None
        return planned

    def _child(
        self,
        namespace: str,
        content: Content | None = None,
        *,
        immutable: bool | UnsetType = UNSET,
    ) -> Child:
        written = content or self.content
        return Child(
            api_version=kinds.API_VERSION,
            kind=self.asked.source.kind.name,
            metadata=ChildMeta(
                name=self.asked.copy_name,
                namespace=namespace,
                labels=self._labels,
                annotations=_annotations(self.asked, written.hash),
                owner_references=_owners(self._owner(namespace)),
            ),
            data=written.raw_data or UNSET,
            binary_data=written.raw_binary_data or UNSET,
            immutable=immutable,
            type=self.content.type or UNSET,
        )

    def _owner(self, namespace: str) -> OwnerReference | None:
        if not retention.is_wanted(self.asked):
            return None
        return retention.available(self.request, namespace)

    def _is_taken_over(self, found: KubernetesObject) -> bool:
        """Whether an object that nobody controls becomes the copy: it was ours, or by a wish.

        The wish is its owner's, who labelled it for us, or the syncer's author's. Neither reaches a
        Secret of a type that is never copied: it would be deleted, and something depends on it.
        """
        if source.why_uncopied(self._type_of(found)) is not None:
            return False
        return is_released(found, self.asked) or self._is_overwritten(found)

    def _is_overwritten(self, found: KubernetesObject) -> bool:
        """Whether an object that nobody controls is to be taken over against its owner's silence.

        Never a copy of another syncer's, nor what tells to be a source by whom it may be read, nor
        a Secret of another type, which would be deleted and not overwritten.
        """
        return (
            self.asked.conflict_policy is ConflictPolicy.OVERWRITE
            and found.label(SYNCED_BY) is None
            and found.annotation(consent.ALLOW_SYNC_TO) is None
            and self._type_of(found) == self.content.type
        )

    def _is_predecessor(self, controller: OwnerReference) -> bool:
        """Whether a controller is a syncer that had our name and is gone, for it is not we."""
        told = (controller.api_version, controller.kind, controller.name)
        return told == (syncer.API_VERSION, syncer.KIND, self.asked.name)

    def _type_of(self, found: KubernetesObject) -> str:
        return source.type_of(found, self.asked.source.kind)

    def _conflict(self, found: KubernetesObject) -> Failure:
        kind, name = self.asked.source.kind.name, found.metadata.name
        uncopied = source.why_uncopied(self._type_of(found))
        if uncopied is not None:
            return Failure(
                FailureReason.CONFLICT,
                f"a {kind} {name} of the type {found.type} is in the way, and that type is never "
                f"taken over, for {uncopied}; give the copies another name with spec.targetName, "
                "or take the namespace off the targets",
            )
        return Failure(
            FailureReason.CONFLICT,
            f"a {kind} {name} that {self._foreign(found)} is in the way; remove it, or give it to "
            f"this syncer with {self._handing_over(found)}",
        )

    def _foreign(self, found: KubernetesObject) -> str:
        """Why an object that nobody controls is not to be taken over, a relative clause."""
        other = found.label(SYNCED_BY)
        if other is not None:
            return f"carries {SYNCED_BY}={excerpt(other)}"
        if self.asked.conflict_policy is ConflictPolicy.FAIL:
            return "is not this syncer's"
        if found.annotation(consent.ALLOW_SYNC_TO) is not None:
            return f"carries the annotation {consent.ALLOW_SYNC_TO}, as sources do,"
        return "has another type than the source"

    def _unadoptable(self, found: KubernetesObject) -> Failure:
        """Dynamic apply takes possession of nothing that does not carry the syncer's uid."""
        command = f"hand it over with {self._handing_over(found)}"
        if not is_released(found, self.asked):
            return Failure(
                FailureReason.OVERWRITE_IMPOSSIBLE,
                f"a {self.asked.source.kind.name} {found.metadata.name} that is not this "
                f"syncer's is in the way, and {self.policy.strategy} cannot take it over; "
                f"remove it, or {command}",
            )
        return Failure(
            FailureReason.CONFLICT,
            f"the copy does not carry this syncer's label {CONTROLLER_UID}, without which "
            f"{self.policy.strategy} cannot write it; {command}",
        )

    def _handing_over(self, found: KubernetesObject) -> str:
        """The one command after which the object is this syncer's copy, and what it takes."""
        label, right = f"{SYNCED_BY}={self.asked.name}", ""
        if self.policy.strategy is ApplyStrategy.DYNAMIC_APPLY:
            # What carries it is adopted, so the admission policy lets nobody else set it.
            label = f"{CONTROLLER_UID}={self.asked.uid}"
            right = ", which only those who may update ConfigMapSyncers can do"
        name, namespace = found.metadata.name, found.metadata.namespace
        kind = self.asked.source.kind.name.lower()
        return f"`kubectl label {kind} {name} -n {namespace} {label} --overwrite`{right}"


_OWNED_OTHERWISE: Final = (
    "the copy's ownerReferences do not say of its Namespace what spec.deletionPolicy asks for; "
    "see who else writes them"
)


_ANNOTATED: Final = (
    f"the copy has the annotation {LAST_APPLIED}, and gets no new data before "
    f"{ApplyStrategy.SERVER_SIDE_APPLY} has taken it off; see who else sets it, or run "
    f"Metacontroller with --apply-strategy={ApplyStrategy.SERVER_SIDE_APPLY}"
)
_UNSEEN: Final = "the copy has been asked for and has not been seen"
_UNLIKE: Final = (
    "the copy has been seen with the current content, but not with the labels, the annotations and "
    "the immutability that it should have"
)
_LEFT_BEHIND: Final = (
    "the copy of a deleted syncer of the same name is still there; Kubernetes deletes it by itself "
    "(garbage collection), and then the copy of this syncer comes"
)


def _owners(owner: OwnerReference | None) -> Sequence[OwnerReference] | UnsetType:
    return UNSET if owner is None else (owner,)


def _is_unmergeable(copy: KubernetesObject, strategy: ApplyStrategy) -> bool:
    """Whether Metacontroller cannot update a copy: it cannot read what it wrote there last.

    Facts: Metacontroller's package `dynamic/apply`, `GetLastApplied`.
    """
    applied = copy.annotation(LAST_APPLIED)
    is_read = strategy is ApplyStrategy.DYNAMIC_APPLY and bool(applied)
    return is_read and not protocol.is_readable_by_dynamic_apply(applied or "")


def _replaced(namespace: str) -> Outcome:
    """A copy that cannot be written: left out it is deleted, and created in the next sync."""
    return Outcome(namespace, State.WAITING)


def _managed_by_another(found: KubernetesObject, controller: OwnerReference) -> Failure:
    return Failure(
        FailureReason.MANAGED_BY_ANOTHER,
        f"the {kinds.of(found.kind).name} of the copy's name is controlled by "
        f"{excerpt(controller.kind)} {excerpt(controller.name)}; take the namespace off the one or "
        "the other",
    )


def obstacle(copy: KubernetesObject, what: str = "the copy") -> str | None:
    """What keeps a copy that is being deleted, a fragment of a sentence; None for a living one."""
    if copy.is_living:
        return None
    finalizers = copy.metadata.finalizers
    if not finalizers:
        return f"{what} is still being deleted"
    return (
        f"{what} hangs in deletion and has the finalizers {named(finalizers)}; see that whoever "
        "set them takes them off"
    )


def remaining(copy: KubernetesObject, parent: Parent, what: str = "the copy") -> str:
    """Why a copy that should be gone is still there, a fragment of a sentence."""
    refused = syncer.refused(parent, f"{what} was to be deleted and is still there")
    return obstacle(copy, what) or refused


def leaving(
    request: SyncRequest,
    asked: Syncer,
    wanted: Iterable[Target],
    children: Iterable[Child],
    policy: Policy,
) -> Mapping[str, str]:
    """Where copies are observed that should be gone, and why they are not, by namespace.

    Those are the copies that an answer leaves out. Not where one of their name is wanted, for they
    are replaced; nor where the namespace itself goes, and Kubernetes deletes all that is in it.
    """
    returned = {(child.kind, child.metadata.namespace, child.metadata.name) for child in children}
    taking = {target.namespace for target in wanted if target.failure is None}
    found: dict[str, str] = {}
    for copy in observed(request):
        kind, namespace = kinds.of(copy.kind).name, copy.metadata.namespace
        if (
            (kind, namespace, copy.metadata.name) not in returned
            and not (namespace in taking and asked.names(copy))
            and not is_closing(namespace, asked, request)
            and field_ownership.is_managed_by_us(copy, policy)
        ):
            former = f"the former copy, {kind} {copy.metadata.name},"
            what = "the copy" if asked.names(copy) else former
            found.setdefault(namespace, remaining(copy, request.parent, what))
    return found


def _contradiction(setting: ApplyStrategy, seen: ApplyStrategy) -> str:
    return (
        f"the copies show that Metacontroller runs with --apply-strategy={seen} while "
        f"APPLY_STRATEGY says {setting}, so make the two the same"
    )


def _annotations(asked: Syncer, written_hash: str | None) -> Mapping[str, str]:
    hashed = {} if written_hash is None else {CONTENT_HASH: written_hash}
    return {**asked.target_annotations, syncer.SOURCE: str(asked.source), **hashed}


def _claimed(
    held: Mapping[str, str], wanted: Mapping[str, str], claims: tuple[str, str]
) -> Mapping[str, str]:
    """The keys to be removed, each with a value of ours that it does not have yet."""
    first, second = claims
    return {
        key: second if value == first else first for key, value in held.items() if key not in wanted
    }


def request_size(content: Content, asked: Syncer, targets: Collection[Target]) -> int:
    """Bytes of one copy as Metacontroller (Go, encoding/json) writes it, owner left out."""
    child = structs.replace(
        _largest(content, asked, targets),
        data=content.raw_data or UNSET,
        binary_data=content.raw_binary_data or UNSET,
    )
    encoded = protocol.encode(child)
    # Go writes these five characters as six-byte escapes; a Go-written source has them already.
    ascii_escapes = sum(encoded.count(character) for character in (b"<", b">", b"&"))
    separators = encoded.count("\u2028".encode()) + encoded.count("\u2029".encode())
    return len(encoded) + 5 * ascii_escapes + 3 * separators


def stored_size(
    content: Content, asked: Syncer, targets: Collection[Target], strategy: ApplyStrategy
) -> int:
    """Bytes that etcd has to take for one copy, a little on the large side."""
    largest = _largest(content, asked, targets)
    metadata = largest.metadata
    names = [*(metadata.labels or ()), *(metadata.annotations or ())]
    size = (
        etcd.place_size(metadata.namespace, metadata.name)
        + etcd.content_size(content.lengths)
        + etcd.fields_size(names)
        + len(protocol.encode(largest))
    )
    if strategy is ApplyStrategy.DYNAMIC_APPLY:
        size += len(LAST_APPLIED) + request_size(content, asked, targets)
    return size


def _largest(content: Content, asked: Syncer, targets: Iterable[Target]) -> Child:
    """The copy in the namespace with the longest name, without its data."""
    return Child(
        api_version=kinds.API_VERSION,
        kind=asked.source.kind.name,
        metadata=ChildMeta(
            name=asked.copy_name,
            namespace=max((target.namespace for target in targets), key=len, default=""),
            labels={
                **asked.target_labels,
                SYNCED_BY: asked.name,
                SYNCED_FROM: asked.source.namespace,
                MANAGED_BY: MANAGER,
                CONTROLLER_UID: asked.uid,
            },
            annotations=_annotations(asked, content.hash),
        ),
        immutable=asked.immutable or UNSET,
        type=content.type or UNSET,
    )


def _annotations_size(request: int, asked: Syncer, content: Content) -> int:
    """Bytes of a copy's annotations under dynamic apply: ours, and the request itself in one."""
    ours = _annotations(asked, content.hash)
    return (
        request
        + len(LAST_APPLIED)
        + sum(len(k.encode()) + len(v.encode()) for k, v in ours.items())
    )
