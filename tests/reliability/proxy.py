"""A switchable proxy between Metacontroller and the hook: the faults of a network, on demand.

It stays up while the hook is killed and started again, notes what became of every call, and can
answer in the hook's place as a broken one would.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from tests.controlplane import wait_for

_SECONDS_TO_CONNECT: Final = 120
_POLL_SECONDS: Final = 0.05


class _NamedParent(msgspec.Struct, frozen=True):
    metadata: dict[str, Any]


class _NamedBody(msgspec.Struct, frozen=True):
    parent: _NamedParent


@dataclass(frozen=True, slots=True)
class Call:
    """One request of Metacontroller; `answered` says that it got the hook's own 200."""

    hook: str
    syncer: str
    at: float
    answered: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that waits for its answer, for an interference to do with it what it likes."""

    hook: str
    body: bytes
    forward: Callable[[], tuple[int, bytes]]
    reply: Callable[[int, bytes], None]
    reply_half: Callable[[int, bytes], None]


Interference = Callable[[Exchange], bool]
"""Meets one request in the hook's place; whether the hook's own answer was passed on in time.

Where nothing is replied, the connection is closed.
"""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: that who asked was killed is what a run is about."""


class Proxy:
    """Listens at `.url` for a hook at another one."""

    def __init__(self, port: int, hook_url: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.calls: list[Call] = []
        self._interference: Interference | None = None
        self._victim = ""
        self._hits = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler(self, hook_url))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def interfering(self, interference: Interference, syncer: str) -> Iterator[None]:
        """Have every request met by an interference; those about the syncer count as hits."""
        with self._lock:
            self._victim, self._hits, self._interference = syncer, 0, interference
        try:
            yield
        finally:
            with self._lock:
                self._interference = None

    def wait_for_hits(self, hits: int, seconds: float) -> None:
        """Return when so many requests about the syncer were met; raises TimedOut."""
        wait_for(lambda: self._hits >= hits, f"{hits} spoilt calls of the hook", seconds)

    def wait_for_call(self, syncer: str, since: float, seconds: float = 60) -> None:
        """Return when the hook has answered a request about a syncer since a moment."""

        def answered() -> bool:
            calls = tuple(self.calls)
            return any(c.syncer == syncer and c.at >= since and c.answered for c in calls)

        wait_for(answered, f"the hook to answer about {syncer}", seconds)

    def unanswered(self, hook: str, since: float) -> set[str]:
        """The syncers about which a request since a moment did not get the hook's answer."""
        return {
            call.syncer
            for call in tuple(self.calls)
            if call.hook == hook and call.at >= since and not call.answered
        }

    def take(self, exchange: Exchange, syncer: str) -> bool:
        """Answer one request; whether with the hook's own answer."""
        with self._lock:
            interference = self._interference
        if interference:
            answered = False
            try:
                answered = interference(exchange)
            finally:
                # A request of /customize that is let through is no hit; a sync that is slow is.
                if syncer == self._victim and not (answered and exchange.hook == "customize"):
                    with self._lock:
                        self._hits += 1
            return answered
        code, body = exchange.forward()
        exchange.reply(code, body)
        return code == http.HTTPStatus.OK


def _handler(proxy: Proxy, hook_url: str) -> type[BaseHTTPRequestHandler]:
    where = urlsplit(hook_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            at = time.monotonic()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook = self.path.strip("/")
            syncer = msgspec.json.decode(body, type=_NamedBody).parent.metadata["name"]
            answered, self.has_replied = False, False
            exchange = Exchange(hook, body, lambda: self._ask(body), self._reply, self._reply_half)
            # Metacontroller or the hook may have been killed: then nobody waits for the answer.
            with contextlib.suppress(OSError, http.client.HTTPException):
                answered = proxy.take(exchange, syncer)
            if not self.has_replied:
                self.close_connection = True
            proxy.calls.append(Call(hook, syncer, at, answered))

        def log_message(self, *_: object) -> None:
            pass

        def _ask(self, body: bytes) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(where, timeout=_SECONDS_TO_CONNECT)
            try:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", self.path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
            finally:
                connection.close()

        def _reply(self, code: int, body: bytes) -> None:
            self._head(code, body)
            self.wfile.write(body)
            self.has_replied = True

        def _reply_half(self, code: int, body: bytes) -> None:
            self._head(code, body)
            self.wfile.write(body[: len(body) // 2])

        def _head(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if code == http.HTTPStatus.TOO_MANY_REQUESTS:
                self.send_header("Retry-After", "1")
            self.end_headers()

    return Handler
