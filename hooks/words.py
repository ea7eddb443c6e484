"""Name things in a sentence: a few by name, the rest by number, so that no sentence grows."""

from collections.abc import Sequence
from typing import Final

NAMED_LIMIT: Final = 3
"""How many things a sentence names before it only counts."""


def named(names: Sequence[str]) -> str:
    """The names in their order: `a`, `a and b`, `a, b and c`, `a, b, c and 5 more`."""
    first = list(names[:NAMED_LIMIT])
    rest = len(names) - len(first)
    if rest:
        return f"{', '.join(first)} and {rest:,} more"
    return listed(first)


def listed(things: Sequence[str]) -> str:
    """All of them in their order: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(things[:-1]), things[-1]] if len(things) > 1 else things)
