"""One endpoint for all hooks: admit a request, read it, have it decided, answer, count and log it.

What a hook asks is pure, and computed by threads (`decisions`). Errors, as the client
sees them (one line of text that never holds data of a ConfigMap, because Metacontroller copies it
into an event):

- 400 the body is not what Metacontroller sends; the line names the field by its path
- 401 no client certificate or no valid bearer token, where one is required; answered before the
  body is read
- 404, 405, 411, 413, 415 wrong route, method, missing length, too many bytes, not plain JSON
- 408 the body did not arrive within BODY_TIMEOUT_SECONDS
- 429 with Retry-After: too many bytes in flight; never on /customize and /adopt/customize, because
  Metacontroller would drop the event that made it ask: these have room of their own. Or the hook
  defers its decision, because 429 is the only answer after which Metacontroller writes nothing,
  not even an event; that is no overload, so it is counted as `deferred`
- 500 a bug here; the log names the place, the client learns nothing
- 503 no decision within the time that any client waits for one
"""

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import flask
import gevent
import msgspec
from werkzeug.exceptions import HTTPException

from hooks.api import protocol
from hooks.api.deferred import Deferred
from hooks.api.protocol import MalformedRequest
from hooks.server import credentials
from hooks.server.admission import BodyBudget, Evicted, Reservation
from hooks.server.decisions import CUSTOMIZING, DECIDE, decide_directly
from hooks.server.metrics import CONTENT_TYPE, SIZE_BUCKETS, Metrics, SyncerState
from hooks.server.traceback_location import place
from hooks.settings import Settings

JSON: Final = "application/json"
_CUSTOMIZE_BYTES: Final = 16 * 1024 * 1024
"""More than a body of /customize can have: it holds one object, and etcd limits that to 1.5 MiB."""
CUSTOMIZE_BUDGET_BYTES: Final = 4 * _CUSTOMIZE_BYTES
"""More than can be computed at once, and one more: there is always somebody who can make room."""
_DEFERRED: Final = "deferred"
_FIRST_PIECE_BYTES: Final = 64 * 1024
_LARGEST_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and what the log may say about it: names and numbers, never data.

    Where Secrets are in it, sizes are not logged: they are the lengths of values, and then some.
    """

    response: object
    log_fields: Mapping[str, str | int | float]
    has_secrets: bool = False
    content_bytes: int = 0
    """What it is made of, and nearly all of a large one."""
    syncer: SyncerState | None = None
    is_finalized: bool = False


Hook = Callable[[bytes], Answer]


def text_response(code: int, line: str) -> flask.Response:
    """One line of text."""
    return flask.Response(f"{line}\n", code, mimetype="text/plain")


class _Refused(Exception):
    """A request that gets a 4xx: its code, one line, and headers."""

    def __init__(self, code: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.code = code
        self.line = line
        self.headers = headers or {}


class HookEndpoint:
    """Admits, reads, answers, counts and logs one request after the other."""

    def __init__(self, limits: Settings, metrics: Metrics, log: TextIO) -> None:
        self.limits = limits
        self.metrics = metrics
        self.log = log
        file = limits.bearer_token_file
        self.tokens = credentials.BearerTokens(Path(file), self._complain) if file else None
        patience = limits.body_patience_seconds
        shared = BodyBudget(limits.max_in_flight_bytes, patience)
        # The last that came has room there: of these, Metacontroller sends few, and small ones.
        own = BodyBudget(CUSTOMIZE_BUDGET_BYTES, patience, last_leaves=False)
        self.budgets = {"sync": shared, "finalize": shared, "adopt": shared} | dict.fromkeys(
            CUSTOMIZING, own
        )
        metrics.in_flight_bytes.set_function(lambda: shared.total + own.total)

    def route(self, name: str, hook: Hook) -> Callable[[], flask.Response]:
        """The view of one hook."""
        self.metrics.expect(name)

        def view() -> flask.Response:
            with self.metrics.in_flight.track_inprogress():
                return self._answer(name, hook)

        return view

    def page(self) -> flask.Response:
        """What Prometheus reads."""
        return flask.Response(self.metrics.page(), content_type=CONTENT_TYPE)

    def refuse(self, error: HTTPException) -> flask.Response:
        """The answer where no hook is: a wrong route or method. The path may hold anything."""
        line = error.name.lower()
        refused = text_response(error.code or 500, line)
        refused.headers.extend(header for header in error.get_headers() if header[0] == "Allow")
        self.metrics.requests.labels("none", refused.status_code).inc()
        self._write({"hook": "none", "code": refused.status_code, "error": line})
        return refused

    def _answer(self, name: str, hook: Hook) -> flask.Response:
        started = time.perf_counter()
        size = flask.request.content_length or 0
        log_fields: dict[str, str | int | float] = {"hook": name}
        logs_sizes = True
        reservation = self.budgets[name].enter()
        leaving = ExitStack()
        leaving.callback(reservation.leave)
        try:
            self._authenticate()
            self._check(name, size)
            answer = self._decision(name, hook, self._body(size, reservation), reservation)
            response = _response(answer, size, reservation)
            self._note(answer)
            # An answer takes room, too, until its client has fetched it.
            response.call_on_close(leaving.pop_all().close)
            log_fields |= answer.log_fields
            logs_sizes = not answer.has_secrets
        except Evicted:
            response = self._evicted(name)
            log_fields["error"] = response.get_data(as_text=True).strip()
        except _Refused as refused:
            response = text_response(refused.code, refused.line)
            response.headers.update(refused.headers)
            log_fields["error"] = refused.line
        except MalformedRequest as malformed:
            response = text_response(400, str(malformed))
            log_fields["error"] = str(malformed)
        except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a 500
            # The text of an exception may hold data; its type and place do not.
            response = text_response(500, "internal error")
            log_fields["error"] = type(bug).__name__
            log_fields["place"] = place(bug)
        finally:
            leaving.close()
        seconds = time.perf_counter() - started
        if logs_sizes:
            log_fields |= {"requestBytes": size, "responseBytes": response.content_length or 0}
        log_fields |= {
            "code": response.status_code,
            "milliseconds": round(seconds * 1000, 3),
        }
        counted = _DEFERRED if _DEFERRED in log_fields else response.status_code
        self.metrics.requests.labels(name, counted).inc()
        self.metrics.seconds.labels(name).observe(seconds)
        # The sum of exact sizes would tell how long a Secret's values are.
        rounded = next((bucket for bucket in SIZE_BUCKETS if size <= bucket), size)
        self.metrics.request_bytes.labels(name).observe(rounded)
        self._write(log_fields)
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
        if name in CUSTOMIZING and size > _CUSTOMIZE_BYTES:
            raise _Refused(413, f"the body has {size} bytes, more than one object can have")

    def _body(self, size: int, reservation: Reservation) -> bytes:
        stream = flask.request.environ["wsgi.input"]
        body = io.BytesIO()
        # gevent's limit, because a limit of the socket counts from one byte to the next.
        try:
            with gevent.Timeout(self.limits.body_timeout_seconds, TimeoutError):
                for piece in _pieces(size):
                    reservation.hold(body.tell() + piece)
                    read = body.write(stream.read(piece))
                    if read < piece:
                        break
        except Evicted:
            raise
        except TimeoutError:
            raise _Refused(408, "the body did not arrive in time") from None
        except OSError:
            raise _Refused(400, "the client went away") from None
        if body.tell() != size:
            raise _Refused(400, f"the body ends after {body.tell()} of {size} bytes")
        return body.getvalue()

    def _decision(self, name: str, hook: Hook, body: bytes, reservation: Reservation) -> Answer:
        reservation.queue()
        decide = flask.request.environ.get(DECIDE, decide_directly)
        try:
            answer: Answer = decide(name, lambda: hook(body), reservation)
        except ConnectionResetError as interruption:
            # Customize knows no overload; its body has arrived, so the decision is what lacks.
            if isinstance(interruption, Evicted) and name not in CUSTOMIZING:
                raise
            raise _Refused(503, "no decision in time") from None
        return answer

    def _evicted(self, name: str) -> flask.Response:
        if name in CUSTOMIZING:
            return text_response(408, "the body did not arrive in time")
        return _too_many_requests("too many bytes in flight", self.limits.retry_after_seconds)

    def _note(self, answer: Answer) -> None:
        if answer.syncer and answer.is_finalized:
            self.metrics.syncers.deleted(answer.syncer.name)
        elif answer.syncer:
            self.metrics.syncers.answered(answer.syncer)

    def _complain(self, sentence: str) -> None:
        self._write({"error": sentence})

    def _write(self, log_fields: Mapping[str, str | int | float]) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = msgspec.json.encode({"time": stamp, **log_fields}).decode()
        self.log.write(f"{line}\n")
        self.log.flush()


def _response(answer: Answer, size: int, reservation: Reservation) -> flask.Response:
    """What is sent for an answer to a request of this size."""
    if isinstance(answer.response, Deferred):
        return _too_many_requests("the deletion waits", answer.response.after_seconds)
    # Encoding lets no other thread compute, so the event loop does it, one answer at a time, and
    # none for which there is no room.
    reservation.hold(max(size, answer.content_bytes))
    encoded = protocol.encode(answer.response)
    reservation.hold(len(encoded))
    return flask.Response(encoded, 200, mimetype=JSON)


def _too_many_requests(line: str, retry_after_seconds: int) -> flask.Response:
    response = text_response(429, line)
    response.headers["Retry-After"] = str(retry_after_seconds)
    return response


def _pieces(size: int) -> Iterator[int]:
    """A body in pieces: small ones first, so that who stops at once holds little."""
    piece = _FIRST_PIECE_BYTES
    while size:
        piece = min(piece, size)
        yield piece
        size -= piece
        piece = min(2 * piece, _LARGEST_PIECE_BYTES)
