"""Do the synthetic PET patients get the answers that the books give? Claims name the lesion and the day of the later scan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.vocabulary import Result
from adapter.fhir import models
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, interpret
from adapter.summary import summarise

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCENARIOS = sorted(path.name for path in FIXTURES.iterdir() if path.name.startswith("pet-"))
DETAILS = ("kind", "value")

Claim = dict[str, Any]


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> str:
    """Each PET scenario in turn."""
    return str(request.param)


def sent(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / name / "input.json").read_text(encoding="utf-8"))
    return content


def claimed(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8"))
    return content


def answered(data: bytes, knowledge: Knowledge) -> Reply:
    return interpret([data], knowledge, Request(issued=datetime(2026, 11, 1, tzinfo=UTC)))


def reply_to(name: str, knowledge: Knowledge) -> Reply:
    return answered((FIXTURES / name / "input.json").read_bytes(), knowledge)


def answers_of(reply: Reply) -> list[Answer]:
    return [answer for _, given in reply.answers for answer in given]


def is_meant(claim: Claim, answer: Answer) -> bool:
    """True when a claim speaks of this answer; a claim without a lesion key may mean any lesion, one with null the patient."""
    about = answer.about
    if claim["result"] != about.result or claim.get("measure", about.measure) != about.measure:
        return False
    if claim.get("scan") and not str(about.scan).endswith(claim["scan"]):
        return False
    if "lesion" not in claim:
        return True
    if claim["lesion"] is None:
        return about.lesion is None
    return answer.lesion is not None and str(answer.lesion.reference).endswith(f"/{claim['lesion']}")


def faults(claim: Claim, answers: Iterable[Answer]) -> list[str]:
    meant = [answer for answer in answers if is_meant(claim, answer)]
    if len(meant) != 1:
        return [f"{len(meant)} answers are meant by {claim}"]
    answer = meant[0]
    says = {"value": getattr(answer, "value", None), "kind": getattr(answer, "kind", None)}
    wrong = [f"{claim}: {name} is {says[name]} ({answer.because})" for name in DETAILS if name in claim and claim[name] != says[name]]
    wrong += [f"{claim}: flags are {answer.flags}" for _ in "1" if not set(claim.get("flags", ())) <= set(answer.flags)]
    wrong += [f"{claim}: flags are {answer.flags}" for _ in "1" if set(claim.get("no_flags", ())) & set(answer.flags)]
    for name in ("possible", "missing"):
        got = getattr(answer, name, ())
        wrong += [f"{claim}: {name} is {got}"] if name in claim and not set(claim[name]) <= set(got) else []
    return wrong


def test_there_are_enough_scenarios() -> None:
    assert len(SCENARIOS) >= 12


def test_every_claim_holds(scenario: str, knowledge: Knowledge) -> None:
    claims, answers = claimed(scenario), answers_of(reply_to(scenario, knowledge))
    found = [fault for claim in claims["answers"] for fault in faults(claim, answers)]
    found += [f"{answer.about.result} must not be answered" for answer in answers if answer.about.result in claims.get("never", ())]
    assert found == []


def test_a_refused_comparison_never_has_a_percentage(scenario: str, knowledge: Knowledge) -> None:
    for answer in answers_of(reply_to(scenario, knowledge)):
        if answer.about.result is Result.UPTAKE_CHANGE and isinstance(answer, Undetermined):
            assert not hasattr(answer, "quantity")
            assert answer.because


def test_the_order_of_arrival_changes_no_answer(scenario: str, knowledge: Knowledge) -> None:
    bundle = sent(scenario)
    turned = bundle | {"entry": bundle["entry"][::-1]}
    backward = answered(json.dumps(turned).encode(), knowledge)
    forward = answered(json.dumps(bundle).encode(), knowledge)

    def shown(reply: Reply) -> list[tuple[Any, ...]]:
        said = [(str(answer.about), getattr(answer, "value", None), sorted(answer.flags), answer.because) for answer in answers_of(reply)]
        return sorted(said, key=str)

    assert shown(forward) == shown(backward)


def test_every_resource_of_the_reply_is_valid_fhir(scenario: str, knowledge: Knowledge) -> None:
    for entry in json.loads(reply_to(scenario, knowledge).bundle)["entry"]:
        resource = entry["resource"]
        assert models.check(json.dumps(resource).encode(), resource["resourceType"]) == []


def test_no_two_results_have_one_identity(scenario: str, knowledge: Knowledge) -> None:
    urls = [entry["fullUrl"] for entry in json.loads(reply_to(scenario, knowledge).bundle)["entry"]]
    assert len(urls) == len(set(urls))


def test_everything_sent_about_pet_is_used_or_named(scenario: str, knowledge: Knowledge) -> None:
    reply = reply_to(scenario, knowledge)
    used = {fact.origin.reference for answer in answers_of(reply) for fact in answer.used}
    named = {issue.place.reference for issue in reply.issues if issue.place is not None}
    sent_about_pet = {f"Observation/{entry['resource']['id']}" for entry in sent(scenario)["entry"] if "partOf" in entry["resource"]}
    assert sent_about_pet <= used | named


def test_the_summary_prints_values_change_gate_and_source(knowledge: Knowledge) -> None:
    text = summarise(reply_to("pet-fdg-day-15-exactly-40", knowledge), knowledge)
    for words in ("2026-01-07", "8.1", "4.86", "-40 %", "Comparability of the scans: ok", "pCR not excluded", "TBCRC 026"):
        assert words in text, words


def test_an_observation_names_its_lesion_and_both_scans(knowledge: Knowledge) -> None:
    entries = json.loads(reply_to("pet-fdg-day-15-exactly-40", knowledge).bundle)["entry"]
    change = next(
        entry["resource"] for entry in entries if entry["resource"].get("code", {}).get("coding", [{}])[0].get("code") == "uptake-change"
    )
    assert change["focus"][0] == {"reference": "BodyStructure/primary"}
    assert change["bodySite"] == {"text": "Primary tumor, left breast"}
    assert {"reference": "ImagingStudy/pet-baseline"} in change["derivedFrom"]
    assert {"reference": "ImagingStudy/pet-day-15"} in change["derivedFrom"]
    assert change["valueQuantity"] == {"value": -40, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    assert change["category"][0]["coding"][0]["code"] == "imaging"


def test_every_determined_pet_answer_says_what_the_biomarker_is_good_for(scenario: str, knowledge: Knowledge) -> None:
    for answer in answers_of(reply_to(scenario, knowledge)):
        if isinstance(answer, Determined) and answer.about.tracer:
            assert any(text.startswith("Biomarker (BEST)") for text in answer.context), answer.about
