"""Run one of the commands of `rollout`."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Final

from hooks.cli.exit_status import ExitStatus
from hooks.cli.rollout import approve, diff, history, pause, status, undo
from hooks.cli.rollout.syncer import NotPossibleError

_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace], int]]] = {
    "status": status.run,
    "history": history.run,
    "diff": diff.run,
    "approve": approve.run,
    "pause": pause.run,
    "resume": pause.resume,
    "undo": undo.run,
}


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit status. Raises KubectlError and OutputError."""
    try:
        return _COMMANDS[options.action](options)
    except NotPossibleError as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT
