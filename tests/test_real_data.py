"""Can the adapter take what others wrote? Every public file beside the checkout is interpreted, and nothing in it is lost in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.facts.answers import Determined
from adapter.facts.vocabulary import Basis, Result
from adapter.fhir import models
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, interpret
from tests.accounting import unaccounted

REAL = Path(__file__).parent.parent.parent / "shared" / "data" / "real"
WHEN = datetime(2026, 11, 1, tzinfo=UTC)


def files() -> Iterator[Path]:
    """Every FHIR file there is; none when the folder is absent."""
    return (path for path in sorted(REAL.glob("*/*.json")) if json.loads(path.read_bytes()).get("resourceType"))


def is_bundle(path: Path) -> bool:
    """True for a file that can be asked about as it stands."""
    return bool(json.loads(path.read_bytes())["resourceType"] == "Bundle")


def answered(content: bytes, knowledge: Knowledge, *, trusted: bool = False) -> Reply:
    """The reply to one file, at one fixed moment."""
    return interpret([content], knowledge, Request(issued=WHEN, trusted=trusted))


def alone(content: bytes) -> bytes:
    """A single resource as the one entry of a Bundle, with the patient it names."""
    resource = json.loads(content)
    kind, _, name = resource.get("subject", {}).get("reference", "Patient/example").rpartition("/")
    patient = {"resourceType": "Patient", "id": name} if kind == "Patient" else {"resourceType": "Patient", "id": "example"}
    entries = [resource] if resource["resourceType"] == "Patient" else [patient, resource]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in entries]}).encode()


def test_the_folder_of_public_files_may_be_absent_and_is_not_empty_when_it_is_there() -> None:
    assert not REAL.is_dir() or any(is_bundle(path) for path in files())


@pytest.mark.parametrize("trusted", [False, True], ids=["checked", "trusted"])
def test_every_public_bundle_is_answered_and_nothing_in_it_is_lost(knowledge: Knowledge, *, trusted: bool) -> None:
    for path in files():
        if is_bundle(path):
            content = path.read_bytes()
            reply = answered(content, knowledge, trusted=trusted)
            assert unaccounted([content], reply) == [], path.name


def test_every_public_resource_is_refused_alone_and_answered_in_a_bundle(knowledge: Knowledge) -> None:
    for path in files():
        if not is_bundle(path):
            content = path.read_bytes()
            with pytest.raises(Refusal) as refused:
                answered(content, knowledge)
            kind = json.loads(content)["resourceType"]
            assert (refused.value.status, str(refused.value)) == (400, f"expected a Bundle, got {kind}"), path.name
            assert unaccounted([alone(content)], answered(alone(content), knowledge)) == [], path.name


def test_every_answer_about_a_public_bundle_is_valid_fhir(knowledge: Knowledge) -> None:
    for path in files():
        if is_bundle(path):
            for entry in json.loads(answered(path.read_bytes(), knowledge).bundle)["entry"]:
                resource = entry["resource"]
                faults = models.check(json.dumps(resource).encode(), resource["resourceType"], bindings=knowledge.outputs.bindings)
                assert faults == [], path.name


def test_a_stage_that_the_table_does_not_give_is_reported_and_disagreed_with(knowledge: Knowledge) -> None:
    """Synthea's Hildred is cT1 cN1 cM0 and stated as IA, where the AJCC anatomic table says IIA."""
    for path in files():
        if path.name.startswith("Hildred"):
            reply = answered(path.read_bytes(), knowledge)
            stages = [answer for _, answers in reply.answers for answer in answers if answer.about.result is Result.ANATOMIC_STAGE]
            (stage,) = (answer for answer in stages if answer.about.basis is Basis.CLINICAL)
            assert isinstance(stage, Determined)
            assert (stage.value, stage.because) == ("IIA", "T1 N1 M0")
            assert {"IA", "I"} <= {asserted.value for asserted in stage.asserted}
            assert "asserted-vs-computed" in stage.flags
