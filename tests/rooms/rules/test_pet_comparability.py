"""The worst check wins, and says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Derivation, Normalisation, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind
from adapter.knowledge.books import Knowledge
from adapter.rules.comparability import Finding, Gate, State, compared, joined, of_one_kind, worst
from adapter.rules.operators import Chosen

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


@pytest.fixture
def chosen(knowledge: Knowledge) -> Chosen:
    return Chosen(knowledge, {})


def gate(chosen: Chosen, purpose: str = "", **second: object) -> Gate:
    return compared(Scan(**FIRST), Scan(**{**SECOND, **second}), STARTED, chosen, purpose)


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
