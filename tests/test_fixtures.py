"""Do the synthetic patients get the answers that the books give? Each `expected.json` is a list of claims made by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.facts.case import Case, Issue
from adapter.fhir import models
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, interpret
from tests.accounting import unaccounted

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCENARIOS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
WHICH = frozenset({"result", "item", "case", "specimen", "basis", "scheme", "lesion", "scan", "measure", "gene", "origin"})
LISTS = ("flags", "missing", "used")

Claim = dict[str, Any]
Found = tuple[Case, Answer]


def read(name: str) -> tuple[bytes, dict[str, Any]]:
    """The input of a scenario and what is claimed of it."""
    folder = FIXTURES / name
    return (folder / "input.json").read_bytes(), json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def answered(name: str, knowledge: Knowledge, *, trusted: bool = False) -> Reply:
    """The reply to a scenario, at one fixed moment."""
    return interpret([read(name)[0]], knowledge, Request(issued=datetime(2026, 11, 1, tzinfo=UTC), trusted=trusted))


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> str:
    """Each scenario in turn."""
    return str(request.param)


def test_there_are_enough_scenarios_to_show_what_the_adapter_does() -> None:
    assert len(SCENARIOS) >= 40


def test_every_result_code_is_claimed_of_some_scenario(knowledge: Knowledge) -> None:
    """With an answer and not only with a reason for none; the codes are those of `mappings/outputs`."""
    claims = [claim for name in SCENARIOS for claim in read(name)[1]["answers"]]
    answered_for = {claim["result"] for claim in claims if "value" in claim or "parts" in claim}

    assert {str(shape.code) for shape in knowledge.outputs.results.values()} - answered_for == set()


def test_every_claim_of_a_scenario_holds(scenario: str, knowledge: Knowledge) -> None:
    claims = read(scenario)[1]
    reply = answered(scenario, knowledge)
    found = [(case, answer) for case, answers in reply.answers for answer in answers]

    faults = [fault for claim in claims["answers"] for fault in broken(claim, found)]
    faults += [f"no issue like {claim}" for claim in claims["issues"] if not any(is_like(issue, claim) for issue in reply.issues)]
    faults += [
        f"{answer.about.result} was not claimed"
        for _, answer in found
        if answer.about.result not in claims.get("only", [answer.about.result])
    ]
    faults += [f"{answer.about.result} must not be answered" for _, answer in found if answer.about.result in claims.get("never", ())]
    # All items of a result, such as every indication: what is not among them was silent.
    items = {result: {str(answer.about.item) for _, answer in found if answer.about.result == result} for result in claims.get("items", {})}
    faults += [
        f"items of {result} are {sorted(items[result])}" for result, wanted in claims.get("items", {}).items() if {*wanted} != items[result]
    ]

    assert faults == []


def broken(claim: Claim, found: Iterable[Found]) -> Iterator[str]:
    """Why a claim does not hold: none, or more than one, of the answers is meant, or that answer says something else."""
    meant = [answer for case, answer in found if is_meant(claim, case, answer)]
    if len(meant) != 1:
        yield f"{len(meant)} answers are meant by {claim}"
        return
    says = said(meant[0])
    for name, value in claim.items():
        if name in LISTS and not set(value) <= set(says[name]):
            yield f"{claim}: {name} is {says[name]}"
        if name == "no_flags" and set(value) & set(says["flags"]):
            yield f"{claim}: flags are {says['flags']}"
        if name in ("possible", "unknown") and sorted(value) != sorted(says[name]):
            yield f"{claim}: {name} is {says[name]}"
        if name == "context" and not all(any(words in text for text in says["context"]) for words in value):
            yield f"{claim}: context is {says['context']}"
        if name in ("value", "kind", "rule", "parts") and value != says[name]:
            yield f"{claim}: {name} is {says[name]}"
    unknown = set(claim) - WHICH - set(says) - {"no_flags"}
    if unknown or not {"value", "kind", "parts"} & set(claim):
        yield f"{claim}: it claims no value and no kind, or {', '.join(sorted(unknown))}, which an answer does not have"


def is_meant(claim: Claim, case: Case, answer: Answer) -> bool:
    """True when a claim speaks of this answer; what the claim leaves out may be anything."""
    specimen = case.specimen(answer.about.specimen)
    about: dict[str, set[str | None]] = {
        "result": {answer.about.result},
        "item": {answer.about.item},
        "case": {case.key, case.side},
        "specimen": {answer.about.specimen, (specimen.reference if specimen else None)},
        "basis": {answer.about.basis},
        "scheme": {answer.about.scheme},
        "measure": {answer.about.measure},
        "gene": {answer.about.gene},
        "origin": {answer.about.origin},
        # A claim names a lesion by the last part of its reference (null: the patient as a whole), and a scan by its day.
        "lesion": {str(answer.lesion.reference).rpartition("/")[2] if answer.lesion else answer.about.lesion},
        "scan": {str(answer.about.scan)[-len(claim.get("scan") or "") :]},
    }
    return all(claim[name] in about[name] for name in WHICH & set(claim))


def said(answer: Answer) -> dict[str, Any]:
    """What an answer says, in the words of a claim."""
    says: dict[str, Any] = {
        "value": None,
        "kind": None,
        "missing": (),
        "possible": (),
        "parts": {},
        "unknown": (),
        "context": answer.context,
        "flags": answer.flags,
        "rule": answer.rule,
    }
    says["used"] = tuple(fact.origin.reference for fact in answer.used)
    match answer:
        case Determined():
            return says | {"value": answer.value, "unknown": tuple(part.text for part in answer.parts if part.name == "condition-unknown")}
        case Undetermined():
            return says | {"kind": answer.kind, "missing": answer.missing, "possible": answer.possible}
        case Composed():
            return says | {"parts": {part.name: part.value for part in answer.parts}}


def is_like(issue: Issue, claim: Claim) -> bool:
    """True when an issue is the one that is claimed: by its code, and by where it stands."""
    place = issue.place
    at = {"code": issue.code, "reference": place.reference if place else None, "path": place.path if place else None}
    return all(at[name] == value for name, value in claim.items() if name in at) and claim.get("says", "") in issue.text


def test_nothing_that_was_sent_is_dropped_in_silence(scenario: str, knowledge: Knowledge) -> None:
    assert unaccounted([read(scenario)[0]], answered(scenario, knowledge)) == []


def test_a_trusted_request_gets_the_same_answers(scenario: str, knowledge: Knowledge) -> None:
    """Only a resource that is not valid FHIR may make a difference: it counts when the sender is trusted."""
    checked, trusted = answered(scenario, knowledge), answered(scenario, knowledge, trusted=True)

    if not any(issue.code == "invalid-resource" for issue in checked.issues):
        assert trusted == checked


def test_the_same_input_gives_the_same_bytes(scenario: str, knowledge: Knowledge) -> None:
    assert answered(scenario, knowledge).bundle == answered(scenario, knowledge).bundle


def test_the_order_of_the_entries_changes_no_answer(scenario: str, knowledge: Knowledge) -> None:
    bundle = json.loads(read(scenario)[0])
    turned = json.dumps(bundle | {"entry": bundle["entry"][::-1]}).encode()
    forward = answered(scenario, knowledge)
    backward = interpret([turned], knowledge, Request(issued=datetime(2026, 11, 1, tzinfo=UTC)))

    assert answers_of(backward) == answers_of(forward)
    assert Counter((issue.code, issue.place and issue.place.reference) for issue in backward.issues) == Counter(
        (issue.code, issue.place and issue.place.reference) for issue in forward.issues
    )


def answers_of(reply: Reply) -> list[tuple[str, str, str | None, str | None, str | None, dict[str, Any]]]:
    """Every answer with what it is about and what it says, without the places in the Bundle."""
    return [
        (case.key, answer.about.result, answer.about.specimen, answer.about.basis, answer.about.scheme, said(answer))
        for case, answers in reply.answers
        for answer in answers
    ]


def test_every_resource_that_is_written_is_valid_fhir(scenario: str, knowledge: Knowledge) -> None:
    bundle = answered(scenario, knowledge).bundle

    assert models.check(bundle, "Bundle", bindings=knowledge.outputs.bindings) == []
    for entry in json.loads(bundle)["entry"]:
        resource = entry["resource"]
        faults = models.check(json.dumps(resource).encode(), resource["resourceType"], bindings=knowledge.outputs.bindings)
        assert faults == [], resource


def test_every_scenario_says_what_it_shows_and_where_its_shape_came_from(scenario: str) -> None:
    words = (FIXTURES / scenario / "README.md").read_text(encoding="utf-8")

    assert words.startswith("# ")
    assert "**Look at**" in words
    assert "**Shape**" in words


def test_the_readme_shows_what_the_first_scenario_really_holds(knowledge: Knowledge) -> None:
    """The two JSON blocks of the README are cut down; whatever they keep must be so."""
    words = (FIXTURES.parent / "README.md").read_text(encoding="utf-8")
    shown_in, shown_out = (json.loads(block.partition("```")[0]) for block in words.split("```json")[1:])
    results = json.loads(answered("luminal-b-like-stage-iib", knowledge).bundle)["entry"]

    assert holds(json.loads(read("luminal-b-like-stage-iib")[0]), shown_in)
    assert any(holds(entry["resource"], shown_out) for entry in results)


def holds(whole: Any, part: Any) -> bool:  # noqa: ANN401 - JSON is of any type.
    """True when all of a part stands in the whole: an object's members, and a list's items in any order."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(holds(item, value) for item in whole) for value in part)
    return bool(whole == part)
