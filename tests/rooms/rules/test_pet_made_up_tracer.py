"""A new tracer is one folder and no code: its words, its codes, its cut-off, its worked cases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.facts.answers import Determined
from adapter.facts.vocabulary import Result
from adapter.knowledge.books import BrokenKnowledge
from adapter.pipeline import Request, interpret
from adapter.worked_cases import proved

TOPIC = """
topic = "dummybody"
title = "Dummybody"
names = []

[tracer]
words = ["dummybody-cu64"]
target = "her2"
drug_classes = ["anti-her2"]
approved = false
barred_sites = ["liver"]
source = "adapter"

[[rule]]
id = "dummybody-uptake"
question = "Is the uptake of a lesion (SUVmax) at the made-up cut-off or above?"
operator = "cutoff"
result = "her2-pet-uptake"
source = "adapter"
checked_on = 2026-11-22
best = ["predictive"]
role = "integrated"
words = { derivation = ["maximum"], normalisation = ["bw"] }
bands = [
  { below = 7, says = "negative" },
  { at_least = 7, says = "positive" },
]

[[context]]
id = "dummybody-change"
result = "uptake-change"
value = "any"
text = "Nobody has ever used this tracer."
source = "adapter"
tracers = ["dummybody-cu64"]
"""
CODES = """role,system,code,display,fact,value,basis,side,note,source
value,http://tracers.example.org,dummy,Dummybody,radiopharmaceutical,dummybody-cu64,,,,adapter
"""
CASES = """
[[case]]
name = "7 is positive"
scans = [{ tracer = "dummybody-cu64", day = "2026-01-05", uptakes = [{ lesion = "A", value = "7", kind = "bw", derivation = "maximum" }] }]
expect = { "her2-pet-uptake@A" = "CLAIMED" }
"""
DCM, SNOMED = "http://dicom.nema.org/resources/ontology/DCM", "http://snomed.info/sct"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site's own mappings with the one folder of a tracer."""
    home = tmp_path / "tracers" / "dummybody"
    home.mkdir(parents=True)
    (home / "topic.toml").write_text(TOPIC)
    (home / "codes.csv").write_text(CODES)
    (home / "cases.toml").write_text(CASES.replace("CLAIMED", "positive"))
    return tmp_path


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def uptake(name: str, day: str, value: float) -> dict[str, Any]:
    """One SUVmax by body weight of the one lesion."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": concept(DCM, "126401"),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": day,
        "bodySite": concept(SNOMED, "80248007"),
        "valueQuantity": {"value": value, "unit": "g/ml{SUVbw}", "system": "http://unitsofmeasure.org", "code": "g/ml{SUVbw}"},
        "component": [
            {"code": concept(DCM, "123001"), "valueCodeableConcept": concept("http://tracers.example.org", "dummy")},
            {"code": concept(DCM, "121401"), "valueCodeableConcept": concept(SNOMED, "56851009")},
        ],
    }


def test_its_scans_are_read_compared_and_judged(folder: Path) -> None:
    resources = [{"resourceType": "Patient", "id": "p"}, uptake("one", "2026-01-05", 8), uptake("two", "2026-02-05", 4)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}
    books = proved(extra=folder)

    reply = interpret([json.dumps(bundle).encode()], books, Request(issued=datetime(2026, 3, 1, tzinfo=UTC)))

    answers = [answer for _, given in reply.answers for answer in given]
    change = next(answer for answer in answers if answer.about.result is Result.UPTAKE_CHANGE)
    assert isinstance(change, Determined)
    assert change.value == "-50"
    assert "Nobody has ever used this tracer." in change.context
    assert "investigational-tracer" in change.flags
    judged = [answer for answer in answers if answer.about.result is Result.HER2_PET_UPTAKE and answer.about.lesion]
    assert [getattr(answer, "value", None) for answer in judged] == ["positive", "negative"]


def test_its_worked_cases_are_proved(folder: Path) -> None:
    (folder / "tracers/dummybody/cases.toml").write_text(CASES.replace("CLAIMED", "negative"))
    with pytest.raises(BrokenKnowledge, match="7 is positive"):
        proved(extra=folder)


def test_a_tracer_of_an_unknown_source_is_refused(folder: Path) -> None:
    (folder / "tracers/dummybody/topic.toml").write_text(TOPIC.replace('source = "adapter"', 'source = "nobody"', 1))
    with pytest.raises(BrokenKnowledge, match="tracer: source nobody"):
        proved(extra=folder)


def test_two_folders_never_claim_one_tracer(folder: Path) -> None:
    (folder / "tracers/dummybody/topic.toml").write_text(TOPIC.replace('words = ["dummybody-cu64"]', 'words = ["fdg-f18"]', 1))
    with pytest.raises(BrokenKnowledge, match="fdg-f18 is already declared in fdg"):
        proved(extra=folder)
