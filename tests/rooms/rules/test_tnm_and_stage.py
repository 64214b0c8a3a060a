"""T by size without a wrong step, the window of the first staging, stated groups, and tables that a site switched off."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.case import Case, Condition, Day, Fact, Patient, Place
from adapter.facts.measurements import Interval, exactly
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from adapter.rules.answering import value_of
from adapter.rules.decide import decide
from adapter.rules.operators import Chosen, bands_for
from adapter.rules.tnm import rounded_mm
from tests.rooms.rules.conftest import Ask

BOOKS = load()
CHOSEN = Chosen(BOOKS, {})
SIZES = st.decimals(min_value=0, max_value=500, places=2)


def t_for(size: Decimal) -> str:
    """The T of a size, after it is rounded."""
    (band,) = bands_for(CHOSEN.rule("t-from-size"), rounded_mm(exactly(size), CHOSEN))
    return band.says


@given(first=SIZES, second=SIZES)
def test_a_larger_tumor_never_has_a_lower_t(first: Decimal, second: Decimal) -> None:
    order = ["T1mi", "T1a", "T1b", "T1c", "T2", "T3"]
    small, large = sorted((first, second))

    assert order.index(t_for(small)) <= order.index(t_for(large))


@given(size=SIZES)
def test_a_size_is_rounded_by_less_than_a_millimetre_and_a_half_goes_up(size: Decimal) -> None:
    rounded = rounded_mm(exactly(size), CHOSEN).exact

    assert rounded is not None
    assert rounded == rounded.to_integral_value()
    if not 1 < size < 2:
        assert Decimal("-0.5") < rounded - size <= Decimal("0.5")


@pytest.mark.parametrize(("size", "says"), [("20.5", 21), ("50.5", 51), ("0.5", 1), ("1.01", 2), ("1.99", 2), ("2.49", 2), ("2.5", 3)])
def test_halves_go_up_where_python_would_go_to_the_even_number(size: str, says: int) -> None:
    assert rounded_mm(exactly(Decimal(size)), CHOSEN).exact == says


def test_both_ends_of_an_interval_are_rounded_and_a_missing_end_stays_missing() -> None:
    assert rounded_mm(Interval(low=Decimal("20.4")), CHOSEN) == Interval(low=Decimal(20))


def category(value: str, basis: Basis = Basis.CLINICAL, day: Day | None = None, **details: object) -> Fact:
    word = "stage-group" if value[0] in "I0" else f"{value[0].lower()}-category"
    origin = Place(reference=f"Observation/{value}-{basis}", path="Observation.value")
    return convert({"word": word, "value": value, "basis": basis, "taken_on": day, "origin": origin} | details, Fact)


def staged(*facts: Fact, prognostic_tables: bool = True) -> dict[tuple[Result, Basis | None], Answer]:
    place = Place(reference="Condition/c", path="c")
    case = Case(
        key="c",
        patient=Patient(reference="Patient/p", key="p"),
        conditions=(Condition(reference="Condition/c", key="c", origin=place),),
        facts=facts,
    )
    return {(one.about.result, one.about.basis): one for one in decide(case, Chosen(BOOKS, {}, prognostic_tables))}


ANATOMIC = (Result.ANATOMIC_STAGE, Basis.CLINICAL)
PROGNOSTIC = (Result.CLINICAL_PROGNOSTIC_STAGE, Basis.CLINICAL)


def test_a_day_known_only_to_the_year_opens_no_window() -> None:
    """Four months after "2018" cannot be told, so the later category of the same staging is not shut out."""
    found = staged(category("T1", day="2018"), category("T2", day="2018-11-01"), category("N0", day="2018"), category("M0", day="2018"))

    assert value_of(found[ANATOMIC]) == "IIA"
    assert "later-category-not-used" not in found[ANATOMIC].flags


def test_a_window_that_crosses_the_year_is_counted_on_the_calendar() -> None:
    first = [category("N0", day="2023-11-15"), category("M0", day="2023-11-15"), category("T1", day="2023-11-15")]

    assert value_of(staged(*first, category("T2", day="2024-03-15"))[ANATOMIC]) == "IIA"
    assert value_of(staged(*first, category("T2", day="2024-03-16"))[ANATOMIC]) == "IA"


def test_a_category_of_another_edition_is_used_and_flagged() -> None:
    found = staged(category("T2", method="ajcc-7"), category("N0"), category("M0"))

    assert value_of(found[ANATOMIC]) == "IIA"
    assert "other-edition" in found[ANATOMIC].flags


def test_stage_members_are_the_categories_that_were_used() -> None:
    found = staged(category("T2"), category("N0"), category("M0"))

    assert [fact.value for fact in found[ANATOMIC].members] == ["T2", "N0", "M0"]
    assert {fact.value for fact in found[ANATOMIC].used} == {"T2", "N0", "M0"}


GROUP_MEMBERS = ("Observation/T2-clinical", "Observation/N0-clinical")


@pytest.mark.parametrize(
    ("members", "flag"),
    [
        (GROUP_MEMBERS, None),
        ((), None),
        (("Observation/T1-pathological",), "group-members-of-another-basis"),
        (("Observation/somewhere-else",), "group-members-not-those-sent"),
    ],
)
def test_a_stated_group_is_held_against_the_categories_on_file(members: tuple[str, ...], flag: str | None) -> None:
    sent = [category("T2"), category("N0"), category("M0"), category("T1", Basis.PATHOLOGICAL)]
    flags = staged(*sent, category("IIA", members=members))[ANATOMIC].flags

    assert [one for one in flags if one.startswith("group-members")] == ([flag] if flag else [])


def test_two_stated_groups_that_differ_are_flagged_whichever_is_right() -> None:
    found = staged(category("T2"), category("N0"), category("M0"), category("IIA"), category("IIIA"))

    assert {"stated-stages-disagree", "asserted-vs-computed"} <= set(found[ANATOMIC].flags)
    assert value_of(found[ANATOMIC]) == "IIA"


def test_a_group_without_its_letter_does_not_disagree_with_the_same_group() -> None:
    found = staged(category("T2"), category("N0"), category("M0"), category("IIA"), category("II"))

    assert "stated-stages-disagree" not in found[ANATOMIC].flags


@pytest.mark.parametrize("m", ["M0", "M1"])
def test_a_site_without_the_prognostic_tables_gets_the_anatomic_stage_and_is_told_so(m: str) -> None:
    found = staged(category("T2"), category("N0"), category(m), prognostic_tables=False)

    prognostic = found[PROGNOSTIC]
    assert isinstance(prognostic, Undetermined)
    assert (prognostic.kind, "switched off" in prognostic.because) == (Kind.NOT_ASSESSABLE, True)
    assert isinstance(found[ANATOMIC], Determined)


def test_nothing_about_t_n_m_gives_no_stage(ask: Ask, knowledge: Knowledge) -> None:
    assert not [result for result in ask(knowledge, sent={"er-percent": "90 %"}) if result.endswith("-stage")]


def test_a_stage_that_needs_no_biomarker_does_not_claim_to_rest_on_one(ask: Ask) -> None:
    sent = {"t-category": "T2", "n-category": "N1", "m-category": "M1", "er-percent": "5 %", "grade": "G3"}
    found = ask(sent=sent)[Result.CLINICAL_PROGNOSTIC_STAGE]

    assert {fact.word for fact in found.used} == {"t-category", "n-category", "m-category"}
    assert "er-low" not in found.flags


def test_a_stage_by_recurrence_score_rests_on_the_score(ask: Ask) -> None:
    sent = {
        "t-category": "T2",
        "n-category": "N0",
        "m-category": "M0",
        "er-status": "positive",
        "her2-status": "negative",
        "oncotype-score": "10",
    }
    found = ask(sent=sent, basis="pathological")[Result.PATHOLOGICAL_PROGNOSTIC_STAGE]

    assert found.rule == "oncotype-stage"
    assert "oncotype-score" in {fact.word for fact in found.used}
    assert "below 11" in found.because
