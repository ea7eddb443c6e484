"""Who wrote the fields of a copy, as far as `metadata.managedFields` say it.

Anybody may write under any field manager's name, so this is a hint and no proof: what it says of a
copy decides about that copy alone, and either answer is harmless to everything else. Whether an
object was made a copy by Metacontroller depends on its exact name (`HookOptions.field_manager`).
"""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from hooks.api.last_applied import decode_applied_metadata
from hooks.api.managed_fields import FieldManager
from hooks.api.names import (
    CONTENT_HASH,
    LAST_APPLIED,
    MANAGED_BY,
    SOURCE,
    SYNCED_BY,
    SYNCED_FROM,
)
from hooks.api.options import HookOptions
from hooks.api.protocol import ApplyStrategy, KubernetesObject

OUR_LABELS: Final = (SYNCED_BY, SYNCED_FROM, MANAGED_BY)
OUR_ANNOTATIONS: Final = (SOURCE, CONTENT_HASH)


@dataclass(frozen=True, slots=True)
class OwnedMetadata:
    """Names of labels and of annotations."""

    labels: Collection[str]
    annotations: Collection[str]


def is_managed_by_us(copy: KubernetesObject, options: HookOptions) -> bool:
    """Whether it was Metacontroller that made an object a copy.

    Who wrote an object is not known when its last owned field went, or somebody cleared the list:
    then the source that a copy names says it.
    """
    managers = copy.field_managers
    if not managers:
        return copy.annotation(SOURCE) is not None
    return any(_is_written_for_us(manager, options) for manager in managers)


def owned_metadata(copy: KubernetesObject, options: HookOptions) -> OwnedMetadata:
    """The labels and annotations that Metacontroller wrote for us, and nobody else's.

    Only this tells what a spec asked for that cannot be read now. Metacontroller
    reads its own annotation under dynamic apply only, so elsewhere it is somebody else's text.
    """
    applied = copy.annotation(LAST_APPLIED)
    if applied is not None and options.strategy is ApplyStrategy.DYNAMIC_APPLY:
        metadata = decode_applied_metadata(applied)
        return OwnedMetadata(metadata.labels or (), metadata.annotations or ())
    managers = copy.field_managers
    ours = [m for m in managers if _has_our_annotation(m) or _is_written_for_us(m, options)]
    return OwnedMetadata(
        labels={name for manager in ours for name in manager.labels},
        annotations={name for manager in ours for name in manager.annotations},
    )


def keys_of_ours_alone(copy: KubernetesObject, options: HookOptions) -> AbstractSet[str]:
    """The keys that go when they are left out; at worst too few.

    Under server-side apply our entry must be an apply, for that removes nothing that an update
    wrote, not even ours.
    """
    is_merged = options.strategy is ApplyStrategy.DYNAMIC_APPLY
    ours = {
        key
        for manager in _ours(copy, options)
        if is_merged or manager.operation == "Apply"
        for key in manager.keys
    }
    seen: set[str] = set()
    for manager in copy.field_managers:
        keys = manager.keys
        ours -= seen & keys
        seen |= keys
    return ours


def applied_keys(copy: KubernetesObject, options: HookOptions) -> AbstractSet[str]:
    """The keys that Metacontroller has applied, and that nobody has written since."""
    applied = [
        manager.keys
        for manager in copy.field_managers
        if manager.manager == options.field_manager and manager.operation == "Apply"
    ]
    return frozenset().union(*applied)


def is_frozen_by_us_alone(copy: KubernetesObject, options: HookOptions) -> bool:
    """Whether nobody but us made a copy immutable; where it is not known who did, no."""
    owners = [manager for manager in copy.field_managers if manager.owns_immutable]
    names = {manager.manager for manager in _ours(copy, options)}
    return (
        len(names) == 1
        and bool(owners)
        and all(_has_our_annotation(owner) and owner.manager in names for owner in owners)
    )


def _ours(copy: KubernetesObject, options: HookOptions) -> Sequence[FieldManager]:
    """The entries that are ours: they have our annotation, under Metacontroller's name.

    A manager that applied the whole copy has our annotation, too. When none has the name, the
    setting may be wrong, and to take nothing for ours would mean to claim keys without end.
    """
    likely = [manager for manager in copy.field_managers if _has_our_annotation(manager)]
    return [manager for manager in likely if manager.manager == options.field_manager] or likely


def _has_our_annotation(manager: FieldManager) -> bool:
    return manager.owns_annotation(SOURCE)


def _is_written_for_us(manager: FieldManager, options: HookOptions) -> bool:
    """Whether Metacontroller wrote more than that an object has an owner.

    Somebody may have taken off our annotation, or all that is ours of the metadata.
    """
    return manager.manager == options.field_manager and (
        manager.owns_content
        or any(map(manager.owns_label, OUR_LABELS))
        or any(map(manager.owns_annotation, OUR_ANNOTATIONS))
    )
