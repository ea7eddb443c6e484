"""Threads compute decisions, and what is reserved for one is kept until it ends."""

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

import gevent
import pytest

from hooks.server.decisions import Decisions, Threads

DEADLINE_SECONDS = 30


class RecordingReservation:
    """Records when a decision begins and ends."""

    def __init__(self, refused: Exception | None = None) -> None:
        self.refused = refused
        self.events: list[str] = []

    def begin(self) -> None:
        if self.refused:
            raise self.refused
        self.events.append("begin")

    def end(self) -> None:
        self.events.append("end")


def wait_until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(DEADLINE_SECONDS):
        while not condition():
            gevent.sleep(0)


def test_a_decision_is_computed_by_another_thread() -> None:
    reservation = RecordingReservation()

    assert Decisions().decide("sync", threading.get_ident, reservation) != threading.get_ident()
    assert reservation.events == ["begin", "end"]


def test_what_a_thread_raises_is_raised_and_printed_nowhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    reservation = RecordingReservation()

    def broken() -> None:
        raise ValueError("hunter2")

    with pytest.raises(ValueError, match="hunter2"):
        Threads(1).decide(broken, reservation)
    assert reservation.events == ["begin", "end"]
    assert capfd.readouterr() == ("", "")


def test_what_a_thread_raised_keeps_nothing_of_the_request() -> None:
    class Body:
        pass

    kept: list[weakref.ref[Body]] = []

    def broken() -> None:
        body = Body()
        kept.append(weakref.ref(body))
        raise ValueError(body)

    with suppress(ValueError):
        Threads(1).decide(broken, RecordingReservation())
    wait_until(lambda: kept[0]() is None)


def test_a_decision_that_nobody_waits_for_is_over_when_its_thread_is() -> None:
    threads, reservation, gate = Threads(1), RecordingReservation(), threading.Event()
    waiting = gevent.spawn(threads.decide, gate.wait, reservation)
    wait_until(lambda: reservation.events == ["begin"])

    waiting.kill()
    assert (threads.are_stuck, reservation.events) == (True, ["begin"])

    gate.set()
    wait_until(lambda: reservation.events == ["begin", "end"])
    assert not threads.are_stuck
    assert threads.decide(lambda: "next", RecordingReservation()) == "next"


def test_a_service_is_stuck_when_one_kind_of_its_threads_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hooks.server.decisions.CUSTOMIZING_THREADS", 1)
    decisions, reservation, gate = Decisions(), RecordingReservation(), threading.Event()
    waiting = gevent.spawn(decisions.decide, "customize", gate.wait, reservation)
    wait_until(lambda: reservation.events == ["begin"])
    before = decisions.are_stuck

    waiting.kill()

    assert (before, decisions.are_stuck) == (False, True)
    gate.set()
    wait_until(lambda: not decisions.are_stuck)


def test_a_decision_that_waits_for_a_thread_has_not_begun() -> None:
    threads, gate = Threads(1), threading.Event()
    reservations = RecordingReservation(), RecordingReservation()
    first, second = (gevent.spawn(threads.decide, gate.wait, each) for each in reservations)
    wait_until(lambda: reservations[0].events == ["begin"])
    assert reservations[1].events == []

    second.kill()
    gate.set()
    first.get()

    assert [each.events for each in reservations] == [["begin", "end"], []]
    assert threads.decide(lambda: "next", RecordingReservation()) == "next"


def test_a_decision_that_may_not_begin_is_not_computed() -> None:
    threads, computed = Threads(1), list[str]()

    with pytest.raises(ConnectionResetError):
        threads.decide(lambda: computed.append("it"), RecordingReservation(ConnectionResetError()))

    assert threads.decide(lambda: computed, RecordingReservation()) == []
