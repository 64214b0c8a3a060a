"""Extent, receptors of a metastasis and published indications, as they are sent and as we hand them over (S27 to S37, S108, B-20, G4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.facts.answers import Answer
from adapter.fhir import models
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply
from tests.sending import (
    CLINICAL_M,
    CLINICAL_N,
    CLINICAL_T,
    ER_PERCENT,
    HER2_IHC,
    LEFT_BREAST,
    PR_STATUS,
    RIGHT_BREAST,
    Resource,
    all_answers,
    ask,
    bundle,
    coded,
    codes,
    concept,
    condition,
    observation,
    outcome,
    percent,
    reference,
    snomed,
    specimen,
    text,
    values,
)

BASE = "https://breast-adapter.example/fhir"
ICD10CM, ICD10 = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"
ICD10GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
OBDS = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/CodeSystem/mii-cs-onko-fernmetastasen"
HGNC = "http://www.genenames.org/geneId"
SECONDARY = {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-secondary-cancer-condition"]}
IMPLICATION = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/therapeutic-implication"
LIVER, VERTEBRA, FEMUR = "10200004", "51282000", "71341001"
LEFT = condition("left", side=LEFT_BREAST, onsetDateTime="2020-01-10")


def secondary(name: str, code: str = "", *, system: str = ICD10CM, related: str = "", status: str = "", **more: object) -> Resource:
    """A secondary cancer as a Condition: by its code, or by mCODE's profile alone."""
    origin = {"url": "http://hl7.org/fhir/StructureDefinition/condition-related", "valueReference": reference(related)}
    said = {"code": concept(code, system=system) if code else {"text": "metastasis"}}
    said |= {"extension": [origin]} if related else {}
    said |= {"verificationStatus": concept(status, system="http://terminology.hl7.org/CodeSystem/condition-ver-status")} if status else {}
    return condition(name, **more) | said


def extent(reply: Reply) -> Answer | None:
    return next((answer for answer in all_answers(reply) if answer.about.result == "disease-extent"), None)


def written(reply: Reply, result: str) -> list[dict[str, Any]]:
    """The Observations of one kind of answer, checked as R4."""
    entries = [one["resource"] for one in json.loads(reply.bundle)["entry"] if one["resource"]["resourceType"] == "Observation"]
    mine = [one for one in entries if any(coding.get("code") == result for coding in one["code"]["coding"])]
    assert [fault for one in mine for fault in models.check(json.dumps(one).encode(), "Observation", bindings={})] == []
    return mine


def components(resource: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [one for one in resource.get("component", []) if any(coding["code"] == code for coding in one["code"]["coding"])]


class TestWhatShowsSpread:
    @pytest.mark.parametrize(("system", "code"), [(ICD10CM, "C78.7"), (ICD10, "C78.7"), ("http://snomed.info/sct", "94381002")])
    def test_a_secondary_cancer_of_the_liver_is_metastatic_in_each_code_system(self, system: str, code: str, knowledge: Knowledge) -> None:
        found = extent(ask(knowledge, bundle(LEFT, secondary("m", code, system=system, onsetDateTime="2024-03-01"))))
        assert (found.value, found.parts[0].number) == ("metastatic", 1)

    def test_the_profile_and_the_body_site_do_where_the_code_is_not_known(self, knowledge: Knowledge) -> None:
        sent = secondary("m", meta=SECONDARY, bodySite=[snomed(LIVER)])
        assert extent(ask(knowledge, bundle(LEFT, sent))).value == "metastatic"

    def test_bones_with_names_are_several_sites_and_bone_only(self, knowledge: Knowledge) -> None:
        sent = [secondary(f"m{number}", "C79.51", bodySite=[snomed(bone)]) for number, bone in enumerate((VERTEBRA, FEMUR))]
        found = extent(ask(knowledge, bundle(LEFT, *sent, secondary("again", "C79.51"))))
        assert found.parts[0].number == 2
        assert {"bone-only", "oligometastatic", "sites-recorded"} <= set(found.flags)

    def test_the_german_observation_of_a_distant_site_is_read(self, knowledge: Knowledge) -> None:
        sent = observation(snomed("385421009"), coded("HEP", system=OBDS), name="site", effectiveDateTime="2024-03-01")
        reply = ask(knowledge, bundle(LEFT, sent))
        assert {"disease-extent": "metastatic", "metastatic-presentation": "recurrent"}.items() <= values(reply).items()
        assert written(reply, "disease-extent")[0]["derivedFrom"] == [reference("Observation/site")]

    @pytest.mark.parametrize("status", ["unconfirmed", "provisional", "differential"])
    def test_a_secondary_cancer_that_is_not_confirmed_is_told_and_not_used(self, status: str, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, secondary("m", "C78.7", status=status)))
        assert (extent(reply), codes(reply)) == (None, ["not-confirmed"])

    @pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
    def test_a_withdrawn_one_is_not_used(self, status: str, knowledge: Knowledge) -> None:
        assert extent(ask(knowledge, bundle(LEFT, secondary("m", "C78.7", status=status)))) is None

    def test_nodes_that_may_be_regional_leave_it_open(self, knowledge: Knowledge) -> None:
        stage = [observation(code, text(value), name=value) for code, value in ((CLINICAL_T, "T2"), (CLINICAL_N, "N1"), (CLINICAL_M, "M0"))]
        found = extent(ask(knowledge, bundle(LEFT, *stage, secondary("m", "C77.0"))))
        assert (found.possible, found.missing[0]) == (("locally-advanced", "metastatic"), "the site of the secondary tumor")

    def test_another_cancer_on_file_keeps_a_metastasis_that_names_no_origin(self, knowledge: Knowledge) -> None:
        lung = condition("lung", meta={"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-primary-cancer-condition"]})
        lung["code"] = {"text": "Carcinoma of lung"}
        assert extent(ask(knowledge, bundle(LEFT, lung, secondary("m", "C78.7")))) is None
        assert extent(ask(knowledge, bundle(LEFT, lung, secondary("m", "C78.7", related="Condition/left")))).value == "metastatic"
        assert extent(ask(knowledge, bundle(LEFT, lung, secondary("m", "C78.7", related="Condition/lung")))) is None

    @pytest.mark.parametrize(("system", "code"), [(ICD10CM, "C18.7"), (ICD10, "C187"), (ICD10GM, "C91.00"), (ICD10CM, "C80.1")])
    def test_a_cancer_of_another_organ_is_known_by_its_category_of_icd_10(self, knowledge: Knowledge, system: str, code: str) -> None:
        other = condition("other") | {"code": concept(code, system=system)}
        assert extent(ask(knowledge, bundle(LEFT, other, secondary("m", "C78.7")))) is None
        assert extent(ask(knowledge, bundle(LEFT, other, secondary("m", "C78.7", related="Condition/left")))).value == "metastatic"

    @pytest.mark.parametrize("code", ["C50.912", "C77.3", "C79.51", "D12.6", "Z85.038", "C7", ""])
    def test_a_breast_cancer_a_metastasis_and_what_is_no_cancer_are_none_of_another_organ(self, knowledge: Knowledge, code: str) -> None:
        other = condition("other") | {"code": concept(code, system=ICD10CM)}
        assert extent(ask(knowledge, bundle(LEFT, other, secondary("m", "C78.7")))).value == "metastatic"

    def test_staging_beside_a_cancer_of_another_organ_alone_is_not_that_of_a_breast(self, knowledge: Knowledge) -> None:
        colon = condition("colon") | {"code": concept("C18.7", system=ICD10CM)}
        reply = ask(knowledge, bundle(colon, observation(CLINICAL_T, text("cT2"))))
        assert [issue.code for issue in reply.issues if issue.severity == "warning"] == ["about-another-condition"]
        assert not all_answers(reply)

    def test_with_two_primaries_a_metastasis_is_of_the_one_that_it_names(self, knowledge: Knowledge) -> None:
        right = condition("right", side=RIGHT_BREAST)
        named = ask(knowledge, bundle(LEFT, right, secondary("m", "C78.7", related="Condition/right")))
        extents = {case.key: [answer for answer in answers if answer.about.result == "disease-extent"] for case, answers in named.answers}
        assert ([len(extents["left"]), len(extents["right"])], "origin-not-known" in extents["right"][0].flags) == ([0, 1], False)
        unnamed = ask(knowledge, bundle(LEFT, right, secondary("m", "C78.7")))
        shared = [answer for answer in all_answers(unnamed) if answer.about.result == "disease-extent"]
        assert ["origin-not-known" in answer.flags for answer in shared] == [True, True]

    def test_the_order_of_arrival_changes_nothing(self, knowledge: Knowledge) -> None:
        sent = [LEFT, secondary("a", "C78.7", onsetDateTime="2024-03-01"), secondary("b", "C79.51", onsetDateTime="2024-04-01")]
        assert outcome(ask(knowledge, bundle(*sent))) == outcome(ask(knowledge, bundle(*reversed(sent))))


PRIMARY, METASTASIS = specimen("core", site=LEFT_BREAST, day="2020-01-10"), specimen("liver", site=LIVER, day="2024-03-01")


def receptors(tissue: str, er: float, her2: str) -> list[Resource]:
    at = {"specimen": reference(f"Specimen/{tissue}")}
    return [
        observation(ER_PERCENT, percent(er), name=f"er-{tissue}", **at),
        observation(PR_STATUS, coded("LA6577-6"), name=f"pr-{tissue}", **at),
        observation(HER2_IHC, coded({"0": "LA6111-4", "3+": "LA11843-2"}[her2]), name=f"her2-{tissue}", **at),
    ]


class TestHowItIsWritten:
    def test_discordance_has_a_component_for_each_receptor_and_no_value(self, knowledge: Knowledge) -> None:
        sent = [LEFT, PRIMARY, METASTASIS, *receptors("core", 90, "0"), *receptors("liver", 0, "0")]
        (found,) = written(ask(knowledge, bundle(*sent)), "receptor-discordance")
        said = {name: components(found, name)[0]["valueCodeableConcept"]["coding"][0]["code"] for name in ("er", "pr", "her2")}
        assert said == {"er": "loss", "pr": "concordant", "her2": "concordant"}
        assert not [key for key in found if key.startswith("value") or key == "dataAbsentReason"]
        assert found["specimen"] == reference("Specimen/liver")
        assert len(found["derivedFrom"]) == len(receptors("core", 90, "0")) * 2

    def test_a_molecular_indication_is_a_therapeutic_implication_without_a_value(self, knowledge: Knowledge) -> None:
        """G4: Genomics Reporting 2.0.0 allows no value, asks for derivedFrom, and names the drugs under LOINC 51963-7."""
        parts = [("48018-6", "1100", HGNC), ("48002-0", "LA6683-2", "http://loinc.org"), ("53037-8", "LA6668-3", "http://loinc.org")]
        variant = observation("69548-6", coded("LA9633-4"), name="variant")
        variant["component"] = [{"code": concept(code), **coded(value, system=system)} for code, value, system in parts]
        m1 = observation(CLINICAL_M, text("M1"), name="m1")
        reply = ask(knowledge, bundle(LEFT, PRIMARY, *receptors("core", 0, "0"), variant, m1))
        found = {one["component"][0]["valueString"].split(":")[0]: one for one in written(reply, "therapy-hint")}
        hint = found["Talazoparib"]
        assert IMPLICATION in hint["meta"]["profile"]
        assert {
            "system": "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs",
            "code": "therapeutic-implication",
        }.items() <= hint["code"]["coding"][-1].items()
        assert not [key for key in hint if key.startswith("value")]
        assert components(hint, "match")[0]["valueCodeableConcept"]["coding"][0]["code"] == "matches"
        assert components(hint, "51963-7")[0]["valueCodeableConcept"]["text"] == "talazoparib"
        assert reference("Observation/variant") in hint["derivedFrom"]

    def test_another_indication_is_an_observation_of_ours_with_its_conditions(self, knowledge: Knowledge) -> None:
        m1 = observation(CLINICAL_M, text("M1"), name="m1")
        reply = ask(knowledge, bundle(LEFT, PRIMARY, *receptors("core", 0, "3+"), m1))
        found = {one["component"][0]["valueString"].split(":")[0]: one for one in written(reply, "therapy-hint")}
        hint = found["Trastuzumab emtansine"]
        assert "meta" not in hint
        assert hint["valueCodeableConcept"]["coding"][0] == {
            "system": f"{BASE}/CodeSystem/answer",
            "code": "possible",
            "display": "Possible",
        }
        assert [one["valueString"] for one in components(hint, "condition-met")] == ["her2: positive", "extent: metastatic"]
        assert [one["valueString"] for one in components(hint, "condition-unknown")] == [
            "trastuzumab given before",
            "a taxane given before",
        ]
        assert components(hint, "source-date")[0]["valueString"] == "2013-02-22"
        assert "Kadcyla" in hint["note"][0]["text"]

    def test_no_indication_tells_anyone_what_to_do(self, knowledge: Knowledge) -> None:
        """H1: supports, never directs."""
        directive = ("should", "must ", "recommend", "start ", "give ", "treat with", "switch")
        texts = [rule.hint.indication.lower() for rule in knowledge.hints if rule.hint is not None]
        assert [text for text in texts for word in directive if word in text] == []

    def test_each_indication_has_an_identity_of_its_own(self, knowledge: Knowledge) -> None:
        m1 = observation(CLINICAL_M, text("M1"), name="m1")
        found = written(ask(knowledge, bundle(LEFT, PRIMARY, *receptors("core", 0, "3+"), m1)), "therapy-hint")
        assert len({one["identifier"][0]["value"] for one in found}) == len(found) > 1


def medication(name: str, drug: str, **more: object) -> Resource:
    cause = {"reasonReference": [reference("Condition/left")]}
    given = {
        "status": "completed",
        "medicationCodeableConcept": {"text": drug},
        "subject": reference("Patient/p"),
        "effectiveDateTime": "2024-05-01",
    }
    return {"resourceType": "MedicationAdministration", "id": name} | given | cause | more


class TestWhatWasGiven:
    def hints(self, reply: Reply) -> dict[str, str]:
        return {answer.about.item or "": answer.value for answer in all_answers(reply) if answer.about.result == "therapy-hint"}

    def test_drugs_on_file_settle_the_line_before(self, knowledge: Knowledge) -> None:
        m1 = observation(CLINICAL_M, text("M1"), name="m1", effectiveDateTime="2024-03-01")
        sent = [LEFT, PRIMARY, *receptors("core", 0, "3+"), m1]
        assert self.hints(ask(knowledge, bundle(*sent)))["trastuzumab-emtansine"] == "possible"
        given = [medication("a", "trastuzumab"), medication("b", "docetaxel")]
        assert self.hints(ask(knowledge, bundle(*sent, *given)))["trastuzumab-emtansine"] == "matches"

    @pytest.mark.parametrize(
        ("status", "told"), [("active", "possible"), ("on-hold", "possible"), ("completed", "matches"), ("stopped", "matches")]
    )
    def test_an_order_shows_that_a_drug_was_given_only_where_it_was_carried_out(self, status: str, told: str, knowledge: Knowledge) -> None:
        m1 = observation(CLINICAL_M, text("M1"), name="m1", effectiveDateTime="2024-03-01")
        order = {"resourceType": "MedicationRequest", "intent": "order", "status": status, "authoredOn": "2024-05-01"}
        given = [{**medication(drug, drug), **order} for drug in ("trastuzumab", "docetaxel")]
        for one in given:
            del one["effectiveDateTime"]
        reply = ask(knowledge, bundle(LEFT, PRIMARY, *receptors("core", 0, "3+"), m1, *given))
        assert self.hints(reply)["trastuzumab-emtansine"] == told

    @pytest.mark.parametrize("status", ["entered-in-error", "not-done"])
    def test_a_drug_that_was_not_given_counts_for_nothing(self, status: str, knowledge: Knowledge) -> None:
        m1 = observation(CLINICAL_M, text("M1"), name="m1", effectiveDateTime="2024-03-01")
        given = [medication("a", "trastuzumab", status=status), medication("b", "docetaxel", status=status)]
        assert (
            self.hints(ask(knowledge, bundle(LEFT, PRIMARY, *receptors("core", 0, "3+"), m1, *given)))["trastuzumab-emtansine"]
            == "possible"
        )
