"""A limit of namespaces: a number of them, or a percentage."""

import re
from dataclasses import dataclass
from typing import Final, Self

_PERCENTAGE: Final = re.compile(r"(100|[1-9]?[0-9])%")


@dataclass(frozen=True, slots=True)
class Limit:
    """How many namespaces something may concern: a number of them, or percent."""

    number: int
    is_percentage: bool = False

    @staticmethod
    def is_valid(written: int | str) -> bool:
        """Whether a spec's value is a limit."""
        if isinstance(written, str):
            return bool(_PERCENTAGE.fullmatch(written))
        return written >= 0

    @classmethod
    def parse(cls, written: int | str) -> Self:
        """The limit that a valid value is."""
        if isinstance(written, str):
            return cls(int(written.removesuffix("%")), is_percentage=True)
        return cls(written)

    def of(self, total: int) -> int:
        """How many that is of so many, rounded down."""
        return total * self.number // 100 if self.is_percentage else self.number
