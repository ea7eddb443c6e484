"""The service with a gate: a decision about the syncer `gated` waits at a named pipe.

Like a decision that computes for long, it holds its thread until the gate opens; unlike one, it
leaves the processor to the test.
"""

import os
from pathlib import Path
from typing import Any

from hooks import app as shell
from hooks.api.protocol import SyncRequest
from hooks.server import decisions, worker
from hooks.sync import sync

_GATE = Path(os.environ["GATE"])


def _sync(request: SyncRequest, *more: Any) -> Any:
    if request.parent.metadata.name == "gated":
        _GATE.read_bytes()
    return sync(request, *more)


def create_app() -> Any:
    """The application, in the worker's own process."""
    vars(shell)["sync"] = _sync
    decisions.DECIDING_THREADS = int(os.environ.get("THREADS", "8"))  # type: ignore[misc]
    worker._ANSWER_SECONDS = int(os.environ.get("ANSWER_SECONDS", "60"))  # type: ignore[misc]
    return shell.create_app()
