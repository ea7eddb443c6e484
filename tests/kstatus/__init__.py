"""What kstatus, the library of Flux and other tools, says of an object: the real one, in Go."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hooks.preview.simulator.objects import Object

_MODULE = Path(__file__).parent


def missing() -> str | None:
    """A sentence where the library cannot be built here; None where it can."""
    go = shutil.which("go")
    if go is None:
        return "go is not on PATH."
    downloaded = subprocess.run(
        [go, "mod", "download"], cwd=_MODULE, capture_output=True, check=False, text=True
    )
    if downloaded.returncode:
        return f"The Go modules of tests/kstatus cannot be downloaded: {downloaded.stderr}"
    return None


class Kstatus:
    """The library, built into a program, once for all processes that name the same folder."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "kstatus"
        with (folder / "kstatus.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._program.exists():
                command = ["go", "build", "-o", str(self._program), "."]
                subprocess.run(command, cwd=_MODULE, check=True)

    def of(self, objects: Sequence[Object]) -> Sequence[str]:
        """The status of each object: InProgress, Failed, Current or Terminating."""
        lines = "".join(f"{json.dumps(each)}\n" for each in objects)
        answered = subprocess.run(
            [self._program], input=lines, capture_output=True, check=True, text=True
        )
        return [line.partition("\t")[0] for line in answered.stdout.splitlines()]
