"""A measured ratio and the most that it may be."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of a few pairs measured in turns, with the extremes, and its limit."""

    what: str
    unit: str
    values: Sequence[float]
    limit: float

    @classmethod
    def of_pairs(
        cls, what: str, unit: str, pairs: Iterable[tuple[float, float]], limit: float
    ) -> Self:
        """The ratios of (ours, the other's) pairs, each measured one right after the other."""
        return cls(what, unit, [ours / other for ours, other in pairs], limit)

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.values)

    @property
    def is_kept(self) -> bool:
        """Whether the limit is kept."""
        return self.median <= self.limit

    def __str__(self) -> str:
        verdict = "kept" if self.is_kept else "BROKEN"
        low, high = min(self.values), max(self.values)
        return (
            f"{self.what}\n    {self.median:.2f} x {self.unit} ({low:.2f} to {high:.2f} in "
            f"{len(self.values)}); at most {self.limit:g}: {verdict}"
        )


Benchmark = Callable[[], Iterable[Ratio]]
