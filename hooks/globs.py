"""Match names against names and globs: `*` for any characters, `?` for one, always whole names.

Ten thousand names against a hundred patterns must not cost a second a sync, so all patterns
together are one regular expression, which cannot be made to backtrack without end.
"""

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns is the name, or a glob that matches all of it."""
    return bool(patterns) and _compiled(tuple(patterns)).match(name) is not None


def is_glob(pattern: str) -> bool:
    """Whether a pattern can match more than its own name."""
    return "*" in pattern or "?" in pattern


@lru_cache(maxsize=256)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))
