"""Which scan is compared with which? Scans of one tracer in time order, the baseline before treatment, lesions on both."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.case import Day, Fact, Treatment
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Images, Lesion, Presence, Scan, Uptake
from adapter.knowledge.shapes import Rule
from adapter.rules.operators import Chosen, bands_for, distinct

_FULL_DAY = len("YYYY-MM-DD")
_LAST_MONTH = 12
HUNDRED = Decimal(100)


class Course(NamedTuple):
    """The scans of one tracer: the baseline and those after it, in time order; `unordered` cannot be put in order."""

    tracer: str
    baseline: Scan
    later: tuple[Scan, ...]
    unordered: tuple[Scan, ...] = ()


class Pictures(NamedTuple):
    """What PET showed, with the day on which systemic treatment began and the systemic treatments themselves."""

    images: Images
    started: Day | None
    treatments: tuple[Treatment, ...] = ()

    def lesion(self, key: str) -> Lesion:
        """The lesion with this key; one that was never described has its key for a label."""
        return next((one for one in self.images.lesions if one.key == key), Lesion(key=key, label=key))

    def on(self, scan: Scan, lesion: str | None = None) -> tuple[Uptake, ...]:
        """What this scan says of this lesion, or of every lesion."""
        return tuple(one for one in self.images.uptakes if one.scan == scan.key and lesion in (None, one.lesion))

    def courses(self) -> tuple[Course, ...]:
        """One course for each tracer that was used, in the order of first use."""
        tracers = distinct(scan.tracer for scan in self.images.scans if scan.tracer is not None)
        return tuple(course for tracer in tracers if (course := self._course(tracer)) is not None)

    def _course(self, tracer: str) -> Course | None:
        mine = [scan for scan in self.images.scans if scan.tracer == tracer]
        days = [scan.day for scan in mine]
        # Two scans of one tracer on one day have no order, and neither has a scan without a full date.
        unordered = tuple(scan for scan in mine if days_between(scan.day, scan.day) is None or days.count(scan.day) > 1)
        ordered = sorted((scan for scan in mine if scan not in unordered), key=lambda scan: scan.day or "")
        if not ordered:
            return Course(tracer, mine[0], (), unordered) if unordered else None
        before = [scan for scan in ordered if self.started is not None and (scan.day or "") <= self.started]
        baseline = before[-1] if before else ordered[0]
        return Course(tracer, baseline, tuple(ordered[ordered.index(baseline) + 1 :]), unordered)

    def begun_by(self, scan: Scan) -> tuple[Treatment, ...]:
        """The drugs that were begun on or before the day of this scan."""
        return tuple(one for one in self.treatments if one.started_on is not None and scan.day is not None and one.started_on <= scan.day)

    def given_between(self, first: Scan, second: Scan) -> tuple[Treatment, ...]:
        """The drugs that could act between two scans: begun before the day of the second, and given on the day of the first or later."""
        start, end = first.day or "", second.day or ""
        begun = [one for one in self.treatments if one.started_on is not None and one.started_on < end]
        return tuple(one for one in begun if one.still_taken or max(one.started_on or "", one.last_on or "") >= start)

    def time_point(self, scan: Scan, chosen: Chosen) -> str | None:
        """Where in the treatment a scan stands, or None when the start of treatment or the day is not known."""
        days = days_between(self.started, scan.day)
        if days is None:
            return None
        return bands_for(chosen.rule("scan-time-point"), Interval(low=Decimal(days), high=Decimal(days)))[0].says


def days_between(first: Day | None, second: Day | None) -> int | None:
    """Full days from the first to the second day, or None when either is not a full date."""
    if first is None or second is None or len(first) != _FULL_DAY or len(second) != _FULL_DAY:
        return None
    return (date.fromisoformat(second) - date.fromisoformat(first)).days


def span_of(day: Day) -> tuple[date, date]:
    """The first and the last date that a day may mean: a year or a month holds many."""
    first = date.fromisoformat(f"{day}-01-01"[:_FULL_DAY])
    if len(day) == _FULL_DAY:
        return first, first
    month = first.month if len(day) > len("YYYY") else _LAST_MONTH
    return first, date(first.year, month, monthrange(first.year, month)[1])


def days_since(treatments: Iterable[Treatment], scan: Scan) -> int | None:
    """Full days from the last of these drugs to this scan, 0 while one is given; None when nothing says: an order does not."""
    days = [days_between(one.last_on, scan.day) for one in treatments]
    return min((max(0, number) for number in days if number is not None), default=None)


def measure_of(uptake: Uptake) -> str | None:
    """The kind of an uptake value with its normalisation, or None when either is not known."""
    if uptake.normalisation is None or uptake.derivation is None:
        return None
    return f"{uptake.normalisation} {uptake.derivation}"


def suited(uptakes: Iterable[Uptake], rule: Rule) -> list[Uptake]:
    """The measured values whose kind the rule takes, the kind it names first before the others."""
    kinds = [f"{normal} {derivation}" for derivation in rule.words["derivation"] for normal in rule.words["normalisation"]]
    found = [
        one for one in uptakes if one.value is not None and one.presence in (Presence.MEASURED, Presence.NEW) and measure_of(one) in kinds
    ]
    return sorted(found, key=lambda one: kinds.index(measure_of(one) or ""))


def is_on_list(rule: Rule, tracer: str | None) -> bool:
    """True when the rule speaks of this tracer, or of every tracer."""
    return "tracers" not in rule.words or tracer in rule.words["tracers"]


def new_lesions(uptakes: Iterable[Uptake]) -> list[Uptake]:
    """The lesions that a scan calls new and does not call free of uptake."""
    return [one for one in uptakes if one.presence is Presence.NEW and one.avid is not False]


def facts_of(scans: Iterable[Scan], uptakes: Iterable[Uptake]) -> list[Fact]:
    """What was sent about these lesions and their scans, each fact once; what the lesions' own Observations say of a scan goes first."""
    facts = [fact for uptake in uptakes for fact in uptake.facts]
    own = {fact.origin.reference for fact in facts}
    for scan in scans:
        said = {fact.word for fact in scan.facts if fact.origin.reference in own}
        facts += [fact for fact in scan.facts if fact.word not in said or fact.origin.reference in own]
    return list({id(fact): fact for fact in facts}.values())


def percent_change(before: Interval, after: Interval) -> Interval | None:
    """How far the value changed, as a percentage of where it began; a fall is negative. None when it may have begun at zero or has no end.

    Uptake is never below zero, so a value that is only known to be below something ends there.
    """
    if before.low is None or before.high is None or before.low <= 0:
        return None
    if before.exact is not None and after.exact is not None:
        return exactly((after.exact - before.exact) * HUNDRED / before.exact)
    return Interval(
        low=((after.low or Decimal(0)) - before.high) * HUNDRED / before.high,
        high=None if after.high is None else (after.high - before.low) * HUNDRED / before.low,
        low_included=after.low_included and before.high_included,
        high_included=after.high_included and before.low_included,
    )


def plain(number: Decimal, decimals: int = 3) -> Decimal:
    """A number for print: rounded, without trailing zeros. What is compared is never rounded."""
    # Adding zero takes the sign off a zero.
    rounded = round(number, decimals) + 0
    return rounded.quantize(Decimal(1)) if rounded == rounded.to_integral_value() else rounded.normalize()


def in_print(number: Interval) -> str:
    """An interval for print, an exact value rounded."""
    return f"{plain(number.exact):f}" if number.exact is not None else str(number)
