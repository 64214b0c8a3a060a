"""What happened when? Records, specimens, treatments and scans of one case on one line of time, drawn and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from adapter.facts.case import Case, Treatment
from adapter.facts.uptake import Images
from adapter.knowledge.books import Knowledge
from adapter.page.drawing import LETTER, Drawing, Label, Path, Scale, box, circle, day_number, diamond, line, rows_for, triangle
from adapter.wording import plain, sample, timing

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _PAD = 1000.0, 118.0, 978.0, 30.0, 26.0, 9.0
_LANES = ("Recorded", "Specimens", "Treatments", "Scans")
# The finest step between two marks of time that leaves room for their words, in months.
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
_MOST_MARKS = 9
_LETTER = LETTER + 0.4


class Event(NamedTuple):
    """Something with a day: its lane, its words, and the day it ended where it lasted."""

    lane: str
    day: str
    text: str
    last: str = ""
    is_going_on: bool = False
    is_uncertain: bool = False
    reference: str = ""

    @property
    def label(self) -> str:
        """The words beside its mark."""
        return f"{self.day} {self.text}"


class Timeline(NamedTuple):
    """The events in the order of time; without a drawing where none has a day."""

    events: tuple[Event, ...]
    drawing: Drawing | None


class _Placed(NamedTuple):
    event: Event
    x: float
    end: float
    label: float
    anchor: str

    @property
    def span(self) -> tuple[float, float]:
        """From the first to the last point that mark and words take."""
        width = len(self.event.label) * _LETTER
        start, end = (self.label, self.label + width) if self.anchor == "start" else (self.label - width, self.label)
        return min(self.x - 7, start), max(self.end + 7, end)


def timeline(case: Case, shown: Images, knowledge: Knowledge, name: str) -> Timeline:
    """All dated events of a case."""
    events = sorted(_events(case, shown, knowledge), key=lambda event: (event.day, _LANES.index(event.lane), event.text))
    dated = [event for event in events if day_number(event.day) is not None]
    return Timeline(tuple(events), _drawn(dated, name) if dated else None)


def _events(case: Case, shown: Images, knowledge: Knowledge) -> Iterable[Event]:
    for condition in case.conditions:
        if condition.recorded_on:
            yield Event("Recorded", condition.recorded_on, "cancer on record", reference=condition.reference)
    for specimen in (*case.specimens, *case.samples):
        if specimen.collected_on:
            name = ", ".join(part for part in (sample(specimen), timing(specimen)) if part)
            yield Event("Specimens", specimen.collected_on, name, reference=specimen.reference or "")
    yield from _treatments(case.treatments)
    for scan in shown.scans:
        topic = knowledge.tracer_topic(scan.tracer)
        name = f"PET with {topic.title if topic else 'unknown tracer'}"
        yield Event("Scans", scan.day or "", name, reference=scan.study or "")


def _treatments(treatments: Sequence[Treatment]) -> Iterable[Event]:
    """One event for a drug over all its days; drugs that began and ended on the same days share theirs."""
    grouped: dict[tuple[str, tuple[str, ...], bool], list[Treatment]] = {}
    for one in treatments:
        grouped.setdefault((one.kind, one.drugs, one.only_ordered), []).append(one)
    shared: dict[tuple[str, str, bool, bool, str], list[list[Treatment]]] = {}
    for (kind, _, ordered), same in grouped.items():
        first = min((one.started_on for one in same if one.started_on), default="")
        last = max((day for one in same if (day := one.last_on or one.started_on)), default="")
        shared.setdefault((first, last, any(one.still_taken for one in same), ordered, kind), []).append(same)
    for (first, last, going_on, ordered, kind), groups in shared.items():
        names = sorted({" and ".join(same[0].drugs) or _unnamed(kind) for same in groups})
        places = dict.fromkeys(one.origin.reference for same in groups for one in same)
        text = " + ".join(names) + (" (ordered)" if ordered else "")
        yield Event("Treatments", first, text, last if last != first else "", going_on, ordered, ", ".join(places))


def _unnamed(kind: str) -> str:
    return f"{plain(kind)} treatment" if kind != "surgery" else kind


def _drawn(events: Sequence[Event], name: str) -> Drawing:
    days = [number for event in events for day in (event.day, event.last) if (number := day_number(day)) is not None]
    margin = max(10, (max(days) - min(days)) // 24)
    scale = Scale(min(days) - margin, max(days) + margin, _LEFT, _RIGHT)
    lanes: list[Path] = []
    paths: list[Path] = []
    labels: list[Label] = []
    top = _TOP
    for lane in _LANES:
        placed = [_placed(event, scale) for event in events if event.lane == lane]
        if not placed:
            continue
        rows = rows_for(one.span for one in placed)
        height = (max(rows) + 1) * _ROW + 2 * _PAD
        lanes.append(box(0, top, _WIDTH, height, "lane"))
        labels.append(Label(14, top + height / 2 + 4.5, lane, "lane-name"))
        for one, row in zip(placed, rows, strict=True):
            middle = top + _PAD + row * _ROW + _ROW / 2
            paths += _marks(one, middle)
            labels.append(Label(one.label, middle + 4.5, one.event.label, "event", one.anchor))
        top += height + 6
    marks, words = _axis(scale, top)
    told = "; ".join(f"{event.day}{f' to {event.last}' if event.last else ''} {event.text}" for event in events)
    return Drawing(f"{name}-timeline", _WIDTH, top + 4, "Timeline", told, (*lanes, *marks, *paths), (*words, *labels))


def _placed(event: Event, scale: Scale) -> _Placed:
    x = scale.at(day_number(event.day) or 0)
    last = day_number(event.last)
    end = _RIGHT if event.is_going_on else scale.at(last) if last is not None else x
    width = len(event.label) * _LETTER
    after = end + 12
    if after + width <= _WIDTH - 6 and not event.is_going_on:
        return _Placed(event, x, end, after, "start")
    if x - 12 - width >= _LEFT:
        return _Placed(event, x, end, x - 12, "end")
    return _Placed(event, x, end, min(x + 12, _WIDTH - 6 - width), "start")


def _marks(one: _Placed, y: float) -> list[Path]:
    """The sign of an event; each lane has its own shape."""
    kind = f"mark {one.event.lane.lower()}" + (" uncertain" if one.event.is_uncertain else "")
    if one.end > one.x:
        return [box(one.x, y - 5, one.end - one.x, 10, f"{kind} span"), circle(one.x, y, 5, kind)]
    match one.event.lane:
        case "Specimens":
            return [diamond(one.x, y, 6.5, kind)]
        case "Scans":
            return [circle(one.x, y, 6, kind)]
        case "Treatments":
            return [box(one.x - 5, y - 5, 10, 10, kind)]
        case _:
            return [triangle(one.x, y, 6, kind)]


def _axis(scale: Scale, bottom: float) -> tuple[list[Path], list[Label]]:
    """Thin lines at the first of a month or year, with their names above."""
    first, last = date.fromordinal(round(scale.low)), date.fromordinal(round(scale.high))
    months = (last.year - first.year) * 12 + last.month - first.month
    step = next((step for step in _STEPS if months / step <= _MOST_MARKS), _STEPS[-1])
    paths, labels = [], []
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        day = date(number // 12, number % 12 + 1, 1)
        x = scale.at(day.toordinal())
        if number % step or x < _LEFT:
            continue
        paths.append(line(x, _TOP - 8, x, bottom - 6, "grid"))
        labels.append(Label(x, _TOP - 13, f"{day.year}" if not step % 12 else f"{day:%Y-%m}", "tick", "middle"))
    return paths, labels
