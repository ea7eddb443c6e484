"""Say a regular expression about names of namespaces as globs, where that is the same.

Reflector takes an expression for a match when its leftmost match is the whole name. Replicator puts
`^` in front and `$` behind. For an expression that becomes globs here, both are the same.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

_MOST: Final = 100
"""How many globs one expression may become."""

_LITERAL: Final = re.compile(r"[-a-z0-9]")
_ANY: Final = {".*": "*", ".+": "?*", ".": "?"}
_TOKEN: Final = re.compile(
    r"\.[*+]?(?![*+?{])|[-a-z0-9](?![*+?{])|\((?:\?:)?([-a-z0-9|]+)\)(?![*+?{])"
)


def globs(expression: str) -> Sequence[str] | None:
    """Names and globs that match the same namespaces; None where there are none that do."""
    inner = expression.strip().removeprefix("^").removesuffix("$")
    parts = list(_parts(inner))
    if not inner or None in parts:
        return None
    choices = [part for part in parts if part is not None]
    number = 1
    for choice in choices:
        number *= len(choice)
    if number > _MOST:
        return None
    return ["".join(chosen) for chosen in product(*choices)]


def _parts(expression: str) -> Iterator[Sequence[str] | None]:
    """What stands for each piece of an expression, one or more texts; None for what has none."""
    position = 0
    while position < len(expression):
        token = _TOKEN.match(expression, position)
        if token is None:
            yield None
            return
        yield _alternatives(token)
        position = token.end()


def _alternatives(token: re.Match[str]) -> Sequence[str] | None:
    if token[1] is None:
        return [_ANY.get(token[0], token[0])]
    alternatives = token[1].split("|")
    if "" in alternatives:
        return None
    # Of two words that begin alike, an expression without an end tries only the first.
    for number, word in enumerate(alternatives):
        if any(later.startswith(word) for later in alternatives[number + 1 :]):
            return None
    return alternatives
