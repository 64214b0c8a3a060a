"""What does a number say that was typed as text? (HL7 v2 SN and ST values arrive in FHIR like this)"""

from __future__ import annotations

import pytest

from adapter.terminology.numbers import interval_in


def read(text: str, *, ratios: bool = False) -> tuple[str, str] | None:
    found = interval_in(text, ratios=ratios)
    return None if found is None else (str(found[0]), found[1])


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("95", "95", ""),
        ("95%", "95", "%"),
        (" 95 % ", "95", "%"),
        ("2.50", "2.50", ""),
        ("1,5", "1.5", ""),
        ("<1", "<1", ""),
        ("< 1 %", "<1", "%"),
        ("<=1%", "<=1", "%"),
        ("≤ 1%", "<=1", "%"),
        (">= 95 %", ">=95", "%"),
        ("≥95%", ">=95", "%"),
        (">10", ">10", ""),
        ("1-10%", "1 to 10", "%"),
        ("1%-10%", "1 to 10", "%"),
        ("1 – 10 %", "1 to 10", "%"),
        ("1 to 10", "1 to 10", ""),
        ("-0.3", "-0.3", ""),
        ("25 mm", "25", "mm"),
        ("2.5 cm", "2.5", "cm"),
    ],
)
def test_it_says_what_was_typed(text: str, number: str, unit: str) -> None:
    assert read(text) == (number, unit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ten",
        "1:8",
        "1/8",
        "3 of 17",
        "1,234",
        "1.234,5",
        "10-1",
        "95 % of 10 %",
        "1%0",
        "~90%",
        "90%?",
        "5 % cytoplasmic",
        "5%+",
        "%",
    ],
)
def test_what_could_mean_two_things_is_no_number(text: str) -> None:
    assert read(text) is None


def test_a_titre_is_a_number_only_where_a_ratio_is_asked() -> None:
    assert read("1:8", ratios=True) == ("0.125", "")
    assert read("2.5:1", ratios=True) == ("2.5", "")
    assert read("2.5:0", ratios=True) is None


@pytest.mark.parametrize("text", ["1" * 10**6, "1" + " " * 10**6 + "\n1", "<" * 10**6, "1-" * 10**6, " " * 10**6 + "%", "1%" * 10**6])
def test_a_long_text_is_no_number(text: str) -> None:
    assert read(text, ratios=True) is None
