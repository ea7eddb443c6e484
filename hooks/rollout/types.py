"""`status.rollout` as the API has it, and as it is read back."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

FAILURES_LIMIT: Final = 20
"""How many failures of a rollout are listed."""
MESSAGE_LIMIT: Final = 2_000
"""Characters of what is said about one of them."""
TOKENS_LIMIT: Final = 20
"""How many tokens the annotation that approves steps may list."""

# What is read back is said again, so nothing is read that could not have been written here.
_Name = Annotated[str, Meta(pattern=r"^[-.a-z0-9]{1,253}\Z")]
_Stamp = Annotated[str, Meta(pattern=r"^[-:TZ0-9]{20}\Z")]
_Token = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Reason = Annotated[str, Meta(pattern=r"^[A-Za-z]{1,100}\Z")]
_Message = Annotated[str, Meta(pattern=r"^[ -~]*\Z", max_length=MESSAGE_LIMIT)]


class Phase(StrEnum):
    """Where a rollout is."""

    COMPLETE = "Complete"
    PROGRESSING = "Progressing"
    SOAKING = "Soaking"
    AWAITING_APPROVAL = "AwaitingApproval"
    HALTED = "Halted"
    ROLLED_BACK = "RolledBack"
    PINNED = "Pinned"


IN_PROGRESS: Final = (Phase.PROGRESSING, Phase.SOAKING, Phase.AWAITING_APPROVAL)


class RolloutFailure(msgspec.Struct, frozen=True):
    """A target that failed with the update revision."""

    namespace: _Name
    reason: _Reason
    message: _Message = ""


class RolloutStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What is remembered of a rollout; times are RFC 3339 in UTC, to the second.

    The update revision is the source's content, the stable one the last that completed all stages;
    it is left out where that is not known, because no copy is whole.
    """

    update_revision: _Name
    phase: Phase
    stable_revision: _Name | UnsetType = UNSET
    stage: _Name | UnsetType = UNSET
    started_at: _Stamp | UnsetType = UNSET
    soaking_since: _Stamp | UnsetType = UNSET
    updated_count: int = 0
    target_count: int = 0
    approval_token: _Token | UnsetType = UNSET
    failures: Annotated[Sequence[RolloutFailure], Meta(max_length=FAILURES_LIMIT)] | UnsetType = (
        UNSET
    )

    @property
    def step(self) -> tuple[object, ...]:
        """What takes effect in the sync that reads it, and not before.

        What a stage waits for decides about no copy.
        """
        phase = None if self.phase in IN_PROGRESS else self.phase
        return self.update_revision, self.stable_revision, self.stage, phase


_STATUS: Final = msgspec.json.Decoder(RolloutStatus)


def read(raw: msgspec.Raw) -> RolloutStatus | None:
    """What a status says; nothing where there is none or somebody wrote nonsense."""
    try:
        return _STATUS.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
