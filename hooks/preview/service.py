"""Start the real hook, as the image does, or find one that runs, and ask it over HTTP.

What the offline run says must be what the service answers, so nothing of it is imported here: it
runs under gunicorn in a process of its own, on a free port of the loopback interface, and ends
with the run however that ends.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from hooks.preview.simulator.hook import Hook, HookError

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_SECONDS_TO_START: Final = 30.0
_SECONDS_TO_END: Final = 5.0
_SECONDS_TO_ANSWER: Final = 60.0
_POLL: Final = 0.02
_CONNECTIONS: Final = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}
_OK: Final = 200


class ServiceError(Exception):
    """The service did not start; the message ends with what it said last."""


class UnreachableError(Exception):
    """There is no hook at the URL that was given; the message says what was there instead."""


@contextlib.contextmanager
def at(url: str) -> Iterator[Hook]:
    """Give the callable that asks a hook which runs at a URL. Raises UnreachableError."""
    try:
        parts = urllib.parse.urlsplit(url)
        asker = _Asker(parts.scheme, parts.hostname or "", parts.port, parts.path.rstrip("/"))
    except (KeyError, ValueError) as error:
        raise UnreachableError(f"{url} is no URL such as http://127.0.0.1:8080") from error
    with contextlib.closing(asker):
        try:
            status, body, _ = asker.request("GET", "/readyz")
        except (http.client.HTTPException, OSError) as error:
            raise UnreachableError(f"{url} cannot be reached: {error}") from error
        if (status, body.strip()) != (_OK, b"ok"):
            raise UnreachableError(f"{url} is no hook: GET /readyz is answered with {status}")
        yield asker


@contextlib.contextmanager
def running(apply_strategy: str = "server-side-apply") -> Iterator[Hook]:
    """Run the service and give the callable that asks it. Raises ServiceError."""
    port = _free_port()
    environment = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "APPLY_STRATEGY": apply_strategy,
        "PYTHONPATH": str(_REPOSITORY),
    }
    command = [sys.executable, "-m", "hooks"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=_REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, port, log)
            # Ended with a connection open, the service would wait for it a while.
            with contextlib.closing(_Asker("http", "127.0.0.1", port)) as asker:
                yield asker
        finally:
            _end(process)


class _Asker:
    """One kept-alive connection to the service."""

    def __init__(self, scheme: str, host: str, port: int | None, prefix: str = "") -> None:
        if not host:
            raise ValueError("a URL has a host")
        self._connection = _CONNECTIONS[scheme](host, port, timeout=_SECONDS_TO_ANSWER)
        self._prefix = prefix

    def __call__(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        try:
            return self.request("POST", path, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._connection.close()  # The service ends idle connections; a new one is as good.
        try:
            return self.request("POST", path, body)
        except (http.client.HTTPException, OSError) as error:
            raise HookError(
                f"{path.strip('/')} hook failed (version=v2): http error: {error}"
            ) from error

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def request(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """The status, body and headers of one answer."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, f"{self._prefix}{path}", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceError(f"the hook service ended with {process.returncode}: {_last(log)}")
        if _is_ready(port):
            return
        time.sleep(_POLL)
    raise ServiceError(f"the hook service was not ready in {_SECONDS_TO_START:g} s: {_last(log)}")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == _OK
    except (http.client.HTTPException, OSError):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the service with its workers, also when the wait for it is interrupted."""
    try:
        process.send_signal(signal.SIGQUIT)  # gunicorn's quick way: nothing is being answered.
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a message"
