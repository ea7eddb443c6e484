"""A clock that moves only when `advance` is called.

What waits for time (a deadline, a resync, a retry) is then decided in an instant, and the same
story gives the same timestamps every time.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    """How Kubernetes writes a time: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """Simulated time; call it, or `now()`, for the present moment in UTC."""

    def __init__(self, start: datetime = _EPOCH) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Give the present moment."""
        return self._now

    def now(self) -> datetime:
        """Give the present moment."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by some seconds."""
        self.move_to(self._now + timedelta(seconds=seconds))

    def move_to(self, moment: datetime) -> None:
        """Move forward to a moment; time never runs back."""
        if moment < self._now:
            raise ValueError(f"the clock stands at {self._now}, it cannot go back to {moment}")
        self._now = moment
