"""What a request shows of one syncer, read once: the value from which everything is decided.

A hook builds it first. Each observed copy is classified here, and nowhere again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

from hooks.api import kinds
from hooks.api.names import CONTROLLER_UID, NAMESPACES, SOURCE, SYNCED_BY
from hooks.api.options import HookOptions
from hooks.api.protocol import Group, KubernetesObject, Parent, SyncRequest
from hooks.copies import field_ownership
from hooks.copies.revision import is_revision
from hooks.resolve import source, targets
from hooks.resolve.consent import Consent
from hooks.resolve.targets import Target
from hooks.spec.syncer import InvalidSpec, Syncer
from hooks.spec.validation import is_source


# As a Struct, for there are thousands, and Python's garbage collector need not look at them.
class ExistingCopy(Struct, frozen=True, gc=False, eq=False):
    """A child that Metacontroller observes, and its classification.

    `has_current_name` tells that it is of the kind and the name that copies have now; of an
    invalid spec neither that nor the last two are known, and none is said to be true.
    """

    object: KubernetesObject
    namespace: str
    is_managed_by_us: bool
    has_current_name: bool = False
    belongs_to_another: bool = False
    """Whether it was made for another syncer, whose name it carries.

    Somebody has set its label `controller-uid` to this syncer's uid, and Metacontroller adopted it.
    What has the name of this syncer's own copies is one of them, whatever its labels say.
    """
    is_withdrawn: bool = False
    """Whether the owner of the source from which it was made does not want it there."""

    @property
    def is_ours(self) -> bool:
        """Whether Metacontroller made it for this syncer; what others made is not touched."""
        return self.is_managed_by_us and not self.belongs_to_another

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.object.is_terminating

    @property
    def identity(self) -> tuple[str, str, str]:
        """Its kind, namespace and name."""
        return kinds.of(self.object.kind).name, self.namespace, self.object.metadata.name


_SpecT = TypeVar("_SpecT", bound=Syncer | InvalidSpec)
_SpecT_co = TypeVar("_SpecT_co", bound=Syncer | InvalidSpec, covariant=True)


@dataclass(frozen=True, eq=False)
class Observation(Generic[_SpecT_co]):
    """A syncer with its targets and options, its copies in order, and what is related.

    `related` holds the related objects of the copies' kind, by `namespace/name`, and `namespaces`
    the Namespaces by name. `are_rules_current` tells that what is related answers this version's
    rules. `copies` are sorted by kind, namespace and name, and so are the stored `revisions`, which
    are no copies.
    """

    parent: Parent
    syncer: _SpecT_co
    targets: Sequence[Target]
    options: HookOptions
    copies: Sequence[ExistingCopy]
    revisions: Sequence[KubernetesObject]
    related: Group
    namespaces: Group
    are_rules_current: bool

    @cached_property
    def current_copies(self) -> Mapping[str, ExistingCopy]:
        """The copies of the present kind and name, by namespace."""
        return {copy.namespace: copy for copy in self.copies if copy.has_current_name}

    @cached_property
    def outdated_copies(self) -> Mapping[str, Sequence[ExistingCopy]]:
        """Our copies of a kind or name that copies no longer have, by namespace."""
        outdated: dict[str, list[ExistingCopy]] = {}
        for copy in self.copies:
            if copy.is_ours and not copy.has_current_name:
                outdated.setdefault(copy.namespace, []).append(copy)
        return outdated

    @cached_property
    def orphans(self) -> Sequence[KubernetesObject]:
        """The copies in the targets that have lost their owner; never the source."""
        if not isinstance(self.syncer, Syncer):
            return ()
        names = {target.namespace for target in self.targets} - {self.syncer.source.namespace}
        candidates = [
            self.related.get(f"{name}/{self.syncer.copy_name}")
            for name in sorted(names - self.current_copies.keys())
        ]
        return [each for each in candidates if each is not None and is_orphaned(each, self.syncer)]

    def is_closing(self, namespace: str) -> bool:
        """Whether a namespace is being deleted, or is known not to exist: its copies go with it."""
        shown = self.namespaces.get(namespace)
        if shown is not None:
            return targets.is_terminating(shown)
        return isinstance(self.syncer, Syncer) and self.syncer.namespaces.shows(namespace)


AnyObservation: TypeAlias = Observation[Syncer | InvalidSpec]


def observe(
    syncer: _SpecT, resolved: Sequence[Target], request: SyncRequest, options: HookOptions
) -> Observation[_SpecT]:
    """The observation of a syncer with these targets. Raises MalformedRequest."""
    name = request.parent.metadata.name
    children = _children(request)
    revisions = [each for each in children if is_revision(each, syncer, name)]
    objects = children
    if revisions:
        objects = [each for each in children if not is_revision(each, syncer, name)]
    related: Group = {}
    allowed: Consent | None = None
    are_rules_current = True
    if isinstance(syncer, Syncer):
        allowed = source.allowed(syncer, request)
        related = request.related_objects(syncer.source.kind.group)
        are_rules_current = source.rules_are_current(syncer, request) and targets.rules_are_current(
            syncer, request, objects
        )
    return Observation(
        parent=request.parent,
        syncer=syncer,
        targets=resolved,
        options=options,
        copies=[_classified(each, syncer, allowed, options) for each in objects],
        revisions=revisions,
        related=related,
        namespaces=request.related_objects(NAMESPACES),
        are_rules_current=are_rules_current,
    )


def former_sources(
    syncer: Syncer, request: SyncRequest, known: Collection[str] | None
) -> Collection[str]:
    """The sources that the syncer named before and that still have copies.

    `known` are those that it is known to have named. None, where that is not known: then they are
    what the copies say, one a namespace. A wrong one keeps a copy that should go; a missing one
    deletes a copy that should stay.
    """
    origins: dict[str, str] = {}
    for copy in _children(request):
        origin = copy.annotation(SOURCE)
        is_former = origin != str(syncer.source) and (known is None or origin in known)
        if origin is None or not is_former or is_revision(copy, syncer, syncer.name):
            continue
        if is_source(origin):
            origins.setdefault(copy.metadata.namespace, origin)
    return frozenset(origins.values())


def is_orphaned(candidate: KubernetesObject, syncer: Syncer) -> bool:
    """Whether an object without a controller carries our `synced-by`: ours, but no child.

    Metacontroller calls such an object released.
    """
    return candidate.controller is None and candidate.label(SYNCED_BY) == syncer.name


def is_deletable_orphan(orphan: KubernetesObject) -> bool:
    """Whether an orphaned copy lives and was this syncer's until now, and so may go with it.

    An object that was handed over and never taken has no source; one that outlived its syncer
    carries the uid of that one.
    """
    was_ours = orphan.annotation(SOURCE) is not None and orphan.label(CONTROLLER_UID) is None
    return was_ours and not orphan.is_terminating


def _children(request: SyncRequest) -> Sequence[KubernetesObject]:
    """All children of the syncer, of whatever kind and under whatever name, in order."""
    return [
        child for kind in kinds.KINDS for _, child in sorted(request.observed(kind.group).items())
    ]


def _classified(
    copy: KubernetesObject,
    syncer: Syncer | InvalidSpec,
    allowed: Consent | None,
    options: HookOptions,
) -> ExistingCopy:
    namespace = copy.metadata.namespace
    is_managed_by_us = field_ownership.is_managed_by_us(copy, options)
    if isinstance(syncer, InvalidSpec):
        return ExistingCopy(copy, namespace, is_managed_by_us)
    has_current_name = syncer.names(copy)
    return ExistingCopy(
        object=copy,
        namespace=namespace,
        is_managed_by_us=is_managed_by_us,
        has_current_name=has_current_name,
        belongs_to_another=is_managed_by_us
        and not has_current_name
        and copy.label(SYNCED_BY) not in (None, syncer.name),
        is_withdrawn=allowed is not None and _is_withdrawn(copy, syncer, allowed),
    )


def _is_withdrawn(copy: KubernetesObject, syncer: Syncer, allowed: Consent) -> bool:
    return not allowed.covers(copy.metadata.namespace) and source.made(copy, syncer)
