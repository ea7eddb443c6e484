"""What the tests of the edge say to the service: whole requests, and requests in pieces."""

import contextlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

DEADLINE_SECONDS = 30
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
COMPARED_HEADERS = ("Allow", "Content-Type", "Retry-After", "WWW-Authenticate")
"""The headers that tell a client something; the others are gunicorn's own."""

SYNCER: Mapping[str, Any] = {
    "apiVersion": "config.example.com/v1alpha1",
    "kind": "ConfigMapSyncer",
    "metadata": {"name": "sample", "uid": "b9f3", "generation": 1},
    "spec": {
        "sourceNamespace": "default",
        "sourceConfigMap": "app-config",
        "targetNamespaces": ["dev"],
    },
}
CUSTOMIZE = json.dumps({"parent": SYNCER}).encode()
SYNC = json.dumps(
    {
        "parent": SYNCER,
        "children": {"ConfigMap.v1": {}},
        "related": {
            "ConfigMap.v1": {
                "default/app-config": {
                    "metadata": {"name": "app-config", "namespace": "default"},
                    "data": {"password": "hunter2"},
                }
            },
            "Namespace.v1": {
                name: {"metadata": {"name": name}, "status": {"phase": "Active"}}
                for name in ("default", "dev")
            },
        },
        "finalizing": False,
    }
).encode()


@dataclass(frozen=True)
class Reply:
    """A whole answer, as far as it tells a client something."""

    code: int
    body: str
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": TEXT})

    def allows(self, method: str) -> bool:
        """Whether the refusal allows a method."""
        return method in self.headers["Allow"].split(", ")


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Send a whole request, then read the whole answer."""
    said = {"Content-Type": JSON} if body is not None and headers is None else headers or {}
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    )
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(said))
        return _read(connection.getresponse())


def _read(response: http.client.HTTPResponse) -> Reply:
    headers = {
        name: value for name in COMPARED_HEADERS if (value := response.getheader(name)) is not None
    }
    return Reply(response.status, response.read().decode(), headers)


class Pieces:
    """A connection on which a request is sent piece by piece."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def head(self, path: str, *headers: str) -> None:
        """Send the head of a POST."""
        lines = (f"POST {path} HTTP/1.1", "Host: service", *headers, "", "")
        self.body("\r\n".join(lines).encode())

    def promise(self, path: str, size: int) -> None:
        """Send the head of a POST whose body of JSON will have so many bytes."""
        self.head(path, f"Content-Type: {JSON}", f"Content-Length: {size}")

    def body(self, piece: bytes) -> None:
        """Send a piece of the body."""
        self.socket.sendall(piece)

    def end(self) -> None:
        """Send nothing more, and still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self) -> Reply:
        """Read one answer."""
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        return _read(response)


def metrics(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """The service's samples, see metrics_of."""
    return metrics_of(call(port, "GET", "/metrics").body)


def metrics_of(page: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples of a page: by name, then by the labels' values in the order of their names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in sorted(sample.labels))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def in_flight(port: int) -> tuple[float, float]:
    """How many requests, and how many bytes of bodies, are being read or answered."""
    seen = metrics(port)
    return (
        seen["configmap_syncer_hook_in_flight_requests"][()],
        seen["configmap_syncer_hook_in_flight_bytes"][()],
    )


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds; fail when it does not come to hold."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come to hold"


@contextlib.contextmanager
def slow_clients(port: int, count: int, size: int) -> Iterator[list[Pieces]]:
    """Clients that each promised a body to /sync and sent one byte; the service waits for all."""
    before_requests, before_bytes = in_flight(port)
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(Pieces(port)) for _ in range(count)]
        for client in clients:
            client.promise("/sync", size)
            client.body(b"{")
        expected = (before_requests + count, before_bytes + count * size)
        wait_until(lambda: in_flight(port) == expected)
        yield clients
