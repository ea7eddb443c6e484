"""The status of a ConfigMapSyncer as the API has it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from hooks.api.times import RFC_3339
from hooks.resolve.targets import FailureReason
from hooks.rollout.types import RolloutStatus
from hooks.status.plan import Plan

LIST_LIMIT: Final = 1000


FORMER_SOURCES_LIMIT: Final = 10
"""Where there are more, none is remembered, and then what the copies say is believed."""


FAILURES_LIMIT: Final = 50


STATUS_LIMIT: Final = 250_000
"""Bytes of a whole status as JSON: etcd keeps it next to a long spec, and tools show it."""


RETRY_SECONDS: Final = 30
"""How often a copy that was refused is asked for again; healing takes no longer than this."""


OVERDUE: Final = (FailureReason.NOT_APPLIED, FailureReason.NOT_REMOVED)
"""Why a namespace fails when a deadline is over."""


class SyncedReason(StrEnum):
    """Reasons of the condition Synced."""

    ALL_COPIES_CURRENT = "AllCopiesCurrent"
    NO_TARGETS = "NoTargets"
    PROGRESSING = "Progressing"
    TARGETS_BLOCKED = "TargetsBlocked"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    HELD = "Held"
    PRUNE_HELD = "PruneHeld"
    SUSPENDED = "Suspended"
    ROLLOUT_PROGRESSING = "RolloutProgressing"
    AWAITING_APPROVAL = "AwaitingApproval"
    ROLLOUT_HALTED = "RolloutHalted"
    ROLLED_BACK = "RolledBack"
    PINNED = "Pinned"


Time = Annotated[str, Meta(pattern=RFC_3339)]


_Word = Annotated[str, Meta(pattern=r"^[A-Za-z]{1,100}\Z")]


Name = Annotated[str, Meta(pattern=r"^[-.a-zA-Z0-9]{1,253}\Z")]


_Message = Annotated[str, Meta(pattern=r"^[ -~]*\Z", max_length=32_768)]


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One condition, as Kubernetes' API conventions shape it."""

    type: _Word
    status: _Word
    reason: _Word
    message: _Message
    last_transition_time: Time
    observed_generation: int


class NamespaceFailure(msgspec.Struct, frozen=True):
    """One entry of `status.failures`."""

    namespace: str
    reason: str
    message: str = ""
    since: str | UnsetType = UNSET
    """Since when something is waited for that does not come; of other reasons nothing is said."""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """`status` of a ConfigMapSyncer; times are RFC 3339 in UTC, to the second."""

    observed_generation: int
    conditions: Sequence[Condition]
    target_count: int
    synced_count: int
    pending_count: int
    failed_count: int
    synced_namespaces: Sequence[str]
    failed_namespaces: Sequence[str]
    failures: Sequence[NamespaceFailure]
    content_hash: str | UnsetType = UNSET
    source_resource_version: str | UnsetType = UNSET
    last_sync_time: str | UnsetType = UNSET
    pending_since: str | UnsetType = UNSET
    prune_token: str | UnsetType = UNSET
    former_sources: Sequence[str] | UnsetType = UNSET
    plan: Plan | UnsetType = UNSET
    rollout: RolloutStatus | UnsetType = UNSET

    @property
    def ready(self) -> Condition:
        """The condition that sums up the others."""
        return next(condition for condition in self.conditions if condition.type == "Ready")

    @property
    def is_stalled(self) -> bool:
        """Whether nothing happens until somebody acts."""
        return any(condition.type == "Stalled" for condition in self.conditions)
