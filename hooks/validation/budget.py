"""What checking one content may cost: counted, not timed, so that all replicas agree."""

from typing import Final

STEPS: Final = 300_000
"""How many steps all rules together may take; one takes a few microseconds."""


class TooCostlyError(Exception):
    """Checking would take more steps than one content may cost, or too many levels."""

    key: str = ""
    """Whose value is checked, where it is a single one."""


class TooDeepError(TooCostlyError):
    """A value has more levels than DEPTH_LIMIT."""


class Budget:
    """The steps that are left."""

    def __init__(self, steps: int = STEPS) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take steps before they are made. Raises TooCostlyError."""
        self._left -= steps
        if self._left < 0:
            raise TooCostlyError
