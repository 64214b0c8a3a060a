"""T by size without a wrong step, the window of the first staging, stated groups, and tables that a site switched off."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.case import Case, Condition, Day, Fact, Patient, Place, Treatment
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


def treated(day: Day | None, kind: str = "systemic", *, only_ordered: bool = False) -> Treatment:
    origin = Place(reference=f"Procedure/{kind}-{day}", path="Procedure")
    return Treatment(kind=kind, started_on=day, only_ordered=only_ordered, origin=origin)


def staged(
    *facts: Fact, prognostic_tables: bool = True, treatments: tuple[Treatment, ...] = ()
) -> dict[tuple[Result, Basis | None], Answer]:
    place = Place(reference="Condition/c", path="c")
    case = Case(
        key="c",
        patient=Patient(reference="Patient/p", key="p"),
        conditions=(Condition(reference="Condition/c", key="c", origin=place),),
        facts=facts,
        treatments=treatments,
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


BEFORE = (category("T3", day="2026-01-01"), category("N1", day="2026-01-01"), category("M0", day="2026-01-01"))


@pytest.mark.parametrize(
    ("began", "first", "later", "stage"),
    [
        ("2026-01-15", "2026-01-01", "2026-03-01", "IIIA"),
        ("2026-01-15", "2026-01", "2026-03-01", "IIA"),
        ("2026-01", "2026-01-01", "2026-03-01", "IIA"),
        ("2026-01", "2025-12-31", "2026-02-01", "IIIA"),
        ("2026-01", "2026-01", "2026-02-01", "IIA"),
        ("2026-01-15", "2026-01-01", "2026-01", "IIIA"),
        ("2026-02-15", "2026-01-01", "2026-02", "IIA"),
        ("2026-01-15", "2026-01-01", "2026-02", "IIIA"),
        ("2026", "2025-12-01", "2026-03-01", "IIA"),
        (None, "2026-01-01", "2026-03-01", "IIA"),
    ],
)
def test_a_t_after_therapy_began_is_set_aside_only_where_before_and_after_can_be_told(
    began: Day | None, first: Day, later: Day, stage: str
) -> None:
    sent = [category("T3", day=first), category("N1", day=first), category("M0", day=first), category("T1c", day=later)]
    found = staged(*sent, treatments=(treated(began),))[ANATOMIC]

    assert value_of(found) == stage


@pytest.mark.parametrize(
    "given", [treated("2026-01-15", only_ordered=True), treated("2026-01-15", "supportive"), treated("2026-03-01"), treated("2026-03-02")]
)
def test_an_order_a_supportive_drug_and_a_later_treatment_do_not_end_clinical_staging(given: Treatment) -> None:
    found = staged(*BEFORE, category("T1c", day="2026-03-01"), treatments=(given,))[ANATOMIC]

    assert value_of(found) == "IIA"
    assert "later-category-not-used" not in found.flags


def test_what_was_found_after_therapy_began_is_not_among_what_was_used() -> None:
    found = staged(*BEFORE, category("T1c", day="2026-03-01"), treatments=(treated("2026-01-15"),))[ANATOMIC]

    assert {fact.value for fact in found.used} == {"T3", "N1", "M0"}


def test_an_undated_category_beside_an_older_one_stays_as_it_was() -> None:
    found = staged(*BEFORE, category("T1c"), treatments=(treated("2026-01-15"),))[ANATOMIC]

    assert "conflicting-categories" in found.flags


def test_a_clinical_m_from_after_therapy_does_not_replace_an_older_one_that_names_no_classification() -> None:
    first = [category("T3", day="2026-01-01"), category("N1", day="2026-01-01"), category("M1", Basis.UNSPECIFIED, "2026-01-01")]
    found = staged(*first, category("M0", day="2026-04-20"), treatments=(treated("2026-01-15"),))[ANATOMIC]

    assert value_of(found) == "IV"
    assert "later-category-not-used" in found.flags


@pytest.mark.parametrize(
    ("treatments", "stage"),
    [
        ((treated("2026-01-15"),), "IIIA"),
        ((treated("2026-01-15", "surgery"),), "IIA"),
        ((treated("2026-01-15", "surgery"), treated("2026-02-01")), "IIA"),
        ((treated("2026-01-15"), treated("2026-02-01", "surgery")), "IIIA"),
        ((treated("2026-01-15"), treated(None, "surgery")), "IIA"),
    ],
)
def test_a_category_that_names_no_classification_may_be_of_removed_tissue(treatments: tuple[Treatment, ...], stage: str) -> None:
    first = [category(value, Basis.UNSPECIFIED, "2026-01-01") for value in ("T3", "N1", "M0")]
    found = staged(*first, category("T1c", Basis.UNSPECIFIED, "2026-03-01"), treatments=treatments)

    assert value_of(found[Result.ANATOMIC_STAGE, Basis.UNSPECIFIED]) == stage


def test_pathological_categories_from_before_therapy_show_that_surgery_came_first() -> None:
    sent = [category("T2", Basis.PATHOLOGICAL, "2026-01-20"), category("N0", Basis.PATHOLOGICAL, "2026-01-20")]
    found = staged(*sent, category("M0", day="2026-01-01"), category("M1", day="2026-03-01"), treatments=(treated("2026-02-15"),))

    assert value_of(found[Result.ANATOMIC_STAGE, Basis.PATHOLOGICAL]) == "IV"


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


def test_counts_that_contradict_each_other_are_all_named_and_all_used(ask: Ask) -> None:
    sent = {"sentinel-nodes-positive": "1", "nodes-macrometastases": "1"}
    counts = [{"nodes-positive": "1"}, {"nodes-positive": "5"}]
    found = ask(basis="pathological", sent=sent, facts=counts)[Result.N_CATEGORY]

    assert isinstance(found, Undetermined)
    assert "nodes with metastasis 1 and 5, sentinel nodes with metastasis 1, nodes with macrometastasis 1" in found.because
    assert sorted(fact.shown for fact in found.used) == ["1", "1", "1", "5"]


def test_a_count_that_was_corrected_to_none_contradicts_no_small_deposit(ask: Ask) -> None:
    sent = {"nodes-positive": "0", "largest-node-metastasis": "0.1 mm"}
    counts = [{"nodes-macrometastases": "2", "status": "preliminary"}, {"nodes-macrometastases": "0"}]

    assert value_of(ask(basis="pathological", sent=sent, facts=counts)[Result.N_CATEGORY]) == "N0(i+)"


@pytest.mark.parametrize(
    ("total", "macro", "micro", "contradicts"),
    [(total, macro, micro, total < macro + micro) for total in (0, 1, 3, 4) for macro in (0, 1, 4) for micro in (0, 1)],
)
def test_fewer_nodes_than_hold_a_deposit_never_give_a_category(ask: Ask, total: int, macro: int, micro: int, contradicts: bool) -> None:
    sent = {"nodes-positive": str(total), "nodes-macrometastases": str(macro), "nodes-micrometastases": str(micro)}
    found = ask(basis="pathological", sent=sent)[Result.N_CATEGORY]

    assert ("conflicting-results" in found.flags) is contradicts
    assert not (contradicts and value_of(found))


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        (["lcis"], None),
        (["lcis", "lcis"], None),
        (["lcis", "dcis"], "0"),
        (["lcis", None], "0"),
        (["dcis-and-lcis"], "0"),
        ([None], "0"),
        ([], "0"),
    ],
)
def test_tis_has_no_stage_where_every_diagnosis_is_lcis_alone(kinds: list[str | None], says: str | None) -> None:
    place = Place(reference="Condition/c", path="c")
    conditions = [Condition(reference=f"Condition/{n}", key=f"{n}", histology=kind, origin=place) for n, kind in enumerate(kinds)]
    facts = tuple(category(value, day="2018-01-10") for value in ("Tis", "N0", "M0"))
    case = Case(key="c", patient=Patient(reference="Patient/p", key="p"), conditions=tuple(conditions), facts=facts)
    found = {(one.about.result, one.about.basis): one for one in decide(case, CHOSEN)}

    assert {value_of(found[ANATOMIC]), value_of(found[PROGNOSTIC])} == {says}
    if says is None:
        assert "LCIS" in found[ANATOMIC].because
        assert "LCIS" in found[PROGNOSTIC].because
