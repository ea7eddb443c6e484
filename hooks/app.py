"""The HTTP shell around the pure hook: routes, limits, errors, clock, log and metrics.

Nothing else in the service is impure. Errors, as the client sees them (one line of text that
never holds data of a ConfigMap, because Metacontroller copies it into an event):

- 400 the body is not what Metacontroller sends; the line names the field by its path
- 401 no client certificate or no valid bearer token, where one is asked for; told before the
  body is read
- 404, 405, 411, 413, 415 wrong route, method, missing length, too many bytes, not plain JSON
- 408 the body did not arrive within BODY_TIMEOUT_SECONDS
- 429 too many bytes in flight, with Retry-After; never on /customize, because Metacontroller
  would drop the event that made it ask
- 500 a bug here; the log names the place, the client learns nothing
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import flask
import gevent
import msgspec
import prometheus_client
from werkzeug.exceptions import HTTPException

from hooks import credentials, protocol, settings
from hooks.customize import related_rules
from hooks.finalize import finalize
from hooks.protocol import MalformedRequest, SyncRequest, SyncResponse
from hooks.settings import Settings
from hooks.status import Status
from hooks.sync import sync

JSON: Final = "application/json"
_SIZE_BUCKETS: Final = tuple(float(1 << shift) for shift in range(10, 31, 2))


@dataclass(frozen=True, slots=True)
class _Answer:
    """A body, and what the log may tell about it: names and numbers, never data."""

    body: bytes
    told: Mapping[str, str | int | float]


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

    hooks: dict[str, _Hook] = {
        "sync": answer_sync,
        "finalize": answer_finalize,
        "customize": answer_customize,
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
    ready = status.conditions[-1]
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
            "ready": ready.status,
            "reason": ready.reason,
            "resyncAfterSeconds": response.resync_after_seconds,
        },
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
                "Bytes of the bodies being read or answered.",
                registry=registry,
            ),
        )

    def page(self) -> flask.Response:
        text = prometheus_client.generate_latest(self.registry)
        return flask.Response(text, content_type=prometheus_client.CONTENT_TYPE_LATEST)


@dataclass(slots=True)
class _InFlight:
    """How many bytes of bodies are being read or answered; a promise counts from its header on."""

    limit: int
    total: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, size: int, *, always: bool) -> bool:
        """Count a body in. One alone is always admitted, however large it is."""
        with self.lock:
            admitted = always or not self.total or self.total + size <= self.limit
            if admitted:
                self.total += size
            return admitted

    def release(self, size: int) -> None:
        with self.lock:
            self.total -= size


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
        self.in_flight = _InFlight(limits.max_in_flight_bytes)
        metrics.in_flight_bytes.set_function(lambda: self.in_flight.total)

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
        told: dict[str, str | int | float] = {"hook": name, "requestBytes": size}
        try:
            self._authenticate()
            with self._admitted(size, always=name == "customize"):
                answer = hook(self._body(size))
            response = flask.Response(answer.body, 200, mimetype=JSON)
            told |= answer.told
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
            told["place"] = _place(bug)
        seconds = time.perf_counter() - started
        told |= {
            "code": response.status_code,
            "responseBytes": response.content_length or 0,
            "milliseconds": round(seconds * 1000, 3),
        }
        self.metrics.requests.labels(name, response.status_code).inc()
        self.metrics.seconds.labels(name).observe(seconds)
        self.metrics.request_bytes.labels(name).observe(size)
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

    @contextmanager
    def _admitted(self, size: int, *, always: bool) -> Iterator[None]:
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
        if not self.in_flight.admit(size, always=always):
            seconds = str(self.limits.retry_after_seconds)
            raise _Refused(429, "too many bytes in flight", {"Retry-After": seconds})
        try:
            yield
        finally:
            self.in_flight.release(size)

    def _body(self, size: int) -> bytes:
        # gevent's limit, because a limit of the socket counts from one byte to the next.
        try:
            with gevent.Timeout(self.limits.body_timeout_seconds, TimeoutError):
                body: bytes = flask.request.environ["wsgi.input"].read(size)
        except TimeoutError:
            raise _Refused(408, "the body did not arrive in time") from None
        except OSError:
            raise _Refused(400, "the client went away") from None
        if len(body) != size:
            raise _Refused(400, f"the body ends after {len(body)} of {size} bytes")
        return body

    def _complain(self, sentence: str) -> None:
        self._write({"error": sentence})

    def _write(self, told: Mapping[str, str | int | float]) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"time": stamp, **told}).decode()
        self.log.write(f"{line}\n")
        self.log.flush()


def _place(bug: BaseException) -> str:
    frames = traceback.extract_tb(bug.__traceback__)
    return " ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
