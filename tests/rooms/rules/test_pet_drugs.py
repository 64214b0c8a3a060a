"""Which drugs were given around a scan, and how long ago was the last chemotherapy?"""

from __future__ import annotations

import pytest

from adapter.facts.case import Place, Treatment
from adapter.facts.uptake import Images, Scan
from adapter.knowledge.books import Knowledge
from adapter.rules.comparability import compared
from adapter.rules.operators import Chosen
from adapter.rules.scans import Pictures

FIRST, SECOND = Scan(key="first", tracer="fdg-f18", day="2026-01-05"), Scan(key="second", tracer="fdg-f18", day="2026-03-01")
FLAG = "treatment-shortly-before-scan"


def given(drug: str, started: str | None, last: str | None = None, *, still: bool = False, classes: str = "chemotherapy") -> Treatment:
    place = Place(reference=f"MedicationAdministration/{drug}", path="Bundle")
    return Treatment(
        kind="systemic", started_on=started, last_on=last, still_taken=still, drugs=(drug,), classes=tuple(classes.split()), origin=place
    )


def shown(*treatments: Treatment) -> Pictures:
    return Pictures(Images(), "2026-01-10", treatments)


@pytest.mark.parametrize(
    ("treatment", "is_between"),
    [
        (given("a", "2026-01-05"), True),
        (given("a", "2026-02-28"), True),
        (given("a", "2026-03-01"), False),
        (given("a", "2025-06-01", "2026-01-05"), True),
        (given("a", "2025-06-01", "2026-01-04"), False),
        (given("a", "2025-06-01"), False),
        (given("a", "2025-06-01", still=True), True),
        (given("a", "2026-03-01", still=True), False),
        (given("a", None, still=True), False),
    ],
)
def test_a_drug_acts_between_two_scans(treatment: Treatment, is_between: bool) -> None:
    assert bool(shown(treatment).given_between(FIRST, SECOND)) is is_between


def test_between_scans_without_a_day_nothing_is_known_to_be_given() -> None:
    undated = Scan(key="undated", tracer="fdg-f18", day=None)
    assert shown(given("a", "2026-01-10")).given_between(FIRST, undated) == ()


def test_the_last_chemotherapy_counts_and_an_endocrine_drug_does_not(knowledge: Knowledge) -> None:
    """B-24: at least 10 days after the last chemotherapy."""
    chosen = Chosen(knowledge, {})
    chemotherapy = given("paclitaxel", "2026-01-10", "2026-02-10")
    endocrine = given("letrozole", "2026-02-11", "2026-02-28", classes="endocrine aromatase-inhibitor")
    late = given("paclitaxel", "2026-02-20", "2026-02-20")
    assert FLAG not in compared(FIRST, SECOND, shown(chemotherapy, endocrine), chosen, "percist").flags
    found = compared(FIRST, SECOND, shown(chemotherapy, endocrine, late), chosen, "percist")
    assert FLAG in found.flags
    assert "the time from the last chemotherapy given to the scan of 2026-03-01 is 9 days, expected at least 10 days" in found.sentence


def test_without_any_chemotherapy_there_is_nothing_to_ask(knowledge: Knowledge) -> None:
    endocrine = given("letrozole", "2026-01-10", classes="endocrine aromatase-inhibitor")
    assert "given to the scan" not in compared(FIRST, SECOND, shown(endocrine), Chosen(knowledge, {}), "percist").sentence


def test_a_chemotherapy_that_was_only_ordered_leaves_the_days_unknown(knowledge: Knowledge) -> None:
    found = compared(FIRST, SECOND, shown(given("paclitaxel", "2026-01-10")), Chosen(knowledge, {}), "percist")
    assert "the time from the last chemotherapy given to the scan of 2026-03-01 is not known" in found.sentence
