"""Who has to leave when too much is asked at once: a limit on the bytes of requests and answers.

A promised size counts for nothing: a body is counted piece by piece, each before it is read, and an
answer until its client has fetched it. While a decision is computed, nobody can take its bytes
back, not even when its client has gone: a thread cannot be interrupted.

Only the event loop uses these; there are no threads here.
"""

import errno
import math
import time
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
from gevent.event import Event

_NEVER: Final = math.inf


class Evicted(ConnectionResetError):
    """Raised in a request where it waits, because others need its room."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "evicted")


@dataclass(eq=False, slots=True)
class Reservation:
    """The bytes that one request holds, and since when the service waits for its client."""

    budget: "BodyBudget"
    greenlet: Any = field(default_factory=gevent.getcurrent)
    held: int = 0
    waits_since: float = _NEVER
    is_computed: bool = False
    is_abandoned: bool = False

    def hold(self, size: int) -> None:
        """Hold so many bytes in all. Raises Evicted where there is no room for them."""
        self.budget.hold(self, size)

    def queue(self) -> None:
        """From now on the client waits for the service, and not the other way round."""
        self.waits_since = _NEVER

    def begin(self) -> None:
        """The decision is computed from now on. Raises Evicted where the room has been taken."""
        if self not in self.budget.reservations:
            raise Evicted
        self.is_computed = True

    def end(self) -> None:
        """The decision was computed, whether or not its request still waits for it."""
        self.is_computed = False
        if self.is_abandoned:
            self.leave()
        self.budget.wake()

    def leave(self) -> None:
        """Give back what is held, as soon as nothing is computed from it."""
        if self.is_computed:
            self.is_abandoned = True
        elif self in self.budget.reservations:
            self.budget.reservations.remove(self)


@dataclass(slots=True)
class BodyBudget:
    """The bytes of bodies that arrive and are decided, and of answers, within a limit.

    Where there is no room for the next piece, the request leaves whose client has kept the service
    waiting for the longest, if that is more than a little; so nobody shuts the others out by
    holding bytes. If all are quick, there are too many, and the last that came leaves: so the first
    is always done. One alone has room, however large it is.
    """

    limit: int
    patience_seconds: float
    last_leaves: bool = True
    reservations: list[Reservation] = field(default_factory=list)
    _change: Event = field(default_factory=Event)

    @property
    def total(self) -> int:
        """The bytes that are held."""
        return sum(each.held for each in self.reservations)

    def enter(self) -> Reservation:
        """A reservation of nothing yet."""
        reservation = Reservation(self)
        self.reservations.append(reservation)
        return reservation

    def hold(self, reservation: Reservation, size: int) -> None:
        """Have a reservation hold so many bytes; raises Evicted where it has to leave itself."""
        while reservation in self.reservations and self._lacks(reservation, size):
            leaving = self._next(reservation)
            if leaving is None:
                break
            if leaving.is_computed:
                reservation.queue()
                self._change.wait()
                continue
            leaving.leave()
            if leaving is not reservation:
                gevent.kill(leaving.greenlet, Evicted())
        if reservation not in self.reservations:
            raise Evicted
        reservation.held = size
        reservation.waits_since = time.monotonic()

    def wake(self) -> None:
        """Have those look again who wait for a decision to end."""
        change, self._change = self._change, Event()
        change.set()

    def _lacks(self, reservation: Reservation, size: int) -> bool:
        return self.total - reservation.held + size > self.limit

    def _next(self, reservation: Reservation) -> Reservation | None:
        """Who leaves, or is waited for where it is being computed; None: there is nobody."""
        others = [each for each in self.reservations if each is not reservation and each.held]
        if not others:
            return None
        # Nobody whose decision is computed keeps the service waiting.
        slowest = min(others, key=lambda each: each.waits_since)
        if time.monotonic() - slowest.waits_since >= self.patience_seconds:
            return slowest
        if self.last_leaves:
            return max(*others, reservation, key=self.reservations.index)
        free = (each for each in others if not each.is_computed)
        return max(free, key=self.reservations.index, default=None)
