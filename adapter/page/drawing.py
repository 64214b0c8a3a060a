"""How is a drawing made without a browser's help? Paths and words with places of their own; a template writes them as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

# How wide a letter of a label is at most, and how far two labels stay apart.
LETTER = 6.4
GAP = 14.0
_DATE_PARTS = 3


class Path(NamedTuple):
    """One line or shape; `kind` is its class in the stylesheet."""

    d: str
    kind: str


class Label(NamedTuple):
    """A word at a place; `anchor` says which end of it stands there."""

    x: float
    y: float
    text: str
    kind: str
    anchor: str = "start"


class Drawing(NamedTuple):
    """A picture with its title and the same content in words."""

    name: str
    width: float
    height: float
    title: str
    description: str
    paths: tuple[Path, ...]
    labels: tuple[Label, ...]


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Path:
    """A straight line."""
    return Path(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", kind)


def box(x: float, y: float, width: float, height: float, kind: str) -> Path:
    """A rectangle."""
    return Path(f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z", kind)


def circle(x: float, y: float, radius: float, kind: str) -> Path:
    """A circle."""
    return Path(f"M{x - radius:.1f} {y:.1f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 {-2 * radius} 0z", kind)


def diamond(x: float, y: float, radius: float, kind: str) -> Path:
    """A square on its corner."""
    return Path(f"M{x:.1f} {y - radius:.1f}l{radius} {radius}l{-radius} {radius}l{-radius} {-radius}z", kind)


def triangle(x: float, y: float, radius: float, kind: str) -> Path:
    """A triangle that points up."""
    return Path(f"M{x:.1f} {y - radius:.1f}l{radius} {2 * radius}h{-2 * radius}z", kind)


def cross(x: float, y: float, radius: float, kind: str) -> Path:
    """Two lines through one point."""
    return Path(f"M{x - radius:.1f} {y - radius:.1f}l{2 * radius} {2 * radius}m0 {-2 * radius}l{-2 * radius} {2 * radius}", kind)


def arrow(x: float, y: float, tip: float, kind: str) -> Path:
    """An upright line with a head at its tip."""
    back = 6 if tip < y else -6
    return Path(f"M{x:.1f} {y:.1f}L{x:.1f} {tip:.1f}m-5 {back}l5 {-back}l5 {back}", kind)


def day_number(day: str | None) -> int | None:
    """A day as a number to draw with: the first of the month or year where no more is known; None where nothing is."""
    parts = (day or "")[:10].split("-")
    try:
        numbers = [int(part) for part in parts]
        return date(*(numbers + [1] * (_DATE_PARTS - len(numbers)))).toordinal()
    except (ValueError, TypeError):
        return None


class Scale(NamedTuple):
    """From a number to a place on paper."""

    low: float
    high: float
    start: float
    end: float

    def at(self, number: float) -> float:
        """Where this number stands; the middle where there is but one."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(high: float, count: int = 6) -> list[float]:
    """Round numbers from nought to at least this height, about as many as asked for."""
    steps = [base * 10**power for power in range(-2, 40) for base in (1, 2, 5)]
    step = next(step for step in steps if high / step <= count)
    return [step * number for number in range(int(high / step) + 2) if step * (number - 1) < high]


def rows_for(spans: Iterable[tuple[float, float]]) -> list[int]:
    """The first free row for each span of labels, in the order given, so that none covers another."""
    ends: list[float] = []
    rows = []
    for start, end in spans:
        row = next((number for number, last in enumerate(ends) if last + GAP <= start), len(ends))
        ends[row : row + 1] = [end]
        rows.append(row)
    return rows


def spread(places: Sequence[float], apart: float) -> list[float]:
    """The places in their order, moved down where they would come closer than this."""
    order = sorted(range(len(places)), key=lambda number: places[number])
    moved = list(places)
    last = float("-inf")
    for number in order:
        moved[number] = last = max(places[number], last + apart)
    return moved
