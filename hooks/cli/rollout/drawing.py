"""Draw the state of a rollout for people: as a tree, and as one line for each change."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from hooks.api.text import counted
from hooks.cli import tree
from hooks.cli.rollout.state import NOT_RECORDED, RolloutSummary, StageState, StageSummary
from hooks.cli.rollout.syncer import command
from hooks.preview.simulator.objects import SYNCER
from hooks.rollout.types import Phase

_BAR_WIDTH: Final = 40
_STYLES: Final[Mapping[str, str]] = {
    Phase.COMPLETE: "green",
    Phase.PINNED: "green",
    Phase.HALTED: "red",
    Phase.ROLLED_BACK: "red",
    StageState.DONE: "green",
    StageState.NOT_BEGUN: "",
    StageState.NOT_USED: "",
}
_WORDS: Final[Mapping[str, str]] = {
    StageState.DONE: "done",
    StageState.NOT_BEGUN: "not begun",
    StageState.NOT_USED: "not used while a revision is pinned",
    StageState.HELD: "held while the syncer is suspended",
    Phase.PROGRESSING: "its targets get the revision now",
    Phase.AWAITING_APPROVAL: "waits for approval",
    Phase.HALTED: "halted",
    Phase.ROLLED_BACK: "rolled back",
}


def ways(summary: RolloutSummary, options: argparse.Namespace) -> Sequence[tuple[str, str]]:
    """What can be done now, and the command for it."""
    return list(_ways(summary, options))


def _ways(summary: RolloutSummary, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if summary.is_suspended:
        yield "resume it", command(options, "resume")
    if summary.pinned_revision:
        yield "remove the pin", command(options, "undo", "--unpin")
        return
    if summary.approval_token and not summary.is_approved:
        yield "approve it", command(options, "approve")
    if summary.phase in (Phase.PROGRESSING, Phase.SOAKING) and not summary.is_suspended:
        yield "hold it", command(options, "pause")
    if summary.is_undoable and summary.is_stable_stored:
        yield "go back", command(options, "undo")
    elif summary.is_undoable:
        yield "list the stored revisions", command(options, "history")
        yield "go back to one of them", command(options, "undo", "--to-revision", "REV")


def drawn(summary: RolloutSummary, options: argparse.Namespace) -> Tree:
    """The whole state."""
    heading = f"{SYNCER.kind} {summary.name}: {_heading(summary)}"
    root = tree.heading(heading, _STYLES.get(summary.phase, "yellow"))
    for line in _facts(summary):
        root.add(tree.text(line))
    for stage in summary.stages:
        line = f"stage {stage.described}: {_said_of(stage)}"
        root.add(tree.text(line, _STYLES.get(stage.state, "yellow")))
    if summary.failures:
        part = root.add(tree.text(f"failures: {len(summary.failures):,}", "red"))
        for failure in summary.failures:
            part.add(tree.text(f"{failure.namespace}: {failure.reason}: {failure.message}"))
    if summary.unknown:
        root.add(tree.text(f"The targets of the stages are not counted: {summary.unknown}"))
    if summary.message:
        root.add(tree.text(summary.message))
    for what, line in ways(summary, options):
        root.add(tree.text(f"{what} with: {line}"))
    return root


def drawn_with_bar(summary: RolloutSummary, options: argparse.Namespace) -> RenderableType:
    """The whole state, and below it how many targets hold the update revision."""
    done, total = summary.updated_count, summary.target_count
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(total, 1), completed=done, width=_BAR_WIDTH),
        Text(_holding(summary)),
    )
    return Group(drawn(summary, options), bar)


def line(summary: RolloutSummary, options: argparse.Namespace) -> str:
    """The state in one line, which is the same for as long as nothing changes."""
    parts = [_heading(summary), _holding(summary)]
    if summary.current is not None and summary.current.soaks_until:
        parts.append(f"soaks until {summary.current.soaks_until}")
    parts += [f"{each.namespace} fails with {each.reason}" for each in summary.failures[:1]]
    if summary.is_stopped or summary.approval_token or summary.is_suspended:
        parts += [f"{what} with: {command}" for what, command in ways(summary, options)]
    return f"{summary.name}: {'; '.join(parts)}"


def _heading(summary: RolloutSummary) -> str:
    parts = [_phase(summary)]
    if summary.current is not None:
        parts.append(f"stage {summary.current.described}")
    if summary.is_suspended:
        parts.append("suspended")
    if summary.is_approved:
        parts.append("approved")
    return ", ".join(parts)


def _phase(summary: RolloutSummary) -> str:
    return "no rollout is recorded" if summary.phase == NOT_RECORDED else summary.phase


def _facts(summary: RolloutSummary) -> Iterator[str]:
    revisions = {
        "update revision": summary.update_revision,
        "stable revision": summary.stable_revision,
        "pinned revision": summary.pinned_revision,
        "begun": summary.started_at,
    }
    yield from (f"{what}: {value}" for what, value in revisions.items() if value)
    yield _holding(summary)


def _holding(summary: RolloutSummary) -> str:
    done, total = summary.updated_count, summary.target_count
    verb = "holds" if done == 1 else "hold"
    return f"{done:,} of {counted(total, 'target')} {verb} the update revision"


def _said_of(stage: StageSummary) -> str:
    if stage.soaks_until is None:
        return _WORDS.get(stage.state, stage.state)
    left = timedelta(seconds=stage.soak_left_seconds or 0)
    return f"soaks until {stage.soaks_until}, {left} left"
