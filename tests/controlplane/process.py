"""One program under test: started until it is ready, killed, started again."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.controlplane.client import TimedOut, wait_for
from tests.controlplane.workspace import Workspace, environment


class StartFailed(Exception):
    """A program ended or did not get ready in time; the message ends with the tail of its log."""


class Process:
    """A program in a process group of its own, with its output in files.

    Both files are only ever appended to, so that what was written before a
    restart stays readable after it.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        command: Sequence[str],
        *,
        ready: Callable[[], bool],
        settings: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
        seconds: float = 60,
    ) -> None:
        self.name = name
        self.output = workspace.folder / f"{name}.out"
        self.log = workspace.folder / f"{name}.log"
        self._workspace = workspace
        self._command = list(command)
        self._ready = ready
        self._settings = dict(settings or {})
        self._working_directory = working_directory or workspace.folder
        self._seconds = seconds
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the program has been started and has not ended."""
        return self._running is not None and self._running.poll() is None

    @property
    def crashed(self) -> bool:
        """Whether the program has ended by itself since it was started."""
        return self._running is not None and self._running.poll() is not None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        if self._running is None:
            raise RuntimeError(f"{self.name} is not running.")
        return self._running.pid

    def launch(self) -> None:
        """Start the program without waiting for it."""
        if self.running:
            raise RuntimeError(f"{self.name} is already running.")
        with self.output.open("ab") as output, self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd=self._working_directory,
                env=environment(**self._settings),
                start_new_session=True,
            )
        self._workspace.started(self._running.pid)

    def wait_until_ready(self) -> None:
        """Return when the program is ready; raise StartFailed when it ends or takes too long."""
        try:
            wait_for(self._is_ready, f"{self.name} to get ready", seconds=self._seconds)
        except TimedOut as timed_out:
            raise StartFailed(f"{timed_out}\n{self.tail()}") from timed_out

    def start(self) -> None:
        """Start the program and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def wait(self) -> None:
        """Return when the running program has ended by itself."""
        if self._running is None:
            raise RuntimeError(f"{self.name} is not running.")
        self._running.wait()

    def stop(self, seconds: float = 30) -> None:
        """Ask the program to end; kill it when it does not in time."""
        if self._running is None:
            return
        self._running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """End the program and all its children with SIGKILL, as a crash would."""
        if self._running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        self._workspace.ended(self._running.pid)
        self._running = None

    def restart(self) -> None:
        """Kill the program, start it again on the same ports, and wait until it is ready."""
        self.kill()
        self.start()

    def tail(self, lines: int = 30) -> str:
        """The end of what the program wrote to stderr and stdout."""
        written = [
            line
            for file in (self.log, self.output)
            if file.exists()
            for line in file.read_text("utf-8", "replace").splitlines()[-lines:]
        ]
        return "\n".join([f"--- {self.name} ---", *written])

    def last_line(self) -> str:
        """The last line that the program wrote, to stdout or stderr; empty where there is none."""
        latest = max((self.log, self.output), key=lambda file: file.stat().st_mtime_ns)
        return "".join(latest.read_text("utf-8", "replace").splitlines()[-1:])

    def _is_ready(self) -> bool:
        if self._running is not None and (code := self._running.poll()) is not None:
            raise StartFailed(f"{self.name} ended with code {code}.\n{self.tail()}")
        return self._ready()
