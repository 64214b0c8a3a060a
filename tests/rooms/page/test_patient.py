"""Does the page say everything that the reply says, and nothing else?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapter.knowledge.books import Knowledge
from adapter.page.anchors import answer_anchor, rule_anchor
from adapter.page.patient import CasePage, PatientPage, patient_page
from adapter.page.shapes import Card, State
from adapter.pipeline import Reply
from tests.sending import BREAST, HER2_IHC, Resource, ask, bundle, coded, condition, observation, reference, specimen, text

PageOf = Callable[..., PatientPage]
ReplyOf = Callable[..., Reply]
ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SCENARIOS = sorted(path.parent.name for path in (Path(__file__).parents[3] / "fixtures").glob("*/input.json"))


def cards(case: CasePage) -> Iterator[Card]:
    for section in case.sections:
        yield from section.cards


def card(page: PatientPage, title: str) -> Card:
    return next(one for case in page.cases for one in cards(case) if one.title.startswith(title))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_answer_stands_on_the_page_under_the_identifier_of_its_observation(
    scenario: str, page_of: PageOf, reply_of: ReplyOf, knowledge: Knowledge
) -> None:
    """The identifiers are read from the Bundle that clients get, so that a link made from a result finds its place."""
    page, reply = page_of(scenario), reply_of(scenario)
    entries = [entry["resource"] for entry in json.loads(reply.bundle)["entry"]]
    written = [one for one in entries if one["resourceType"] == "Observation"]
    identifiers = sorted(one["identifier"][0]["value"] for one in written)

    shown = sorted(one.anchor for case in page.cases for one in cards(case))
    assert shown == identifiers
    assert {rule.anchor for rule in page.rules} == {answer.rule for _, answers in reply.answers for answer in answers}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_card_names_its_rule_its_source_and_its_inputs(scenario: str, page_of: PageOf, reply_of: ReplyOf) -> None:
    page, reply = page_of(scenario), reply_of(scenario)
    by_anchor = {one.anchor: one for case in page.cases for one in cards(case)}
    for case, answers in reply.answers:
        for answer in answers:
            found = by_anchor[answer_anchor("https://breast-adapter.example/fhir", case, answer.about)]
            used = {fact.origin.reference for fact in (*answer.used, *answer.members)}
            assert found.basis.rule == rule_anchor(answer.rule)
            assert found.basis.source is not None
            assert {one.reference for one in found.basis.inputs} == used


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_issue_is_told_in_words(scenario: str, page_of: PageOf, reply_of: ReplyOf) -> None:
    assert sorted(one.text for one in page_of(scenario).issues) == sorted(issue.text for issue in reply_of(scenario).issues)


def test_an_open_stage_says_what_is_missing_and_what_is_still_possible(page_of: PageOf) -> None:
    """AJCC 8: without the grade T2 N1 M0, HER2 negative, ER positive, PR negative is IIB or IIIA (fixtures/missing-grade)."""
    found = card(page_of("missing-grade"), "Clinical prognostic stage")

    assert (found.state, found.word) == (State.OPEN, "cannot tell")
    assert (found.possible, found.missing) == (("Stage IIB", "Stage IIIA"), ("histologic grade (Nottingham)",))


def test_three_stages_stand_side_by_side_and_say_why_they_differ(page_of: PageOf) -> None:
    """A stage that nothing was sent for has its place too."""
    shown = page_of("luminal-b-like-stage-iib").cases[0].stages

    assert shown is not None
    assert [(stage.title, stage.card.value if stage.card else None) for stage in shown.stages] == [
        ("Anatomic stage, clinical", "Stage IIB"),
        ("Clinical prognostic stage", "Stage IIA"),
        ("Pathological prognostic stage", None),
    ]
    assert shown.stages[0].looks_at == ("T", "N", "M")
    assert shown.stages[1].looks_at == ("T", "N", "M", "grade", "HER2", "ER", "PR")
    assert [(row.title, [text for text, _ in row.cells]) for row in shown.categories] == [("Clinical", ["T2", "N1", "M0"])]
    assert {anchor for row in shown.categories for _, anchor in row.cells} == {
        shown.stages[0].card.anchor if shown.stages[0].card else None
    }
    assert shown.differences == (
        "Clinical prognostic stage also looks at grade, HER2, ER and PR: "
        "T2 N1 M0, G2, HER2 negative, ER positive, PR positive is Stage IIA.",
    )


def test_a_prognostic_stage_is_held_against_the_anatomic_one_of_its_own_classification(page_of: PageOf) -> None:
    """AJCC 8 has one anatomic stage for each classification; the pathological one is not compared with the clinical."""
    shown = page_of("oncotype-10-pathological").cases[0].stages

    assert shown is not None
    (said,) = [text for text in shown.differences if text.startswith("Pathological prognostic stage")]
    anatomic = next(one for one in shown.stages if one.title == "Anatomic stage, pathological")
    prognostic = next(one for one in shown.stages if one.title == "Pathological prognostic stage")
    assert anatomic.card is not None
    assert prognostic.card is not None
    assert ("leads to the same stage" in said) == (anatomic.card.value == prognostic.card.value)


def test_tests_of_blood_and_tissue_have_their_place_in_the_first_look(page_of: PageOf) -> None:
    """TMB, MSI and PD-L1 have no governing specimen: the newest one that has the test is shown."""
    first = {one.title for section in page_of("genomics-reporting-tmb-msi").cases[0].first_look for one in section.cards}

    assert "Tumor mutational burden category" in first


def test_an_open_stage_is_no_reason_to_differ(page_of: PageOf) -> None:
    shown = page_of("missing-grade").cases[0].stages

    assert shown is not None
    assert shown.differences == (
        "Clinical prognostic stage also looks at grade, HER2, ER and PR: not known: histologic grade (Nottingham).",
    )


def test_left_and_right_are_two_cases_with_their_own_first_look(page_of: PageOf) -> None:
    page = page_of("bilateral")
    receptors = {
        case.title: {one.title: one.value for section in case.first_look for one in section.cards if one.title == "HER2 status"}
        for case in page.cases
    }

    assert receptors == {"Left breast": {"HER2 status": "Negative"}, "Right breast": {"HER2 status": "Positive"}}
    anchors = [one.anchor for case in page.cases for one in cards(case)]
    assert len(set(anchors)) == len(anchors)


def test_the_first_look_shows_the_governing_specimen(page_of: PageOf) -> None:
    """The metastasis governs, and it lost the receptor of the primary; the table shows both, the older one first."""
    case = page_of("er-loss-liver-metastasis").cases[0]
    first = {one.title: one.value for section in case.first_look for one in section.cards}

    assert first["Estrogen receptor status"] == "Negative"
    assert first["Receptors of primary and metastasis"] == "ER loss, PR loss, HER2 concordant"
    assert case.tissues is not None
    assert [(row.title, row.details[0], row.mark, row.cells[0].value) for row in case.tissues.rows if row.cells[0]] == [
        ("Biopsy of primary", "2022-04-11", "", "Positive"),
        ("Biopsy of metastasis", "2026-02-09", "Governs the case", "Negative"),
    ]


@pytest.mark.parametrize(("histology", "shown"), [("8500/3", ["Negative", "Positive"]), ("8500/2", ["Negative"])])
def test_the_first_look_shows_each_specimen_that_may_govern_and_none_in_situ(
    histology: str, shown: list[str], knowledge: Knowledge
) -> None:
    sent: list[Resource] = [condition()]
    for name, value, kind in (("a", "0", "8500/3"), ("b", "3+", histology)):
        of = {"specimen": reference(f"Specimen/{name}")}
        sent += [specimen(name, site=BREAST), observation(HER2_IHC, text(value), name=f"{name}-her2", **of)]
        sent.append(observation("59847-4", coded(kind, system=ICD_O_3), name=f"{name}-type", **of))
    page = patient_page(ask(knowledge, bundle(*sent)), knowledge)

    assert [one.value for part in page.cases[0].first_look for one in part.cards if one.title == "HER2 status"] == shown


def test_what_is_missing_is_named_once_with_everything_that_waits_for_it(page_of: PageOf) -> None:
    gaps = {gap.name: [one.title for one in gap.waiting] for gap in page_of("pet-fes-fdg-heterogeneity").cases[0].gaps}

    assert gaps["HER2 status"] == ["Receptor subtype", "Surrogate intrinsic subtype"]
    assert gaps["Ki-67 percentage"] == ["Surrogate intrinsic subtype"]


def test_a_condition_that_is_not_known_names_the_indication_that_waits_for_it(page_of: PageOf) -> None:
    case = page_of("missing-grade").cases[0]
    gaps = {gap.name: [one.title for one in gap.waiting] for gap in case.gaps}

    assert gaps["menopausal status"] == [one.text for one in case.indications if "menopausal status" in one.unknown]
    assert [one.is_match for one in case.indications] == sorted((one.is_match for one in case.indications), reverse=True)


def test_an_answer_that_nothing_would_settle_is_still_shown(page_of: PageOf) -> None:
    case = page_of("pet-uptake-time-refused").cases[0]

    assert {one.title for one in case.beyond} >= {"Change of uptake, 2026-02-23", "EORTC metabolic response, 2026-02-23"}


def test_an_open_change_stands_in_the_response_and_with_the_uptake(page_of: PageOf) -> None:
    """Two scans of one day cannot be put in order; scans of two tracers are never compared. Nothing else speaks of their response."""
    for scenario in ("pet-two-scans-one-day", "pet-mixed-tracers-refused", "pet-fapi-ligands-refused"):
        case = page_of(scenario).cases[0]
        response = [(section.title, one.title, one.state) for section in case.first_look for one in section.cards]
        assert [(title, state) for title, _, state in response] == [("Response", State.OPEN)], scenario
        assert [(one.title, one.state) for one in case.imaging] == [(name, state) for _, name, state in response]


def test_an_open_change_of_one_lesion_stands_in_the_response_where_nothing_else_does(page_of: PageOf) -> None:
    """Where a response answer of the same tracer is open as well, that one speaks for its lesions."""
    alone = [one.title for section in page_of("pet-kind-missing").cases[0].first_look for one in section.cards]
    spoken = [one.title for section in page_of("pet-uptake-time-refused").cases[0].first_look for one in section.cards]

    assert any(one.startswith("Change of uptake") for one in alone)
    assert not any(one.startswith("Change of uptake") for one in spoken)
    assert any(one.startswith("EORTC") for one in spoken)


def test_a_change_without_a_rule_to_read_it_is_no_response(page_of: PageOf) -> None:
    assert page_of("pet-naf-bone").cases[0].first_look == ()


def test_a_scheme_says_whether_it_was_chosen(page_of: PageOf) -> None:
    by_default = card(page_of("bilateral"), "Surrogate intrinsic subtype").basis.scheme
    by_wish = card(page_of("bilateral", subtype="stgallen2011"), "Surrogate intrinsic subtype").basis.scheme

    assert by_default is not None
    assert (by_default.name, by_default.how) == ("stgallen2013", "the default")
    assert "stgallen2011" in by_default.others
    assert by_wish is not None
    assert (by_wish.name, by_wish.how) == ("stgallen2011", "chosen for this request or site")


def test_inputs_are_gathered_by_resource_with_day_unit_and_place(page_of: PageOf) -> None:
    (found,) = card(page_of("her2-positive-fdg-response"), "Estrogen receptor status").basis.inputs

    assert (found.values, found.day, found.status) == (("ER, share of stained nuclei: 0 %",), "2026-01-20", "final")
    assert (found.reference, found.path) == ("Observation/er", "Bundle.entry[3].resource")


def test_flags_are_seen_beside_the_answer_and_explained_in_its_card(page_of: PageOf) -> None:
    found = card(page_of("missing-grade"), "Disease extent")

    assert found.remarks == ("Possibly locally advanced",)
    assert found.notes[0].text.startswith("Only some of stage IIB")


def test_the_page_and_the_report_agree_on_what_could_not_be_told(page_of: PageOf, reply_of: ReplyOf) -> None:
    resources = [entry["resource"] for entry in json.loads(reply_of("missing-grade").bundle)["entry"]]
    (said,) = [one["conclusion"] for one in resources if one["resourceType"] == "DiagnosticReport"]
    still_open = [one for case in page_of("missing-grade").cases for one in cards(case) if one.state is State.OPEN]

    assert len(still_open) == said.count("indeterminate:") + said.count("not assessable:")


def test_no_cancer_is_an_empty_page_with_its_issues(page_of: PageOf, knowledge: Knowledge) -> None:
    empty = patient_page(Reply(answers=(), issues=(), counts={"Patient": 1}, bundle=b"{}"), knowledge)

    assert (empty.cases, empty.patient, empty.counts) == ((), "", (("Patient", 1),))
