"""Starts the service by its command and sends it a recorded sync request.

The image's build runs this, so that a broken image does not build, and nothing
but Python's own library is there:

    python smoke.py REQUEST -- COMMAND...

REQUEST is the file of the request's body. PORT tells the service its port,
and ended in any case. The exit code is 0 when the answer is one that Metacontroller
can use.
"""

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

DEADLINE_SECONDS = 60
GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "hooks/gunicorn.conf.py")
"""What the image runs, in the folder of the project, before the name of the application."""
COMMAND = (*GUNICORN, "hooks.app:create_app()")


def free_port() -> int:
    """Return a port on loopback that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> tuple[int, bytes]:
    """Return code and body of the service's answer to one request."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    )
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.read()


@dataclass(frozen=True)
class Service:
    """A service that was started, and the port on loopback where it is."""

    port: int
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    output: IO[bytes] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Service]:
    """Start the service in a folder and give it once it is ready; end it in any case.

    `tls` is for a service that speaks TLS.
    """
    port = free_port()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "HOST": "127.0.0.1", "PORT": str(port)},
        stdout=output,
    )
    service = Service(port, process)
    try:
        wait_until_ready(service, tls)
        yield service
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(service: Service, tls: ssl.SSLContext | None = None) -> None:
    """Return when the service says that it is ready; raise when it ends or does not come."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        code = service.process.poll()
        if code is not None:
            raise RuntimeError(f"the service ended with {code} before it was ready")
        try:
            if call(service.port, "GET", "/readyz", tls=tls)[0] == 200:
                return
        except OSError:
            # Nobody listens yet: a refused connection comes back at once, so leave the CPU to it.
            time.sleep(0.02)
    raise RuntimeError(f"the service was not ready after {DEADLINE_SECONDS} seconds")


def ask(port: int, request: bytes) -> dict[str, Any]:
    """Return what the service answers to a sync; raise when Metacontroller could not use it."""
    code, body = call(port, "POST", "/sync", request)
    if code != 200:
        raise RuntimeError(f"POST /sync was answered with {code}: {body.decode()}")
    answer = json.loads(body)
    if not (
        isinstance(answer, dict)
        and isinstance(answer.get("children"), list)
        and isinstance(answer.get("status"), dict)
    ):
        raise RuntimeError(  # noqa: TRY004, it is the service that is wrong, not an argument
            "the answer to POST /sync has no list of children or no status"
        )
    return answer


def main(arguments: Sequence[str]) -> None:
    """Start the command and send it the recorded request."""
    request, _, *command = arguments
    with started(command, os.environ) as service:
        answer = ask(service.port, Path(request).read_bytes())
    print(f"The service answered the recorded request with {len(answer['children'])} children.")


if __name__ == "__main__":
    main(sys.argv[1:])
