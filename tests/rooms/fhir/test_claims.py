"""Would a wrong answer be noticed? A claim that holds, and the same claim with one thing changed in it or in the answer."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapter.fhir.claims import broken_claims
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret

Resource = dict[str, Any]


_KEPT: dict[str, bytes] = {}


def answered(root: Path, name: str, knowledge: Knowledge) -> Resource:
    """A copy of the answer to a fixture, worked out once."""
    sent = (root / "fixtures" / name / "input.json").read_bytes()
    if name not in _KEPT:
        _KEPT[name] = interpret([sent], knowledge, Request(issued=datetime(2026, 11, 1, tzinfo=UTC))).bundle
    bundle: Resource = json.loads(_KEPT[name])
    return bundle


def claimed(root: Path, name: str) -> Resource:
    content: Resource = json.loads((root / "fixtures" / name / "expected.json").read_text(encoding="utf-8"))
    return content


WRONG = {
    "value": "no-such-answer",
    "kind": "not-of-this-kind",
    "rule": "no-such-rule",
    "specimen": "no-such-specimen",
    "basis": "autopsy",
    "scheme": "no-such-scheme",
    "lesion": "no-such-lesion",
    "scan": "1999-01-01",
    "gene": "NOGENE",
    "origin": "elsewhere",
    "item": "no-such-item",
    "flags": ["no-such-flag"],
    "missing": ["nothing of the kind"],
    "possible": ["IA"],
    "unknown": ["nothing of the kind"],
    "used": ["Observation/nowhere"],
    "context": ["nothing of the kind"],
    "parts": {"er": "gain"},
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WRONG)
def test_a_claim_with_one_thing_wrong_is_broken(name: str, root: Path, knowledge: Knowledge) -> None:
    """Over every fixture that claims this at all; a claim that never can fail would show here."""
    tried = 0
    for folder in sorted(path.parent for path in (root / "fixtures").glob("*/input.json")):
        claims = [one for one in claimed(root, folder.name)["answers"] if name in one]
        if claims and tried < 3:
            tried += 1
            bundle = answered(root, folder.name, knowledge)
            for claim in claims:
                assert broken_claims({"answers": [claim | {name: WRONG[name]}]}, bundle) != [], (folder.name, claim)
    assert tried


def test_each_side_has_its_own_claims(root: Path, knowledge: Knowledge) -> None:
    """In the bilateral scenario the grade is 2 on the left and 1 on the right."""
    bundle = answered(root, "bilateral", knowledge)

    assert broken_claims({"answers": [{"result": "grade", "case": "left", "value": "G2"}]}, bundle) == []
    assert broken_claims({"answers": [{"result": "grade", "case": "left", "value": "G1"}]}, bundle) != []


def test_a_flag_that_must_not_be_there_is_noticed(root: Path, knowledge: Knowledge) -> None:
    bundle = answered(root, "er-low", knowledge)
    claim = {"result": "er-status", "value": "low-positive", "flags": ["er-low"]}

    assert broken_claims({"answers": [claim]}, bundle) == []
    assert broken_claims({"answers": [claim | {"no_flags": ["er-low"]}]}, bundle) != []


def test_an_answer_that_is_forbidden_or_not_claimed_is_noticed(root: Path, knowledge: Knowledge) -> None:
    bundle = answered(root, "er-low", knowledge)

    assert "er-status must not be answered" in broken_claims({"answers": [], "never": ["er-status"]}, bundle)
    assert "er-status was not claimed and is answered" in broken_claims({"answers": [], "only": ["grade"]}, bundle)


def test_an_issue_that_is_claimed_has_to_be_told(root: Path, knowledge: Knowledge) -> None:
    name = "wrong-codes"
    bundle, claims = answered(root, name, knowledge), claimed(root, name)
    assert claims["issues"]

    assert broken_claims(claims, bundle) == []
    for issue in claims["issues"]:
        for part in issue:
            assert broken_claims({"answers": [], "issues": [issue | {part: "nothing of the kind"}]}, bundle) != []


def test_a_claim_nobody_can_read_is_broken(root: Path, knowledge: Knowledge) -> None:
    bundle = answered(root, "er-low", knowledge)

    assert broken_claims({"answers": [{"result": "er-status"}]}, bundle) != []
    assert broken_claims({"answers": [{"result": "er-status", "value": "low-positive", "colour": "red"}]}, bundle) != []


def test_the_canonical_base_of_a_site_changes_no_claim(root: Path, knowledge: Knowledge) -> None:
    bundle = answered(root, "er-low", knowledge)
    moved = json.loads(json.dumps(deepcopy(bundle)).replace(knowledge.canonical, "https://fhir.hospital.example/x"))

    assert broken_claims(claimed(root, "er-low"), moved) == []
