"""Where decisions are computed: in threads, so that the event loop goes on meanwhile.

To decode a request and to decide can take seconds. The event loop reads, writes,
counts and logs, and answers probes and everybody else while a thread computes.

Python computes in one thread at a time, so more threads make nothing faster: they let a short
decision pass a long one. `/customize` and `/adopt/customize` have threads of their own, because
Metacontroller drops the event that made it ask when they are not answered. What is waiting for a
thread is bounded by MAX_IN_FLIGHT_BYTES.

A thread cannot be interrupted. Where nobody waits for a decision now, it goes on to its end;
its bytes are counted until then. Should all threads compute what nobody waits for, the service has
to be started again: `are_stuck`.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, Protocol, TypeVar

from gevent.lock import Semaphore
from gevent.threadpool import ThreadPool

CUSTOMIZING: Final = frozenset({"customize", "adopt/customize"})
"""The hooks that are asked inside an event handler of Metacontroller, with one object alone."""

DECIDING_THREADS: Final = 8
CUSTOMIZING_THREADS: Final = 2
"""Few enough that what they hold leaves room for another one; see hooks/app.py."""

DECIDE: Final = "configmap_syncer.decide"
"""Where the WSGI environment holds what computes decisions; absent, they are computed directly."""

_Decision = TypeVar("_Decision")


class Reserved(Protocol):
    """What is reserved for a decision, from its begin to its end."""

    def begin(self) -> None:
        """The decision is computed from now on; may raise, and then it is not."""

    def end(self) -> None:
        """The decision was computed."""


def decide_directly(_hook: str, work: Callable[[], _Decision], reserved: Reserved) -> _Decision:
    """The decision, computed at once by the caller: for one call at a time."""
    reserved.begin()
    try:
        return work()
    finally:
        reserved.end()


class Threads:
    """So many threads that compute decisions. Used by greenlets of one thread alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pool = ThreadPool(size)
        # The pool's own would take one task more than it has threads.
        self._free = Semaphore(size)
        self._abandoned = 0

    @property
    def are_stuck(self) -> bool:
        """Whether all threads compute what nobody waits for now."""
        return self._abandoned >= self._size

    def decide(self, work: Callable[[], _Decision], reserved: Reserved) -> _Decision:
        """The decision, or what `work` raised. The greenlet that waits for it may be killed."""
        decision: _Decision = _outcome(self._wait(self._start(work, reserved)))
        return decision

    def _start(self, work: Callable[[], object], reserved: Reserved) -> Any:
        with ExitStack() as begun:
            self._free.acquire()
            begun.callback(self._free.release)
            reserved.begin()
            begun.callback(reserved.end)
            running = self._pool.spawn(_computed, work)
            ended = begun.pop_all()
        running.rawlink(lambda _: ended.close())
        return running

    def _wait(self, running: Any) -> Any:
        try:
            return running.get()
        except BaseException:
            self._abandoned += 1
            running.rawlink(self._regain)
            raise

    def _regain(self, _running: object) -> None:
        self._abandoned -= 1


class Decisions:
    """The threads of the service."""

    def __init__(self) -> None:
        self._deciding = Threads(DECIDING_THREADS)
        self._customizing = Threads(CUSTOMIZING_THREADS)

    @property
    def are_stuck(self) -> bool:
        """Whether some hook is never answered again."""
        return self._deciding.are_stuck or self._customizing.are_stuck

    def decide(self, hook: str, work: Callable[[], _Decision], reserved: Reserved) -> _Decision:
        """The decision of a hook, or what `work` raised."""
        threads = self._customizing if hook in CUSTOMIZING else self._deciding
        return threads.decide(work, reserved)


def _computed(work: Callable[[], object]) -> tuple[object, Exception | None]:
    # gevent would print an exception that a thread raises, and its text may hold data.
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - raised where it is waited for
        return None, error


def _outcome(computed: tuple[Any, Exception | None]) -> Any:
    decision, error = computed
    if error is None:
        return decision
    try:
        raise error
    finally:
        # The error knows this frame: without a cycle, the request that it holds goes at once.
        del computed, error
