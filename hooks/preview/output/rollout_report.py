"""Show in which stages a changed content would reach the targets of a syncer."""

from collections.abc import Iterator, Sequence
from typing import Final

from hooks.preview.output import render
from hooks.preview.stages import PreviewedStage, StagedRollout

_NAMED: Final = 10
"""How many namespaces are named of a stage."""
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def sections(rollouts: Sequence[StagedRollout]) -> Iterator[str]:
    """A table for every rollout: its stages in order, and what each of them waits for."""
    for rollout in rollouts:
        last = len(rollout.stages) - 1
        rows = [
            [
                stage.name or "(before the first)",
                f"{len(stage.namespaces):,}",
                _named(stage.namespaces),
                _then(stage, is_last=place == last, is_stopped=bool(rollout.stopped)),
            ]
            for place, stage in enumerate(rollout.stages)
        ]
        heading = f"Stages of {rollout.syncer}, if nothing fails and every approval is given:"
        lines = [heading, render.table(["stage", "targets", "namespaces", "then"], rows)]
        if rollout.stopped:
            lines.append(f"What follows is not known: the rollout is {rollout.stopped}.")
        yield "\n".join(lines)


def _named(namespaces: Sequence[str]) -> str:
    rest = len(namespaces) - _NAMED
    names = ", ".join(namespaces[:_NAMED])
    return f"{names} and {rest:,} more" if rest > 0 else names


def _then(stage: PreviewedStage, *, is_last: bool, is_stopped: bool) -> str:
    """What happens when the targets of a stage hold the content; where it stops, nothing does."""
    if is_last and is_stopped:
        return ""
    waits = []
    if stage.soak_seconds and not stage.is_unproven:
        waits.append(f"soaks for {_duration(stage.soak_seconds)}")
    if stage.needs_approval:
        why = ", because no target of the stage holds the content" if stage.is_unproven else ""
        waits.append(f"waits for approval{why}")
    if is_last:
        waits.append("is complete")
    return ", then ".join(waits)


def _duration(seconds: int) -> str:
    """A time as people say it, in the largest unit that tells it exactly."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    number = seconds // size
    return f"{number:,} {unit}{'' if number == 1 else 's'}"
