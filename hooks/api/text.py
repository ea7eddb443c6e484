"""What other people wrote, in sentences of ours: cut and cleaned, so that no sentence grows.

Kinds, annotations, finalizers and keys hold whatever their authors like, and a status with a
message that the API server refuses is never written again: the last one stays for good.
"""

import re
from collections.abc import Sequence
from typing import Final

from hooks.api.names import RESOURCE

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


def refused(syncer: str, what: str) -> str:
    """What is said where something was asked for and `what` is seen, a fragment of a sentence.

    Whether the API server refuses it is not known here: that is in Metacontroller's events about
    the syncer alone.
    """
    return (
        f"{what}; if the API server rejects it, the events in "
        f"`kubectl describe {RESOURCE} {syncer}` say why"
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 namespace`, `2,000 namespaces`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def have(things: Sequence[object]) -> str:
    """The verb that goes with so many things."""
    return "has" if len(things) == 1 else "have"


def it_is(things: Sequence[str]) -> str:
    """The pronoun with its verb that goes with so many things."""
    return "it is" if len(things) == 1 else "they are"


def as_sentence(fragment: str) -> str:
    """A fragment with a capital letter and a full stop."""
    return f"{fragment[0].upper()}{fragment[1:]}."


def as_fragment(sentence: str) -> str:
    """A sentence without its capital letter and its full stop; others may have emptied it."""
    return f"{sentence[:1].lower()}{sentence[1:].removesuffix('.')}"
