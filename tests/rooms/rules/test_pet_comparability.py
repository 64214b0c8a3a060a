"""The worst check wins, and says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapter.facts.case import Place, Treatment
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Derivation, Images, Normalisation, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind
from adapter.knowledge.books import Knowledge
from adapter.rules.comparability import Finding, Gate, State, compared, joined, of_one_kind, worst
from adapter.rules.operators import Chosen
from adapter.rules.scans import Pictures

GOOD: dict[str, Any] = {
    "tracer": "fdg-f18",
    "scanner": "A",
    "uptake_minutes": exactly(Decimal(60)),
    "fasting_minutes": exactly(Decimal(360)),
    "glucose_mg_dl": exactly(Decimal(95)),
    "activity_mbq": exactly(Decimal(350)),
}
FIRST, SECOND = {**GOOD, "key": "first", "day": "2026-01-05"}, {**GOOD, "key": "second", "day": "2026-03-01"}
STARTED = "2026-01-10"
_ORIGIN = Place(reference="MedicationAdministration/t", path="Bundle")
GIVEN = (Treatment(kind="systemic", started_on=STARTED, last_on=STARTED, origin=_ORIGIN),)


@pytest.fixture
def chosen(knowledge: Knowledge) -> Chosen:
    return Chosen(knowledge, {})


def gate(chosen: Chosen, purpose: str = "", **second: object) -> Gate:
    return compared(Scan(**FIRST), Scan(**{**SECOND, **second}), Pictures(Images(), STARTED, GIVEN), chosen, purpose)


def value(normalisation: Normalisation | None, derivation: Derivation | None) -> Uptake:
    return Uptake(scan="s", lesion="a", presence=Presence.MEASURED, normalisation=normalisation, derivation=derivation)


def test_two_alike_scans_are_ok(chosen: Chosen) -> None:
    found = gate(chosen)
    assert (found.state, found.findings, found.sentence) == (State.OK, (), "Comparability of the scans: ok")


def test_refusal_is_worse_than_missing_is_worse_than_warnings(chosen: Chosen) -> None:
    found = gate(chosen, "percist", glucose_mg_dl=exactly(Decimal(210)), tracer="fes-f18")
    assert found.state is State.REFUSE
    assert found.kind is Kind.NOT_ASSESSABLE
    assert "the tracers differ" in found.because
    assert gate(chosen, "percist", glucose_mg_dl=exactly(Decimal(210))).state is State.INSUFFICIENT
    assert gate(chosen, glucose_mg_dl=exactly(Decimal(210))).state is State.WARNINGS


def test_what_is_missing_can_still_be_sent(chosen: Chosen) -> None:
    found = gate(chosen, "percist")
    assert found.kind is Kind.INDETERMINATE
    assert found.missing == ("the difference of the liver means",)


def test_a_reason_says_what_came_and_what_was_expected(chosen: Chosen) -> None:
    found = gate(chosen, uptake_minutes=exactly(Decimal(62)), activity_mbq=exactly(Decimal(500)))
    assert found.because == "the difference of the injected activities is 42.857 %, expected up to 20 %"


def test_an_interval_that_reaches_into_a_worse_band_counts_as_the_worse(chosen: Chosen) -> None:
    found = gate(chosen, glucose_mg_dl=Interval(low=Decimal(150)))
    assert "glucose-high" in found.flags


@pytest.mark.parametrize(
    ("started", "last", "flagged"),
    [
        ("2026-02-20", "2026-02-20", True),
        ("2026-02-19", "2026-02-19", False),
        ("2026-01-10", "2026-02-20", True),
        ("2026-01-10", "2026-02-19", False),
        ("2026-01-10", "2026-04-01", True),
        ("2026-03-02", "2026-03-02", False),
    ],
)
def test_percist_asks_for_ten_days_since_the_last_treatment(started: str, last: str, flagged: bool, chosen: Chosen) -> None:
    """B-24: at least 10 days after the last treatment; both sides of the limit, one that lasts over the scan, and one after it."""
    last_one = GIVEN[0].but(started_on=started, last_on=last)
    pictures = Pictures(Images(), STARTED, (*GIVEN, last_one))
    found = compared(Scan(**FIRST), Scan(**SECOND), pictures, chosen, "percist")

    assert ("treatment-shortly-before-scan" in found.flags) is flagged
    assert "treatment-shortly-before-scan" not in compared(Scan(**FIRST), Scan(**SECOND), pictures, chosen).flags


def test_an_order_does_not_say_when_a_drug_was_given(chosen: Chosen) -> None:
    order = GIVEN[0].but(last_on=None)
    found = compared(Scan(**FIRST), Scan(**SECOND), Pictures(Images(), STARTED, (order,)), chosen, "percist")

    assert "the time from the last systemic treatment given to the scan of 2026-03-01 is not known" in found.sentence
    assert "treatment-shortly-before-scan" not in found.flags


def test_an_unknown_tracer_is_refused(chosen: Chosen) -> None:
    found = gate(chosen, tracer=None)
    assert (found.state, found.missing) == (State.REFUSE, ("the tracer of the scan of 2026-03-01",))


@pytest.mark.parametrize("derivation", list(Derivation))
@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_every_kind_may_be_compared_with_itself_and_with_no_other(normalisation: Normalisation, derivation: Derivation) -> None:
    mine = value(normalisation, derivation)
    for other_normal in Normalisation:
        for other_derived in Derivation:
            same = (other_normal, other_derived) == (normalisation, derivation)
            assert of_one_kind(mine, value(other_normal, other_derived)).is_open is same


def test_an_unknown_kind_says_what_to_send() -> None:
    found = of_one_kind(value(Normalisation.BODY_WEIGHT, Derivation.MAXIMUM), value(None, None))
    assert not found.is_open
    assert "maximum, mean, peak" in found.missing[0]


def test_lean_body_mass_of_an_unnamed_formula_is_flagged() -> None:
    lean = value(Normalisation.LEAN_BODY_MASS, Derivation.PEAK)
    assert of_one_kind(lean, lean).flags == ("lean-body-mass-formula-unknown",)


def test_the_worst_of_several_gates_counts() -> None:
    bad = Gate((Finding(State.REFUSE, "no"),))
    assert worst([Gate(), bad]) is bad
    assert worst([]) == Gate()
    assert joined(Gate(), bad).findings == bad.findings
