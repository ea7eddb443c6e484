"""Ends the processes and removes the folder of a test run that can no longer do so itself.

A killed test run closes its end of the pipe that this program reads; nothing
that the run could forget or that a signal could prevent is needed. It runs as
a file, outside the run's session, and imports nothing of the project.

Lines on stdin: `group N` (a process group is running), `gone N` (it has
ended), `folder PATH` (remove it at the end).
"""

import contextlib
import os
import shutil
import signal
import sys
import time


def main() -> None:
    """Read until the run is over, then end and remove what is left of it."""
    groups: set[int] = set()
    folders: set[str] = set()
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == "group":
            groups.add(int(value))
        elif word == "gone":
            groups.discard(int(value))
        elif word == "folder":
            folders.add(value)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for folder in folders:
        _remove(folder)


def _remove(folder: str) -> None:
    """Remove a folder in which a process that was just killed may still finish a write."""
    deadline = time.monotonic() + 10
    while os.path.exists(folder) and time.monotonic() < deadline:  # noqa: PTH110 -- a light start
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


if __name__ == "__main__":
    main()
