"""Draw the state of syncers as trees, for people.

On a terminal lines are wrapped and coloured; in a pipe every leaf is one line, however long.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from hooks.cli.syncer_state import ClusterState, NamespaceState, SyncerSummary, UnmanagedCopy
from hooks.preview.terminal import is_plain, printable

_NAMED: Final = 20
"""How many namespaces are named of those that are in order."""

_WIDEST: Final = 100_000
"""No leaf is longer; a pipe has no width."""

_STYLES: Final = {"True": "green", "False": "red", "Unknown": "yellow"}


def console(to: TextIO) -> Console:
    """The console for a stream."""
    if is_plain(to):
        return Console(file=to, width=_WIDEST, color_system=None, force_terminal=False)
    return Console(file=to, highlight=False)


def trees(state: ClusterState) -> list[Tree | Text]:
    """A tree for every syncer, one for the copies of none, and what is not known."""
    drawn: list[Tree | Text] = [_syncer(each) for each in state.syncers]
    if state.without_syncer:
        tree = heading("Copies without a syncer", "yellow")
        _add(tree, map(_unmanaged, state.without_syncer))
        drawn.append(tree)
    if state.unknown:
        drawn.append(text(f"Objects that only look like copies are not shown: {state.unknown}"))
    return drawn or [text("There is no ConfigMapSyncer.")]


def _syncer(state: SyncerSummary) -> Tree:
    tree = heading(f"ConfigMapSyncer {state.name}: {_heading(state)}", _STYLES.get(state.ready, ""))
    tree.add(text(state.message))
    tree.add(text(f"source: {state.source}"))
    if state.synced_count:
        _part(tree, f"synced: {state.synced_count:,}", "green", [_names(state)])
    if state.pending_count:
        since = f", since {state.pending_since}" if state.pending_since else ""
        tree.add(text(f"pending: {state.pending_count:,}{since}", "yellow"))
    failed = state.failed_count - len(state.not_removed)
    _part(tree, f"failed: {failed:,}", "red", _failures(state.failed, failed))
    removed = state.not_removed
    _part(tree, f"cannot be removed: {len(removed):,}", "red", _failures(removed, len(removed)))
    _part(
        tree, f"unmanaged: {len(state.unmanaged):,}", "yellow", [*map(_unmanaged, state.unmanaged)]
    )
    return tree


def _heading(state: SyncerSummary) -> str:
    words = {"True": "Ready", "False": "not Ready", "Unknown": "not known"}
    return f"{words.get(state.ready, state.ready)}, {state.reason}"


def _names(state: SyncerSummary) -> str:
    shown = ", ".join(state.synced[:_NAMED])
    rest = state.synced_count - len(state.synced[:_NAMED])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _failures(failures: Sequence[NamespaceState], count: int) -> list[str]:
    lines = [f"{each.namespace}: {each.reason}: {each.message}{_since(each)}" for each in failures]
    rest = count - len(failures)
    return [*lines, f"and {rest:,} more"] if rest > 0 else lines


def _since(failure: NamespaceState) -> str:
    return f" (since {failure.since})" if failure.since else ""


def _unmanaged(copy: UnmanagedCopy) -> str:
    return f"{copy.kind} {copy.namespace}/{copy.name} {copy.message}"


def _part(tree: Tree, words: str, style: str, leaves: Sequence[str]) -> None:
    if leaves:
        _add(tree.add(text(words, style)), leaves)


def _add(tree: Tree, leaves: Iterable[str]) -> None:
    for leaf in leaves:
        tree.add(text(leaf))


def heading(words: str, style: str) -> Tree:
    """A tree that has no leaves yet."""
    return Tree(text(words, style))


def text(line: str, style: str = "") -> Text:
    """A line of which nothing is taken for markup or a command to the terminal."""
    return Text(printable(line), style=style)
