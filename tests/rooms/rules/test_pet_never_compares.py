"""Never a percentage from numbers that cannot be compared: every pair of scans of a small world."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Case, Patient, Place, Treatment
from adapter.facts.measurements import exactly
from adapter.facts.uptake import Derivation, Images, Lesion, Normalisation, Presence, Scan, Uptake
from adapter.facts.vocabulary import Result
from adapter.knowledge.books import Knowledge
from adapter.rules.decide import decide
from adapter.rules.operators import Chosen

TRACERS = (None, "fdg-f18", "fes-f18", "fapi-04-ga68", "fapi-46-ga68")
KINDS = (
    (None, Derivation.MAXIMUM),
    (Normalisation.BODY_WEIGHT, None),
    (Normalisation.BODY_WEIGHT, Derivation.MAXIMUM),
    (Normalisation.BODY_WEIGHT, Derivation.MEAN),
    (Normalisation.LEAN_BODY_MASS_JAMES, Derivation.PEAK),
    (Normalisation.LEAN_BODY_MASS_JANMAHASATIAN, Derivation.PEAK),
)
MINUTES = (None, 45, 60, 71, 80)
NUMBERS = (Result.UPTAKE_CHANGE, Result.PERCIST_RESPONSE, Result.EORTC_RESPONSE, Result.PHERGAIN_RESPONSE, Result.FDG_EARLY_RESPONSE)
CASE = Case(
    key="case",
    patient=Patient(reference="Patient/p", key="p"),
    treatments=(Treatment(kind="systemic", started_on="2026-01-10", origin=Place(reference="Procedure/t", path="Procedure")),),
)


@pytest.fixture(scope="module")
def chosen(knowledge: Knowledge) -> Chosen:
    return Chosen(knowledge, {})


def answers(chosen: Chosen, first: Scan, second: Scan, *uptakes: Uptake) -> list[Answer]:
    shown = Images(scans=(first, second), lesions=(Lesion(key="a", site="breast"),), uptakes=uptakes)
    return [answer for answer in decide(CASE, chosen, shown) if answer.about.result in NUMBERS]


def scan(key: str, day: str, tracer: str | None, minutes: int | None = 60) -> Scan:
    return Scan(key=key, tracer=tracer, day=day, uptake_minutes=None if minutes is None else exactly(Decimal(minutes)))


def uptake(at: str, value: str, kind: tuple[Normalisation | None, Derivation | None]) -> Uptake:
    measured = exactly(Decimal(value))
    return Uptake(scan=at, lesion="a", presence=Presence.MEASURED, value=measured, normalisation=kind[0], derivation=kind[1])


@pytest.mark.parametrize(("one", "other"), list(product(TRACERS, TRACERS)))
def test_only_one_tracer_is_compared_with_itself(one: str | None, other: str | None, chosen: Chosen) -> None:
    first, second = scan("1", "2026-01-05", one), scan("2", "2026-03-01", other)
    for kind, after in product(KINDS, KINDS):
        found = answers(chosen, first, second, uptake("1", "8", kind), uptake("2", "4", after))
        with_value = [answer for answer in found if isinstance(answer, Determined)]
        comparable = one is not None and one == other and None not in kind and kind == after
        assert comparable or with_value == [], (kind, after)
        if comparable:
            assert [answer.value for answer in with_value if answer.about.result is Result.UPTAKE_CHANGE] == ["-50"]


def test_whatever_cannot_be_compared_says_why_and_what_to_send(chosen: Chosen) -> None:
    for one, other, kind, after in product(TRACERS, TRACERS, KINDS, KINDS):
        found = answers(
            chosen, scan("1", "2026-01-05", one), scan("2", "2026-03-01", other), uptake("1", "8", kind), uptake("2", "4", after)
        )
        assert found
        assert all(isinstance(answer, Determined) or (answer.because and answer.missing) for answer in found), (one, other, kind, after)


def test_fdg_scans_at_unlike_times_are_never_compared(chosen: Chosen) -> None:
    kind = (Normalisation.BODY_WEIGHT, Derivation.MAXIMUM)
    for before, after in product(MINUTES, MINUTES):
        first, second = scan("1", "2026-01-05", "fdg-f18", before), scan("2", "2026-03-01", "fdg-f18", after)
        found = answers(chosen, first, second, uptake("1", "8", kind), uptake("2", "4", kind))
        refused = 45 in (before, after) or (before is not None and after is not None and abs(before - after) > 15)
        assert any(isinstance(answer, Determined) for answer in found) is not refused, (before, after)
