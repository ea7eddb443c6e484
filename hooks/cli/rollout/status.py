"""The command `rollout status`: how far the rollout is, and what it waits for.

It needs the right to get ConfigMapSyncers; with the right to list Namespaces it also counts the
targets of each stage, and with the right to get the kind of the source in its namespace it knows
whether the stable revision is still stored. Exit status: 0 when every target gets the same content,
1 otherwise.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import yaml
from rich.live import Live

from hooks.cli import tree
from hooks.cli.arguments import Format
from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import Kubectl
from hooks.cli.rollout import drawing
from hooks.cli.rollout.revisions import is_stored
from hooks.cli.rollout.stages import Stages
from hooks.cli.rollout.state import RolloutSummary, summary_of
from hooks.cli.rollout.syncer import read_syncer
from hooks.cli.streams import whole_output, writable_output
from hooks.preview.terminal import is_plain, one_line, progress

_POLL_SECONDS: Final = 1.0

_Write = Callable[[RolloutSummary], None]


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    if options.watch:
        last = _watch(options)
    else:
        with progress("Reading the cluster"):
            last = _read(options, {})
        with whole_output():
            _write(last, options)
    return ExitStatus.ALL_READY if last.is_settled else ExitStatus.NOT_READY


def _read(options: argparse.Namespace, stored: dict[str, bool]) -> RolloutSummary:
    """The state; `stored` remembers which revisions are, so that a watch asks once for each."""
    kubectl = Kubectl.of(options)
    syncer = read_syncer(kubectl, options.name)
    summary = summary_of(syncer, Stages.read(kubectl, syncer), datetime.now(UTC))
    stable = summary.stable_revision
    if stable is None or not summary.is_undoable:
        return summary
    if stable not in stored:
        stored[stable] = is_stored(kubectl, syncer, stable)
    return replace(summary, is_stable_stored=stored[stable])


def _watch(options: argparse.Namespace) -> RolloutSummary:
    """Show every change until the rollout is settled or stopped; returns the last state."""
    stored: dict[str, bool] = {}
    with _writer(options) as write:
        while True:
            summary = _read(options, stored)
            with writable_output():
                write(summary)
            if summary.is_settled or summary.is_stopped:
                return summary
            time.sleep(_POLL_SECONDS)


@contextmanager
def _writer(options: argparse.Namespace) -> Iterator[_Write]:
    """What shows one state after another: on a terminal in the place of the last one."""
    if options.output is not Format.TREE:
        yield _changes_alone(lambda summary: _write(summary, options))
    elif is_plain(sys.stdout):
        yield _changes_alone(lambda summary: _write_line(summary, options))
    else:
        console = tree.console(sys.stdout)
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda summary: live.update(
                drawing.drawn_with_bar(summary, options), refresh=True
            )


def _changes_alone(write: _Write) -> _Write:
    """What writes a state only if it differs from the one before; the time that is left does."""
    shown: list[RolloutSummary] = []

    def written(summary: RolloutSummary) -> None:
        if summary not in shown:
            write(summary)
        shown[:] = [summary]

    return written


def _write_line(summary: RolloutSummary, options: argparse.Namespace) -> None:
    sys.stdout.write(f"{one_line(drawing.line(summary, options))}\n")
    sys.stdout.flush()


def _write(summary: RolloutSummary, options: argparse.Namespace) -> None:
    shown = summary.as_json(drawing.ways(summary, options))
    match options.output:
        case Format.JSON:
            json.dump(shown, sys.stdout, indent=4)
            sys.stdout.write("\n")
        case Format.YAML:
            yaml.safe_dump(shown, sys.stdout, sort_keys=False, explicit_start=True)
        case Format.TREE:
            tree.console(sys.stdout).print(drawing.drawn(summary, options))
    sys.stdout.flush()
