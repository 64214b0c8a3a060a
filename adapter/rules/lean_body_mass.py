"""What is the lean body mass, by which formula and within which limits? James 128 (PERCIST, QIBA) and Janmahasatian (EANM)."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from adapter.facts.uptake import Normalisation
from adapter.rules.operators import Chosen

_SEXES = ("female", "male")
_CM_A_METER = Decimal(100)
FORMULAS = (Normalisation.LEAN_BODY_MASS_JAMES, Normalisation.LEAN_BODY_MASS_JANMAHASATIAN)


class LeanBodyMass(NamedTuple):
    """Kilograms with what a reader must know, or why there is no number."""

    kg: Decimal | None
    because: str
    flags: tuple[str, ...] = ()


def lean_body_mass(formula: Normalisation, sex: str | None, weight_kg: Decimal, height_cm: Decimal, chosen: Chosen) -> LeanBodyMass:
    """The lean body mass by this formula; both formulas are for women and men, and for no one whose sex is not known."""
    if sex not in _SEXES:
        return LeanBodyMass(None, "the formulas are for women and men; the sex is not known as either")
    limits = chosen.rule("lean-body-mass-plausible").numbers
    if not limits["lowest_kg"] <= weight_kg <= limits["highest_kg"]:
        return LeanBodyMass(None, f"a weight of {weight_kg} kg is not plausible: send kilograms")
    if not limits["lowest_cm"] <= height_cm <= limits["highest_cm"]:
        return LeanBodyMass(None, f"a height of {height_cm} cm is not plausible: send centimeters")
    if formula is Normalisation.LEAN_BODY_MASS_JAMES:
        return _james(sex, weight_kg, height_cm, chosen)
    if formula is Normalisation.LEAN_BODY_MASS_JANMAHASATIAN:
        return _janmahasatian(sex, weight_kg, height_cm, chosen)
    return LeanBodyMass(None, f"{formula} names no formula of the lean body mass")


def body_mass_index(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Kilograms per square meter."""
    meters = height_cm / _CM_A_METER
    return weight_kg / (meters * meters)


def _james(sex: str, weight_kg: Decimal, height_cm: Decimal, chosen: Chosen) -> LeanBodyMass:
    numbers = chosen.rule("lean-body-mass-james128").numbers
    ratio = weight_kg / height_cm
    kg = numbers[f"{sex}_weight"] * weight_kg - numbers[f"{sex}_square"] * ratio * ratio
    index, limit = body_mass_index(weight_kg, height_cm), chosen.rule("lean-body-mass-james128-limit").numbers[sex]
    if index > limit:
        return LeanBodyMass(kg, f"beyond a BMI of {limit} the formula of James falls again", ("james-non-monotonic",))
    return LeanBodyMass(kg, "by the formula of James")


def _janmahasatian(sex: str, weight_kg: Decimal, height_cm: Decimal, chosen: Chosen) -> LeanBodyMass:
    numbers = chosen.rule("lean-body-mass-janma").numbers
    index = body_mass_index(weight_kg, height_cm)
    kg = numbers["weight"] * weight_kg / (numbers[f"{sex}_constant"] + numbers[f"{sex}_bmi"] * index)
    return LeanBodyMass(kg, "by the formula of Janmahasatian")


def lean_uptake(by_weight: Decimal, lean_kg: Decimal, weight_kg: Decimal) -> Decimal:
    """An SUV by body weight as an SUV by lean body mass."""
    return by_weight * lean_kg / weight_kg
