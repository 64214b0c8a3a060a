"""May two values of one lesion be compared? Checks of which the worst wins (QIBA FDG 1.14, EANM 2.0, PERCIST 1.0)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Derivation, Normalisation, Scan, Uptake
from adapter.facts.vocabulary import Kind
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import ends
from adapter.rules.operators import Chosen, bands_for, distinct
from adapter.rules.scans import HUNDRED, Pictures, days_between, days_since, in_print, is_on_list

UNKNOWN_FLAG = "comparability-unknown"
# How the sentence about a gate begins, by which a page finds it among the sentences beside an answer.
OPENING = "Comparability of the scans: "


class State(IntEnum):
    """What a check found; the highest of all checks is the state of the gate."""

    OK = 0
    WARNINGS = 1
    INSUFFICIENT = 2
    REFUSE = 3


_STATES = {"ok": State.OK, "warnings": State.WARNINGS, "insufficient": State.INSUFFICIENT, "refuse": State.REFUSE}


class Finding(NamedTuple):
    """One check that did not simply pass: how bad it is, why in a sentence, and what to send where something is missing."""

    state: State
    text: str
    flags: tuple[str, ...] = ()
    missing: str = ""


class Gate(NamedTuple):
    """What all checks found together."""

    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> State:
        """The worst finding."""
        return max((finding.state for finding in self.findings), default=State.OK)

    @property
    def kind(self) -> Kind:
        """Why there is no value when the gate is shut: refused values cannot be judged, missing ones can still be sent."""
        return Kind.NOT_ASSESSABLE if self.state is State.REFUSE else Kind.INDETERMINATE

    @property
    def is_open(self) -> bool:
        """True when a comparison may be made, with or without warnings."""
        return self.state < State.INSUFFICIENT

    @property
    def flags(self) -> tuple[str, ...]:
        """Every flag once."""
        return distinct(flag for finding in self.findings for flag in finding.flags)

    @property
    def because(self) -> str:
        """The worst findings as one reason."""
        return "; ".join(finding.text for finding in self.findings if finding.state is self.state)

    @property
    def missing(self) -> tuple[str, ...]:
        """What would open the gate."""
        return distinct(finding.missing for finding in self.findings if finding.state is self.state and finding.missing)

    @property
    def sentence(self) -> str:
        """The state and every finding, for a reader."""
        texts = "; ".join(finding.text for finding in self.findings)
        return f"{OPENING}{self.state.name.lower()}" + (f" ({texts})" if texts else "")


class Quantity(NamedTuple):
    """A quantity that a check looks at; `number` is None when it was not sent."""

    check: str
    label: str
    unit: str
    number: Interval | None


def compared(first: Scan, second: Scan, pictures: Pictures, chosen: Chosen, purpose: str = "") -> Gate:
    """What the checks say of two scans; `purpose` adds the checks that one set of criteria asks for."""
    asked = _checks(first.tracer, purpose, chosen.books)
    findings = [*_tracers(first, second), *_scanners(first, second)]
    for quantity in (*_quantities(first, second, pictures), *_rest(second, pictures, chosen)):
        findings += [found for rule in asked if quantity.check in rule.words["gate"] if (found := _checked(rule, quantity)) is not None]
    return Gate(tuple(findings))


@remembered
def _checks(tracer: str | None, purpose: str, books: Knowledge) -> list[Rule]:
    """The checks of two scans of this tracer."""
    rules = [rule for rule in books.rules.values() if "gate" in rule.words and is_on_list(rule, tracer)]
    return [rule for rule in rules if purpose in rule.words.get("only_for", (purpose,))]


def of_one_kind(before: Uptake, after: Uptake) -> Gate:
    """What the kinds of two values say: unknown or unlike kinds are refused."""
    unknown = [
        Finding(State.REFUSE, f"the value of the {label} scan has no known kind ({uptake.kind})", (), _kind_to_send(uptake, label))
        for label, uptake in (("first", before), ("second", after))
        if uptake.normalisation is None or uptake.derivation is None
    ]
    if unknown:
        return Gate(tuple(unknown))
    if (before.normalisation, before.derivation) != (after.normalisation, after.derivation):
        text = f"the kinds of value differ: {before.kind} and {after.kind}"
        return Gate((Finding(State.REFUSE, text, (), f"{before.kind} of the second scan"),))
    formula = ("lean-body-mass-formula-unknown",) if before.normalisation is Normalisation.LEAN_BODY_MASS else ()
    return Gate((Finding(State.WARNINGS, "the formula of the lean body mass was not sent", formula),)) if formula else Gate()


def joined(*gates: Gate) -> Gate:
    """One gate with the findings of all."""
    return Gate(tuple(finding for gate in gates for finding in gate.findings))


def _kind_to_send(uptake: Uptake, label: str) -> str:
    """What to send for a value whose kind is not known."""
    parts = [] if uptake.derivation else [", ".join(f"{one}" for one in Derivation)]
    parts += [] if uptake.normalisation else ["the normalisation (body weight, lean body mass with its formula, ...)"]
    return f"for the value of the {label} scan: {' and '.join(parts)}"


def _tracers(first: Scan, second: Scan) -> list[Finding]:
    unknown = [scan for scan in (first, second) if scan.tracer is None]
    if unknown:
        return [
            Finding(State.REFUSE, f"the tracer of the scan of {scan.day} is not known", (), f"the tracer of the scan of {scan.day}")
            for scan in unknown
        ]
    if first.tracer != second.tracer:
        text = f"the tracers differ ({first.tracer} and {second.tracer}): ligand and isotope must be the same"
        return [Finding(State.REFUSE, text, (), f"two scans with {first.tracer}")]
    return []


def _scanners(first: Scan, second: Scan) -> list[Finding]:
    if first.scanner is None or second.scanner is None:
        return [
            Finding(
                State.WARNINGS, "whether both scans were made on one scanner is not known", (UNKNOWN_FLAG,), "the scanner of both scans"
            )
        ]
    if first.scanner != second.scanner:
        return [Finding(State.WARNINGS, f"the scanners differ ({first.scanner} and {second.scanner})", ("scanner-differs",))]
    return []


def _quantities(first: Scan, second: Scan, pictures: Pictures) -> Iterator[Quantity]:
    """Everything that the checks of the books may look at."""
    for scan in (first, second):
        yield Quantity("uptake-time", f"the uptake time of the scan of {scan.day}", " min", scan.uptake_minutes)
    yield Quantity(
        "uptake-time-difference", "the difference of the uptake times", " min", _apart(first.uptake_minutes, second.uptake_minutes)
    )
    for scan in (first, second):
        yield Quantity("fasting", f"the fasting time before the scan of {scan.day}", " min", scan.fasting_minutes)
    for scan in (first, second):
        yield Quantity("glucose", f"the blood glucose at the scan of {scan.day}", " mg/dL", scan.glucose_mg_dl)
    yield Quantity(
        "activity-difference", "the difference of the injected activities", " %", _apart_percent(first.activity_mbq, second.activity_mbq)
    )
    age = _days(days_between(first.day, pictures.started))
    yield Quantity("baseline-age", "the time from the first scan to the start of treatment", " days", age)
    yield Quantity("liver-percent", "the difference of the liver means", " %", _apart_percent(first.liver_mean, second.liver_mean))
    yield Quantity("liver-difference", "the difference of the liver means", " SUL", _apart(first.liver_mean, second.liver_mean))


def _rest(second: Scan, pictures: Pictures, chosen: Chosen) -> Iterator[Quantity]:
    """The days since the last drug of the classes that the rule counts; a drug that is not known may be one of them, others are not."""
    begun = pictures.begun_by(second)
    counted = [one for one in begun if not one.classes or set(one.classes) & set(chosen.rule("gate-days-since-treatment").words["counts"])]
    if counted or not begun:
        label = "chemotherapy" if begun and all(one.classes for one in begun) else "systemic treatment"
        days = _days(days_since(counted, second))
        yield Quantity("days-since-treatment", f"the time from the last {label} given to the scan of {second.day}", " days", days)


def _checked(rule: Rule, quantity: Quantity) -> Finding | None:
    """What one check says of one quantity; None when it passes."""
    if quantity.number is None:
        state = _STATES[rule.words["unknown"][0]]
        return Finding(state, f"{quantity.label} is not known", (UNKNOWN_FLAG,), quantity.label)
    bands = bands_for(rule, quantity.number)
    state = max(_STATES[band.says] for band in bands)
    if state is State.OK:
        return None
    wanted = ends([band for band in rule.bands if band.says == "ok"], quantity.unit)
    flags = distinct(flag for band in bands for flag in band.flags)
    return Finding(state, f"{quantity.label} is {in_print(quantity.number)}{quantity.unit}, expected {wanted}", flags)


def _days(number: int | None) -> Interval | None:
    return None if number is None else exactly(Decimal(number))


def _apart(first: Interval | None, second: Interval | None) -> Interval | None:
    """How far two exact values are apart."""
    if first is None or second is None or first.exact is None or second.exact is None:
        return None
    return exactly(abs(second.exact - first.exact))


def _apart_percent(first: Interval | None, second: Interval | None) -> Interval | None:
    """How far two exact values are apart, as a percentage of the first."""
    apart = _apart(first, second)
    if apart is None or apart.exact is None or first is None or not first.exact:
        return None
    return exactly(apart.exact * HUNDRED / first.exact)


def worst(gates: Sequence[Gate]) -> Gate:
    """The gate in the worst state."""
    return max(gates, key=lambda gate: gate.state, default=Gate())
