"""Sum up a rollout, from what kubectl prints of its syncer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from hooks.api.times import read_time, write_time
from hooks.cli.rollout.stages import Stages
from hooks.cli.rollout.syncer import (
    approved_of,
    conditions_of,
    is_observed,
    is_suspended,
    pinned_of,
    rollout_of,
)
from hooks.cli.syncer_state import NamespaceState
from hooks.preview.simulator.objects import Object, name_of
from hooks.rollout.types import IN_PROGRESS, Phase

_SETTLED: Final = (Phase.COMPLETE, Phase.PINNED)
_STOPPED: Final = (Phase.HALTED, Phase.ROLLED_BACK)

NOT_RECORDED: Final = "NotRecorded"
"""The phase where the hook has recorded no rollout yet; it is no phase of the hook."""


class StageState(StrEnum):
    """How far a stage is that the rollout is not in; the others have the phase of the rollout.

    Only while the syncer is suspended, the stage that the rollout is in is held.
    """

    DONE = "Done"
    HELD = "Held"
    NOT_BEGUN = "NotBegun"
    NOT_USED = "NotUsed"


@dataclass(frozen=True, slots=True)
class StageSummary:
    """A stage at one moment: its state, and while it soaks, until when."""

    name: str
    described: str
    state: str
    target_count: int | None
    soak_seconds: int
    approval: str
    soaks_until: str | None = None
    soak_left_seconds: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RolloutSummary:
    """A rollout at one moment.

    The counts are of all targets. `is_settled` tells that every target gets the same content,
    `is_stopped` that nothing goes on until somebody corrects something, `is_undoable` that there is
    a stable revision to go back to, which may not be stored any more. `unknown` says why the
    targets of the stages are not counted.
    """

    name: str
    phase: str
    message: str
    is_settled: bool
    is_stopped: bool
    is_suspended: bool
    is_approved: bool
    is_undoable: bool
    update_revision: str | None
    stable_revision: str | None
    pinned_revision: str | None
    stage: str | None
    started_at: str | None
    approval_token: str | None
    updated_count: int
    target_count: int
    stages: Sequence[StageSummary]
    failures: Sequence[NamespaceState]
    unknown: str | None = None
    is_stable_stored: bool = True

    @property
    def current(self) -> StageSummary | None:
        """The stage that the rollout is in."""
        return next((each for each in self.stages if each.name == self.stage), None)

    def as_json(self, ways: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
        """The same for other programs, with what can be done; absent is what is not known."""
        return _known(
            {
                "name": self.name,
                "phase": self.phase,
                "message": self.message,
                "complete": self.is_settled,
                "stopped": self.is_stopped,
                "suspended": self.is_suspended,
                "updateRevision": self.update_revision,
                "stableRevision": self.stable_revision,
                "pinnedRevision": self.pinned_revision,
                "stage": self.stage,
                "startedAt": self.started_at,
                "approvalToken": self.approval_token,
                "updatedCount": self.updated_count,
                "targetCount": self.target_count,
                "stages": [_stage_as_json(each) for each in self.stages],
                "targetsOfStagesUnknown": self.unknown,
                "failures": [
                    {"namespace": each.namespace, "reason": each.reason, "message": each.message}
                    for each in self.failures
                ],
                "next": [{"purpose": what, "command": command} for what, command in ways],
            }
        )


def summary_of(syncer: Object, stages: Stages, now: datetime) -> RolloutSummary:
    """Sum up the rollout of a syncer as it is at a time."""
    recorded = rollout_of(syncer)
    conditions = conditions_of(syncer)
    states = {name: each["status"] for name, each in conditions.items()}
    phase = str(recorded.get("phase") or NOT_RECORDED)
    token = recorded.get("approvalToken")
    is_approved = token is not None and token in approved_of(syncer)
    is_reconciling = states.get("Reconciling") == "True"
    is_current = is_observed(syncer) and not is_suspended(syncer)
    is_stalled = states.get("Stalled") == "True"
    is_resolved = states.get("SourceResolved", "True") == "True"
    is_settled = phase in _SETTLED and is_current and not is_reconciling and is_resolved
    is_stopped = is_observed(syncer) and not is_approved and phase in _STOPPED
    # Elsewhere a target can fail for another reason, and the rollout goes on.
    is_blocked = is_current and is_stalled and not is_settled and not is_approved
    message = conditions.get("Ready", {}).get("message", "")
    if not is_observed(syncer):
        message = "The hook has not observed this spec yet; if that lasts, it cannot be reached."
    return RolloutSummary(
        name=name_of(syncer),
        phase=phase,
        message=message,
        is_settled=is_settled,
        is_stopped=is_stopped or is_blocked,
        is_suspended=is_suspended(syncer),
        is_approved=is_approved,
        is_undoable=_is_undoable(syncer),
        update_revision=recorded.get("updateRevision"),
        stable_revision=recorded.get("stableRevision"),
        pinned_revision=pinned_of(syncer) or None,
        stage=recorded.get("stage"),
        started_at=recorded.get("startedAt"),
        approval_token=token,
        updated_count=recorded.get("updatedCount", 0),
        target_count=recorded.get("targetCount", 0),
        stages=list(_stages(syncer, stages, phase, now)),
        failures=[
            NamespaceState(each["namespace"], each["reason"], each.get("message", ""))
            for each in recorded.get("failures") or ()
        ],
        unknown=stages.unknown,
    )


def _is_undoable(syncer: Object) -> bool:
    recorded = rollout_of(syncer)
    is_undone = recorded.get("phase") in (Phase.COMPLETE, Phase.ROLLED_BACK)
    stable, update = recorded.get("stableRevision"), recorded.get("updateRevision")
    return not is_undone and not pinned_of(syncer) and stable not in (None, update)


def _stages(syncer: Object, stages: Stages, phase: str, now: datetime) -> Iterator[StageSummary]:
    recorded = rollout_of(syncer)
    current = stages.index(recorded.get("stage"))
    is_held = is_suspended(syncer) and phase in IN_PROGRESS
    for place, written in enumerate(stages.written):
        soak = int(written.get("soakSeconds") or 0)
        is_soaking = place == current and phase == Phase.SOAKING and not is_held
        until = _until(recorded, soak) if is_soaking else None
        left = max(0, int((until - now).total_seconds())) if until else None
        yield StageSummary(
            name=written["name"],
            described=stages.described(place),
            state=StageState.HELD
            if is_held and place == current
            else _state(phase, place, current),
            target_count=None if stages.sizes is None else stages.sizes[place],
            soak_seconds=soak,
            approval=written.get("approval") or "Automatic",
            soaks_until=write_time(until) if until else None,
            soak_left_seconds=left,
        )


def _state(phase: str, place: int, current: int | None) -> str:
    if phase == Phase.COMPLETE:
        return StageState.DONE
    if phase == Phase.PINNED:
        return StageState.NOT_USED
    if current is None or place > current:
        return StageState.NOT_BEGUN
    if place == current or phase == Phase.ROLLED_BACK:
        return phase
    return StageState.DONE


def _until(recorded: Object, soak: int) -> datetime | None:
    """When the soak is over; None where its beginning is not known."""
    since = read_time(str(recorded.get("soakingSince") or ""))
    return since + timedelta(seconds=soak) if since else None


def _stage_as_json(stage: StageSummary) -> Mapping[str, Any]:
    return _known(
        {
            "name": stage.name,
            "state": str(stage.state),
            "targetCount": stage.target_count,
            "soakSeconds": stage.soak_seconds,
            "approval": stage.approval,
            "soaksUntil": stage.soaks_until,
            "soakLeftSeconds": stage.soak_left_seconds,
        }
    )


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
