"""The command `rollout history`: the stored revisions, and which keys each changed.

It needs the rights to get ConfigMapSyncers and to list the kind of the source in its namespace.
"""

import argparse
from collections.abc import Iterator

from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import Kubectl
from hooks.cli.rollout.revisions import RevisionHistory, StoredRevision
from hooks.cli.rollout.syncer import NotPossibleError, read_syncer
from hooks.cli.streams import whole_output
from hooks.preview.output import render
from hooks.preview.redaction import HIDDEN
from hooks.preview.simulator.objects import SYNCER
from hooks.preview.terminal import printable

_HEADERS = ("revision", "stored", "in use as", "keys")
_INDENT = "    "


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status.

    Raises KubectlError, NotPossibleError and OutputError.
    """
    kubectl = Kubectl.of(options)
    history = RevisionHistory.read(kubectl, read_syncer(kubectl, options.name))
    if options.revision:
        text = "\n".join(_lines(history, history.get(options.revision)))
    elif history.stored:
        text = render.table(_HEADERS, [_row(history, each) for each in history.stored])
    else:
        raise NotPossibleError(f"{SYNCER.kind} {options.name} has no stored revision")
    with whole_output():
        print(printable(text))
    return ExitStatus.ALL_READY


def _row(history: RevisionHistory, revision: StoredRevision) -> list[str]:
    changes = str(revision.changes(history.before(revision)))
    return [printable(revision.name), revision.created, history.use_of(revision), changes]


def _lines(history: RevisionHistory, revision: StoredRevision) -> Iterator[str]:
    """One revision with its keys, and the values where they may be shown."""
    yield revision.described
    yield f"stored: {revision.created}"
    yield f"in use as: {history.use_of(revision) or 'nothing'}"
    yield f"keys: {len(revision.keys):,}"
    texts, binaries = revision.values(), revision.values("binaryData")
    for key in revision.keys:
        if key in texts:
            yield from _value(printable(key), texts[key])
        else:
            shown = "(binary)" if key in binaries else HIDDEN
            yield f"{_INDENT}{printable(key)}: {shown}"


def _value(key: str, value: str) -> Iterator[str]:
    if "\n" not in value:
        yield f"{_INDENT}{key}: {value}"
        return
    yield f"{_INDENT}{key}:"
    yield from (f"{2 * _INDENT}{line}" for line in value.removesuffix("\n").split("\n"))
