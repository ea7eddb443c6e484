"""Run a command of the command line in a process of its own.

What a command needs is loaded when it runs: a status does not wait for the simulator.
"""

import argparse
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence

from hooks.cli import parser
from hooks.cli.exit_status import ExitStatus
from hooks.cli.kubectl import KubectlError
from hooks.cli.parser import MODULE, PLUGIN, Program
from hooks.cli.streams import OutputError, ignore_closed_output


def main(arguments: Sequence[str] | None = None, program: Program = MODULE) -> int:
    """Run a command; returns its exit status."""
    options = parser.parse(program, arguments)
    try:
        return _command(options.command)(options)
    except (KubectlError, OutputError) as error:
        print(error, file=sys.stderr)
        return ExitStatus.BAD_INPUT


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    match name:
        case "preview":
            from hooks.cli import preview

            return preview.run
        case "status":
            from hooks.cli import status

            return status.run
        case "rollout":
            from hooks.cli.rollout import commands

            return commands.run
        case "confirm-prune":
            from hooks.cli import confirm_prune

            return confirm_prune.run
        case "migrate":
            from hooks.cli import migrate

            return migrate.run
        case "completion":
            from hooks.cli import completion

            return completion.run
        case _:
            raise AssertionError(f"the parser knows the command {name}, and nothing runs it")


def run(program: Program = MODULE) -> int:
    """Run a command as the whole process: quiet at Ctrl-C and where nobody reads on."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status: int = ExitStatus.NOT_READY
    # A process can be started with nothing to write to, and then there is no stream at all.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        # Values are UTF-8 wherever they are printed; a name of a file can be any bytes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Objects of a cluster refer to no other in a circle, and looking for circles among them took a
    # third of the time. A watch, which lives longer, looks once a run.
    gc.disable()
    try:
        with ignore_closed_output():
            status = main(program=program)
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    return status


def plugin() -> int:
    """Run `kubectl-cmsync`, which kubectl starts for `kubectl cmsync`."""
    if "_ARGCOMPLETE" in os.environ:
        from hooks.cli import completion

        completion.answer_shell()
    return run(PLUGIN)


def _stop(*_: object) -> None:
    """Unwind, so that the service that was started ends with this process."""
    raise KeyboardInterrupt
