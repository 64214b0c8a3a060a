"""Our own answers come back with the patient when a server holds them: they are counted, and never confirm themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapter.facts.answers import Determined
from adapter.pipeline import Reply, Request, interpret
from adapter.worked_cases import proved

FIXTURE = Path(__file__).parent.parent / "fixtures" / "luminal-b-like-stage-iib" / "input.json"
BOOKS = proved()


def answered(bundle: dict[str, Any]) -> Reply:
    return interpret([json.dumps(bundle).encode()], BOOKS, Request(issued=datetime(2026, 11, 22, tzinfo=UTC)))


def with_our_answers(bundle: dict[str, Any]) -> dict[str, Any]:
    ours = json.loads(answered(bundle).bundle)["entry"]
    return bundle | {"entry": [*bundle["entry"], *ours]}


def values(reply: Reply) -> list[tuple[str, str]]:
    answers = [answer for _, given in reply.answers for answer in given]
    return [(str(answer.about), answer.value if isinstance(answer, Determined) else answer.kind) for answer in answers]


def test_our_own_answers_change_nothing_when_they_come_back() -> None:
    bundle = json.loads(FIXTURE.read_bytes())
    first, again = answered(bundle), answered(with_our_answers(bundle))
    assert values(again) == values(first)
    assert not [fact for case in again.cases for fact in case.facts if fact.origin.reference.startswith("urn:uuid:")]


def test_our_own_answers_are_counted_in_the_reply() -> None:
    bundle = json.loads(FIXTURE.read_bytes())
    issues = [issue for issue in answered(with_our_answers(bundle)).issues if issue.code == "not-relevant"]
    assert len(issues) == 1
    assert f"{BOOKS.canonical}/CodeSystem/result|her2-status (1)" in issues[0].text


def test_an_answer_alone_without_its_inputs_decides_nothing() -> None:
    ours = json.loads(answered(json.loads(FIXTURE.read_bytes())).bundle)
    assert answered(ours).answers == ()
