"""Write to streams whose reader may leave."""

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
