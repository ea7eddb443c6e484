"""What the last status said, as far as it is read back.

The status is the only memory that a stateless hook has: since when a change waits, which namespaces
the API server refused, when a condition last turned. It may be one write old, for Metacontroller
syncs from a cache, and anybody who may write it can have written nonsense.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from hooks.api.protocol import Parent
from hooks.copies.prune_guard import Recorded
from hooks.resolve.source import SourceReason, Version
from hooks.rollout import types as rollouts
from hooks.rollout.types import RolloutStatus
from hooks.status.types import OVERDUE, Condition, Name, NamespaceFailure, SyncedReason, Time


class Previous(msgspec.Struct, frozen=True, rename="camel"):
    """What the last status said, as far as it is read back; all of it may be missing."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    synced_count: int = 0
    pending_count: int = 0
    failed_count: int = 0
    synced_namespaces: frozenset[str] = frozenset()
    failed_namespaces: frozenset[str] = frozenset()
    failures: tuple[NamespaceFailure, ...] = ()
    content_hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")] | UnsetType = UNSET
    source_resource_version: Name | UnsetType = UNSET
    last_sync_time: Time | UnsetType = UNSET
    pending_since: str | UnsetType = UNSET
    prune_token: Annotated[str, Meta(pattern=r"^[0-9a-f]{1,64}\Z")] | UnsetType = UNSET
    former_sources: tuple[str, ...] | UnsetType = UNSET
    rollout: Raw = Raw(b"")
    """Read by itself, so that nonsense in it makes nothing else forgotten."""

    @property
    def able_count(self) -> int:
        """How many namespaces had a copy, waited for one, or had waited too long."""
        unable = sum(failure.reason not in OVERDUE for failure in self.failures)
        return self.synced_count + self.pending_count + self.failed_count - unable

    @property
    def version(self) -> Version:
        """The content that the status was about."""
        return Version(self.content_hash, self.source_resource_version)

    def named_before(self, parent: Parent) -> Sequence[str] | None:
        """The former sources that are remembered; None where they are not known.

        A status that is about another spec does not know them, and one without the list neither.
        """
        if self.former_sources is UNSET:
            return None
        is_of_this_spec = self.observed_generation == parent.metadata.generation
        return self.former_sources if is_of_this_spec else None

    def recorded(self, parent: Parent) -> Recorded:
        """What is remembered of a held change, and whether this spec has been judged."""
        return Recorded(self.prune_token, self._has_judged(parent), self.synced_namespaces)

    def _has_judged(self, parent: Parent) -> bool:
        """Whether the last status is about this spec, and its targets were known then."""
        reasons = {condition.type: condition.reason for condition in self.conditions}
        is_unread = reasons.get("SourceResolved") == SourceReason.INVALID_SPEC or (
            reasons.get("SourceResolved") == SourceReason.RESOLVED
            and reasons.get("Synced") == SyncedReason.HELD
        )
        return self.observed_generation == parent.metadata.generation and not is_unread

    @property
    def recorded_rollout(self) -> RolloutStatus | None:
        """What is remembered of a rollout; nothing where somebody wrote nonsense."""
        return rollouts.read(self.rollout)

    @property
    def refused(self) -> Sequence[NamespaceFailure]:
        """The failures that are listed for their deadline, whatever they are worth."""
        return [f for f in self.failures if f.reason in OVERDUE]


_PREVIOUS = msgspec.json.Decoder(Previous)


def previous(parent: Parent) -> Previous:
    """What the last status said; nothing where there is none or somebody wrote nonsense."""
    try:
        return _PREVIOUS.decode(parent.status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Previous()
