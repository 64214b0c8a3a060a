"""The plot itself: points over time, the bands and cut-offs behind them, and the change between two scans."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.uptake import Presence
from adapter.page.drawing import (
    LETTER,
    Drawing,
    Label,
    Path,
    Scale,
    arrow,
    box,
    circle,
    cross,
    day_number,
    line,
    rows_for,
    spread,
    ticks,
    triangle,
)

_WIDTH = 560.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 388.0, 26.0, 246.0
_INSET, _LABEL_HEIGHT, _MOST, _TICK_SPACE, _ARROW = 46.0, 15.0, 1.3, 20.0, 26.0
# Between two lines of words at a value, and how wide a letter of them is.
_LINE, _WIDE = 17.0, 8.2


class Point(NamedTuple):
    """What one scan says of the lesion: from which uptake to which, the same one where it is exact; an end that was not sent is None.

    `inside` is an uptake that it may be; without a height the scan speaks in words only.
    """

    scan: str
    day: str
    low: Decimal | None
    high: Decimal | None
    presence: Presence
    text: str
    inside: Decimal | None = None

    @property
    def height(self) -> Decimal | None:
        """Where it is marked: at the end that was sent, the upper one of two."""
        return self.low if self.high is None else self.high


class Link(NamedTuple):
    """The change from one point to another, or that the two may not be compared."""

    first: int
    second: int
    text: str
    is_open: bool


class Cutoff(NamedTuple):
    """A cut-off at a height, with the number as the source says it and the answer that rests on it."""

    at: Decimal
    text: str
    of: str
    is_main: bool


class Region(NamedTuple):
    """What lies between two cut-offs, and what it is called."""

    low: Decimal | None
    high: Decimal | None
    word: str
    includes_low: bool
    includes_high: bool
    is_answer: bool

    def holds(self, height: Decimal) -> bool:
        """Whether this uptake lies in the region."""
        above = self.low is None or height > self.low or (self.includes_low and height == self.low)
        below = self.high is None or height < self.high or (self.includes_high and height == self.high)
        return above and below


class Sketch(NamedTuple):
    """Everything that is to be drawn."""

    name: str
    title: str
    points: tuple[Point, ...]
    links: tuple[Link, ...]
    cutoffs: tuple[Cutoff, ...]
    regions: tuple[Region, ...]
    begun: str | None


class _Paper(NamedTuple):
    """Where days and heights stand."""

    days: Scale
    heights: Scale
    places: tuple[tuple[float, float], ...]


def drawn(sketch: Sketch) -> Drawing:
    """The plot with its words."""
    paper = _paper(sketch)
    paths: list[Path] = []
    labels: list[Label] = []
    for part in (_bands, _axes, _cutoffs, _treatment, _links, _points):
        more, words = part(sketch, paper)
        paths += more
        labels += words
    height = max(label.y for label in labels) + 8
    return Drawing(sketch.name, _WIDTH, height, sketch.title, _in_words(sketch), tuple(paths), tuple(labels))


def _in_words(sketch: Sketch) -> str:
    said = [f"{point.day}: {point.text}" for point in sketch.points]
    said += [f"from {sketch.points[one.first].day} to {sketch.points[one.second].day}: {one.text}" for one in sketch.links]
    said += [f"cut-off of {one.of}: {one.text}" for one in sketch.cutoffs]
    return "; ".join(said)


def _paper(sketch: Sketch) -> _Paper:
    numbers = [day_number(point.day) for point in sketch.points]
    days = [number for number in numbers if number is not None] or [0]
    seen = [float(point.height) for point in sketch.points if point.height is not None] or [1.0]
    near = [float(one.at) for one in sketch.cutoffs if float(one.at) <= _MOST * max(seen) or one.is_main]
    top = ticks(max([*seen, *near]) * 1.06)[-1]
    across = Scale(min(days), max(days), _LEFT + _INSET, _RIGHT - _INSET)
    up = Scale(0, top, _BOTTOM, _TOP)
    places = []
    for point, number in zip(sketch.points, numbers, strict=True):
        height = 0.0 if point.height is None else float(point.height)
        places.append((across.at(days[0] if number is None else number), up.at(height)))
    return _Paper(across, up, tuple(places))


def _bands(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    """The stretches between the main cut-offs; the one that is the answer, and holds the newest value, is shaded and bold."""
    newest = next((point.inside for point in reversed(sketch.points) if point.inside is not None), None)
    taken = _taken(sketch, paper)
    paths, labels = [], []
    for region in sketch.regions:
        low = min(_BOTTOM, paper.heights.at(max(0.0, float(region.low)))) if region.low is not None else _BOTTOM
        high = max(_TOP, paper.heights.at(float(region.high))) if region.high is not None else _TOP
        if low - high < _LABEL_HEIGHT:
            continue
        kind = "band here" if region.is_answer and newest is not None and region.holds(newest) else "band"
        paths.append(box(_LEFT, high, _RIGHT - _LEFT, low - high, kind))
        labels.append(_named(region.word, f"{kind}-name", high, low, taken))
    return paths, labels


def _taken(sketch: Sketch, paper: _Paper) -> list[tuple[float, float]]:
    """Places where something else is drawn: along the changes, at the treatment, and around the values."""
    return _drawn_lines(sketch, paper) + [(x + dx, y + dy) for x, y in paper.places for dx in (-14, 0, 14) for dy in (-14, 0, 16)]


def _drawn_lines(sketch: Sketch, paper: _Paper) -> list[tuple[float, float]]:
    """Places along the changes and the treatment."""
    steps = [step / 48 for step in range(49)]
    found = [(x, _TOP - 16 + (_BOTTOM - _TOP + 16) * step) for x in _began(sketch, paper) for step in steps]
    for link in sketch.links:
        (x1, y1), (x2, y2) = paper.places[link.first], paper.places[link.second]
        found += [(x1 + (x2 - x1) * step, y1 + (y2 - y1) * step) for step in steps]
    return found


def _named(word: str, kind: str, high: float, low: float, taken: Sequence[tuple[float, float]]) -> Label:
    """The name of a band where it covers least of the rest."""
    width = len(word) * (LETTER + 0.6)
    heights = [low - 8, high + _LABEL_HEIGHT, (low + high) / 2 + 4]
    starts = [_LEFT + 8, _RIGHT - 8 - width, (_LEFT + _RIGHT - width) / 2]
    places = [(x, y) for y in heights for x in starts]

    def covered(place: tuple[float, float]) -> int:
        x, y = place
        return sum(x - 6 <= one <= x + width + 6 and y - _LABEL_HEIGHT <= other <= y + 5 for one, other in taken)

    x, y = min(places, key=covered)
    return Label(x, y, word, kind)


def _began(sketch: Sketch, paper: _Paper) -> list[float]:
    """Where the line of the first treatment stands, if it lies between the scans."""
    number = day_number(sketch.begun)
    is_between = number is not None and paper.days.low < paper.days.high and paper.days.low <= number <= paper.days.high
    return [paper.days.at(number)] if number is not None and is_between else []


def _axes(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    paths = [line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis")]
    labels = []
    for number in ticks(paper.heights.high / 1.0001):
        y = paper.heights.at(number)
        paths.append(line(_LEFT - 4, y, _LEFT, y, "axis"))
        labels.append(Label(_LEFT - 8, y + 4, f"{number:g}", "tick", "end"))
    ordered = sorted({(x, point.day) for (x, _), point in zip(paper.places, sketch.points, strict=True)})
    half = 5 * LETTER
    for (x, day), row in zip(ordered, rows_for((x - half, x + half) for x, _ in ordered), strict=True):
        paths.append(line(x, _BOTTOM, x, _BOTTOM + 5, "axis"))
        labels.append(Label(x, _BOTTOM + _TICK_SPACE + row * _LABEL_HEIGHT, day or "day not sent", "tick", "middle"))
    return paths, labels


def _cutoffs(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    """A line at each cut-off, with its number and its answer in the margin; names that would meet are moved apart."""
    shown = [one for one in sketch.cutoffs if _TOP <= paper.heights.at(float(one.at)) <= _BOTTOM]
    places = [paper.heights.at(float(one.at)) for one in shown]
    apart = 2 * _LABEL_HEIGHT + 1
    paths, labels = [], []
    for one, y, at in zip(shown, places, spread([y - 4 for y in places], apart), strict=True):
        kind = "cutoff main" if one.is_main else "cutoff"
        paths += [line(_LEFT, y, _RIGHT, y, kind), line(_RIGHT, y, _RIGHT + 12, at, "leader")]
        labels += [Label(_RIGHT + 16, at + 3, _at(one), "cutoff-value"), Label(_RIGHT + 16, at + 3 + _LABEL_HEIGHT, one.of, "cutoff-name")]
    return paths, labels


def _at(one: Cutoff) -> str:
    """The number as the source says it, with the uptake it comes to where that is another number."""
    height = f"{round(one.at, 3).normalize():f}"
    return f"{one.text} = {height}" if "%" in one.text else one.text


def _treatment(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    places = _began(sketch, paper)
    paths = [line(x, _TOP - 8, x, _BOTTOM, "treatment") for x in places]
    return paths, [Label(x, _TOP - 13, f"treatment began {sketch.begun}", "treatment-name", "middle") for x in places]


def _links(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    paths, labels = [], []
    for link in sketch.links:
        (x1, y1), (x2, y2) = paper.places[link.first], paper.places[link.second]
        kind = "change" if link.is_open else "change refused"
        paths.append(line(x1, y1, x2, y2, kind))
        x, y = x1 + (x2 - x1) * 0.56, y1 + (y2 - y1) * 0.56
        if not link.is_open:
            paths.append(cross(x, y, 6, "refusal"))
            labels.append(Label(x + 10, y - 8, link.text, f"{kind}-name"))
    return paths, labels


def _points(sketch: Sketch, paper: _Paper) -> tuple[list[Path], list[Label]]:
    """Each value with its number, and under it how far it is from the baseline."""
    marks = [path for point, (x, y) in zip(sketch.points, paper.places, strict=True) for path in _marks(point, x, y, paper)]
    taken = _drawn_lines(sketch, paper) + [(x + dx, y + dy) for x, y in paper.places for dx in (-5, 0, 5) for dy in (-5, 0, 5)]
    labels: list[Label] = []
    for number, point in enumerate(sketch.points):
        changes = [(link.text, "change-name") for link in sketch.links if link.second == number and link.is_open]
        texts = [(point.text, "value"), *changes]
        x, first, covered = _free(number, [text for text, _ in texts], sketch, paper, taken)
        taken += covered
        labels += [Label(x, first + _LINE * row, text, kind, "middle") for row, (text, kind) in enumerate(texts)]
    return marks, labels


def _free(
    number: int, texts: Sequence[str], sketch: Sketch, paper: _Paper, taken: Sequence[tuple[float, float]]
) -> tuple[float, float, list[tuple[float, float]]]:
    """Where the words of a value cover least: the middle and first line of them, and the places that they take."""
    point, (x, y) = sketch.points[number], paper.places[number]
    half, more = max(len(text) for text in texts) * _WIDE / 2, _LINE * (len(texts) - 1)
    falls = any(link.second == number and paper.places[link.first][1] < y for link in sketch.links)
    # The words stand where neither the line nor the arrow of an open end does.
    is_below = falls if point.low == point.high else point.high is None
    above, below = y - 11 - more, y + 20
    rows = (below, above) if is_below else (above, below)
    aside = [(x + side * (half + 10), first) for side in (1, -1) for first in (*rows, y + 5 - more / 2)]
    places = [*((x, first) for first in rows), *aside]

    def box_at(place: tuple[float, float]) -> tuple[float, float, float, float]:
        return place[0] - half, place[1] - 12, place[0] + half, place[1] + more + 4

    def cost(place: tuple[float, float]) -> int:
        left, top, right, bottom = box_at(place)
        is_outside = left < _LEFT or right > _RIGHT + 6 or top < _TOP - 6 or bottom > _BOTTOM
        return 1000 * is_outside + sum(left <= one <= right and top <= other <= bottom for one, other in taken)

    best = min(places, key=cost)
    left, top, right, bottom = box_at(best)
    steps = [step / 12 for step in range(13)]
    return *best, [(left + (right - left) * over, top + (bottom - top) * down) for over in steps for down in steps]


def _marks(point: Point, x: float, y: float, paper: _Paper) -> list[Path]:
    """The sign of a value; one that is no single number is open, with an arrow where it goes on or a line to its other end."""
    if point.low == point.high:
        return [_mark(point, x, y)]
    ends = [paper.heights.at(float(end)) for end in (point.low, point.high) if end is not None]
    if point.low is None or point.high is None:
        tip = min(_BOTTOM, y + _ARROW) if point.low is None else max(_TOP, y - _ARROW)
        reach = [arrow(x, y, tip, "reach")]
    else:
        reach = [line(x, ends[0], x, ends[1], "reach")]
    return [*reach, *(circle(x, end, 5.5, "point hollow") for end in ends)]


def _mark(point: Point, x: float, y: float) -> Path:
    match point.presence:
        case Presence.NEW:
            return triangle(x, y, 6, "point new")
        case Presence.RESOLVED:
            return circle(x, y, 6, "point hollow")
        case Presence.NOT_COVERED | Presence.NOT_MEASURED:
            return cross(x, y, 5, "point missing")
        case _:
            return circle(x, y, 5.5, "point")
