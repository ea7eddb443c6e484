"""How a command of the command line ends."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses, the same for every command."""

    ALL_READY = 0
    NOT_READY = 1
    BAD_INPUT = 2
    FAILED_ON = 3
    INTERRUPTED = 130
