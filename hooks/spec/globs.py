"""Match names against names and globs: `*` for any characters, `?` for one, always whole names.

The writer of a list decides how long and how twisted it is, so no name is read twice: names are
looked up, and all globs together are one automaton whose states are the bits of a number. One
character of a name moves all of them at once, whatever the globs are like ("shift-and").
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Final, Self

_START: Final = "*"
"""The state before the first character; stars have no state of their own."""


def is_glob(pattern: str) -> bool:
    """Whether a pattern can match more than its own name."""
    return "*" in pattern or "?" in pattern


@dataclass(frozen=True, slots=True)
class Selection:
    """Names that a pattern matches, in their order, and patterns that match none."""

    names: Sequence[str]
    unmatched: Collection[str]


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names and globs, ready to be matched.

    A glob has a state where it starts and one for each character, and the globs follow each other.
    The bits of `steps` are the states that a character leads to, those of `other_steps` the ones
    that any other character does; those of `loops` have a star behind them and are never left.
    """

    names: Collection[str]
    globs: Sequence[str]
    starts: int
    ends: int
    loops: int
    steps: Mapping[str, int]
    other_steps: int

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        """All of these, each once. A glob has only characters that names can have, too."""
        distinct = dict.fromkeys(patterns)
        globs = [pattern for pattern in distinct if is_glob(pattern)]
        states = "".join(_START + glob.replace("*", "") for glob in globs)
        any_character = _bits(states, "?")
        return cls(
            names=distinct.keys() - globs,
            globs=globs,
            starts=_bits(states, _START),
            ends=_bits("".join(map(_ends, globs)), "1"),
            loops=_bits("".join(map(_loops, globs)), "1"),
            steps={c: _bits(states, c) | any_character for c in {*states} - {_START, "?"}},
            other_steps=any_character,
        )

    def matches(self, name: str) -> bool:
        """Whether one of the patterns is the name, or a glob that matches all of it."""
        return name in self.names or self._reached(name) != 0

    def select(self, names: Collection[str]) -> Selection:
        """Which of the names are matched, and which patterns match none of them."""
        chosen = []
        reached = 0
        for name in names:
            ends = self._reached(name)
            reached |= ends
            if ends or name in self.names:
                chosen.append(name)
        by_name = set(self.names).difference(names)
        by_glob = compress(self.globs, _flags(self.ends & ~reached, self.ends))
        return Selection(chosen, [*by_name, *by_glob])

    def _reached(self, name: str) -> int:
        """The ends that a name leads to."""
        if not self.globs:
            return 0
        states, loops = self.starts, self.loops
        for step in map(self.steps.get, name, repeat(self.other_steps)):
            states = (states << 1 & step) | (states & loops)
        return states & self.ends


def _ends(glob: str) -> str:
    """For each state of a glob whether it is the last, as 0 or 1."""
    return "1".rjust(len(glob) - glob.count("*") + 1, "0")


def _loops(glob: str) -> str:
    """For each state of a glob whether a star follows, as 0 or 1."""
    # The sign before it is the start.
    *followed, last = f"^{glob}".split("*")
    return "".join("1".rjust(len(part), "0") for part in followed if part) + "0" * len(last)


def _bits(states: str, marked: str) -> int:
    """The number that has a bit for each state of this character, the first one the lowest."""
    digits = {ord(state): "0" for state in {*states}} | {ord(marked): "1"}
    return int(states[::-1].translate(digits) or "0", 2)


def _flags(bits: int, among: int) -> Iterable[bool]:
    """For each bit of `among`, the lowest first, whether it is one of `bits`."""
    digits = f"{bits:0{among.bit_length()}b}"
    return (digit == "1" for digit in compress(digits[::-1], map(int, f"{among:b}"[::-1])))
