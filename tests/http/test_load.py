"""Many clients, slow clients, and clients that go away."""

import contextlib

import pytest

from tests.http.client import (
    CUSTOMIZE,
    SYNC,
    TEXT,
    Pieces,
    Reply,
    call,
    in_flight,
    slow_clients,
    wait_until,
)
from tests.http.conftest import Start

pytestmark = pytest.mark.long

OVERLOADED = Reply(429, "too many bytes in flight\n", {"Content-Type": TEXT, "Retry-After": "1"})


def test_a_sync_is_answered_while_many_slow_clients_send(start: Start) -> None:
    # More clients than any pool of threads would have threads.
    edge = start()
    with slow_clients(edge.port, 500, 1000) as clients:
        assert call(edge.port, "POST", "/sync", SYNC).code == 200
        assert call(edge.port, "GET", "/readyz") == Reply(200, "ok\n")

        for client in clients:
            client.body(b" " * 999)
        answers = [client.answer() for client in clients]

    assert answers == [Reply(400, "Input data was truncated\n")] * 500


@pytest.mark.parametrize("hook", ["sync", "finalize"])
def test_a_body_that_does_not_fit_with_those_in_flight_is_sent_back(
    start: Start, hook: str
) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES=str(len(SYNC) + 999), BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        assert call(edge.port, "POST", f"/{hook}", SYNC) == OVERLOADED


def test_a_client_that_sends_all_before_it_reads_also_gets_the_429(start: Start) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES="1000", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        assert call(edge.port, "POST", "/sync", b" " * 20_000_000) == OVERLOADED


def test_many_clients_get_the_429_at_once(start: Start) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES="1000", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000), contextlib.ExitStack() as connections:
        others = [connections.enter_context(Pieces(edge.port)) for _ in range(200)]
        for other in others:
            other.promise("/sync", 1000)

        assert [other.answer() for other in others] == [OVERLOADED] * 200


def test_a_body_that_just_fits_with_those_in_flight_is_read(start: Start, port: int) -> None:
    # So must its answer, which takes the body's room.
    fits = max(len(SYNC), len(call(port, "POST", "/sync", SYNC).body.encode()))
    edge = start(MAX_IN_FLIGHT_BYTES=str(fits + 1000), BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        assert call(edge.port, "POST", "/sync", SYNC).code == 200


def test_a_body_alone_is_read_however_large_it_is(start: Start) -> None:
    # Else a syncer with a large content would be sent back for ever.
    edge = start(MAX_IN_FLIGHT_BYTES="1")

    assert call(edge.port, "POST", "/sync", SYNC).code == 200


def test_customize_is_answered_whatever_is_in_flight(start: Start) -> None:
    # Metacontroller drops the event that made it ask when the answer is not 200.
    edge = start(MAX_IN_FLIGHT_BYTES="1000", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        assert call(edge.port, "POST", "/customize", CUSTOMIZE).code == 200


def test_the_retry_time_is_a_setting(start: Start) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES="1000", RETRY_AFTER_SECONDS="7", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        refused = call(edge.port, "POST", "/sync", SYNC)

    assert refused == Reply(
        429, "too many bytes in flight\n", {"Content-Type": TEXT, "Retry-After": "7"}
    )


def test_the_bytes_of_a_body_are_free_when_it_is_answered(start: Start) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES="1000", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000) as [slow]:
        slow.body(b" " * 999)
        answered = slow.answer()

        assert (answered.code, call(edge.port, "POST", "/sync", SYNC).code) == (400, 200)


def test_the_bytes_of_a_body_are_free_when_its_client_goes_away(start: Start) -> None:
    edge = start(MAX_IN_FLIGHT_BYTES="1000", BODY_PATIENCE_SECONDS="600")
    with slow_clients(edge.port, 1, 1000):
        pass
    wait_until(lambda: in_flight(edge.port) == (0, 0))

    assert call(edge.port, "POST", "/sync", SYNC).code == 200


def test_a_client_that_stops_sending_gets_an_answer_and_frees_its_bytes(start: Start) -> None:
    edge = start(BODY_TIMEOUT_SECONDS="1")
    with slow_clients(edge.port, 1, 1000) as [slow]:
        assert slow.answer() == Reply(408, "the body did not arrive in time\n")
        assert in_flight(edge.port) == (0, 0)


def test_a_body_that_ends_too_early_is_refused(port: int) -> None:
    with slow_clients(port, 1, 1000) as [slow]:
        slow.end()

        assert slow.answer() == Reply(400, "the body ends after 1 of 1000 bytes\n")
