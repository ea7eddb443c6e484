"""Who leaves when there is no room, and who is waited for because a thread computes."""

import gevent
import pytest

from hooks.server.admission import BodyBudget, Evicted, Reservation


def budget(limit: int = 10, *, last_leaves: bool = True) -> BodyBudget:
    return BodyBudget(limit, patience_seconds=600, last_leaves=last_leaves)


def computed(budget: BodyBudget, size: int) -> Reservation:
    reservation = budget.enter()
    reservation.hold(size)
    reservation.queue()
    reservation.begin()
    return reservation


def test_what_was_evicted_holds_nothing_and_is_not_computed() -> None:
    shared = budget()
    reservation = shared.enter()
    reservation.hold(1)
    reservation.leave()

    with pytest.raises(Evicted):
        reservation.hold(1)
    with pytest.raises(Evicted):
        reservation.begin()
    assert shared.total == 0


def test_what_is_computed_is_held_until_it_ends() -> None:
    shared = budget()
    reservation = computed(shared, 5)

    reservation.leave()
    assert shared.total == 5
    reservation.end()
    assert shared.total == 0


def test_what_is_computed_and_waited_for_is_held_beyond_its_end() -> None:
    shared = budget()
    reservation = computed(shared, 5)

    reservation.end()
    assert shared.total == 5
    reservation.leave()
    assert shared.total == 0


def test_the_last_that_comes_leaves_where_the_others_are_computed() -> None:
    shared = budget()
    first = computed(shared, 9)

    with pytest.raises(Evicted):
        shared.enter().hold(2)
    assert shared.reservations == [first]


def test_the_first_waits_until_the_later_ones_end_and_is_computed() -> None:
    shared = budget()
    first = shared.enter()
    first.hold(1)
    later = computed(shared, 5)
    waiting = gevent.spawn(first.hold, 8)
    gevent.sleep(0)
    assert not waiting.ready()

    later.end()
    later.leave()
    waiting.get(timeout=30)

    assert shared.total == first.held == 8


def test_a_request_that_waits_for_a_thread_is_not_taken_for_a_slow_client() -> None:
    shared = BodyBudget(10, patience_seconds=0)
    queued = shared.enter()
    queued.hold(5)
    queued.queue()

    with pytest.raises(Evicted):
        shared.enter().hold(6)
    assert shared.reservations == [queued]


def test_the_last_that_comes_has_room_where_it_never_leaves() -> None:
    own = budget(last_leaves=False)
    first = computed(own, 9)
    last = own.enter()

    last.hold(5)

    assert own.reservations == [first, last]
