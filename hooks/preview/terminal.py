"""What may go to a terminal: colour and progress where a person watches, and no commands."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def is_plain(stream: TextIO) -> bool:
    """Whether a stream gets text alone: it is no terminal, or NO_COLOR (no-color.org) is set."""
    return bool(os.environ.get("NO_COLOR")) or not stream.isatty()


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show on standard error that something goes on, while it does."""
    if is_plain(sys.stderr):
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - it loads slowly, and is rarely needed

    with Console(stderr=True).status(what):
        yield


def one_line(text: str) -> str:
    """A text that cannot be taken for several lines, for where a person is asked about it."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def printable(text: str) -> str:
    """A text in which nothing but line breaks and tabs moves the cursor."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )
