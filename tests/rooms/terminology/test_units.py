"""Is a length in millimetres whatever unit it came in, and nothing else ever a length or a percentage? (UCUM)"""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.measurements import exactly
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import FactKind
from adapter.terminology.units import in_our_unit


def read(value: str, unit: str, kind: FactKind, books: Knowledge) -> str | None:
    found = in_our_unit(exactly(Decimal(value)), unit, kind, books.units)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("value", "unit", "mm"),
    [
        ("2.5", "cm", "25.0"),
        ("25", "mm", "25"),
        ("1", "[in_i]", "25.4"),
        ("20400", "um", "20.400"),
        ("0.02", "m", "20.00"),
        ("2", "cm{max}", "20"),
    ],
)
def test_every_ucum_length_is_read_exactly(value: str, unit: str, mm: str, knowledge: Knowledge) -> None:
    assert read(value, unit, FactKind.LENGTH, knowledge) == mm


@pytest.mark.parametrize("unit", ["kg", "%", "1", "in", "Cel", "m2", "mm^2", "nonsense", "((((((", "cm/", "", "{x}", "m\x00m", "[degF]"])
def test_what_is_no_length_is_not_read_as_one(unit: str, knowledge: Knowledge) -> None:
    assert read("1", unit, FactKind.LENGTH, knowledge) is None


@pytest.mark.parametrize("unit", ["1", "mm", "dB", "[arb'U]", "10*3", "mol", "rad", "[ppth]", "[pH]", "{score}", ""])
def test_only_a_percent_sign_makes_a_percentage(unit: str, knowledge: Knowledge) -> None:
    assert read("5", unit, FactKind.PERCENT, knowledge) is None


@pytest.mark.parametrize("unit", ["%", "percent", "%{cells}"])
def test_a_percentage_is_read(unit: str, knowledge: Knowledge) -> None:
    assert read("5", unit, FactKind.PERCENT, knowledge) == "5"


@pytest.mark.parametrize("unit", ["1", "{anything}", "{signals}/{nucleus}"])
def test_an_annotation_counts_pieces(unit: str, knowledge: Knowledge) -> None:
    assert read("5", unit, FactKind.SCORE, knowledge) == "5"


@pytest.mark.parametrize("unit", ["mol", "dB", "[iU]", "%", "mm", "10*6"])
def test_no_other_unit_counts_pieces(unit: str, knowledge: Knowledge) -> None:
    assert read("5", unit, FactKind.COUNT, knowledge) is None


@pytest.mark.parametrize("unit", ["10*9999999", "10*99999999999", "m9999999", "m" * 10**6, "(" * 10**5, "m." * 19 + "m"])
def test_a_hostile_unit_is_no_unit(unit: str, knowledge: Knowledge) -> None:
    assert [read("1", unit, kind, knowledge) for kind in FactKind] == [None] * len(FactKind)
