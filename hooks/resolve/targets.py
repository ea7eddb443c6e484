"""Which namespaces get a copy, and which of them can take one.

A namespace that cannot take a copy fails by itself and disturbs no other: returned to
Metacontroller all the same, its copy would make every sync of the syncer an error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hooks.api.names import ACCEPT_SYNC_FROM, ALLOW_SYNC_TO, NAMESPACES
from hooks.api.options import HookOptions
from hooks.api.protocol import Group, KubernetesObject, RelatedRule, SyncRequest
from hooks.resolve import consent, source
from hooks.resolve.consent import Consent
from hooks.spec.syncer import Syncer

API_VERSION: Final = "v1"
RESOURCE: Final = "namespaces"


class FailureReason(StrEnum):
    """Why a namespace does not hold the current content, and will not by waiting."""

    NAMESPACE_NOT_FOUND = "NamespaceNotFound"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    IS_SOURCE_NAMESPACE = "IsSourceNamespace"
    CONFLICT = "Conflict"
    MANAGED_BY_ANOTHER = "ManagedByAnother"
    OVERWRITE_IMPOSSIBLE = "OverwriteImpossible"
    CONSENT_MISSING = "ConsentMissing"
    TARGET_CONSENT_MISSING = "TargetConsentMissing"
    NOT_APPLIED = "NotApplied"
    NOT_REMOVED = "NotRemoved"


_ALWAYS_THERE: Final = "kube-system"
_PROTECTED: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""Namespaces of Kubernetes' own, which are reached by their full name alone."""

_CLOSED: Final = frozenset({FailureReason.NAMESPACE_NOT_FOUND, FailureReason.NAMESPACE_TERMINATING})


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason, and one sentence without a full stop that says what to do."""

    reason: FailureReason
    message: str


@dataclass(frozen=True, slots=True)
class Target:
    """A namespace that is to hold a copy; with a failure where it can or may take none.

    Where it `keeps`, a copy that is there stays as it is in spite of the failure.
    """

    namespace: str
    failure: Failure | None = None
    keeps: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether the namespace takes no object at all, not even one that is there already."""
        return self.failure is not None and self.failure.reason in _CLOSED

    @property
    def is_unconsented(self) -> bool:
        """Whether the source's owner does not want a copy here."""
        return self.failure is not None and self.failure.reason is FailureReason.CONSENT_MISSING

    @property
    def is_refusing(self) -> bool:
        """Whether the namespace takes no copy from there: one goes whatever else is held."""
        failure = self.failure
        is_missing = failure and failure.reason is FailureReason.TARGET_CONSENT_MISSING
        return bool(is_missing) and not self.keeps


def related_rules(syncer: Syncer) -> Sequence[RelatedRule]:
    """The rules that show the Namespaces that matter, and the source's own (see `source`).

    A selector is Metacontroller's to match, also for a Namespace that has just lost a label: so
    the other Namespaces of the cluster cost nothing. What globs match can only be found among all.
    """
    selection = syncer.namespaces
    if selection.needs_all:
        return (RelatedRule(API_VERSION, RESOURCE),)
    names = sorted({syncer.source.namespace, *selection.names})
    named = RelatedRule(API_VERSION, RESOURCE, names=names)
    if selection.selector is None:
        return (named,)
    return (named, RelatedRule(API_VERSION, RESOURCE, label_selector=selection.selector.as_rule))


def rules_are_current(
    syncer: Syncer, request: SyncRequest, copies: Iterable[KubernetesObject]
) -> bool:
    """Whether the Namespaces that were to be shown are shown.

    An older version of the hook asked for other ones, or for none where it could not follow the
    spec; what it did not ask for is not absent. Kubernetes itself keeps `kube-system`, so where
    that is not shown, not all are; and a living copy proves that its Namespace is there.
    """
    shown = request.related_objects(NAMESPACES)
    if syncer.namespaces.needs_all:
        return _ALWAYS_THERE in shown
    unseen = set(syncer.namespaces.names) - shown.keys()
    return not any(copy.metadata.namespace in unseen and not copy.is_terminating for copy in copies)


def resolve(syncer: Syncer, request: SyncRequest, options: HookOptions) -> Sequence[Target]:
    """The targets, sorted by name. One that is only selected is none while it is being deleted."""
    candidates = selected(syncer, request)
    allowed = source.allowed(syncer, request)
    return [_consenting(target, allowed, syncer, request, options) for target in candidates]


def selected(syncer: Syncer, request: SyncRequest) -> Sequence[Target]:
    """The targets without a look at who consents: what a copy may be left in from earlier."""
    namespaces = request.related_objects(NAMESPACES)
    named = syncer.namespaces.names
    targets = [Target(name, _failure(name, syncer, namespaces)) for name in named]
    if syncer.namespaces.is_open:
        left_out = {*_PROTECTED, syncer.source.namespace, *named}
        targets += [
            Target(name)
            for name, namespace in namespaces.items()
            if name not in left_out
            and syncer.namespaces.reaches(name, namespace.metadata.labels)
            and not is_terminating(namespace)
        ]
    return sorted(targets, key=lambda target: target.namespace)


def is_terminating(namespace: KubernetesObject) -> bool:
    """Whether a Namespace is being deleted: nothing more can be created in it."""
    phase = namespace.status.phase if namespace.status else ""
    return namespace.is_terminating or phase == "Terminating"


def _failure(name: str, syncer: Syncer, namespaces: Group) -> Failure | None:
    if name == syncer.source.namespace:
        return Failure(
            FailureReason.IS_SOURCE_NAMESPACE,
            "the source itself is here; remove the namespace from spec.targetNamespaces",
        )
    namespace = namespaces.get(name)
    if namespace is None:
        return Failure(
            FailureReason.NAMESPACE_NOT_FOUND,
            "the namespace does not exist; create it, or remove it from spec.targetNamespaces",
        )
    if is_terminating(namespace):
        return Failure(
            FailureReason.NAMESPACE_TERMINATING,
            "the namespace is being deleted and takes no new objects; create it again when it "
            "is gone, or remove it from spec.targetNamespaces",
        )
    return None


def _consenting(
    target: Target,
    allowed: Consent | None,
    syncer: Syncer,
    request: SyncRequest,
    options: HookOptions,
) -> Target:
    """The target, with a failure where the source's owner or its own does not want a copy there."""
    if target.failure is not None:
        return target
    name = target.namespace
    if allowed is not None and not allowed.covers(name):
        listed = f"the annotation {ALLOW_SYNC_TO} of {source.described(syncer)}"
        return Target(
            name,
            Failure(
                FailureReason.CONSENT_MISSING,
                f"{listed} leaves the namespace out; ask the source's owner to add it, or remove "
                "the namespace from the targets",
            ),
        )
    if not options.require_target_consent:
        return target
    namespace = request.related_objects(NAMESPACES)[name]
    accepted = consent.given(namespace, ACCEPT_SYNC_FROM)
    if accepted is not None and accepted.covers(syncer.source.namespace):
        return target
    command = (
        f"kubectl annotate namespace {name} "
        f"{ACCEPT_SYNC_FROM}={syncer.source.namespace} --overwrite"
    )
    return Target(
        name,
        Failure(
            FailureReason.TARGET_CONSENT_MISSING,
            f"the namespace does not say that it takes copies from {syncer.source.namespace}; its "
            f"owner can, with `{command}`",
        ),
        keeps=accepted is None or accepted.is_malformed,
    )
