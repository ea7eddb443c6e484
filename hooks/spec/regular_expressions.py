"""Regular expressions that take linear time, whatever they and the text are like: RE2's.

RE2 has no lookaround and no references to groups. Its time is at most proportional to the length of
the text times the size of the compiled expression, so both are limited or counted.
"""

from typing import Final

import re2

_MEMORY_BYTES: Final = 128 * 1024
"""What one compiled expression may take; RE2 refuses larger ones."""


class UnusableExpressionError(ValueError):
    """A text is no regular expression that RE2 knows, or is too large."""


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY_BYTES
    return options


_OPTIONS: Final = _options()


class RegularExpression:
    """A compiled expression. Raises UnusableExpressionError."""

    def __init__(self, pattern: str) -> None:
        try:
            self._compiled = re2.compile(pattern, _OPTIONS)
        except re2.error:
            raise UnusableExpressionError from None
        self.size: int = self._compiled.programsize

    def is_in(self, text: str) -> bool:
        """Whether some part of a text matches."""
        # Escapes of JSON can stand for half a character, which UTF-8 has not.
        return self._compiled.search(text.encode(errors="replace")) is not None
