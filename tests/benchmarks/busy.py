"""The service, with decisions about the syncer `busy` that compute in plain Python for long."""

import time
from typing import Any, Final

from hooks import app as shell
from hooks.api.protocol import SyncRequest
from hooks.sync import sync

NAME: Final = "busy"
SECONDS: Final = 5.0


def _sync(request: SyncRequest, *more: Any) -> Any:
    ends = time.monotonic() + SECONDS
    while request.parent.metadata.name == NAME and time.monotonic() < ends:
        sum(range(1_000))
    return sync(request, *more)


def create_app() -> Any:
    """The application, in the worker's own process."""
    vars(shell)["sync"] = _sync
    return shell.create_app()
