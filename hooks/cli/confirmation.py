"""Ask whether something is meant, before it is done."""

import sys
from typing import Final

from hooks.cli.streams import can_answer

_YES: Final = ("y", "yes")


def is_meant(what: str) -> bool:
    """Whether the user says so. A program that answers nothing has not said so."""
    if not can_answer():
        print(
            "Standard input is not a terminal, so nobody can answer; confirm with --yes",
            file=sys.stderr,
        )
        return False
    print(f"{what} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in _YES
