"""The HTTP shell around the pure hook: routes, limits, errors, clock, log and metrics.

Nothing else in the service is impure. Errors, as the client sees them (one line of text that
never holds data of a ConfigMap, because Metacontroller copies it into an event):

- 400 the body is not what Metacontroller sends; the line names the field by its path
- 401 no client certificate or no valid bearer token, where one is asked for; told before the
  body is read
- 404, 405, 411, 413, 415 wrong route, method, missing length, too many bytes, not plain JSON
- 408 the body did not arrive within BODY_TIMEOUT_SECONDS
- 429 too many bytes in flight, with Retry-After; never on /customize and /adopt/customize, because
  Metacontroller would drop the event that made it ask: these have room of their own
- 500 a bug here; the log names the place, the client learns nothing
"""

import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

import flask
import gevent
import msgspec
import prometheus_client
from werkzeug.exceptions import HTTPException

from hooks import adopt, credentials, protocol, settings
from hooks.customize import related_rules
from hooks.finalize import finalize
from hooks.kinds import SECRET
from hooks.place import place
from hooks.protocol import AdoptResponse, MalformedRequest, SyncRequest, SyncResponse
from hooks.settings import Settings
from hooks.status import Status
from hooks.sync import sync
from hooks.syncer import CONTROLLER_UID

JSON: Final = "application/json"
_CUSTOMIZING: Final = ("customize", "adopt/customize")
_CUSTOMIZE_BYTES: Final = 16 * 1024 * 1024
"""More than a body of /customize can have: it holds one object, of which etcd keeps 1.5 MiB."""
_CUSTOMIZE_ROOM_BYTES: Final = 4 * _CUSTOMIZE_BYTES
_FIRST_PIECE_BYTES: Final = 64 * 1024
_LARGEST_PIECE_BYTES: Final = 1024 * 1024
_SIZE_BUCKETS: Final = tuple(float(1 << shift) for shift in range(10, 31, 2))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A body, and what the log may tell about it: names and numbers, never data.

    Where Secrets are in it, sizes are not told: they are the lengths of values, and then some.
    """

    body: bytes
    told: Mapping[str, str | int | float]
    has_secrets: bool = False


_Hook = Callable[[bytes], _Answer]


def create_app(
    configured: Settings | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    log: TextIO | None = None,
) -> flask.Flask:
    """The WSGI application. Settings default to the environment's, the log to standard output.

    Raises InvalidSetting where the environment cannot be used, UnusableFile where a file that it
    names cannot.
    """
    limits = configured or settings.read(os.environ)
    app = flask.Flask("configmap-syncer", static_folder=None)
    edge = _Edge(limits, _Metrics.create(), log or sys.stdout)

    def answer_sync(body: bytes) -> _Answer:
        request = protocol.decode_sync(body)
        return _told(request, sync(request, limits.policy, clock()))

    def answer_finalize(body: bytes) -> _Answer:
        request = protocol.decode_sync(body)
        return _told(request, finalize(request, limits.policy, clock()))

    def answer_customize(body: bytes) -> _Answer:
        request = protocol.decode_customize(body)
        rules = related_rules(request, limits.policy)
        told: dict[str, str | int | float] = {
            "syncer": request.parent.metadata.name,
            "rules": len(rules.related_resources),
        }
        return _Answer(protocol.encode(rules), told)

    def answer_adopt(body: bytes) -> _Answer:
        request = protocol.decode_adopt(body)
        adopter = adopt.adopter(request, limits.policy)
        response = AdoptResponse({CONTROLLER_UID: adopter.uid} if adopter else {})
        told = {"object": request.object.key, "adopter": adopter.name if adopter else ""}
        return _Answer(protocol.encode(response), told)

    def answer_adopt_customize(body: bytes) -> _Answer:
        request = protocol.decode_customize(body)
        rules = adopt.related_rules(request, limits.policy)
        return _Answer(protocol.encode(rules), {"rules": len(rules.related_resources)})

    hooks: dict[str, _Hook] = {
        "sync": answer_sync,
        "finalize": answer_finalize,
        "customize": answer_customize,
        "adopt": answer_adopt,
        "adopt/customize": answer_adopt_customize,
    }
    for name, hook in hooks.items():
        app.add_url_rule(
            f"/{name}",
            name,
            edge.route(name, hook),
            methods=["POST"],
            provide_automatic_options=False,
        )
    for name in ("healthz", "readyz"):
        app.add_url_rule(f"/{name}", name, lambda: _text(200, "ok"))
    app.add_url_rule("/metrics", "metrics", edge.metrics.page)
    app.register_error_handler(HTTPException, edge.refuse)
    return app


def _told(request: SyncRequest, response: SyncResponse[Status]) -> _Answer:
    status = response.status
    return _Answer(
        protocol.encode(response),
        {
            "syncer": request.parent.metadata.name,
            "observed": sum(map(len, (request.children or {}).values())),
            "related": sum(map(len, (request.related or {}).values())),
            "desired": len(response.children),
            "targets": status.target_count,
            "synced": status.synced_count,
            "pending": status.pending_count,
            "failed": status.failed_count,
            "ready": status.ready.status,
            "reason": status.ready.reason,
            "resyncAfterSeconds": response.resync_after_seconds,
        },
        has_secrets=bool(request.observed(SECRET.group) or request.seen(SECRET.group)),
    )


def _text(code: int, line: str) -> flask.Response:
    return flask.Response(f"{line}\n", code, mimetype="text/plain")


@dataclass(frozen=True, slots=True)
class _Metrics:
    """What is counted. One registry an application, so that two in one process stay apart."""

    registry: prometheus_client.CollectorRegistry
    requests: prometheus_client.Counter
    seconds: prometheus_client.Histogram
    request_bytes: prometheus_client.Histogram
    in_flight: prometheus_client.Gauge
    in_flight_bytes: prometheus_client.Gauge

    @classmethod
    def create(cls) -> "_Metrics":
        registry = prometheus_client.CollectorRegistry()
        prefix = "configmap_syncer_hook"
        return cls(
            registry=registry,
            requests=prometheus_client.Counter(
                f"{prefix}_requests",
                "Requests by hook and HTTP code.",
                ["hook", "code"],
                registry=registry,
            ),
            seconds=prometheus_client.Histogram(
                f"{prefix}_request_seconds",
                "Seconds from the first byte read to the answer.",
                ["hook"],
                registry=registry,
            ),
            request_bytes=prometheus_client.Histogram(
                f"{prefix}_request_bytes",
                "Bytes of the requests' bodies.",
                ["hook"],
                buckets=_SIZE_BUCKETS,
                registry=registry,
            ),
            in_flight=prometheus_client.Gauge(
                f"{prefix}_in_flight_requests",
                "Requests being read or answered.",
                registry=registry,
            ),
            in_flight_bytes=prometheus_client.Gauge(
                f"{prefix}_in_flight_bytes",
                "Bytes that have arrived of bodies, and of answers being fetched.",
                registry=registry,
            ),
        )

    def page(self) -> flask.Response:
        text = prometheus_client.generate_latest(self.registry)
        return flask.Response(text, content_type=prometheus_client.CONTENT_TYPE_LATEST)


class _Overtaken(ConnectionResetError):
    """Thrown into a request where it waits for its client, because others need its room."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "overtaken")


@dataclass(eq=False, slots=True)
class _Guest:
    """A request in a room: the bytes that it holds, and since when it waits for its client."""

    greenlet: Any = field(default_factory=gevent.getcurrent)
    held: int = 0
    since: float = 0.0


@dataclass(slots=True)
class _Room:
    """The bytes of bodies that arrive and of answers that are fetched, within a limit.

    What is promised counts for nothing: a body is counted piece by piece, each before it is read.
    Where there is no room for the next piece, the guest goes that has kept us waiting for the
    longest, if that is more than a little; so nobody shuts the others out by holding bytes. If all
    are quick, there are too many, and the last that came goes: so the first is always done.
    One alone has room, however large it is. There are no threads, and nothing here waits.
    """

    limit: int
    patience_seconds: float
    last_goes: bool = True
    guests: list[_Guest] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The bytes that are held."""
        return sum(guest.held for guest in self.guests)

    def enter(self) -> _Guest:
        """A guest who holds nothing yet."""
        guest = _Guest()
        self.guests.append(guest)
        return guest

    def leave(self, guest: _Guest) -> None:
        """Give back what a guest holds, if he is still there."""
        if guest in self.guests:
            self.guests.remove(guest)

    def hold(self, guest: _Guest, size: int) -> None:
        """Have a guest hold so many bytes in all; raises _Overtaken where he has to go himself."""
        while guest in self.guests and self.total - guest.held + size > self.limit:
            others = [other for other in self.guests if other is not guest and other.held]
            if not others:
                break
            leaving = self._next(guest, others)
            self.leave(leaving)
            if leaving is not guest:
                gevent.kill(leaving.greenlet, _Overtaken())
        if guest not in self.guests:
            raise _Overtaken
        guest.held = size
        guest.since = time.monotonic()

    def _next(self, guest: _Guest, others: list[_Guest]) -> _Guest:
        longest = min(others, key=lambda other: other.since)
        if time.monotonic() - longest.since >= self.patience_seconds:
            return longest
        candidates = [*others, guest] if self.last_goes else others
        return max(candidates, key=self.guests.index)


class _Refused(Exception):
    """A request that gets a 4xx: its code, one line, and headers."""

    def __init__(self, code: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.code = code
        self.line = line
        self.headers = headers or {}


class _Edge:
    """Admits, reads, answers, counts and logs one request after the other."""

    def __init__(self, limits: Settings, metrics: _Metrics, log: TextIO) -> None:
        self.limits = limits
        self.metrics = metrics
        self.log = log
        file = limits.bearer_token_file
        self.tokens = credentials.BearerTokens(Path(file), self._complain) if file else None
        patience = limits.body_patience_seconds
        shared = _Room(limits.max_in_flight_bytes, patience)
        # Whoever comes last has room there: of these, Metacontroller sends few, and small ones.
        own = _Room(_CUSTOMIZE_ROOM_BYTES, patience, last_goes=False)
        self.rooms = {"sync": shared, "finalize": shared, "adopt": shared} | dict.fromkeys(
            _CUSTOMIZING, own
        )
        metrics.in_flight_bytes.set_function(lambda: shared.total + own.total)

    def route(self, name: str, hook: _Hook) -> Callable[[], flask.Response]:
        """The view of one hook."""

        def view() -> flask.Response:
            with self.metrics.in_flight.track_inprogress():
                return self._answer(name, hook)

        return view

    def refuse(self, error: HTTPException) -> flask.Response:
        """The answer where no hook is: a wrong route or method. The path may hold anything."""
        line = error.name.lower()
        refused = _text(error.code or 500, line)
        refused.headers.extend(header for header in error.get_headers() if header[0] == "Allow")
        self.metrics.requests.labels("none", refused.status_code).inc()
        self._write({"hook": "none", "code": refused.status_code, "error": line})
        return refused

    def _answer(self, name: str, hook: _Hook) -> flask.Response:
        started = time.perf_counter()
        size = flask.request.content_length or 0
        told: dict[str, str | int | float] = {"hook": name}
        is_told = True
        room = self.rooms[name]
        guest = room.enter()
        leaving = ExitStack()
        leaving.callback(room.leave, guest)
        try:
            self._authenticate()
            self._check(name, size)
            answer = hook(self._body(size, room, guest))
            room.hold(guest, len(answer.body))
            response = flask.Response(answer.body, 200, mimetype=JSON)
            # An answer takes room, too, until its client has fetched it.
            response.call_on_close(leaving.pop_all().close)
            told |= answer.told
            is_told = not answer.has_secrets
        except _Overtaken:
            response = self._overtaken(name)
            told["error"] = response.get_data(as_text=True).strip()
        except _Refused as refused:
            response = _text(refused.code, refused.line)
            response.headers.update(refused.headers)
            told["error"] = refused.line
        except MalformedRequest as malformed:
            response = _text(400, str(malformed))
            told["error"] = str(malformed)
        except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a 500
            # The text of an exception may hold data; its type and place do not.
            response = _text(500, "internal error")
            told["error"] = type(bug).__name__
            told["place"] = place(bug)
        finally:
            leaving.close()
        seconds = time.perf_counter() - started
        if is_told:
            told |= {"requestBytes": size, "responseBytes": response.content_length or 0}
        told |= {
            "code": response.status_code,
            "milliseconds": round(seconds * 1000, 3),
        }
        self.metrics.requests.labels(name, response.status_code).inc()
        self.metrics.seconds.labels(name).observe(seconds)
        # The sum of exact sizes would tell how long a Secret's values are.
        rounded = next((bucket for bucket in _SIZE_BUCKETS if size <= bucket), size)
        self.metrics.request_bytes.labels(name).observe(rounded)
        self._write(told)
        return response

    def _authenticate(self) -> None:
        connection = flask.request.environ.get("gunicorn.socket")
        if self.limits.client_ca_file and not credentials.is_known(connection):
            challenge = {"WWW-Authenticate": "ClientCertificate"}
            raise _Refused(401, "show a client certificate", challenge)
        said = flask.request.headers.get("Authorization", "")
        if self.tokens and not self.tokens.allow(said):
            line = "the bearer token is not a valid one" if said else "send a bearer token"
            raise _Refused(401, line, {"WWW-Authenticate": "Bearer"})

    def _check(self, name: str, size: int) -> None:
        request = flask.request
        if request.mimetype != JSON or request.headers.get("Content-Encoding"):
            raise _Refused(415, f"send Content-Type: {JSON} without Content-Encoding")
        if request.content_length is None:
            raise _Refused(411, "send Content-Length")
        if size > self.limits.max_request_bytes:
            raise _Refused(
                413,
                f"the body has {size} bytes, MAX_REQUEST_BYTES allows "
                f"{self.limits.max_request_bytes}",
            )
        if name in _CUSTOMIZING and size > _CUSTOMIZE_BYTES:
            raise _Refused(413, f"the body has {size} bytes, one object alone has fewer")

    def _body(self, size: int, room: _Room, guest: _Guest) -> bytes:
        stream = flask.request.environ["wsgi.input"]
        body = io.BytesIO()
        # gevent's limit, because a limit of the socket counts from one byte to the next.
        try:
            with gevent.Timeout(self.limits.body_timeout_seconds, TimeoutError):
                for piece in _pieces(size):
                    room.hold(guest, body.tell() + piece)
                    read = body.write(stream.read(piece))
                    if read < piece:
                        break
        except _Overtaken:
            raise
        except TimeoutError:
            raise _Refused(408, "the body did not arrive in time") from None
        except OSError:
            raise _Refused(400, "the client went away") from None
        if body.tell() != size:
            raise _Refused(400, f"the body ends after {body.tell()} of {size} bytes")
        return body.getvalue()

    def _overtaken(self, name: str) -> flask.Response:
        if name in _CUSTOMIZING:
            return _text(408, "the body did not arrive in time")
        response = _text(429, "too many bytes in flight")
        response.headers["Retry-After"] = str(self.limits.retry_after_seconds)
        return response

    def _complain(self, sentence: str) -> None:
        self._write({"error": sentence})

    def _write(self, told: Mapping[str, str | int | float]) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"time": stamp, **told}).decode()
        self.log.write(f"{line}\n")
        self.log.flush()


def _pieces(size: int) -> Iterator[int]:
    """A body in pieces: small ones first, so that who stops at once holds little."""
    piece = _FIRST_PIECE_BYTES
    while size:
        piece = min(piece, size)
        yield piece
        size -= piece
        piece = min(2 * piece, _LARGEST_PIECE_BYTES)
