"""Drugs as senders write them: codes, products, ingredients and names; and what is no drug of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.facts.case import Treatment
from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import load
from adapter.pipeline import Reply, Request, interpret
from adapter.terminology.drugs import drugs_of, named_in

ATC, ATC_DE = "http://www.whocc.no/atc", "http://fhir.de/CodeSystem/bfarm/atc"
RXNORM, SCT = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://snomed.info/sct"
LOCAL = "http://pharmacy.example.org"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-related-medication-"
REASON = {"reasonReference": [{"reference": "Condition/c"}]}


def one(system: str, code: str, display: str = "") -> Coded:
    return Coded(codings=(Coding(system, code, display),))


def concept(system: str, code: str, display: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} | ({"display": display} if display else {})]}


def asked(knowledge: Knowledge, *resources: dict[str, Any]) -> Reply:
    """The reply to a patient with one left breast cancer and these resources."""
    patient = {"resourceType": "Patient", "id": "p", "gender": "female"}
    cancer = {
        "resourceType": "Condition",
        "id": "c",
        "code": concept(SCT, "353431000119107"),
        "subject": {"reference": "Patient/p"},
        "bodySite": [concept(SCT, "80248007")],
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (patient, cancer, *resources)]}
    return interpret([json.dumps(bundle).encode()], knowledge, Request(issued=datetime(2026, 11, 22, tzinfo=UTC)))


def statement(drug: dict[str, Any], **more: object) -> dict[str, Any]:
    head = {"resourceType": "MedicationStatement", "id": "m", "status": "active", "medicationCodeableConcept": drug}
    usual = head | {"subject": {"reference": "Patient/p"}, "effectivePeriod": {"start": "2026-01-10"}} | REASON | more
    return {key: part for key, part in usual.items() if part is not None}


def order(drug: dict[str, Any], **more: object) -> dict[str, Any]:
    head = {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order", "medicationCodeableConcept": drug}
    usual = head | {"subject": {"reference": "Patient/p"}, "authoredOn": "2026-01-10"} | REASON | more
    return {key: part for key, part in usual.items() if part is not None}


def treatments(knowledge: Knowledge, *resources: dict[str, Any]) -> tuple[Treatment, ...]:
    return asked(knowledge, *resources).cases[0].treatments


def issues(reply: Reply) -> list[tuple[str, str]]:
    return [(issue.code, issue.text) for issue in reply.issues]


@pytest.mark.parametrize(
    ("system", "code", "drug"),
    [
        (RXNORM, "10324", "tamoxifen"),
        (RXNORM, "727762", "fulvestrant"),
        (ATC, "L01FD01", "trastuzumab"),
        (ATC_DE, "L01FD04", "trastuzumab-deruxtecan"),
        (SCT, "387374002", "paclitaxel"),
        (SCT, "426653008", "nab-paclitaxel"),
    ],
)
def test_a_code_names_a_drug_without_any_display(knowledge: Knowledge, system: str, code: str, drug: str) -> None:
    assert drugs_of([one(system, code)], knowledge).words == (drug,)


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("Tamoxifen 20 MG Oral Tablet", {"tamoxifen"}),
        ("DOXOrubicin liposomal", {"doxorubicin"}),
        ("5 ML fulvestrant 50 MG/ML Prefilled Syringe", {"fulvestrant"}),
        ("trastuzumab-dkst", {"trastuzumab"}),
        ("ado-trastuzumab emtansine 100 MG", {"trastuzumab-emtansine"}),
        ("fam-trastuzumab deruxtecan-nxki", {"trastuzumab-deruxtecan"}),
        ("datopotamab deruxtecan", {"datopotamab-deruxtecan"}),
        ("Paclitaxel protein-bound particles", {"nab-paclitaxel"}),
        ("letrozole 2.5 MG / ribociclib 200 MG Pack", {"letrozole", "ribociclib"}),
        ("Pertuzumab und Trastuzumab", {"pertuzumab", "trastuzumab"}),
        ("Zoledronsäure", {"zoledronic-acid"}),
        ("[89Zr]Zr-DFO-trastuzumab", set()),
        ("89Zr-pertuzumab", set()),
        ("trastuzumab or placebo", set()),
        ("no tamoxifen", set()),
        ("tamoxifenum", set()),
        ("Cyclophosphamide" + " x" * 120, set()),
        ("", set()),
    ],
)
def test_a_name_counts_as_whole_words(knowledge: Knowledge, text: str, drugs: set[str]) -> None:
    assert named_in(text, knowledge) == drugs


def test_the_display_of_an_unknown_code_names_the_drug(knowledge: Knowledge) -> None:
    assert drugs_of([one(LOCAL, "4711", "Letrozol AL 2,5 mg")], knowledge).words == ("letrozole",)


def test_a_text_names_the_drug_where_no_coding_does(knowledge: Knowledge) -> None:
    concept_with_text = Coded(codings=(Coding(LOCAL, "4711"),), text="Exemestan 25 mg")
    assert drugs_of([concept_with_text], knowledge) == drugs_of([Coded(text="Exemestan")], knowledge)


def test_a_code_stands_before_a_text(knowledge: Knowledge) -> None:
    told = Coded(codings=(Coding(RXNORM, "10324"),), text="tamoxifen (after letrozole)")
    assert drugs_of([told], knowledge).words == ("tamoxifen",)


def test_a_code_whose_display_names_another_drug_names_none(knowledge: Knowledge) -> None:
    found = drugs_of([one(RXNORM, "10324", "Letrozole")], knowledge)
    assert (found.words, found.code) == ((), "display-names-another")
    assert found.because == "10324 stands for tamoxifen, its display names letrozole"


def test_codings_that_name_different_drugs_name_none(knowledge: Knowledge) -> None:
    found = drugs_of([Coded(codings=(Coding(RXNORM, "10324"), Coding(ATC, "L02BG04")))], knowledge)
    assert (found.words, found.code, found.because) == ((), "codings-disagree", "its codings name tamoxifen and letrozole")


def test_two_codings_of_one_drug_are_one_drug(knowledge: Knowledge) -> None:
    found = drugs_of([Coded(codings=(Coding(RXNORM, "10324"), Coding(ATC, "L02BA01"), Coding(LOCAL, "1", "Nolvadex")))], knowledge)
    assert (found.words, found.code) == (("tamoxifen",), "")


def test_an_ingredient_makes_up_for_an_unknown_product(knowledge: Knowledge) -> None:
    product = {
        "resourceType": "Medication",
        "id": "d",
        "code": concept(LOCAL, "77"),
        "ingredient": [{"itemCodeableConcept": concept(ATC, code)} for code in ("L01FD01", "L01FD02")],
    }
    given = order({}, medicationCodeableConcept=None, medicationReference={"reference": "Medication/d"})
    (treatment,) = treatments(knowledge, product, given)
    assert (treatment.drugs, treatment.classes) == (("trastuzumab", "pertuzumab"), ("anti-her2",))
    assert "unmapped-code" not in dict(issues(asked(knowledge, product, given)))


def test_a_contained_medication_is_read(knowledge: Knowledge) -> None:
    inside = {"resourceType": "Medication", "id": "d", "code": concept(RXNORM, "56946")}
    given = order({}, medicationCodeableConcept=None, medicationReference={"reference": "#d"}, contained=[inside])
    assert [one.drugs for one in treatments(knowledge, given)] == [("paclitaxel",)]


@pytest.mark.parametrize(
    ("status", "period", "expected"),
    [
        ("active", {"start": "2026-01-10"}, [("systemic", "2026-01-10", None)]),
        ("completed", {"start": "2026-01-10", "end": "2026-04-01"}, [("systemic", "2026-01-10", "2026-04-01")]),
        ("stopped", {"start": "2026-01-10", "end": "2026-02-01"}, [("systemic", "2026-01-10", "2026-02-01")]),
        ("on-hold", {"start": "2026-01-10"}, [("systemic", "2026-01-10", None)]),
        ("entered-in-error", {"start": "2026-01-10"}, []),
        ("not-taken", {"start": "2026-01-10"}, []),
        ("intended", {"start": "2026-01-10"}, []),
        ("unknown", {"start": "2026-01-10"}, []),
    ],
)
def test_a_statement_is_a_treatment_where_the_drug_was_taken(
    knowledge: Knowledge, status: str, period: dict[str, str], expected: list[tuple[str, str, str | None]]
) -> None:
    """R4 MedicationStatement.status."""
    found = treatments(knowledge, statement(concept(RXNORM, "84857"), status=status, effectivePeriod=period))
    assert [(one.kind, one.started_on, one.last_on) for one in found] == expected
    assert all(one.classes == ("endocrine", "aromatase-inhibitor") for one in found)


@pytest.mark.parametrize(("status", "last"), [("active", None), ("completed", "2026-01-10")])
def test_one_day_of_a_drug_that_goes_on_is_not_its_last(knowledge: Knowledge, status: str, last: str | None) -> None:
    day = statement(concept(RXNORM, "84857"), status=status, effectivePeriod=None, effectiveDateTime="2026-01-10")
    assert [(one.started_on, one.last_on) for one in treatments(knowledge, day)] == [("2026-01-10", last)]


@pytest.mark.parametrize("kind", ["request", "administration", "statement"])
def test_the_profiles_of_mcode_claim_the_cancer(knowledge: Knowledge, kind: str) -> None:
    """mCODE 4.0.0 has the first two; the third is of STU1."""
    make = {"request": order, "statement": statement, "administration": order}[kind]
    given = make(concept(RXNORM, "56946"), reasonReference=None, meta={"profile": [MCODE + kind]})
    if kind == "administration":
        given = {key: part for key, part in given.items() if key not in ("intent", "authoredOn")}
        given |= {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": "2026-01-10"}
    assert [(one.drugs, one.started_on) for one in treatments(knowledge, given)] == [(("paclitaxel",), "2026-01-10")]


def test_an_unknown_drug_for_this_cancer_is_therapy_and_an_issue(knowledge: Knowledge) -> None:
    reply = asked(knowledge, order(concept(LOCAL, "4711", "Study drug A")))
    (treatment,) = reply.cases[0].treatments
    assert (treatment.kind, treatment.drugs, treatment.classes) == ("systemic", (), ())
    assert dict(issues(reply))["unmapped-code"].startswith(f"drug: {LOCAL}|4711 is no drug of our list")
    assert [(one.role, one.fact, one.code) for one in reply.unmapped] == [("value", "drug", "4711")]


def test_an_unknown_drug_for_something_else_is_nothing(knowledge: Knowledge) -> None:
    reply = asked(knowledge, order(concept(LOCAL, "4711"), reasonReference=None))
    assert reply.cases[0].treatments == ()
    assert "unmapped-code" not in dict(issues(reply))


def test_a_drug_that_was_not_recorded_is_no_issue(knowledge: Knowledge) -> None:
    """EuCanImage writes 1220561009 where it has no drug."""
    reply = asked(knowledge, order(concept(SCT, "1220561009")), order({}, id="n"))
    assert [one.drugs for one in reply.cases[0].treatments] == [(), ()]
    assert "unmapped-code" not in dict(issues(reply))


@pytest.mark.parametrize("drug", ["denosumab", "Zoledronic acid 4 mg", "Dexamethasone"])
def test_what_is_given_beside_the_therapy_begins_none(knowledge: Knowledge, drug: str) -> None:
    assert [one.kind for one in treatments(knowledge, order({"text": drug}))] == ["supportive"]


def test_a_bone_drug_with_an_endocrine_one_is_therapy(knowledge: Knowledge) -> None:
    assert knowledge.is_therapy(("denosumab", "letrozole"))


def test_a_new_drug_is_one_row(tmp_path: Path, knowledge: Knowledge) -> None:
    folder = tmp_path / "treatments" / "our-drugs"
    folder.mkdir(parents=True)
    (folder / "topic.toml").write_text('topic = "our-drugs"\ntitle = "Our drugs"\n')
    (folder / "drugs.csv").write_text("drug,classes,names,note,source\nzanidatamab,anti-her2,ziihera,,site\n")
    ours = load(extra=tmp_path)
    assert drugs_of([Coded(text="Ziihera 300 mg")], ours).words == ("zanidatamab",)
    assert ours.drug_classes(["zanidatamab"]) == ("anti-her2",)
    assert drugs_of([Coded(text="Ziihera 300 mg")], knowledge).words == ()


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("zanidatamab,anti-her2,,,nowhere", "our-drugs: drug zanidatamab: source nowhere is not in sources.toml"),
        ("tamoxifen,endocrine,,,site", "drug tamoxifen stands twice"),
        ("zanidatamab,,,,site", "drugs.0.classes"),
        ("Zani Datamab,anti-her2,,,site", "drugs.0.drug"),
    ],
)
def test_a_broken_row_is_refused(tmp_path: Path, row: str, fault: str) -> None:
    folder = tmp_path / "treatments" / "our-drugs"
    folder.mkdir(parents=True)
    (folder / "topic.toml").write_text('topic = "our-drugs"\ntitle = "Our drugs"\n')
    (folder / "drugs.csv").write_text(f"drug,classes,names,note,source\n{row}\n")
    with pytest.raises(BrokenKnowledge) as raised:
        load(extra=tmp_path)
    assert fault in str(raised.value)


def test_every_class_that_a_rule_or_a_tracer_asks_for_is_one_of_a_drug(knowledge: Knowledge) -> None:
    """S81, S87, B-24, B-28, B-33: a class that no drug has would never match."""
    known = set(knowledge.drug_classes(knowledge.drugs))
    rules = knowledge.rules
    asked_for = {*rules["systemic-therapy"].words["no_therapy"], *rules["receptor-blocking-classes"].words["classes"]}
    asked_for |= {*rules["gate-days-since-treatment"].words["counts"], *rules["tbcrc026-fall"].words["without"]}
    asked_for |= {name for topic in knowledge.topics.values() if topic.tracer for name in topic.tracer.drug_classes}
    assert asked_for <= known
    assert {*rules["tbcrc026-fall"].words["regimen"], *rules["phergain-fall"].words["regimen"]} <= knowledge.drugs.keys()
    assert rules["fes-blocking-drugs"].numbers.keys() == set(rules["receptor-blocking-classes"].words["classes"])
