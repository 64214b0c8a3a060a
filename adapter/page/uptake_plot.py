"""How did the uptake of each lesion change, and on which side of which cut-off does it lie?

One plot for each lesion, tracer and kind of value. Every cut-off comes from the rule of an answer, never from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.case import Case
from adapter.facts.measurements import Interval
from adapter.facts.uptake import Images, Lesion, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import Band
from adapter.page.cards import Cards
from adapter.page.drawing import Drawing
from adapter.page.sent_bounds import sent_bounds
from adapter.page.shapes import Card
from adapter.page.uptake_drawing import Cutoff, Link, Point, Region, Sketch, drawn
from adapter.rules.comparability import OPENING
from adapter.wording import answer_word, plain

# Answers whose cut-offs are a change in percent from the baseline, and those whose cut-offs are an uptake; the first one found is shaded.
_OF_CHANGE = (Result.FDG_EARLY_RESPONSE, Result.PHERGAIN_RESPONSE, Result.PERCIST_RESPONSE, Result.EORTC_RESPONSE)
_OF_UPTAKE = (Result.FES_UPTAKE, Result.HER2_PET_UPTAKE)
# PERCIST answers from a table of classes; its cut-off in percent is a rule of its own.
_BANDS_OF = {Result.PERCIST_RESPONSE: "percist-percent"}
_SAID = {Presence.NEW: "new", Presence.RESOLVED: "resolved", Presence.NOT_COVERED: "not covered", Presence.NOT_MEASURED: "not measured"}


class Gate(NamedTuple):
    """What was found of the comparability of two scans: `open`, `warnings` or `shut`, in words."""

    state: str
    text: str


class Panel(NamedTuple):
    """One lesion by one tracer: the plot, the values in words with their day and place, the gates, and the answers that rest on them.

    One value that nothing is held against needs no plot.
    """

    tracer: str
    lesion: str
    kind: str
    drawing: Drawing | None
    values: tuple[tuple[str, str, str], ...]
    gates: tuple[Gate, ...]
    cards: tuple[Card, ...]


class _Series(NamedTuple):
    """The values of one kind of one lesion by one tracer, in the order of time."""

    tracer: str
    lesion: Lesion
    measure: str
    values: tuple[tuple[Scan, Uptake], ...]

    @property
    def kind(self) -> str:
        """The kind of value, in words."""
        return self.values[0][1].kind if any(one.value is not None for _, one in self.values) else ""


def panels(case: Case, answers: Sequence[Answer], shown: Images, cards: Cards, name: str) -> tuple[Panel, ...]:
    """A plot for each series that has at least one value or statement of its lesion."""
    begun = min((one.started_on for one in case.treatments if one.kind == "systemic" and one.started_on), default=None)
    made = [_panel(case, series, answers, cards, begun, f"{name}-uptake-{number}") for number, series in enumerate(_series(shown))]
    return tuple(sorted(made, key=lambda panel: -len(panel.cards)))


def _series(shown: Images) -> Iterable[_Series]:
    scans = {scan.key: scan for scan in shown.scans}
    for tracer in dict.fromkeys(scan.tracer or "" for scan in shown.scans):
        for lesion in shown.lesions:
            mine = [
                (scans[one.scan], one) for one in shown.uptakes if one.lesion == lesion.key and (scans[one.scan].tracer or "") == tracer
            ]
            measures = dict.fromkeys(_measure(one) for _, one in mine if one.value is not None) or dict.fromkeys([""])
            for measure in measures if mine else ():
                values = tuple(pair for pair in mine if pair[1].value is None or _measure(pair[1]) == measure)
                yield _Series(tracer, lesion, measure, tuple(sorted(values, key=lambda pair: pair[0].day or "")))


def _measure(one: Uptake) -> str:
    """The kind of value as answers about it name it."""
    return f"{one.normalisation or 'unknown'} {one.derivation or 'unknown'}"


def _panel(case: Case, series: _Series, answers: Sequence[Answer], cards: Cards, begun: str | None, name: str) -> Panel:
    mine = [answer for answer in answers if answer.about.tracer == series.tracer and answer.about.lesion in (None, series.lesion.key)]
    own = [answer for answer in mine if answer.about.lesion and answer.about.measure in (None, series.measure)]
    changes = [answer for answer in own if answer.about.result is Result.UPTAKE_CHANGE]
    topic = cards.knowledge.tracer_topic(series.tracer)
    tracer = topic.title if topic else "unknown tracer"
    points = [_point(scan, one, cards.knowledge) for scan, one in series.values]
    cutoffs, regions = _cutoffs(series, mine, changes, cards.knowledge)
    links = [link for change in changes if (link := _link(change, series, points)) is not None]
    places = (", ".join(dict.fromkeys(fact.origin.reference for fact in one.facts)) for _, one in series.values)
    values = tuple((point.day or "day not sent", point.text, place) for point, place in zip(points, places, strict=True))
    sketch = Sketch(name, f"Uptake of {tracer}, {series.lesion.name}", tuple(points), tuple(links), cutoffs, regions, begun)
    return Panel(
        tracer,
        series.lesion.name,
        series.kind,
        drawn(sketch) if len(points) > 1 or cutoffs else None,
        values,
        tuple(dict.fromkeys(_gate(change) for change in changes)),
        tuple(cards.card(case, answer) for answer in own),
    )


def _point(scan: Scan, one: Uptake, knowledge: Knowledge) -> Point:
    sent = sent_bounds(one, knowledge)
    said = [sent.text] if sent is not None else []
    said += [_SAID[one.presence]] if one.presence in _SAID else []
    text = ", ".join(said) or "no value"
    return Point(scan.key, scan.day or "", sent.low if sent else None, sent.high if sent else None, one.presence, text, _inside(one.value))


def _inside(number: Interval | None) -> Decimal | None:
    """A height between the ends, which lies in a band when the whole value does."""
    if number is None:
        return None
    if number.low is None or number.high is None:
        return number.low if number.high is None else number.high
    return (number.low + number.high) / 2


def _link(change: Answer, series: _Series, points: Sequence[Point]) -> Link | None:
    """The line from the baseline of a change to its scan."""
    baseline = _baseline(change, series)
    places = {point.scan: number for number, point in enumerate(points)}
    if baseline is None or change.about.scan not in places:
        return None
    if isinstance(change, Determined) and change.quantity is not None:
        return Link(places[baseline], places[change.about.scan], f"{change.quantity:+f} %".replace("-", "−"), is_open=True)
    return Link(places[baseline], places[change.about.scan], "not compared", is_open=False)


def _baseline(change: Answer, series: _Series) -> str | None:
    """The scan that a change is counted from: the other one whose value it used."""
    used = {fact.origin.reference for fact in change.used}
    mine = [
        scan.key for scan, one in series.values if scan.key != change.about.scan and used & {fact.origin.reference for fact in one.facts}
    ]
    return mine[0] if mine else None


def _gate(change: Answer) -> Gate:
    said = next((text for text in change.context if text.startswith(OPENING)), "")
    if isinstance(change, Undetermined):
        word = "Refused" if change.kind is Kind.NOT_ASSESSABLE else "Not compared"
        return Gate("shut", f"{word}: {change.because}")
    return Gate("warnings" if "(" in said else "open", said)


def _cutoffs(
    series: _Series, answers: Sequence[Answer], changes: Sequence[Answer], knowledge: Knowledge
) -> tuple[tuple[Cutoff, ...], tuple[Region, ...]]:
    """Every cut-off that an answer about this lesion rests on, and the bands of the first of them."""
    baseline = next((_exact(series, key) for change in changes if (key := _baseline(change, series)) is not None), None)
    found: list[Cutoff] = []
    regions: tuple[Region, ...] = ()
    for answer in _by_weight(answers):
        rule = knowledge.rules.get(_BANDS_OF.get(answer.about.result, answer.rule))
        is_change = answer.about.result in _OF_CHANGE
        if rule is None or not rule.bands or (is_change and baseline is None):
            continue
        display = knowledge.outputs.results[answer.about.result].display
        limits = [limit for band in rule.bands for limit in _ends(band) if limit is not None]
        for limit in sorted(set(limits)):
            at = _height(limit, baseline if is_change else None)
            text = f"{limit:+f} %".replace("-", "−") if is_change else f"{limit:f}"
            found.append(Cutoff(at, text, display, is_main=not regions))
        if not regions:
            regions = tuple(_region(band, answer, baseline if is_change else None, knowledge) for band in rule.bands)
    return tuple(dict.fromkeys(found)), regions


def _by_weight(answers: Sequence[Answer]) -> list[Answer]:
    """One answer of each kind that has cut-offs and applies, the one about a lesion before those about the patient."""
    order = (*_OF_UPTAKE, *_OF_CHANGE)
    asked = [one for one in answers if one.about.result in order and getattr(one, "kind", None) is not Kind.NOT_APPLICABLE]
    newest = {(one.about.result, one.rule): one for one in sorted(asked, key=lambda one: one.about.scan or "")}
    return sorted(newest.values(), key=lambda one: order.index(one.about.result))


def _exact(series: _Series, scan: str) -> Decimal | None:
    return next((one.value.exact for found, one in series.values if found.key == scan and one.value is not None), None)


def _ends(band: Band) -> tuple[Decimal | None, ...]:
    return (band.at_least, band.above, band.below, band.up_to)


def _height(limit: Decimal, baseline: Decimal | None) -> Decimal:
    """The uptake at which a cut-off lies: the number itself, or that change from the baseline."""
    return limit if baseline is None else baseline * (100 + limit) / 100


def _region(band: Band, answer: Answer, baseline: Decimal | None, knowledge: Knowledge) -> Region:
    low = band.at_least if band.at_least is not None else band.above
    high = band.below if band.below is not None else band.up_to
    word = answer_word(answer.about.result, band.says, knowledge)
    return Region(
        None if low is None else _height(low, baseline),
        None if high is None else _height(high, baseline),
        plain(word),
        includes_low=band.at_least is not None,
        includes_high=band.up_to is not None,
        is_answer=isinstance(answer, Determined) and answer.value == band.says,
    )
