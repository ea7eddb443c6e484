"""Streams whose reader may leave, and whose writer may be nobody.

Errors: `OutputError`, where a result cannot be written.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class OutputError(Exception):
    """A result cannot be written; the message is for the user."""


@contextmanager
def whole_output() -> Iterator[None]:
    """Write a result to its end, whether or not its reader stays. Raises OutputError."""
    with ignore_closed_output(), writable_output():
        yield


@contextmanager
def writable_output() -> Iterator[None]:
    """Write something at once; a reader that has left is a BrokenPipeError. Raises OutputError."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_output()
        raise OutputError(f"The result cannot be written: {error.strerror}") from None


def print_lines(*lines: str) -> None:
    """Print lines to a reader that may leave. Raises OutputError."""
    with whole_output():
        for line in lines:
            print(line)


@contextmanager
def ignore_closed_output() -> Iterator[None]:
    """Let a reader such as `head` go when it has seen enough: what happens is the same."""
    try:
        yield
    except BrokenPipeError:
        close_output()


def close_output() -> None:
    """Let what is still to be written go nowhere: Python would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def can_answer() -> bool:
    """Whether a person is there to answer; a process can have no standard input at all."""
    return sys.stdin is not None and sys.stdin.isatty()
