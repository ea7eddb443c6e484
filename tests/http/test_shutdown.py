"""The service ends on SIGTERM: it answers the requests that it has, and waits for nothing else.

What it would wait for is allowed ten minutes here, so that an end in time needs no clock.
"""

import contextlib
import http.client
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.http.client import DEADLINE_SECONDS, JSON, SYNC, Pieces, slow_clients
from tests.http.conftest import Edge, Start

LONG = "600"
CLIENTS = 8


def ended(edge: Edge) -> int:
    """The exit code, once there is one."""
    return edge.process.wait(DEADLINE_SECONDS)


def test_a_request_in_flight_is_answered_when_the_service_is_stopped(start: Start) -> None:
    edge = start(SHUTDOWN_SECONDS=LONG, BODY_TIMEOUT_SECONDS=LONG)
    with slow_clients(edge.port, 1, len(SYNC)) as [slow]:
        edge.process.send_signal(signal.SIGTERM)
        slow.body(SYNC[1:])

        assert slow.answer().code == 200
    assert ended(edge) == 0


def test_idle_connections_do_not_delay_the_shutdown(start: Start) -> None:
    edge = start(SHUTDOWN_SECONDS=LONG, HEAD_TIMEOUT_SECONDS=LONG)
    with Pieces(edge.port) as kept, Pieces(edge.port) as silent, Pieces(edge.port) as half:
        kept.promise("/sync", len(SYNC))
        kept.body(SYNC)
        assert kept.answer().code == 200
        half.body(b"POST /sync HTTP/1.1\r\n")
        edge.process.send_signal(signal.SIGTERM)

        assert ended(edge) == 0
        assert [client.socket.recv(1) for client in (kept, silent, half)] == [b""] * 3


def test_a_body_that_never_comes_is_waited_for_no_longer_than_is_allowed(start: Start) -> None:
    edge = start(SHUTDOWN_SECONDS="1", BODY_TIMEOUT_SECONDS=LONG)
    with slow_clients(edge.port, 1, 1000):
        edge.process.send_signal(signal.SIGTERM)

        assert ended(edge) == 0


def test_under_load_every_request_that_was_taken_is_answered(start: Start) -> None:
    edge = start(SHUTDOWN_SECONDS=LONG)
    all_answered = threading.Barrier(CLIENTS + 1)

    def client() -> list[int]:
        """The codes of all answers on one connection, until the service closes it."""
        codes = []
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            while True:
                connection.request("POST", "/sync", SYNC, {"Content-Type": JSON})
                answer = connection.getresponse()
                answer.read()
                codes.append(answer.status)
                if len(codes) == 1:
                    all_answered.wait(DEADLINE_SECONDS)
                if answer.will_close:
                    return codes

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(client) for _ in range(CLIENTS)]
        all_answered.wait(DEADLINE_SECONDS)
        edge.process.send_signal(signal.SIGTERM)
        codes = [code for each in running for code in each.result()]

    assert set(codes) == {200}
    assert ended(edge) == 0
    logged = [line["code"] for line in edge.log() if line.get("hook") == "sync"]
    assert logged == codes
