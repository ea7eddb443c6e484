"""The source: found or not, and its content.

Losing the source must never empty a namespace, so everything but a usable content is a value
with a reason, which makes the caller hold the copies.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from msgspec import UNSET, Raw, UnsetType

from hooks.api import kinds, protocol, text
from hooks.api.kinds import API_VERSION, Kind
from hooks.api.names import ALLOW_SYNC_TO, NAMESPACES, SOURCE
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy, Controller, KubernetesObject, RelatedRule, SyncRequest
from hooks.api.text import excerpt
from hooks.resolve import consent, keys
from hooks.resolve.consent import Consent
from hooks.resolve.keys import Fault, NoSelection
from hooks.spec.syncer import Syncer, is_copy

_SAFE: Final = ApplyStrategy.SERVER_SIDE_APPLY
_REPLACEMENT: Final = "\ufffd"
_UNTYPED: Final = "Opaque"
"""The type of a Secret that says none."""
_UNSUPPORTED_TYPES: Final = {
    "kubernetes.io/service-account-token": "Kubernetes keeps it for one service account alone",
    "bootstrap.kubernetes.io/token": "it lets machines join the cluster",
    "helm.sh/release.v1": "it is Helm's own record of a release",
}
"""Types of Secrets that mean something where they are and nothing, or harm, elsewhere."""

_NEEDED_KEYS: Final[Mapping[str, Sequence[str]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
"""Keys without which Kubernetes refuses a Secret of a type."""


class SourceReason(StrEnum):
    """Why there is, or is not, a content to copy (reasons of the condition SourceResolved)."""

    RESOLVED = "Resolved"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_IS_A_COPY = "SourceIsACopy"
    KEY_NOT_FOUND = "KeyNotFound"
    CONSENT_MISSING = "ConsentMissing"
    TOO_LARGE = "TooLarge"
    INVALID_SPEC = "InvalidSpec"
    SECRETS_NOT_ENABLED = "SecretsNotEnabled"
    UNSUPPORTED_TYPE = "UnsupportedType"
    CONTENT_INVALID = "ContentInvalid"
    REVISION_NOT_FOUND = "RevisionNotFound"
    REVISION_NOT_STORED = "RevisionNotStored"


@dataclass(frozen=True, slots=True)
class NoContent:
    """Why there is no content: a reason, and a sentence without full stop that says what to do."""

    reason: SourceReason
    message: str


@dataclass(frozen=True, slots=True)
class Version:
    """Which content it is, as a status says it.

    By its digest, or, where not even that may leave the objects, by the source's resourceVersion.
    """

    content_hash: str | UnsetType = UNSET
    source_resource_version: str | UnsetType = UNSET


def lengths(text: Mapping[str, str], encoded: Mapping[str, str]) -> Mapping[tuple[int, int], int]:
    """How many keys there are of each length, with a value of each length, in bytes."""
    counted = Counter(zip(map(len, text), map(len, map(str.encode, text.values())), strict=True))
    counted.update(
        [(len(key), len(value) * 3 // 4 - value.count("=")) for key, value in encoded.items()]
    )
    return counted


# Without slots, for what is counted once is kept.
@dataclass(frozen=True)
class Content:
    """What every copy is to hold, decoded once and encoded once.

    `raw_data` and `raw_binary_data` are the two maps as JSON, empty where a map is empty.
    `hash` is `sha256:` and 64 hexadecimal digits; equal contents have equal hashes, however
    their JSON was written. Secrets have none, but a `type`.
    """

    data: Mapping[str, str]
    binary_data: Mapping[str, str]
    raw_data: Raw
    raw_binary_data: Raw
    hash: str | None
    type: str = ""
    resource_version: str = ""
    revision: str = ""
    """The name of the revision that it is; empty where none is stored."""

    @cached_property
    def lengths(self) -> Mapping[tuple[int, int], int]:
        """How many keys there are of each length, with a value of each length, in bytes.

        As Kubernetes counts them: text in UTF-8, what is encoded without its encoding. There can be
        tens of thousands, and most have the lengths of others.
        """
        if self.hash is None:
            return lengths({}, self.data)
        return lengths(self.data, self.binary_data)

    @property
    def version(self) -> Version:
        """Which content it is."""
        if self.hash is None:
            return Version(source_resource_version=self.resource_version)
        return Version(content_hash=self.hash)


def content_hash(data: Mapping[str, str], binary_data: Mapping[str, str]) -> str:
    """The digest of a content: SHA-256 over its canonical JSON."""
    canonical = protocol.encode({"binaryData": binary_data, "data": data})
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def described(syncer: Syncer) -> str:
    """The source as messages name it."""
    return f"{syncer.source.kind.name} {syncer.source}"


def type_of(candidate: KubernetesObject, kind: Kind) -> str:
    """The type of a Secret; nothing else has one."""
    return (candidate.type or _UNTYPED) if kind.is_secret else ""


def related_rule(syncer: Syncer) -> RelatedRule:
    """The rule that shows the source."""
    kind, name = syncer.source.kind, syncer.source.name
    return RelatedRule(API_VERSION, kind.resource, syncer.source.namespace, (name,))


def refusal(syncer: Syncer, controller: Controller, options: HookOptions) -> NoContent | None:
    """Say so where Secrets are asked for and not enabled, so that none is even looked at."""
    if not syncer.source.kind.is_secret:
        return None
    if options.strategy is ApplyStrategy.DYNAMIC_APPLY:
        return NoContent(
            SourceReason.SECRETS_NOT_ENABLED,
            f"Secrets are not copied under {options.strategy}, which would put their data into an "
            f"annotation; run Metacontroller with --apply-strategy={_SAFE} and set "
            "APPLY_STRATEGY to the same",
        )
    if not controller.manages(API_VERSION, kinds.SECRET.resource):
        return NoContent(
            SourceReason.SECRETS_NOT_ENABLED,
            "Secrets are not enabled; add `components: [components/secrets, components/tls]` to "
            "metacontroller/kustomization.yaml and apply it again",
        )
    if controller.asks_in_the_clear:
        return NoContent(
            SourceReason.SECRETS_NOT_ENABLED,
            "Secrets would cross the network unencrypted, because a webhook's URL is not https; "
            "add `components/tls` to the components in metacontroller/kustomization.yaml and apply "
            "it again",
        )
    return None


def rules_are_current(syncer: Syncer, request: SyncRequest) -> bool:
    """Whether what is related answers this version's rules.

    A source in a Namespace that is not shown means that an older version of the hook was asked
    which objects it needs (the answer is cached for 20 minutes): then absence proves nothing.
    """
    shown = _find(syncer, request) is not None
    return not shown or syncer.source.namespace in request.related_objects(NAMESPACES)


def resolve(syncer: Syncer, request: SyncRequest, options: HookOptions) -> Content | NoContent:
    """Find the source and read its content. Raises MalformedRequest where its data is no map."""
    source = _find(syncer, request)
    if source is None:
        return _not_found(syncer, request)
    if is_copy(source):
        return NoContent(
            SourceReason.SOURCE_IS_A_COPY,
            f"{described(syncer)} is itself a copy; name the original, "
            f"{_original(source)}, as the source",
        )
    return (
        _unsupported(source, syncer)
        or _unconsented(source, syncer, options)
        or _read(source, syncer)
    )


def allowed(syncer: Syncer, request: SyncRequest) -> Consent | None:
    """The namespaces where the source's owner consents to a copy; None where nothing is said."""
    source = _find(syncer, request)
    listed = consent.given(source, ALLOW_SYNC_TO) if source else None
    return None if listed is None or listed.is_malformed else listed


def made(copy: KubernetesObject, syncer: Syncer) -> bool:
    """Whether a copy was made from the source that the syncer names now; where in doubt, yes.

    Everybody who may write the copy can remove its annotation, or name any source there, and must
    not keep the copy by that: only a source that the syncer named before counts as another one.
    """
    is_of_kind = kinds.of(copy.kind) is syncer.source.kind
    return is_of_kind and copy.annotation(SOURCE) not in syncer.former_sources


def names(copy: KubernetesObject, syncer: Syncer) -> bool:
    """Whether a copy itself says that it was made from the source that the syncer names now."""
    is_of_kind = kinds.of(copy.kind) is syncer.source.kind
    return is_of_kind and copy.annotation(SOURCE) == str(syncer.source)


def _find(syncer: Syncer, request: SyncRequest) -> KubernetesObject | None:
    return request.related_objects(syncer.source.kind.group).get(str(syncer.source))


def why_uncopied(of_type: str) -> str | None:
    """Why Secrets of a type are never copied, a clause; None for a type that is copied."""
    return _UNSUPPORTED_TYPES.get(of_type)


def _unsupported(source: KubernetesObject, syncer: Syncer) -> NoContent | None:
    why = why_uncopied(type_of(source, syncer.source.kind))
    if why is None:
        return None
    return NoContent(
        SourceReason.UNSUPPORTED_TYPE,
        f"{described(syncer)} has the type {source.type}, which is never copied, because {why}; "
        "name another source",
    )


def _unconsented(
    source: KubernetesObject, syncer: Syncer, options: HookOptions
) -> NoContent | None:
    """Why it is not known to whom the source's owner consents, where that must be known."""
    listed = consent.given(source, ALLOW_SYNC_TO)
    if listed is None:
        if not (options.require_consent or syncer.source.kind.is_secret):
            return None
        command = (
            f"kubectl annotate {syncer.source.kind.name.lower()} {syncer.source.name} "
            f"-n {syncer.source.namespace} {ALLOW_SYNC_TO}=NAMESPACES"
        )
        problem = (
            f"does not say to which namespaces it may be copied; its owner can, with `{command}`"
        )
    elif listed.is_malformed:
        problem = (
            f"has an annotation {ALLOW_SYNC_TO} that cannot be followed; give names of "
            f"namespaces, and at most {consent.GLOBS_LIMIT} globs, separated by commas"
        )
    else:
        return None
    return NoContent(SourceReason.CONSENT_MISSING, f"{described(syncer)} {problem}")


def _not_found(syncer: Syncer, request: SyncRequest) -> NoContent:
    if syncer.source.namespace not in request.related_objects(NAMESPACES):
        message = (
            f"Namespace {syncer.source.namespace} of the source does not exist; create it with "
            f"{syncer.source.kind.name} {syncer.source.name} in it, or correct spec.sourceNamespace"
        )
    else:
        message = (
            f"{described(syncer)} does not exist; create it, or correct spec.sourceNamespace "
            f"and spec.{syncer.source.kind.field}"
        )
    return NoContent(SourceReason.SOURCE_NOT_FOUND, message)


def _original(copy: KubernetesObject) -> str:
    origin = copy.annotation(SOURCE)
    return excerpt(origin) if origin else "from which it was made"


def _read(source: KubernetesObject, syncer: Syncer) -> Content | NoContent:
    data = protocol.decode_values(source.data, source, "data")
    binary_data = protocol.decode_values(source.binary_data, source, "binaryData")
    names = keys.select(syncer, {**data, **binary_data}.keys())
    if isinstance(names, NoSelection):
        return _no_keys(syncer, names)
    kind = syncer.source.kind
    unfit = _unfit(syncer, type_of(source, kind), names)
    if unfit is not None:
        return unfit
    chosen, chosen_binary = _renamed(data, names), _renamed(binary_data, names)
    damaged = sorted(key for key in data.keys() & names.keys() if _REPLACEMENT in data[key])
    if damaged:
        return _damaged(syncer, damaged)
    return Content(
        data=chosen,
        binary_data=chosen_binary,
        raw_data=_raw(chosen, data, source.data),
        raw_binary_data=_raw(chosen_binary, binary_data, source.binary_data),
        hash=None if kind.is_secret else content_hash(chosen, chosen_binary),
        type=type_of(source, kind),
        resource_version=source.metadata.resource_version,
    )


def content_of(stored: KubernetesObject, kind: Kind) -> Content:
    """All that an object holds. Raises MalformedRequest where its data is no map."""
    data = protocol.decode_values(stored.data, stored, "data")
    binary_data = protocol.decode_values(stored.binary_data, stored, "binaryData")
    return Content(
        data=data,
        binary_data=binary_data,
        raw_data=stored.data if data else Raw(b""),
        raw_binary_data=stored.binary_data if binary_data else Raw(b""),
        hash=None if kind.is_secret else content_hash(data, binary_data),
        type=type_of(stored, kind),
    )


def _unfit(syncer: Syncer, of_type: str, names: Mapping[str, str]) -> NoContent | None:
    """Why the API server would refuse a Secret of this type with these keys, if it would.

    Facts: Kubernetes, `ValidateSecret`. Where it parses a value, what it says of one that does not
    fit shows a part of it, so no other key may be given that name.
    """
    needed = _NEEDED_KEYS.get(of_type, ())
    lacking = [key for key in needed if key not in names.values()]
    given = [old for old, new in names.items() if new in needed and old != new]
    if lacking:
        return NoContent(
            SourceReason.KEY_NOT_FOUND,
            f"{described(syncer)} has the type {of_type}, and a copy of it needs the key "
            f"{lacking[0]}; remove it from spec.renameKeys and add it to spec.keys",
        )
    if given:
        return NoContent(
            SourceReason.INVALID_SPEC,
            f"Remove {excerpt(given[0])} from spec.renameKeys: {described(syncer)} has the type "
            f"{of_type}, and {names[given[0]]} is a key of its own",
        )
    return None


def _damaged(syncer: Syncer, damaged: Sequence[str]) -> NoContent:
    """Why text that is no UTF-8 is not copied: every copy would hold other bytes than the source.

    The API server shows U+FFFD for such bytes, and Metacontroller passes that on, so it cannot be
    distinguished from the same character in the source.
    """
    one = len(damaged) == 1
    return NoContent(
        SourceReason.CONTENT_INVALID,
        f"{described(syncer)} has U+FFFD in the {'value' if one else 'values'} of "
        f"{text.named(damaged)}, which the API server shows for bytes that are not UTF-8; put "
        f"{'it' if one else 'them'} into binaryData, as `kubectl create configmap --from-file` "
        "does, or remove the character",
    )


def _no_keys(syncer: Syncer, problem: NoSelection) -> NoContent:
    if problem.fault is Fault.KEYS_COLLIDE:
        return NoContent(SourceReason.INVALID_SPEC, problem.message)
    return NoContent(SourceReason.KEY_NOT_FOUND, f"{described(syncer)} {problem.message}")


def _renamed(values: Mapping[str, str], names: Mapping[str, str]) -> Mapping[str, str]:
    return protocol.ordered({names[key]: value for key, value in values.items() if key in names})


def _raw(chosen: Mapping[str, str], values: Mapping[str, str], raw: Raw) -> Raw:
    """A map as JSON: where all of it is copied the source's own bytes.

    Copies come from the same encoder, so equal maps have equal bytes, and comparing them is all
    that a copy in sync costs.
    """
    if not chosen:
        return Raw(b"")
    return raw if chosen == values else Raw(protocol.encode(chosen))
