"""Parse JSON as RFC 8259 has it, and as every reader understands it: no key twice, no NaN."""

import json
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from hooks.spec.json_values import DEPTH_LIMIT, JsonValue, quiet
from hooks.validation.budget import Budget, TooDeepError
from hooks.validation.unreadable import UnreadableError

_TOKEN: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*+:)?|["\[\]{},]', re.DOTALL)
_INTEGER_DIGITS: Final = 300
"""What has more digits is as good as infinite, and takes long to be read."""


def parse(text: str, budget: Budget) -> JsonValue:
    """The value. Raises UnreadableError and TooCostlyError."""
    _TokenPass(text, budget).read()
    try:
        value = json.loads(text, parse_int=_integer, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise UnreadableError(error.lineno, error.colno) from None
    except _ConstantError as error:
        raise UnreadableError.at(text, _outside_strings(text, str(error))) from None
    return quiet(value)


@dataclass(slots=True)
class _TokenPass:
    """A pass over the brackets and keys of a text, before anything is made of it.

    It counts what will be made, and finds keys that are there twice. A text that is no JSON may
    mislead it; then the parser says so.
    """

    text: str
    budget: Budget
    open: list[set[str] | None] = field(default_factory=list)

    def read(self) -> None:
        for token in _TOKEN.finditer(self.text):
            self.budget.spend(1)
            sign = token[0]
            if sign == '"':
                # This string has no end; to look for that of each quote in it takes quadratic time.
                return
            if token[2] is not None:
                self._note_key(token)
            elif sign in {"{", "["}:
                self.open.append(set() if sign == "{" else None)
                if len(self.open) > DEPTH_LIMIT:
                    raise TooDeepError
            elif sign in {"}", "]"} and self.open:
                self.open.pop()

    def _note_key(self, token: re.Match[str]) -> None:
        keys = self.open[-1] if self.open else None
        if keys is None:
            return
        key = _unescaped(token[1])
        if key in keys:
            raise UnreadableError.at(self.text, token.start(), "a key is there twice")
        keys.add(key)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"'))
    except json.JSONDecodeError:
        return text


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else float(digits)


class _ConstantError(Exception):
    """A word that Python's parser takes for a number, and JSON does not."""


def _refuse_constant(word: str) -> NoReturn:
    raise _ConstantError(word)


def _outside_strings(text: str, word: str) -> int:
    """Where a word is that is in no string."""
    strings_or_word = re.compile(rf'"(?:[^"\\]++|\\.)*+"|({word})', re.DOTALL)
    return next(found.start() for found in strings_or_word.finditer(text) if found[1])
