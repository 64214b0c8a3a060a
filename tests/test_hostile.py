"""Whatever bytes come: an answer or a refusal, in a time that can be promised, and nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from tests.fuzz.torn import mutated
from tests.sending import (
    BREAST_CANCER,
    CLINICAL_T,
    ER_PERCENT,
    GRADE,
    HER2_IHC,
    HER2_RATIO,
    SIZE,
    STAGE,
    Resource,
    ask,
    bundle,
    codes,
    concept,
    observation,
    percent,
    reference,
    shown,
    text,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
MUTATIONS = 1000


def answered_or_refused(books: Knowledge, *parts: bytes, trusted: bool = False) -> None:
    status = 200
    try:
        ask(books, *parts, trusted=trusted)
    except Refusal as refusal:
        status = refusal.status
    assert status in (200, 400, 413, 422)


def with_a_value_replaced(original: bytes, chance: random.Random) -> bytes:
    """The message as valid JSON, with one element anywhere in an entry replaced by something of another kind."""
    whole = json.loads(original)
    holder = chance.choice(whole["entry"])["resource"]
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = chance.choice(keys)
        if not isinstance(holder[key], dict | list) or not holder[key] or chance.random() < 0.15:
            holder[key] = chance.choice(
                [None, 5, -1.5, True, "x", "", [], {}, [None], [[]], "2024-13-45", {"reference": "#"}, 10**30, "\x00"]
            )
            return json.dumps(whole).encode()
        holder = holder[key]


@pytest.mark.parametrize("name", ["luminal-b-like-stage-iib", "panel-and-components"])
class TestMutations:
    def test_a_thousand_torn_messages_are_answered_or_refused(self, name: str, knowledge: Knowledge) -> None:
        original = (FIXTURES / name / "input.json").read_bytes()
        chance = random.Random(name)  # noqa: S311 - seeded, so that a failure comes back.
        for _ in range(MUTATIONS):
            answered_or_refused(knowledge, mutated(original, chance), trusted=chance.random() < 0.5)

    def test_hundreds_of_messages_with_a_wrong_element_are_answered_or_refused(self, name: str, knowledge: Knowledge) -> None:
        original = (FIXTURES / name / "input.json").read_bytes()
        chance = random.Random(name)  # noqa: S311 - seeded, so that a failure comes back.
        for _ in range(MUTATIONS // 2):
            answered_or_refused(knowledge, with_a_value_replaced(original, chance), trusted=chance.random() < 0.5)


@pytest.mark.parametrize("depth", range(500, 1001, 20))
def test_no_depth_of_nesting_is_read_at_the_door_and_fatal_behind_it(depth: int, knowledge: Knowledge) -> None:
    raw = bundle(observation(ER_PERCENT, percent(95), extension=["@"])).replace(b'["@"]', b"[" * depth + b"]" * depth)
    answered_or_refused(knowledge, raw)
    answered_or_refused(knowledge, raw, trusted=True)


@pytest.mark.parametrize("code", [ER_PERCENT, HER2_IHC, HER2_RATIO, GRADE, SIZE, CLINICAL_T, STAGE])
@pytest.mark.parametrize(
    "long", ["1" + " " * 10**6 + "\n1", "stage" + " " * 10**6 + "x", "T1" + "(a)" * 10**6, "9" * 10**6, "score " * 10**5, "<" * 10**6]
)
def test_no_text_is_long_enough_to_stop_the_service(code: str, long: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(observation(code, text(long))))
    assert shown(reply) == {}
    assert max(len(issue.text) for issue in reply.issues) < 500


def test_no_name_is_long_enough_to_stop_the_service(knowledge: Knowledge) -> None:
    words = "estrogen-" * 10**6
    code = {"coding": [{"system": "http://loinc.org", "code": ER_PERCENT, "display": words}], "text": words}
    assert all(len(issue.text) < 500 for issue in ask(knowledge, bundle(observation(code, percent(95)))).issues)


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"1e999999", b"1e-999999", b"9" * 200, b"0." + b"1" * 200, b"1e99999999999999999999"]
)
@pytest.mark.parametrize("code", [ER_PERCENT, HER2_IHC, HER2_RATIO, GRADE, SIZE])
def test_no_number_is_large_enough_to_stop_the_service(code: str, number: bytes, knowledge: Knowledge) -> None:
    raw = bundle(observation(code, {"valueQuantity": {"value": 7, "unit": "%"}})).replace(b'"value": 7', b'"value": ' + number)
    for trusted in (True, False):
        reply = ask(knowledge, raw, trusted=trusted)
        assert shown(reply) == {}
        assert len(codes(reply)) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "../../etc/passwd"},
        {"id": "a|b"},
        {"id": "x" * 100_000},
        {"id": "#"},
        {"id": "o/_history/1"},
        {"hasMember": [reference("#")]},
        {"hasMember": [reference("Observation/o")]},
        {"hasMember": [reference("http://[")]},
        {"hasMember": [reference("//" * 1000)]},
        {"specimen": reference("#o")},
        {"focus": [reference("")]},
        {"contained": [{"resourceType": "Observation", "id": "", "code": {}}] * 3},
        {"contained": [{"resourceType": "Patient", "id": "p"}]},
        {"meta": {"versionId": "9" * 5000, "lastUpdated": "now"}},
        {"meta": {"versionId": "²"}},
    ],
    ids=lambda odd: json.dumps(odd)[:40],
)
def test_no_odd_name_is_a_crash(odd: Resource, knowledge: Knowledge) -> None:
    for trusted in (True, False):
        answered_or_refused(
            knowledge, bundle({**observation(ER_PERCENT, percent(95)), **odd}, observation(GRADE, text("G2"))), trusted=trusted
        )


def test_a_ring_of_members_ends(knowledge: Knowledge) -> None:
    ring = [observation(STAGE, text("IIA"), name=f"o{n}", hasMember=[reference(f"Observation/o{(n + 1) % 3}")]) for n in range(3)]
    answered_or_refused(knowledge, bundle(*ring))


def test_thousands_of_everything_are_answered(knowledge: Knowledge) -> None:
    many = 2000
    conditions = [
        {"resourceType": "Condition", "id": f"c{n}", "code": concept(BREAST_CANCER, system="http://snomed.info/sct")} for n in range(many)
    ]
    results = [observation(ER_PERCENT, percent(n % 100), name=f"o{n}", effectiveDateTime=f"20{n % 90 + 10}-01-05") for n in range(many)]
    noise = [observation("2093-3", percent(5), name=f"n{n}") for n in range(many)]
    (case,) = ask(knowledge, bundle(*conditions, *results, *noise), trusted=True).cases
    assert len(case.conditions) == many
