"""Find out which targets a rollout reaches in which stage, by taking it through all of them.

The hook decides, as always. What the preview cannot wait for is replaced in memory: every stage
waits for an approval instead of its soak time, and every approval is given.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from hooks.preview.simulator.cluster import Cluster
from hooks.preview.simulator.objects import (
    COPIED,
    SYNCER,
    ApiError,
    Object,
    annotations_of,
    controller_of,
    is_deleting,
    name_of,
)

_REVISION: Final = "config.example.com/revision"
_APPROVE: Final = "config.example.com/approve-rollout"
"""Annotations of the hook (hooks/api/names.py)."""
_WAITING: Final = "AwaitingApproval"
_COMPLETE: Final = "Complete"
_HALTED: Final = "Halted"
_UNPROVEN: Final = "nothing has proved it"
"""What the message says where a person must approve that a stage is passed, whatever the spec says.

It is part of what the hook says of a stage in which no target holds the content.
"""
_RECORDED_SECONDS: Final = 3.0
"""In this time, a rollout goes from one stage to the next: a second after it is approved."""
_MOST_ROUNDS: Final = 30
"""A rollout has at most 20 stages."""


@dataclass(frozen=True, slots=True)
class PreviewedStage:
    """A stage of a rollout: the targets whose copy changes in it, and what it then waits for.

    Without a name, it is what comes before the first stage.
    """

    name: str
    namespaces: tuple[str, ...]
    soak_seconds: int = 0
    needs_approval: bool = False
    is_unproven: bool = False
    """Whether it needs the approval because no target holds the content."""


@dataclass(frozen=True, slots=True)
class StagedRollout:
    """The stages that a rollout would go through; `stopped` is the phase in which it stays."""

    syncer: str
    stages: tuple[PreviewedStage, ...]
    stopped: str = ""


def staged_rollouts(
    cluster: Cluster,
    settle: Callable[[float], None],
    before: Iterable[Object],
    *,
    resumes: bool,
) -> tuple[StagedRollout, ...]:
    """The rollouts of all syncers, compared with the objects `before`. It changes the cluster.

    `settle` works until only more time than some seconds would move things on. `resumes` resumes
    suspended syncers; else they have no rollout.
    """
    existing = list(before)
    suspended = [each for each in _staged(cluster) if each["spec"].get("suspend")]
    if resumes and suspended:
        # As they are: what was approved counts for the stages as they are written.
        for item in suspended:
            cluster.patch(SYNCER.kind, name_of(item), None, {"spec": {"suspend": False}})
        settle(0.0)
    going = [item for item in _staged(cluster) if not item["spec"].get("suspend")]
    runs = [_StagedRun(cluster, item, existing) for item in going]
    going_on = [run for run in runs if run.begin()]
    for _ in range(_MOST_ROUNDS):
        if not going_on:
            break
        settle(_RECORDED_SECONDS)
        going_on = [run for run in going_on if run.goes_on()]
    return tuple(found for run in runs if (found := run.found()).stages)


def _staged(cluster: Cluster) -> Sequence[Object]:
    return [each for each in cluster.look_all(SYNCER.kind) if _is_staged(each)]


def _is_staged(syncer: Object) -> bool:
    spec = syncer["spec"]
    is_pinned = spec.get("pinnedRevision") is not None
    return bool(spec.get("rollout")) and not is_pinned and not is_deleting(syncer)


@dataclass(slots=True)
class _StagedRun:
    """One rollout on its way through its stages."""

    cluster: Cluster
    syncer: Object
    before: Iterable[Object]
    _known: AbstractSet[str] | None = None
    _tokens: set[str] = field(default_factory=set)
    _stages: list[PreviewedStage] = field(default_factory=list)
    _stopped: str = ""
    _accepted: str = ""
    """What approves the failures that were approved before: the stages are part of a token."""

    def begin(self) -> bool:
        """Let every stage wait for an approval; whether the API server takes that."""
        stages = [
            {**stage, "soakSeconds": 0, "approval": "Manual"}
            for stage in self.syncer["spec"]["rollout"]["stages"]
        ]
        return self._patched({"spec": {"rollout": {"stages": stages}}})

    def goes_on(self) -> bool:
        """Note what the stage that is reached has changed, and approve it; whether that is all."""
        item = self.cluster.look(SYNCER.kind, name_of(self.syncer)) or {}
        status = item.get("status") or {}
        rollout = status.get("rollout") or {}
        phase, token = rollout.get("phase", ""), rollout.get("approvalToken", "")
        if phase in ("", _COMPLETE):
            return False
        changed = self._changed(rollout["updateRevision"])
        if changed or phase == _WAITING:
            self._stages.append(self._stage(rollout.get("stage", ""), changed, status))
        if phase == _HALTED and self._is_accepted(rollout):
            self._accepted = token
        elif phase != _WAITING or token in self._tokens:
            self._stopped = phase
            return False
        self._tokens.add(token)
        # An approval that was given for something else stays.
        given = annotations_of(self.syncer).get(_APPROVE)
        approved = ",".join(filter(None, dict.fromkeys([token, self._accepted, given])))
        return self._patched({"metadata": {"annotations": {_APPROVE: approved}}})

    def _is_accepted(self, rollout: Object) -> bool:
        """Whether the rollout goes on in the cluster though these targets fail."""
        going = (self.syncer.get("status") or {}).get("rollout") or {}
        failing, accepted = (
            {each["namespace"] for each in each.get("failures") or ()} for each in (rollout, going)
        )
        is_going = going.get("phase") not in (_HALTED, None)
        return is_going and rollout["approvalToken"] not in self._tokens and failing <= accepted

    def found(self) -> StagedRollout:
        """What there is to tell."""
        return StagedRollout(name_of(self.syncer), tuple(self._stages), self._stopped)

    def _stage(self, name: str, changed: Iterable[str], status: Object) -> PreviewedStage:
        written: Mapping[str, Object] = {
            stage["name"]: stage for stage in self.syncer["spec"]["rollout"]["stages"]
        }
        stage = written.get(name, {})
        messages = (str(each["message"]) for each in status.get("conditions") or ())
        is_unproven = any(_UNPROVEN in message for message in messages)
        is_manual = stage.get("approval") == "Manual" or not stage
        return PreviewedStage(
            name,
            tuple(sorted(changed)),
            stage.get("soakSeconds", 0),
            is_manual or is_unproven,
            is_unproven,
        )

    def _changed(self, update: str) -> AbstractSet[str]:
        """The targets that hold the update since the last stage."""
        if self._known is None:
            self._known = self._holding(self.before, update)
        copies = (each for kind in COPIED for each in self.cluster.look_all(kind.kind))
        holding = self._holding(copies, update)
        changed = holding - self._known
        self._known = holding
        return changed

    def _holding(self, objects: Iterable[Object], update: str) -> AbstractSet[str]:
        """The namespaces of the syncer's copies that hold a revision."""
        return {
            str(each["metadata"]["namespace"])
            for each in objects
            if annotations_of(each).get(_REVISION) == update
            and (owner := controller_of(each)) is not None
            and (owner["kind"], owner["name"]) == (SYNCER.kind, name_of(self.syncer))
        }

    def _patched(self, patch: Object) -> bool:
        try:
            self.cluster.patch(SYNCER.kind, name_of(self.syncer), None, patch)
        except ApiError:
            return False
        return True
