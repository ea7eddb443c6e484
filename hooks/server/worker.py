"""How gunicorn's worker shares its connections among clients that are slow, silent or hostile.

Gunicorn's own worker stops accepting once its connections are used up, and lets each stay for as
long as its client says nothing: a thousand silent clients lock everybody out. Here nobody is locked
out. A connection beyond the limit takes the place of the connection that has kept the service
waiting for the longest, and of one that was never answered a hook before one that was, because
Metacontroller's idle connections are among the latter. A client waits for nobody but itself, so a
slow head, a slow body, a TLS handshake that stops and an answer that nobody fetches are all the
same: a connection that keeps the service waiting.

Decisions are computed by threads. A connection for which one is computed waits for the service, so
it makes room only after all others. When all threads compute what nobody waits for now, the
worker says no longer that it lives, and gunicorn replaces it.

Besides, a head and a handshake must come in HEAD_TIMEOUT_SECONDS, a request must be over in time,
and what could not become a request is answered in one line and logged without a byte of it: it may
hold a token.
"""

import errno
import os
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.ggevent import GeventWorker

from hooks import settings
from hooks.server.credentials import ServerCertificate
from hooks.server.decisions import DECIDE, Decisions, Reserved
from hooks.server.traceback_location import place

HEADROOM: Final = 100
"""Connections that may be accepted at once while those that make room for them end."""

_ANSWER_SECONDS: Final = 60
"""How long it may take beyond the body: Metacontroller waits no longer for an answer."""

_SWITCH_SECONDS: Final = 0.0002
"""After how long a thread that computes lets the event loop have a turn.

Reading a body of 25 MB under TLS while five decisions are computed takes 2.6 s with Python's
default of 5 ms and 0.8 s with this; more turns cost no measurable processor time.
"""

_TURN_BYTES: Final = 256 * 1024

_LEAVING_SECONDS: Final = 1
"""How long a connection may be without a request when the service ends."""

# What is received beyond the piece of a body that was asked for is counted nowhere: it is little.
SocketUnreader.max_body_chunk = 64 * 1024
_receive: Final = SocketUnreader.chunk


def _receive_in_turn(unreader: Any, size_hint: int | None = None) -> bytes:
    """The next piece that a client sends; however fast it is, the others have their turns."""
    piece: bytes = _receive(unreader, size_hint)
    unreader.received += len(piece)
    if unreader.received >= _TURN_BYTES:
        unreader.received = 0
        gevent.sleep(0)
    return piece


SocketUnreader.received = 0
SocketUnreader.chunk = _receive_in_turn

_REFUSALS: Final[tuple[tuple[type[Exception], int, str], ...]] = (
    (errors.LimitRequestLine, 414, "URI Too Long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (errors.ExpectationFailed, 417, "Expectation Failed"),
    (errors.ParseException, 400, "Bad Request"),
    (ssl.SSLError, 400, "Bad Request"),
)


class _CutOff(ConnectionResetError):
    """A connection whose place somebody else takes; gunicorn ends it as if its client had gone."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "cut off")


@dataclass(frozen=True, slots=True)
class Tls:
    """What gevent asks to wrap each connection into TLS."""

    certificate: ServerCertificate

    def wrap_socket(self, connection: Any, *, server_side: bool) -> ssl.SSLSocket:
        """A connection under TLS, or the quiet end of its greenlet where the client has gone."""
        try:
            return self.certificate.wrap_socket(connection, server_side=server_side)
        except OSError:
            raise gevent.GreenletExit from None


@dataclass(eq=False, slots=True)
class _Connection:
    """A connection: since when it does what it does, and whether a hook was answered on it.

    `is_decided`: a decision is computed, or waits for a thread.
    """

    greenlet: Any = field(default_factory=gevent.getcurrent)
    since: float = field(default_factory=time.monotonic)
    asks: bool = False
    is_decided: bool = False
    answered: bool = False
    leaves: bool = False

    def turn(self, *, asks: bool) -> None:
        """Begin to ask something, or to be without a request."""
        self.asks = asks
        self.since = time.monotonic()

    def leave(self) -> None:
        """End it where it waits."""
        self.leaves = True
        self.greenlet.kill(_CutOff(), block=False)


class Worker(GeventWorker):  # type: ignore[misc] # gunicorn ships no types
    """One process of greenlets, one for each connection, that never runs out of places."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = settings.read(os.environ)
        self._connections: dict[Any, _Connection] = {}

    def load_wsgi(self) -> None:
        """Load the application, and hand it the threads with each request."""
        application: Any = self.app.wsgi()
        self._decisions = Decisions()
        sys.setswitchinterval(_SWITCH_SECONDS)

        def with_threads(environ: dict[str, Any], start_response: Any) -> Any:
            environ[DECIDE] = self._decide
            return application(environ, start_response)

        self.wsgi = with_threads

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection to its end."""
        connection = _Connection()
        self._make_room()
        self._connections[connection.greenlet] = connection
        try:
            if self._is_open(client, addr):
                super().handle(listener, client, addr)
            else:
                util.close(client)
        finally:
            del self._connections[connection.greenlet]

    def timeout_ctx(self) -> Any:
        """The limit on the wait for the next head."""
        connection = self._connections[gevent.getcurrent()]
        connection.turn(asks=False)
        seconds = self.cfg.keepalive if connection.answered else self._limits.head_timeout_seconds
        return gevent.Timeout(0 if connection.leaves else seconds, False)  # noqa: FBT003 - gevent's

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer one request, whose head is there, or end the connection."""
        self._connections[gevent.getcurrent()].turn(asks=True)
        with gevent.Timeout(self._limits.body_timeout_seconds + _ANSWER_SECONDS, _CutOff()):
            super().handle_request(listener_name, req, sock, addr)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002 - gunicorn's
        """Answer what could not become a request, or what went wrong outside of the application."""
        known = (each[1:] for each in _REFUSALS if isinstance(exc, each[0]))
        code, line = next(known, (500, "Internal Server Error"))
        described = f"{type(exc).__name__} from {addr[0]}"
        if code == 500:  # noqa: PLR2004 - a bug, of which the place says more
            self.log.error("%s: %s", described, place(exc))
        else:
            self.log.warning("Refused with %s: %s", code, described)
        answer = (
            f"HTTP/1.1 {code} {line}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(line) + 1}\r\n\r\n{line.lower()}\n"
        )
        try:
            util.write_nonblock(client, answer.encode())
        except OSError:
            self.log.debug("Gone before its answer: %s", described)

    def notify(self) -> None:
        """Say that the worker lives; when it ends, end the connections without a request."""
        if not self._decisions.are_stuck:
            super().notify()
        if not self.alive:
            latest = time.monotonic() - _LEAVING_SECONDS
            for connection in list(self._connections.values()):
                if not connection.asks and connection.since < latest:
                    connection.leave()

    def note(self, method: str, response: Any) -> None:
        """Note what was answered on the connection that is served now."""
        if method == "POST" and response is not None and response.status_code == 200:  # noqa: PLR2004
            self._connections[gevent.getcurrent()].answered = True

    def _decide(self, hook: str, work: Callable[[], Any], reserved: Reserved) -> Any:
        connection = self._connections[gevent.getcurrent()]
        connection.is_decided = True
        try:
            return self._decisions.decide(hook, work, reserved)
        finally:
            connection.is_decided = False

    def _make_room(self) -> None:
        staying = [each for each in self._connections.values() if not each.leaves]
        if len(staying) >= self._limits.max_connections:
            min(staying, key=lambda each: (each.is_decided, each.answered, each.since)).leave()

    def _is_open(self, client: Any, addr: Any) -> bool:
        if not isinstance(client, ssl.SSLSocket):
            return True
        try:
            with gevent.Timeout(self._limits.head_timeout_seconds, _CutOff()):
                client.do_handshake()
        except ssl.SSLError as error:
            self.log.warning("No TLS with %s: %s", addr[0], error.reason)
            return False
        except OSError as error:
            self.log.debug("No TLS with %s: %s", addr[0], error)
            return False
        return True
