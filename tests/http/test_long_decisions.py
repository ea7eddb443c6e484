"""While a decision is computed, everybody else is answered; nothing leaks when nobody waits for it.

How long the others wait is measured by `make bench`.
"""

import contextlib
import json
import os
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.http.client import (
    CUSTOMIZE,
    SYNC,
    SYNCER,
    Pieces,
    Reply,
    call,
    in_flight,
    wait_until,
)
from tests.http.conftest import Edge, Start
from tests.http.test_load import OVERLOADED
from tests.http.test_shutdown import LONG, ended
from tests.http.test_tls import Files, files

pytestmark = pytest.mark.long

__all__ = ["files"]

GATED = json.dumps(
    json.loads(SYNC) | {"parent": dict(SYNCER) | {"metadata": {"name": "gated", "uid": "a1"}}}
).encode()


class Gate:
    """Closed until it is opened; a decision that has come to it computes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        os.mkfifo(self.path)
        self._held: int | None = None

    def wait_for_decision(self) -> None:
        """Return when a decision has come to the gate."""
        wait_until(self._is_reached)

    def open(self) -> None:
        """Let all pass that have come, and nobody who comes later."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _is_reached(self) -> bool:
        try:
            self._held = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        return True


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.open()


@pytest.fixture
def begin(start: Start, gate: Gate) -> Callable[..., Edge]:
    """Start a service whose decisions can be held up."""

    def begin(tls: ssl.SSLContext | None = None, **settings: str) -> Edge:
        return start(tls, "tests.http.gated:create_app()", GATE=str(gate.path), **settings)

    return begin


@contextlib.contextmanager
def computing(edge: Edge, gate: Gate, count: int = 1) -> Iterator[list[Pieces]]:
    """Clients whose decisions are being computed."""
    with contextlib.ExitStack() as connections:
        clients = [connections.enter_context(Pieces(edge.port)) for _ in range(count)]
        for client in clients:
            client.promise("/sync", len(GATED))
            client.body(GATED)
        gate.wait_for_decision()
        wait_until(lambda: in_flight(edge.port) == (count, count * len(GATED)))
        yield clients


def test_everybody_else_is_answered_while_a_decision_is_computed(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin()
    with computing(edge, gate) as [client]:
        answers = [
            call(edge.port, "GET", "/healthz"),
            call(edge.port, "GET", "/readyz"),
            call(edge.port, "GET", "/metrics"),
            call(edge.port, "POST", "/sync", SYNC),
            call(edge.port, "POST", "/finalize", SYNC),
            call(edge.port, "POST", "/customize", CUSTOMIZE),
        ]
        assert [answer.code for answer in answers] == [200] * 6
        gate.open()

        assert client.answer().code == 200


def test_everybody_else_is_answered_under_tls_too(
    begin: Callable[..., Edge], gate: Gate, files: Files
) -> None:
    tls = files.trusting()
    edge = begin(tls, **files.settings())
    with contextlib.ExitStack() as clients:
        plain = clients.enter_context(Pieces(edge.port))
        plain.socket = tls.wrap_socket(plain.socket, server_hostname="127.0.0.1")
        plain.promise("/sync", len(GATED))
        plain.body(GATED)
        gate.wait_for_decision()

        assert call(edge.port, "GET", "/healthz", tls=tls) == Reply(200, "ok\n")
        assert call(edge.port, "POST", "/sync", SYNC, tls=tls).code == 200
        gate.open()
        assert plain.answer().code == 200


def test_customize_never_waits_for_the_threads_of_long_decisions(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(THREADS="1")
    with computing(edge, gate) as [client], Pieces(edge.port) as waiting:
        waiting.promise("/sync", len(SYNC))
        waiting.body(SYNC)
        wait_until(lambda: in_flight(edge.port)[0] == 2)

        assert call(edge.port, "POST", "/customize", CUSTOMIZE).code == 200
        assert in_flight(edge.port)[0] == 2
        gate.open()
        assert [client.answer().code, waiting.answer().code] == [200, 200]


def test_a_decision_whose_client_went_away_takes_room_until_it_is_made(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin()
    with computing(edge, gate):
        pass

    assert in_flight(edge.port)[1] == len(GATED)
    gate.open()
    wait_until(lambda: in_flight(edge.port) == (0, 0))


def test_a_decision_that_is_no_longer_waited_for_takes_room_until_it_is_made(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(BODY_TIMEOUT_SECONDS="1", ANSWER_SECONDS="0")
    with computing(edge, gate) as [client]:
        assert client.answer() == Reply(503, "no decision in time\n")

        assert in_flight(edge.port) == (0, len(GATED))
        gate.open()
        wait_until(lambda: in_flight(edge.port) == (0, 0))
    lines = [line for line in edge.log() if line.get("code") == 503]
    assert [(line["hook"], line["error"]) for line in lines] == [("sync", "no decision in time")]


def test_a_decision_that_is_computed_is_not_evicted_by_one_that_comes(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(MAX_IN_FLIGHT_BYTES=str(len(GATED) + 1), BODY_PATIENCE_SECONDS="1")
    with computing(edge, gate) as [client]:
        assert call(edge.port, "POST", "/sync", SYNC) == OVERLOADED
        gate.open()

        assert client.answer().code == 200


def test_a_decision_that_is_computed_keeps_its_place_from_any_number_of_connections(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(MAX_CONNECTIONS="5", HEAD_TIMEOUT_SECONDS=LONG)
    with computing(edge, gate) as [client], contextlib.ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(Pieces(edge.port))
        assert call(edge.port, "GET", "/healthz").code == 200
        gate.open()

        assert client.answer().code == 200


def test_a_decision_in_progress_is_answered_when_the_service_is_stopped(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(SHUTDOWN_SECONDS=LONG)
    with computing(edge, gate) as [client]:
        edge.process.send_signal(signal.SIGTERM)
        gate.open()

        assert client.answer().code == 200
    assert ended(edge) == 0


def test_the_service_ends_in_time_whatever_is_computed(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(SHUTDOWN_SECONDS="1")
    with computing(edge, gate):
        edge.process.send_signal(signal.SIGTERM)

        assert ended(edge) == 0


def test_a_worker_all_of_whose_threads_are_lost_is_replaced(
    begin: Callable[..., Edge], gate: Gate
) -> None:
    edge = begin(
        BODY_TIMEOUT_SECONDS="1", ANSWER_SECONDS="0", THREADS="1", GUNICORN_CMD_ARGS="--timeout=2"
    )
    with computing(edge, gate) as [client]:
        assert client.answer().code == 503

        def is_answered() -> bool:
            try:
                return call(edge.port, "POST", "/sync", SYNC).code == 200
            except OSError:
                return False

        wait_until(is_answered)
