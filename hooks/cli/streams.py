"""Streams whose reader may leave, and whose writer may be nobody."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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
