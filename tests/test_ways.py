"""Do the fast way, the checked way and the plain way give the same answers? Over a thousand charts that nobody would make by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapter import pipeline
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from tests import plain
from tests.bench.charts import patchwork, scenarios

ISSUED = datetime(2026, 11, 1, tzinfo=UTC)
CHECKED, TRUSTED = pipeline.Request(issued=ISSUED), pipeline.Request(issued=ISSUED, trusted=True)
IN_ONE_TEST, TESTS = 50, 21
INVALID = "it is not valid FHIR"


@pytest.fixture(scope="module")
def forgetful(knowledge: Knowledge) -> Knowledge:
    return plain.forgetful(knowledge)


def replied(content: bytes, books: Knowledge, request: pipeline.Request, way: object = None) -> pipeline.Reply | str:
    """The reply, or the reason why there is none."""
    try:
        return plain.interpret(content, books, request) if way is plain else pipeline.interpret([content], books, request)
    except Refusal as refusal:
        return str(refusal)


def shown(reply: pipeline.Reply | str) -> object:
    """Everything that a caller sees."""
    return reply if isinstance(reply, str) else (reply.bundle, reply.issues, reply.counts, reply.unmapped)


def is_valid(reply: pipeline.Reply | str) -> bool:
    """True where no resource that gives a fact breaks a rule of FHIR."""
    return isinstance(reply, str) or not any(issue.text.startswith(INVALID) for issue in reply.issues)


@pytest.mark.parametrize("first", range(0, IN_ONE_TEST * TESTS, IN_ONE_TEST))
def test_the_fast_the_checked_and_the_plain_way_give_the_same_answers(first: int, knowledge: Knowledge, forgetful: Knowledge) -> None:
    for seed in range(first, first + IN_ONE_TEST):
        content = patchwork(seed, most_noise=6)
        checked, trusted = replied(content, knowledge, CHECKED), replied(content, knowledge, TRUSTED)

        assert shown(trusted) == shown(replied(content, forgetful, TRUSTED, plain)), seed
        assert not is_valid(checked) or shown(checked) == shown(trusted), seed


@pytest.mark.parametrize("seed", range(0, 1000, 20))
def test_what_is_not_valid_is_left_out_by_the_plain_way_too(seed: int, knowledge: Knowledge, forgetful: Knowledge) -> None:
    content = patchwork(seed)

    assert shown(replied(content, knowledge, CHECKED)) == shown(replied(content, forgetful, CHECKED, plain))


def test_the_charts_have_what_could_part_the_ways(knowledge: Knowledge) -> None:
    """Answers of every kind of scenario, copies, faults and refusals: otherwise the tests above would prove little."""
    replies = [replied(patchwork(seed), knowledge, CHECKED) for seed in range(250)]
    codes = {issue.code for reply in replies if not isinstance(reply, str) for issue in reply.issues}
    kinds = {answer.about.result for reply in replies if not isinstance(reply, str) for _, answers in reply.answers for answer in answers}

    assert {"duplicate", "invalid-resource", "withdrawn", "unmapped-code", "not-relevant", "bad-date", "not-this-patient"} <= codes
    assert len(kinds) > 25
    assert sum(not is_valid(reply) for reply in replies) > 10
    assert len(scenarios()) >= 50
