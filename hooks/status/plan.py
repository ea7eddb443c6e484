"""Say what a suspended syncer would do, by what is there in the end and not step by step.

The hook works in steps: a key added by others is claimed before it goes, an immutable copy deleted
before it comes again, an orphaned one first taken back as it is. A person who has to say yes or no
to all of it wants to know what it leads to. Named are namespaces and keys, never a value.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType, structs

from hooks.api.protocol import Child, KubernetesObject
from hooks.api.text import excerpt
from hooks.copies.decision import CopyDecisions
from hooks.copies.observation import ExistingCopy
from hooks.copies.outcome import Outcome, State
from hooks.copies.prune_guard import PruneGuard

NAMES_LIMIT: Final = 50
"""How many namespaces each part of a plan names; the counts are true beyond."""
KEYS_LIMIT: Final = 10
"""How many keys are named of one copy: a status has to fit into etcd next to a long spec."""


class Namespaces(msgspec.Struct, frozen=True):
    """How many namespaces, and the first of them by name."""

    count: int = 0
    namespaces: Sequence[str] | UnsetType = UNSET


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """One copy, and the keys that it would gain, lose, or hold with another value."""

    namespace: str
    key_count: int
    keys: Sequence[str] | UnsetType = UNSET


class Changes(msgspec.Struct, frozen=True):
    """How many copies would be written, and the first of them."""

    count: int = 0
    copies: Sequence[Change] | UnsetType = UNSET


class Plan(msgspec.Struct, frozen=True, rename="camel"):
    """`status.plan`: what resuming would do. Every part is there, so that all can be waited for."""

    create: Namespaces = Namespaces()
    update: Changes = Changes()
    take_over: Changes = Changes()
    delete: Namespaces = Namespaces()
    hold: Namespaces = Namespaces()
    fail: Namespaces = Namespaces()


def without_keys(planned: Plan) -> Plan:
    """The same plan without the keys' names, which are most of a long one; counts stay."""
    update, take_over = map(_without_keys, (planned.update, planned.take_over))
    return structs.replace(planned, update=update, take_over=take_over)


def _without_keys(changes: Changes) -> Changes:
    copies = [structs.replace(copy, keys=UNSET) for copy in changes.copies or ()]
    return structs.replace(changes, copies=copies or UNSET)


def without_content(outcomes: Iterable[Outcome], deleting: Collection[str]) -> Plan:
    """The plan where nothing is known to copy: copies go with their source, or all are kept."""
    return Plan(delete=_namespaces(deleting), fail=_failing(outcomes))


def make(
    decisions: CopyDecisions,
    outcomes: Sequence[Outcome],
    held: Sequence[Child],
    foreign: Sequence[ExistingCopy],
    guard: PruneGuard | None,
) -> Plan:
    """The plan of a syncer that holds the copies `held` and would go on with these outcomes.

    What others made a copy stays, and so does what the prune guard would hold.
    A copy that is being deleted counts as gone. What Metacontroller is about to observe or to
    release is left to the next sync, as it is everywhere.
    """
    preserved = {child.identity: child for child in held}
    guarded = guard.children if guard else ()
    lasting = {copy.identity for copy in foreign} | {child.identity for child in guarded}
    creating, updating, taking = [], [], []
    for outcome in outcomes:
        if outcome.failure is not None or outcome.state is State.STAGED:
            lasting.update(child.identity for child in outcome.children)
            continue
        syncer, namespace = decisions.observation.syncer, outcome.namespace
        copy = (syncer.source.kind.name, namespace, syncer.copy_name)
        lasting.add(copy)
        existing = decisions.existing(namespace)
        if existing is None or existing.is_terminating:
            creating.append(namespace)
        elif not syncer.controls(existing):
            taking.append(_change(decisions, existing))
        elif copy in preserved and _is_written(outcome, preserved[copy]):
            updating.append(_change(decisions, existing))
    return Plan(
        create=_namespaces(creating),
        update=_changes(updating),
        take_over=_changes(taking),
        delete=_namespaces({namespace for _, namespace, _ in preserved.keys() - lasting}),
        hold=_namespaces({child.metadata.namespace for child in guarded}),
        fail=_failing(outcomes),
    )


def _is_written(outcome: Outcome, held: Child) -> bool:
    """Whether a copy is not as it should be, or has labels or annotations that the spec lost."""
    if outcome.state is not State.CURRENT:
        return True
    (desired,) = outcome.children
    before, after = held.metadata, desired.metadata
    lost = set(before.labels or ()) - set(after.labels or ())
    return bool(lost | (set(before.annotations or ()) - set(after.annotations or ())))


def _change(decisions: CopyDecisions, existing: KubernetesObject) -> Change:
    keys = decisions.changed_keys(existing)
    return Change(
        existing.metadata.namespace, len(keys), list(map(excerpt, keys[:KEYS_LIMIT])) or UNSET
    )


def _changes(copies: Sequence[Change]) -> Changes:
    return Changes(len(copies), copies[:NAMES_LIMIT] or UNSET)


def _failing(outcomes: Iterable[Outcome]) -> Namespaces:
    return _namespaces([o.namespace for o in outcomes if o.failure is not None])


def _namespaces(names: Collection[str]) -> Namespaces:
    return Namespaces(len(names), sorted(names)[:NAMES_LIMIT] or UNSET)
