"""Answers as FHIR: design section 5 (the result contract), and requirements B5, F1, G2, G3 of the standards list."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec import convert

from adapter.facts.answers import About, Answer, Asserted, Determined, Undetermined
from adapter.facts.case import Case, Condition, Fact, Issue, Patient, Place, Specimen, Treatment
from adapter.facts.vocabulary import Basis, Kind, Result, Severity, Side
from adapter.fhir.models import check
from adapter.fhir.writer import result_bundle
from adapter.knowledge.outputs import Outputs, read_outputs

BASE = "https://breast-adapter.example/fhir"
SNOMED = "http://snomed.info/sct"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition"
FOLDER = Path(__file__).parents[3] / "mappings" / "outputs"
ISSUED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 6, 7, 8, 9, 10, tzinfo=UTC)
PATIENT = Patient(reference="Patient/p", key="p")
CONDITION = Condition(
    reference="Condition/c", key="c", side=Side.LEFT, origin=Place(reference="Condition/c", path="Condition", version="3")
)
BIOPSY = Specimen(key="s1", reference="Specimen/s1")


@cache
def outputs() -> Outputs:
    return read_outputs({path.name: path.read_bytes() for path in FOLDER.iterdir() if path.suffix in (".toml", ".csv")})


def case(**changes: object) -> Case:
    whole = {"key": "left", "patient": PATIENT, "conditions": (CONDITION,), "side": Side.LEFT, "specimens": (BIOPSY,)}
    return convert(whole | changes, Case)


def fact(word: str, value: str, reference: str, **changes: object) -> Fact:
    place = {"reference": reference, "path": "Observation.value", "version": changes.pop("version", None)}
    return convert({"word": word, "value": value, "taken_on": "2025-03-04", "origin": place} | changes, Fact)


ER = fact("er-percent", "90", "Observation/er", version="2")
T = fact("t-category", "T2", "Observation/t", basis=Basis.CLINICAL)
N = fact("n-category", "N1", "Observation/n", basis=Basis.CLINICAL)
M = fact("m-category", "M0", "Observation/m", basis=Basis.CLINICAL)


def about(result: Result, changes: dict[str, object]) -> About:
    """What the answer speaks of, taken out of the changes."""
    return convert({"result": result} | {name: changes.pop(name, None) for name in ("basis", "specimen", "scheme")}, About)


def determined(result: Result, value: str, **changes: object) -> Determined:
    whole = {"about": about(result, changes), "rule": "a-rule", "source": "a-source", "because": "the numbers say so", "used": (ER,)}
    return convert(whole | {"value": value} | changes, Determined)


def undetermined(result: Result, kind: Kind = Kind.INDETERMINATE, **changes: object) -> Undetermined:
    whole = {"about": about(result, changes), "rule": "a-rule", "source": "a-source", "because": "the grade is missing", "used": (ER,)}
    return convert(whole | {"kind": kind} | changes, Undetermined)


def stage(**changes: object) -> Determined:
    whole = {"basis": Basis.CLINICAL, "used": (T, N, M), "members": (T, N, M)}
    return determined(Result.ANATOMIC_STAGE, "IIB", **(whole | changes))


def prognostic(**changes: object) -> Determined:
    return determined(Result.CLINICAL_PROGNOSTIC_STAGE, "IIA", basis=Basis.CLINICAL, **changes)


def written(answers: Sequence[Answer], issues: Sequence[Issue] = (), *, of: Case | None = None, issued: datetime = ISSUED) -> bytes:
    return result_bundle(
        PATIENT,
        [(of or case(), answers)],
        issues,
        outputs=outputs(),
        canonical=BASE,
        software_version="1.2.3",
        knowledge_version="abc123",
        rule_topic={"a-rule": "a-topic"},
        issued=issued,
        citations={"a-source": "Author A, Journal, 2020"},
    )


def entries(bundle: bytes, kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads(bundle)["entry"] if entry["resource"]["resourceType"] == kind]


def observation(answer: Answer, *siblings: Answer, of: Case | None = None) -> dict[str, Any]:
    return entries(written([answer, *siblings], of=of), "Observation")[0]


def one(bundle: bytes, kind: str) -> dict[str, Any]:
    (found,) = entries(bundle, kind)
    return found


def codings(concept: dict[str, Any], system: str) -> list[str]:
    return [coding["code"] for coding in concept["coding"] if coding["system"] == system]


def components(resource: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [each for each in resource.get("component", []) if codings(each["code"], f"{BASE}/CodeSystem/component") == [code]]


def profiles(resource: dict[str, Any]) -> list[str]:
    return list(resource.get("meta", {}).get("profile", []))


EVERY_VALUE = [(result, word) for result, words in outputs().answer_words().items() for word in sorted(words)]
EVERY_ABSENCE = [(result, kind) for result in Result for kind in Kind]


def rich(answer: Answer) -> Answer:
    """The same answer with everything that an answer may carry."""
    asserted = (Asserted(value="negative", fact=fact("er-status", "negative", "Observation/said", as_sent="neg.")),)
    extra = {"flags": ("discordant", "a-flag-without-a-line"), "context": ("A sentence.",), "asserted": asserted, "members": (T,)}
    return answer.but(**extra)


class TestEveryResource:
    @pytest.mark.parametrize(("result", "word"), EVERY_VALUE)
    def test_every_value_of_every_result_is_valid_fhir(self, result: Result, word: str) -> None:
        for basis in (None, Basis.CLINICAL, Basis.PATHOLOGICAL, Basis.POST_THERAPY_PATHOLOGICAL):
            assert_valid(written([rich(determined(result, word, basis=basis, specimen="s1", scheme="stgallen2011"))]))

    @pytest.mark.parametrize(("result", "kind"), EVERY_ABSENCE)
    def test_every_result_without_a_value_is_valid_fhir(self, result: Result, kind: Kind) -> None:
        words = tuple(sorted(outputs().answer_words()[result]))
        assert_valid(written([rich(undetermined(result, kind, missing=("send the grade",), possible=words))]))

    def test_a_reply_without_dates_references_or_conditions_is_valid_fhir(self) -> None:
        bare = fact("er-percent", "90", "Bundle.entry[2].resource", taken_on=None)
        assert_valid(written([determined(Result.ER_STATUS, "positive", used=(bare,))], of=case(conditions=(), specimens=(), side=None)))

    def test_a_moment_without_a_time_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            written([stage()], issued=ISSUED.replace(tzinfo=None))

    def test_two_answers_with_one_identity_are_refused(self) -> None:
        with pytest.raises(ValueError, match="identity"):
            written([stage(), stage()])


def assert_valid(bundle: bytes) -> None:
    """Valid by the R4 models, by obs-6 and obs-7 written out here, and without null, empty list or id."""
    assert check(bundle, "Bundle") == []
    content = json.loads(bundle)
    urls = [entry["fullUrl"] for entry in content["entry"]]
    assert len(set(urls)) == len(urls)
    for entry in content["entry"]:
        resource = entry["resource"]
        assert check(json.dumps(resource).encode(), resource["resourceType"], bindings=outputs().bindings) == []
        assert_no_empty_parts(resource)
        if resource["resourceType"] == "Observation":
            assert_invariants(resource)


def assert_no_empty_parts(part: object) -> None:
    assert part not in (None, "", [], {})
    if isinstance(part, (dict, list)):
        for each in part.values() if isinstance(part, dict) else part:
            assert_no_empty_parts(each)


def assert_invariants(resource: dict[str, Any]) -> None:
    has_value = any(name.startswith("value") for name in resource)
    assert has_value != ("dataAbsentReason" in resource)
    own = {(coding["system"], coding["code"]) for coding in resource["code"]["coding"]}
    for component in resource.get("component", []):
        assert own.isdisjoint((coding["system"], coding["code"]) for coding in component["code"]["coding"])


class TestBundle:
    def test_b5_a_returned_bundle_is_a_collection_whose_resources_have_no_id(self) -> None:
        """B5: a returned Bundle has type `collection` unless it has search semantics; resources not persisted have no id."""
        content = json.loads(written([stage(), prognostic()]))
        assert content["type"] == "collection"
        assert not {"id", "timestamp"} & content.keys()
        assert all("id" not in entry["resource"] and entry["fullUrl"].startswith("urn:uuid:") for entry in content["entry"])

    def test_the_bundle_holds_the_results_one_report_one_device_one_provenance_and_one_outcome(self) -> None:
        kinds = [entry["resource"]["resourceType"] for entry in json.loads(written([stage(), prognostic()]))["entry"]]
        assert kinds == ["Observation", "Observation", "DiagnosticReport", "Device", "Provenance", "OperationOutcome"]

    def test_without_any_answer_there_is_only_the_outcome(self) -> None:
        """F1: a Provenance needs a target, so without results there is none."""
        issue = Issue(code="unmapped-code", severity=Severity.WARNING, text="the code is not in our maps")
        content = json.loads(written([], [issue]))
        assert [entry["resource"]["resourceType"] for entry in content["entry"]] == ["OperationOutcome"]
        assert content["entry"][0]["resource"]["issue"][0]["details"]["text"] == "the code is not in our maps"

    def test_another_moment_changes_issued_and_nothing_else(self) -> None:
        answers = [stage(), prognostic(), undetermined(Result.GRADE)]
        first, second = written(answers), written(answers, issued=LATER)
        assert first != second
        assert first == second.replace(b"2026-06-07T08:09:10.000Z", b"2026-01-02T03:04:05.000Z")
        changed = [key for key in ("recorded", "effectiveDateTime") if _all(first, key) != _all(second, key)]
        assert changed == []

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        assert written([stage(), prognostic()]) == written([stage(), prognostic()])

    def test_references_between_entries_lead_to_entries(self) -> None:
        content = json.loads(written([stage(), prognostic()]))
        urls = {entry["fullUrl"] for entry in content["entry"]}
        inside = set(re.findall(r'"reference": ?"(urn:uuid:[^"]+)"', json.dumps(content)))
        assert inside
        assert inside <= urls


def _all(bundle: bytes, key: str) -> list[str]:
    return [entry["resource"].get(key) for entry in json.loads(bundle)["entry"]]


class TestIdentity:
    def test_an_identifier_outlives_the_date_and_the_value(self) -> None:
        redated = ER.but(taken_on="2025-09-09")
        first = observation(determined(Result.ER_STATUS, "positive", specimen="s1"))
        second = observation(determined(Result.ER_STATUS, "negative", specimen="s1", used=(redated,)))
        assert first["effectiveDateTime"] != second["effectiveDateTime"]
        assert first["identifier"] == second["identifier"]
        assert first["identifier"][0]["system"] == f"{BASE}/NamingSystem/result"

    @pytest.mark.parametrize(
        "other",
        [
            determined(Result.PR_STATUS, "positive", specimen="s1"),
            determined(Result.ER_STATUS, "positive", specimen="s2"),
            determined(Result.ER_STATUS, "positive"),
            determined(Result.ER_STATUS, "positive", specimen="s1", basis=Basis.CLINICAL),
            determined(Result.ER_STATUS, "positive", specimen="s1", scheme="another"),
        ],
    )
    def test_another_subject_has_another_identifier(self, other: Determined) -> None:
        mine = determined(Result.ER_STATUS, "positive", specimen="s1")
        assert observation(mine)["identifier"] != observation(other)["identifier"]

    def test_left_and_right_have_different_identifiers(self) -> None:
        assert observation(stage())["identifier"] != observation(stage(), of=case(key="right"))["identifier"]


class TestObservation:
    def test_the_kind_and_the_value_carry_our_code_and_the_public_one(self) -> None:
        resource = observation(determined(Result.ER_STATUS, "positive", specimen="s1"))
        assert codings(resource["code"], f"{BASE}/CodeSystem/result") == ["er-status"]
        assert codings(resource["code"], "http://loinc.org") == ["16112-5"]
        assert codings(resource["valueCodeableConcept"], f"{BASE}/CodeSystem/answer") == ["positive"]
        assert codings(resource["valueCodeableConcept"], SNOMED) == ["416053008"]

    def test_it_names_patient_cancer_tissue_device_and_when(self) -> None:
        resource = observation(determined(Result.ER_STATUS, "positive", specimen="s1"))
        assert resource["status"] == "final"
        assert resource["subject"] == {"reference": "Patient/p"}
        assert resource["focus"] == [{"reference": "Condition/c"}]
        assert resource["specimen"] == {"reference": "Specimen/s1"}
        assert resource["effectiveDateTime"] == "2025-03-04"
        assert resource["issued"] == "2026-01-02T03:04:05.000Z"
        assert resource["category"][0]["coding"][0]["code"] == "laboratory"
        assert resource["device"]["reference"].startswith("urn:uuid:")

    def test_without_a_date_in_the_inputs_there_is_no_effective_date(self) -> None:
        undated = ER.but(taken_on=None)
        assert "effectiveDateTime" not in observation(determined(Result.ER_STATUS, "positive", used=(undated,)))

    def test_the_note_gives_reason_rule_and_citation(self) -> None:
        (note,) = observation(determined(Result.ER_STATUS, "positive", row="r1"))["note"]
        assert note["text"] == "the numbers say so. Rule: a-rule, row r1. Source: Author A, Journal, 2020."

    def test_the_scheme_is_the_method(self) -> None:
        resource = observation(determined(Result.SURROGATE_SUBTYPE, "luminal-a-like", scheme="stgallen2011"))
        assert codings(resource["method"], f"{BASE}/CodeSystem/scheme") == ["stgallen2011"]

    def test_derived_from_names_each_observation_once_and_no_condition(self) -> None:
        """R4 lets derivedFrom point at Observations and a few others; Conditions and Specimens stand in the Provenance."""
        said = fact("t-category", "T2", "Condition/c")
        resource = observation(determined(Result.ER_STATUS, "positive", used=(ER, ER, said, T)))
        assert resource["derivedFrom"] == [{"reference": "Observation/er"}, {"reference": "Observation/t"}]

    def test_only_what_was_read_as_an_observation_is_derived_from_whatever_its_reference_says(self) -> None:
        urn = Place(reference="urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", path="Bundle.entry[1].resource.stage[0]", type="Condition")
        other = Place(reference="urn:uuid:a1b2c3d4-1cbf-4d64-b04d-cd9187a4c6e0", path="Bundle.entry[2].resource.valueQuantity")
        used = tuple(ER.but(origin=place) for place in (urn, other))
        resource = observation(determined(Result.ER_STATUS, "positive", used=used))
        assert resource["derivedFrom"] == [{"reference": other.reference}]

    def test_a_contained_input_is_reached_through_its_holder_and_one_without_id_in_words(self) -> None:
        places = (
            Place(reference="Observation/o#x", path="x"),
            Place(reference="Bundle.entry[4].resource", path="Bundle.entry[4].resource"),
        )
        used = tuple(ER.but(origin=place) for place in places)
        resource = observation(determined(Result.ER_STATUS, "positive", used=used))
        assert resource["derivedFrom"] == [{"reference": "Observation/o"}, {"display": "Bundle.entry[4].resource"}]

    def test_a_number_keeps_its_digits(self) -> None:
        bundle = written([determined(Result.KI67_CATEGORY, "low", quantity=Decimal("2.50"), unit="%")])
        assert b'"valueQuantity":{"value":2.50,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}' in bundle

    def test_flags_are_components(self) -> None:
        found = components(observation(determined(Result.ER_STATUS, "positive", flags=("discordant", "er-low"))), "flag")
        assert [codings(each["valueCodeableConcept"], f"{BASE}/CodeSystem/flag") for each in found] == [["discordant"], ["er-low"]]

    def test_an_asserted_value_stands_beside_ours_in_the_senders_words(self) -> None:
        asserted = Asserted(value="negative", fact=fact("er-status", "negative", "Observation/said", as_sent="ER neg."))
        (found,) = components(observation(determined(Result.ER_STATUS, "positive", asserted=(asserted,))), "asserted")
        assert found["valueCodeableConcept"]["text"] == "ER neg."
        assert codings(found["valueCodeableConcept"], f"{BASE}/CodeSystem/answer") == ["negative"]

    def test_context_is_a_component(self) -> None:
        (found,) = components(observation(determined(Result.ER_STATUS, "positive", context=("A sentence.",))), "context")
        assert found["valueString"] == "A sentence."


class TestWithoutValue:
    def test_indeterminate_is_unknown_with_our_code_and_the_reason(self) -> None:
        reason = observation(undetermined(Result.GRADE))["dataAbsentReason"]
        assert codings(reason, "http://terminology.hl7.org/CodeSystem/data-absent-reason") == ["unknown"]
        assert codings(reason, f"{BASE}/CodeSystem/absence") == ["indeterminate"]
        assert reason["text"] == "the grade is missing"

    def test_not_assessable_is_unknown_with_our_code(self) -> None:
        reason = observation(undetermined(Result.GRADE, Kind.NOT_ASSESSABLE))["dataAbsentReason"]
        assert [coding["code"] for coding in reason["coding"]] == ["unknown", "not-assessable"]

    def test_not_applicable_says_so_in_the_public_code_alone(self) -> None:
        reason = observation(undetermined(Result.GRADE, Kind.NOT_APPLICABLE))["dataAbsentReason"]
        assert [coding["code"] for coding in reason["coding"]] == ["not-applicable"]

    def test_what_is_missing_and_what_is_still_possible_are_components(self) -> None:
        answer = undetermined(Result.ANATOMIC_STAGE, missing=("the N category", "the M category"), possible=("IA", "IIA"))
        resource = observation(answer)
        assert [each["valueString"] for each in components(resource, "missing")] == ["the N category", "the M category"]
        possible = [codings(each["valueCodeableConcept"], f"{BASE}/CodeSystem/answer") for each in components(resource, "possible-value")]
        assert possible == [["IA"], ["IIA"]]
        assert "valueCodeableConcept" not in resource


class TestStages:
    @pytest.mark.parametrize(
        ("basis", "code"), [(Basis.CLINICAL, "399537006"), (Basis.PATHOLOGICAL, "399588009"), (Basis.UNSPECIFIED, "399390009")]
    )
    def test_g2_an_anatomic_stage_claims_the_stage_group(self, basis: Basis, code: str) -> None:
        """G2: code 399390009 | 399537006 (clinical) | 399588009 (pathologic); method 1..1 (897275008), focus 1..1, hasMember T/N/M."""
        resource = observation(stage(basis=basis))
        assert profiles(resource) == [f"{MCODE}/mcode-tnm-stage-group"]
        assert codings(resource["code"], SNOMED) == [code]
        assert codings(resource["code"], NCIT) == ["C139445"]
        assert codings(resource["method"], SNOMED) == ["897275008"]
        assert codings(resource["valueCodeableConcept"], SNOMED) == ["1222769001"]
        assert len(resource["focus"]) == 1
        assert [each["reference"] for each in resource["hasMember"]] == ["Observation/t", "Observation/n", "Observation/m"]

    def test_h2_f1_a_result_leads_to_its_rule_set_and_still_claims_the_stage_group(self) -> None:
        """F1, H2: the Library in the version that answered. G2: an extension of R4 takes nothing from the profile."""
        resource = observation(stage())
        library = {"type": "justification", "resource": f"{BASE}/Library/a-topic|abc123"}
        said = {"url": "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact", "valueRelatedArtifact": library}
        assert resource["extension"] == [said]
        assert profiles(resource) == [f"{MCODE}/mcode-tnm-stage-group"]

    @pytest.mark.parametrize("conditions", [(), (CONDITION, CONDITION.but(reference="Condition/d"))])
    def test_g2_without_exactly_one_focus_the_stage_group_is_not_claimed(self, conditions: tuple[Condition, ...]) -> None:
        assert profiles(observation(stage(), of=case(conditions=conditions))) == []

    def test_a_stage_with_a_text_component_claims_no_stage_profile(self) -> None:
        """Both stage profiles allow component.value only as a CodeableConcept."""
        assert profiles(observation(stage(context=("A sentence.",)))) == []
        assert profiles(observation(prognostic(context=("A sentence.",)))) == []
        assert profiles(observation(undetermined(Result.ANATOMIC_STAGE, missing=("the N category",)))) == []

    def test_a_stage_with_flags_still_claims_its_profile(self) -> None:
        assert profiles(observation(stage(flags=("discordant",)))) == [f"{MCODE}/mcode-tnm-stage-group"]

    @pytest.mark.parametrize("result", [Result.CLINICAL_PROGNOSTIC_STAGE, Result.PATHOLOGICAL_PROGNOSTIC_STAGE])
    def test_a_prognostic_stage_is_a_cancer_stage_and_never_a_stage_group(self, result: Result) -> None:
        """NCIt C139446 is outside the stage group's maximum value set."""
        resource = observation(determined(result, "IIA", basis=Basis.CLINICAL))
        assert profiles(resource) == [f"{MCODE}/mcode-cancer-stage"]
        assert codings(resource["code"], NCIT) == ["C139446"]
        assert codings(resource["code"], SNOMED) == []

    @pytest.mark.parametrize(
        ("result", "value", "basis", "profile", "code", "standard"),
        [
            (Result.T_CATEGORY, "T2", Basis.CLINICAL, "mcode-tnm-primary-tumor-category", "399504009", "1228929004"),
            (Result.T_CATEGORY, "T2", Basis.PATHOLOGICAL, "mcode-tnm-primary-tumor-category", "384625004", "1229852009"),
            (Result.N_CATEGORY, "N1", Basis.CLINICAL, "mcode-tnm-regional-nodes-category", "399534004", "1229973008"),
            (Result.M_CATEGORY, "M0", Basis.CLINICAL, "mcode-tnm-distant-metastases-category", "399387003", "1229901006"),
            (Result.M_CATEGORY, "M1", Basis.PATHOLOGICAL, "mcode-tnm-distant-metastases-category", "371497001", "1229916009"),
        ],
    )
    def test_g3_categories_claim_their_profile(
        self, result: Result, value: str, basis: Basis, profile: str, code: str, standard: str
    ) -> None:
        """G3: TNM categories: method 1..1."""
        resource = observation(determined(result, value, basis=basis))
        assert profiles(resource) == [f"{MCODE}/{profile}"]
        assert codings(resource["code"], SNOMED) == [code]
        assert codings(resource["valueCodeableConcept"], SNOMED) == [standard]
        assert codings(resource["method"], SNOMED) == ["897275008"]

    def test_a_category_without_a_public_value_code_claims_no_profile(self) -> None:
        """No SNOMED CT code for clinical N0(i+) was found, and the maximum value set needs one."""
        assert profiles(observation(determined(Result.N_CATEGORY, "N0(i+)", basis=Basis.CLINICAL))) == []

    def test_receptors_claim_no_mcode_profile(self) -> None:
        assert profiles(observation(determined(Result.ER_STATUS, "positive"))) == []

    def test_a_category_that_we_derived_is_the_member(self) -> None:
        size = fact("t-category", "T2", "Observation/size", basis=Basis.CLINICAL)
        derived = determined(Result.T_CATEGORY, "T2", basis=Basis.CLINICAL)
        members = observation(stage(members=(size, N, M)), derived)["hasMember"]
        own = next(
            entry["fullUrl"]
            for entry in json.loads(written([stage(members=(size, N, M)), derived]))["entry"]
            if codings(entry["resource"].get("code", {"coding": []}), f"{BASE}/CodeSystem/result") == ["t-category"]
        )
        assert [each["reference"] for each in members] == [own, "Observation/n", "Observation/m"]


class TestReport:
    def test_it_lists_every_result_and_says_determined_ones_first(self) -> None:
        bundle = written([undetermined(Result.GRADE, missing=("the mitotic score",)), stage()])
        report = one(bundle, "DiagnosticReport")
        urls = [entry["fullUrl"] for entry in json.loads(bundle)["entry"] if entry["resource"]["resourceType"] == "Observation"]
        assert [each["reference"] for each in report["result"]] == urls
        first, second = report["conclusion"].split("\n")
        assert first == "Left breast: Anatomic stage (clinical): Stage IIB."
        assert second == "Left breast: Histologic grade: indeterminate: the grade is missing. To send: the mitotic score."

    def test_conclusion_codes_are_the_codes_that_stand_alone(self) -> None:
        answers = [stage(), determined(Result.HER2_STATUS, "equivocal"), determined(Result.HER2_LOW, "true"), undetermined(Result.GRADE)]
        codes = one(written(answers), "DiagnosticReport")["conclusionCode"]
        assert [codings(each, SNOMED) for each in codes] == [["1222769001"]]

    def test_hostile_text_is_escaped(self) -> None:
        because = '</div><script>alert("x")</script> & \x00\x1b'
        bundle = written([undetermined(Result.GRADE, because=because, missing=("<b>&amp;",))])
        assert_valid(bundle)
        for resource in (one(bundle, "DiagnosticReport"), one(bundle, "Observation")):
            assert resource["text"]["status"] == "generated"
            assert "<script" not in resource["text"]["div"]
            tree = ET.fromstring(resource["text"]["div"])  # noqa: S314 - our own output, and the test is that it parses.
            assert tree.tag == "{http://www.w3.org/1999/xhtml}div"
            assert '<script>alert("x")</script>' in "".join(tree.itertext())
        assert not re.search(r"\\u00(0|1)", bundle.decode())

    def test_the_flags_stand_in_words(self) -> None:
        report = one(written([determined(Result.ER_STATUS, "positive", flags=("discordant",))]), "DiagnosticReport")
        assert outputs().flags["discordant"].sentence in report["text"]["div"]


class TestProvenance:
    def test_f1_it_names_targets_agent_policy_and_each_input_with_its_version(self) -> None:
        """F1: target, recorded, agent; entity role source for every input with its version; agent = Device; policy = the rule set."""
        treatment = Treatment(kind="systemic", started_on=None, origin=Place(reference="Procedure/x", path="Procedure"))
        bundle = written([determined(Result.ER_STATUS, "positive", used=(ER, T))], of=case(treatments=(treatment,)))
        provenance, content = one(bundle, "Provenance"), json.loads(bundle)
        by_kind = {entry["resource"]["resourceType"]: entry["fullUrl"] for entry in content["entry"]}
        assert [each["reference"] for each in provenance["target"]] == [by_kind["Observation"], by_kind["DiagnosticReport"]]
        assert provenance["agent"][0]["who"] == {"reference": by_kind["Device"]}
        assert provenance["policy"] == [f"{BASE}/Library/knowledge|abc123"]
        assert {each["role"] for each in provenance["entity"]} == {"source"}
        inputs = [each["what"]["reference"] for each in provenance["entity"]]
        assert inputs == ["Observation/er/_history/2", "Observation/t", "Condition/c/_history/3", "Procedure/x", "Specimen/s1"]

    @pytest.mark.parametrize(
        ("taken_on", "recorded"),
        [
            ("2025-03-04", "2025-03-04T00:00:00.000Z"),
            ("2025-03", "2025-03-01T00:00:00.000Z"),
            ("2025", "2025-01-01T00:00:00.000Z"),
            (None, "2026-01-02T03:04:05.000Z"),
        ],
    )
    def test_recorded_is_the_newest_day_of_the_inputs_else_the_moment_of_issue(self, taken_on: str | None, recorded: str) -> None:
        dated = ER.but(taken_on=taken_on)
        assert one(written([determined(Result.ER_STATUS, "positive", used=(dated,))]), "Provenance")["recorded"] == recorded

    def test_the_device_names_the_software_and_the_knowledge_version(self) -> None:
        device = one(written([stage()]), "Device")
        assert [(each["type"]["text"], each["value"]) for each in device["version"]] == [("software", "1.2.3"), ("knowledge", "abc123")]
