"""Queue the syncers to ask about, with timers and a backoff, as Metacontroller does."""

from collections import Counter, deque
from datetime import datetime, timedelta
from typing import Final

from hooks.preview.simulator.clock import Clock

_FIRST_BACKOFF: Final = timedelta(milliseconds=5)
_LONGEST_BACKOFF: Final = timedelta(seconds=1000)


class WorkQueue:
    """Names to work on now, each once, and the times at which others come in."""

    def __init__(self, clock: Clock) -> None:
        self.timers: dict[str, datetime] = {}
        self._clock = clock
        self._names: deque[str] = deque()
        self._failures: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._names)

    def add(self, name: str) -> None:
        """Put a name at the end, unless it waits already."""
        if name not in self._names:
            self._names.append(name)

    def add_after(self, name: str, delay: timedelta) -> None:
        """Add a name later. A timer that is set already only moves forward, never back."""
        if delay <= timedelta(0):
            self.add(name)
            return
        due = self._clock.now() + delay
        self.timers[name] = min(due, self.timers.get(name, due))

    def retry(self, name: str) -> None:
        """Add a name after a wait that doubles with every failure in a row."""
        backoff = _FIRST_BACKOFF * 2 ** min(self._failures[name], 30)
        self._failures[name] += 1
        self.add_after(name, min(backoff, _LONGEST_BACKOFF))

    def succeed(self, name: str) -> None:
        """Begin the backoff of a name from its start again."""
        self._failures.pop(name, None)

    def take(self) -> str:
        """The name that has waited longest, taken out."""
        return self._names.popleft()

    def fire(self) -> None:
        """Add the names whose timers are due."""
        now = self._clock.now()
        for name in [name for name, due in sorted(self.timers.items()) if due <= now]:
            del self.timers[name]
            self.add(name)
