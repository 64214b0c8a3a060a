"""Does what we claim about mCODE stand in the mCODE package itself? `make test-all` fetches it into build/mcode."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.vocabulary import Kind, Result, Severity
from adapter.fhir import models
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, interpret
from tests.accounting import unaccounted

JENNY = "Bundle-mcode-patient-bundle-jenny-m.json"
GRADE = "Observation-us-core-observation-lab-tumor-grade-jenny-m.json"
PATHOLOGIC = [
    f"Observation-tnm-pathologic-{axis}-category-jenny-m.json" for axis in ("primary-tumor", "regional-nodes", "distant-metastases")
]
MCODE = "http://hl7.org/fhir/us/mcode/"


@pytest.fixture(scope="module")
def package(root: Path) -> Path:
    """The unpacked package."""
    folder = root / "build" / "mcode" / "package"
    assert folder.is_dir(), "the mCODE package is not there: run `make test-all`, which fetches it"
    return folder


@pytest.mark.network
def test_the_package_is_the_version_that_the_sources_name(package: Path) -> None:
    manifest = json.loads((package / "package.json").read_text(encoding="utf-8"))

    assert (manifest["name"], manifest["version"]) == ("hl7.fhir.us.mcode", "4.0.0")


@pytest.mark.network
def test_every_mcode_profile_that_an_answer_may_claim_is_an_observation_profile(package: Path, knowledge: Knowledge) -> None:
    claimed = {profile.url for shape in knowledge.outputs.results.values() for profile in shape.profiles if profile.url.startswith(MCODE)}
    assert claimed

    for url in claimed:
        profile = json.loads((package / f"StructureDefinition-{url.rpartition('/')[2]}.json").read_text(encoding="utf-8"))
        assert (profile["url"], profile["type"], profile["abstract"]) == (url, "Observation", False)


@pytest.mark.network
def test_the_breast_cancer_patient_of_mcode_is_answered(package: Path, knowledge: Knowledge) -> None:
    """Jenny M is mCODE's own breast cancer example; what is expected here is what her Bundle itself says."""
    bundle = (package / "example" / "Bundle-mcode-patient-bundle-jenny-m.json").read_bytes()

    reply = interpret([bundle], knowledge, Request(issued=datetime(2026, 1, 1, tzinfo=UTC)))

    said = {answer.about.result: answer.value for _, answers in reply.answers for answer in answers if isinstance(answer, Determined)}
    assert (said[Result.ER_STATUS], said[Result.PR_STATUS], said[Result.HER2_STATUS]) == ("positive", "negative", "negative")
    assert said[Result.ANATOMIC_STAGE] == "IIB"
    assert [issue.text for issue in reply.issues if issue.severity is Severity.ERROR] == []


def answered(parts: list[bytes], knowledge: Knowledge) -> Reply:
    """The reply to these parts, at one fixed moment."""
    return interpret(parts, knowledge, Request(issued=datetime(2026, 11, 1, tzinfo=UTC)))


def example(package: Path, name: str) -> bytes:
    """One example of the package, as published."""
    return (package / "example" / name).read_bytes()


def jenny(package: Path, knowledge: Knowledge, *others: str) -> dict[str, Answer]:
    """What follows for the example patient, by result and basis, from her Bundle and further examples of the same package."""
    reply = answered([example(package, name) for name in (JENNY, *others)], knowledge)
    answers = [answer for _, given in reply.answers for answer in given]
    return {f"{answer.about.result}@{answer.about.basis}" if answer.about.basis else answer.about.result: answer for answer in answers}


def in_a_bundle(content: bytes) -> bytes:
    """An example as it is when it is a Bundle, else as the entry of one, beside the patient it speaks of."""
    resource = json.loads(content)
    if resource["resourceType"] == "Bundle":
        return content
    named = (resource.get("subject") or resource.get("patient") or {}).get("reference", "Patient/somebody")
    patient = {"resourceType": "Patient", "id": named.rpartition("/")[2]}
    entries = [resource] if resource["resourceType"] == "Patient" else [patient, resource]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in entries]}).encode()


@pytest.mark.network
def test_every_example_is_read_and_nothing_in_it_is_lost(package: Path, knowledge: Knowledge) -> None:
    paths = sorted((package / "example").glob("*.json"))
    assert len(paths) == 179

    for path in paths:
        parts = [in_a_bundle(path.read_bytes())]
        assert unaccounted(parts, answered(parts, knowledge)) == [], path.name


@pytest.mark.network
def test_every_example_alone_that_is_no_bundle_is_refused_in_plain_words(package: Path, knowledge: Knowledge) -> None:
    for path in (package / "example").glob("*.json"):
        if not path.name.startswith("Bundle"):
            with pytest.raises(Refusal, match="expected a Bundle, got") as refused:
                answered([path.read_bytes()], knowledge)
            assert refused.value.status == 400


@pytest.mark.network
def test_every_resource_written_about_an_example_is_valid_fhir(package: Path, knowledge: Knowledge) -> None:
    for path in (package / "example").glob("*.json"):
        reply = answered([in_a_bundle(path.read_bytes())], knowledge)
        for entry in json.loads(reply.bundle)["entry"]:
            resource = entry["resource"]
            faults = models.check(json.dumps(resource).encode(), resource["resourceType"], bindings=knowledge.outputs.bindings)
            assert faults == [], path.name


@pytest.mark.network
def test_the_example_patient_is_anatomic_iib_and_every_disagreement_is_shown(package: Path, knowledge: Knowledge) -> None:
    """Stated: cT3 cN0 cM0 beside 2.5 cm; IIB as an Observation and IIIC in the Condition; members of the group that were not sent."""
    stage = jenny(package, knowledge)[f"{Result.ANATOMIC_STAGE}@clinical"]

    assert isinstance(stage, Determined)
    assert (stage.value, stage.because) == ("IIB", "T3 N0 M0")
    assert {asserted.value for asserted in stage.asserted} == {"IIB", "IIIC"}
    expected = {"size-disagrees-with-t", "stated-stages-disagree", "asserted-vs-computed", "group-members-not-those-sent"}
    assert expected <= set(stage.flags)


@pytest.mark.network
def test_a_clinical_group_that_names_pathologic_members_is_flagged(package: Path, knowledge: Knowledge) -> None:
    stage = jenny(package, knowledge, *PATHOLOGIC)[f"{Result.ANATOMIC_STAGE}@clinical"]

    assert "group-members-of-another-basis" in stage.flags
    assert "group-members-not-those-sent" not in stage.flags


@pytest.mark.network
def test_without_her_grade_the_clinical_prognostic_stage_is_open(package: Path, knowledge: Knowledge) -> None:
    """Her report names a grade that her Bundle lacks (DECISIONS.md, R20)."""
    stage = jenny(package, knowledge)[f"{Result.CLINICAL_PROGNOSTIC_STAGE}@clinical"]

    assert isinstance(stage, Undetermined)
    assert (stage.kind, stage.possible, stage.missing) == (Kind.INDETERMINATE, ("IIB", "IIIA"), ("histologic grade (Nottingham)",))


@pytest.mark.network
def test_with_her_grade_the_clinical_prognostic_stage_is_iib(package: Path, knowledge: Knowledge) -> None:
    stage = jenny(package, knowledge, GRADE)[f"{Result.CLINICAL_PROGNOSTIC_STAGE}@clinical"]

    assert isinstance(stage, Determined)
    assert stage.value == "IIB"
    assert any(fact.origin.reference == f"Observation/{Path(GRADE).stem.removeprefix('Observation-')}" for fact in stage.used)
