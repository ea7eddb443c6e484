"""Draw how quantities grow: one panel a quantity, both axes logarithmic, one line a size.

The picture is written by hand, because a library to draw six panels would be larger than all of
this project. Its colours can be read on a light and on a dark background.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_COLUMNS: Final = 3
_WIDTH, _HEIGHT = 300, 230
"""Of a panel, with all that belongs to it, in pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 58, 34, 42
_GREY: Final = "#737a82"
_COLOURS: Final = ("#2f7fd1", "#c4681c", "#8a63d2", "#2c8f52")
_RADIUS: Final = 3
_FEW_MARKS: Final = 2
_MARGIN: Final = 1.3


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity: for each line its points, all of them larger than nothing."""

    title: str
    across: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis from `low` to `high`, drawn from pixel `first` to pixel `last`."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.first + share * (self.last - self.first), 1)

    @property
    def marks(self) -> Sequence[float]:
        """The powers of ten on the axis; where these are few, more."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1,), (1, 2, 5), range(1, 10)):
            marks = [step * 10.0**power for power in powers for step in steps]
            shown = [mark for mark in marks if self.low <= mark <= self.high]
            if len(shown) > _FEW_MARKS:
                break
        return shown


def draw(panels: Sequence[Panel]) -> str:
    """The panels as an SVG, row by row; equal panels give equal pictures."""
    width = _COLUMNS * _WIDTH
    height = math.ceil(len(panels) / _COLUMNS) * _HEIGHT
    drawn = []
    for number, panel in enumerate(panels):
        row, column = divmod(number, _COLUMNS)
        drawn += _panel(panel, column * _WIDTH, row * _HEIGHT)
    lines = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" fill="{_GREY}">\n{lines}\n</svg>\n'
    )


def _panel(panel: Panel, left: int, top: int) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    across = _axis([x for x, _ in points], left + _LEFT, left + _WIDTH - _RIGHT)
    up = _axis([y for _, y in points], top + _HEIGHT - _BOTTOM, top + _TOP)
    drawn = [
        _text(left + _LEFT, top + 18, panel.title, "start", ' font-weight="bold"'),
        _text(round((across.first + across.last) / 2), top + _HEIGHT - 8, panel.across, "middle"),
    ]
    drawn += [
        _text(across.at(value), up.first + 16, f"{value:,g}", "middle")
        for value in sorted({x for x, _ in points})
    ]
    for value in up.marks:
        drawn.append(_line(across.first, up.at(value), across.last, up.at(value)))
        drawn.append(_text(across.first - 6, up.at(value) + 4, f"{value:,g}", "end"))
    for (name, line), colour in zip(panel.lines.items(), _COLOURS, strict=False):
        drawn += _curve([(across.at(x), up.at(y)) for x, y in line], colour)
        drawn.append(_name(name, across.at(line[-1][0]), up.at(line[-1][1]), across, colour))
    return drawn


def _axis(values: Sequence[float], first: float, last: float) -> _Axis:
    """An axis with a little room on both ends, so that no point stands on its edge."""
    return _Axis(min(values) / _MARGIN, max(values) * _MARGIN, first, last)


def _name(name: str, x: float, y: float, across: _Axis, colour: str) -> str:
    """At the end of a line, or above it where other lines continue."""
    if x < across.at(across.high / _MARGIN):
        return _text(x - _RADIUS, y - 9, name, "start", f' fill="{colour}"')
    return _text(x + 7, y + 4, name, "start", f' fill="{colour}"')


def _curve(points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}" fill="{colour}"/>' for x, y in points),
    ]


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{_GREY}" '
        'stroke-opacity="0.35"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
