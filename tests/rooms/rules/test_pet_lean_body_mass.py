"""Lean body mass by James and Janmahasatian: the printed numbers, the limits, and who has none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.uptake import Normalisation
from adapter.knowledge.books import Knowledge
from adapter.rules.lean_body_mass import lean_body_mass, lean_uptake
from adapter.rules.operators import Chosen

JAMES, JANMA = Normalisation.LEAN_BODY_MASS_JAMES, Normalisation.LEAN_BODY_MASS_JANMAHASATIAN
KG = Decimal("0.1")


@pytest.fixture
def chosen(knowledge: Knowledge) -> Chosen:
    return Chosen(knowledge, {})


@pytest.mark.parametrize(
    ("formula", "sex", "weight", "height", "expected"),
    [
        (JAMES, "female", "100", "160", "49.2"),
        (JAMES, "female", "120", "160", "45.2"),
        (JAMES, "female", "140", "160", "36.5"),
        (JANMA, "female", "100", "160", "50.6"),
        (JANMA, "female", "120", "160", "55.0"),
        (JANMA, "female", "140", "160", "58.7"),
        (JAMES, "male", "80", "180", "62.7"),
    ],
)
def test_the_formulas_give_the_printed_numbers(
    formula: Normalisation, sex: str, weight: str, height: str, expected: str, chosen: Chosen
) -> None:
    found = lean_body_mass(formula, sex, Decimal(weight), Decimal(height), chosen)
    assert found.kg is not None
    assert found.kg.quantize(KG) == Decimal(expected)


@pytest.mark.parametrize(
    ("sex", "weight", "flagged"),
    [("female", "37", False), ("female", "37.01", True), ("male", "43", False), ("male", "43.01", True)],
)
def test_the_formula_of_james_is_flagged_beyond_its_body_mass_index(sex: str, weight: str, *, flagged: bool, chosen: Chosen) -> None:
    """At a height of 100 cm the weight in kg is the body mass index."""
    found = lean_body_mass(JAMES, sex, Decimal(weight), Decimal(100), chosen)
    assert (found.flags == ("james-non-monotonic",)) is flagged


def test_the_formula_of_janmahasatian_has_no_such_limit(chosen: Chosen) -> None:
    assert lean_body_mass(JANMA, "female", Decimal(140), Decimal(160), chosen).flags == ()


@pytest.mark.parametrize("sex", ["other", "unknown", None])
def test_there_is_none_for_a_sex_that_the_formulas_do_not_know(sex: str | None, chosen: Chosen) -> None:
    assert lean_body_mass(JAMES, sex, Decimal(70), Decimal(165), chosen).kg is None


@pytest.mark.parametrize(("weight", "height"), [("70", "1.65"), ("70", "1650"), ("70000", "165"), ("24.9", "165"), ("350.1", "165")])
def test_meters_millimeters_and_grams_are_refused(weight: str, height: str, chosen: Chosen) -> None:
    found = lean_body_mass(JAMES, "female", Decimal(weight), Decimal(height), chosen)
    assert found.kg is None
    assert "not plausible" in found.because


def test_a_normalisation_that_names_no_formula_gives_none(chosen: Chosen) -> None:
    assert lean_body_mass(Normalisation.LEAN_BODY_MASS, "female", Decimal(70), Decimal(165), chosen).kg is None


def test_an_uptake_by_lean_body_mass_is_its_share_of_the_weight() -> None:
    assert lean_uptake(Decimal(8), Decimal(49), Decimal(70)) == Decimal("5.6")
