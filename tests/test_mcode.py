"""Does what we claim about mCODE stand in the mCODE package itself? `make test-all` fetches it into build/mcode."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.facts.answers import Determined
from adapter.facts.vocabulary import Result, Severity
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret

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
