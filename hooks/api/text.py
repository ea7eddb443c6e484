"""What other people wrote, in sentences of ours: cut and cleaned, so that no sentence grows.

Kinds, annotations, finalizers and keys hold whatever their authors like, and a status with a
message that the API server refuses is never written again: the last one stays for good.
"""

import re
from collections.abc import Sequence
from typing import Final

NAMED_LIMIT: Final = 3
"""How many things a sentence names before it only counts."""

EXCERPT_LIMIT: Final = 200
"""How many characters of a text of others stand in a sentence."""

_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def excerpt(text: str) -> str:
    """A text of others on one line and without anything that a terminal could obey.

    Names of Kubernetes are plain ASCII, so everything else is replaced. A backtick becomes an
    apostrophe, because what stands between backticks in a message is a command to run.
    """
    shown = _UNPRINTABLE.sub("?", text[:EXCERPT_LIMIT]).replace("`", "'")
    return shown if len(text) <= EXCERPT_LIMIT else f"{shown[: EXCERPT_LIMIT - 3]}..."


def named(names: Sequence[str]) -> str:
    """The names in their order: `a`, `a and b`, `a, b and c`, `a, b, c and 5 more`."""
    first = list(map(excerpt, names[:NAMED_LIMIT]))
    rest = len(names) - len(first)
    if rest:
        return f"{', '.join(first)} and {rest:,} more"
    return listed(first)


def listed(things: Sequence[str]) -> str:
    """All of them in their order: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(things[:-1]), things[-1]] if len(things) > 1 else things)
