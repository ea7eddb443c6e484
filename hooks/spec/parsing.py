"""Read the spec of a ConfigMapSyncer.

A spec that cannot be understood must hold the copies, not lose them. So a bad spec is a value here
(`InvalidSpec`), never an exception.
"""

from typing import Final

import msgspec

from hooks.api import protocol
from hooks.api.protocol import Parent
from hooks.api.text import excerpt
from hooks.spec import content_rules, rollout, selectors, validation
from hooks.spec.content_rules import UnusableRulesError
from hooks.spec.globs import is_glob
from hooks.spec.limit import Limit
from hooks.spec.selectors import MalformedSelector
from hooks.spec.syncer import (
    DeletionPolicy,
    InvalidSpec,
    NamespaceSelection,
    PlainFields,
    SourceReference,
    Syncer,
)
from hooks.spec.validation import Spec, source_of


class _DeletionAlone(msgspec.Struct, frozen=True, rename="camel"):
    deletion_policy: msgspec.Raw = msgspec.Raw(b"")


_SPEC = msgspec.json.Decoder(Spec)
_DELETION_ALONE = msgspec.json.Decoder(_DeletionAlone)
_DELETE: Final = (b"", b"null", b'"Delete"')


def parse_syncer(parent: Parent) -> Syncer | InvalidSpec:
    """Read and check `spec`; a spec that cannot be followed is returned as InvalidSpec."""
    parsed = _parse(parent)
    if isinstance(parsed, str):
        return InvalidSpec(parsed, _deletion_policy(parent))
    return parsed


def _deletion_policy(parent: Parent) -> DeletionPolicy:
    """What a spec that cannot be followed says of deletion; what is not understood keeps copies."""
    if protocol.is_absent(parent.spec):
        return DeletionPolicy.DELETE
    try:
        said = bytes(_DELETION_ALONE.decode(parent.spec).deletion_policy)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return DeletionPolicy.RETAIN
    return DeletionPolicy.DELETE if said in _DELETE else DeletionPolicy.RETAIN


def _parse(parent: Parent) -> Syncer | str:
    if protocol.is_absent(parent.spec):
        return "Write a spec: the syncer has none"
    try:
        spec = _SPEC.decode(parent.spec)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.MsgspecError) else "unreadable JSON"
        return f"Correct spec: {excerpt(reason.replace(' | null', ''))}"
    problem = validation.problem(parent.metadata.name, spec)
    if problem is not None:
        return problem
    try:
        namespaces = _namespaces(spec)
        rules = content_rules.parse(spec.validation)
    except MalformedSelector as error:
        return f"Correct spec.namespaceSelector: {error}"
    except UnusableRulesError as error:
        return str(error)
    return Syncer(
        name=parent.metadata.name,
        uid=parent.metadata.uid,
        source=SourceReference(spec.source_namespace, *source_of(spec)),
        namespaces=namespaces,
        keys=tuple(dict.fromkeys(spec.keys or ())),
        rename_keys=spec.rename_keys or {},
        target_labels=spec.target_labels or {},
        target_annotations=spec.target_annotations or {},
        validation=rules,
        prune_limit=None if spec.prune_limit is None else Limit.parse(spec.prune_limit),
        rollout=None if spec.rollout is None else rollout.parse(spec.rollout),
        pinned_revision=spec.pinned_revision,
        **{name: getattr(spec, name) for name in PlainFields.__struct_fields__},
    )


def _namespaces(spec: Spec) -> NamespaceSelection:
    named = sorted(set(spec.target_namespaces or ()))
    is_selected = not protocol.is_absent(spec.namespace_selector)
    return NamespaceSelection(
        names=[name for name in named if not is_glob(name)],
        globs=[name for name in named if is_glob(name)],
        selector=selectors.parse(spec.namespace_selector) if is_selected else None,
        excluded=sorted(set(spec.exclude_namespaces or ())),
    )
