"""The command `rollout diff`: what differs between two revisions.

It needs the rights to get ConfigMapSyncers and to list the kind of the source in its namespace.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import Kubectl
from hooks.cli.rollout.revisions import RevisionHistory, StoredRevision
from hooks.cli.rollout.syncer import NotPossibleError, read_syncer, rollout_of
from hooks.cli.streams import whole_output
from hooks.preview.output.diff import MOST_LINES, Colour
from hooks.preview.simulator.objects import SYNCER
from hooks.preview.terminal import is_plain, printable

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_NOTHING: Final = "/dev/null"
_COLOURS: Final = {"+": Colour.ADDED, "-": Colour.REMOVED, "@": Colour.HEADING}
_NO_LINE_BREAK: Final = "\\ No newline at end of file"


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl = Kubectl.of(options)
    syncer = read_syncer(kubectl, options.name)
    recorded = rollout_of(syncer)
    first = options.first if options.second else recorded.get("stableRevision")
    second = options.second or options.first or recorded.get("updateRevision")
    if not first or not second:
        what = "stable" if not first else "update"
        raise NotPossibleError(
            f"{SYNCER.kind} {options.name} has no {what} revision: name two revisions"
        )
    history = RevisionHistory.read(kubectl, syncer)
    lines = list(_lines(history.get(first), history.get(second)))
    is_coloured = not is_plain(sys.stdout)
    with whole_output():
        for line in lines or [f"{printable(first)} and {printable(second)} are the same."]:
            print(_coloured(line) if is_coloured else line)
    return ExitStatus.ALL_READY


def _lines(old: StoredRevision, new: StoredRevision) -> Iterator[str]:
    changes = new.changes(old)
    if changes.has_other_type:
        types = [printable(str(each.item.get("type"))) for each in (old, new)]
        yield f"type: {' -> '.join(types)}"
    signs = {"+": changes.new, "-": changes.gone, "~": changes.changed}
    by_key = sorted((key, sign) for sign, keys in signs.items() for key in keys)
    before, after = old.values(), new.values()
    for key, sign in by_key:
        if before.get(key) == after.get(key):
            # A value of a Secret, or a binary one.
            yield f"{sign} {printable(key)}"
        else:
            yield f"--- {f'{printable(old.name)}/{printable(key)}' if key in before else _NOTHING}"
            yield f"+++ {f'{printable(new.name)}/{printable(key)}' if key in after else _NOTHING}"
            yield from map(printable, _unified(before.get(key, ""), after.get(key, "")))


def _unified(before: str, after: str) -> Iterator[str]:
    """The hunks; where only one of the texts ends with a line break, that is pointed out."""
    old, new = _LINE.findall(before), _LINE.findall(after)
    is_marked = bool(before and after) and before.endswith("\n") != after.endswith("\n")
    for line in _hunks(old, new):
        text = line.removesuffix("\n")
        yield text
        if is_marked and text == line and not line.startswith("@@"):
            yield _NO_LINE_BREAK


def _hunks(old: Sequence[str], new: Sequence[str]) -> Sequence[str]:
    if max(len(old), len(new)) > MOST_LINES:
        whole = f"@@ -1,{len(old)} +1,{len(new)} @@\n"
        return [whole, *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    # The first two lines would name the files.
    return list(difflib.unified_diff(old, new))[2:]


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"{colour}{line}{Colour.END}" if colour else line
