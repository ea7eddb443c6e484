"""The hook as it runs in production, and what its log says about the calls it got."""

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.controlplane.client import Object
from tests.controlplane.plane import answers
from tests.controlplane.process import Process
from tests.controlplane.tools import ROOT
from tests.controlplane.workspace import Workspace
from tests.smoke import COMMAND


class HookProcess(Process):
    """The service under gunicorn at `.url`; `settings` and `command` are for tests of faults.

    `tls` reaches a service whose settings put it under TLS; `root` is the folder of another
    state of the project.
    """

    def __init__(
        self,
        workspace: Workspace,
        strategy: str,
        settings: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = COMMAND,
        port: int | None = None,
        tls: ssl.SSLContext | None = None,
        root: Path = ROOT,
    ) -> None:
        port = port or workspace.port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        super().__init__(
            workspace,
            "hook",
            command,
            ready=lambda: answers(f"{self.url}/readyz", tls),
            settings={
                "HOST": "127.0.0.1",
                "PORT": str(port),
                "APPLY_STRATEGY": strategy,
                "PYTHONUNBUFFERED": "1",
            }
            | dict(settings or {}),
            working_directory=root,
        )
        self._lines: list[Object] = []
        self._read = 0

    def calls(self, hook: str | None = None, syncer: str | None = None) -> list[Object]:
        """The log's request lines, oldest first: of one hook (`sync`, …) and one syncer, or all."""
        self._follow()
        return [
            line
            for line in self._lines
            if hook in (None, line["hook"]) and syncer in (None, line.get("syncer"))
        ]

    def _follow(self) -> None:
        """Read what was logged since the last time: a log of thousands of calls is asked often."""
        if not self.output.exists():
            return
        with self.output.open("rb") as output:
            output.seek(self._read)
            complete, end, _ = output.read().rpartition(b"\n")
        self._read += len(complete) + len(end)
        lines = (json.loads(line) for line in complete.split(b"\n") if line.startswith(b"{"))
        self._lines += [line for line in lines if "hook" in line]
