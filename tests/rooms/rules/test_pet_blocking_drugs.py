"""Was a drug that hides the receptor from FES taken within its weeks before the scan (B-33; Cerianna label)?"""

from __future__ import annotations

import pytest

from adapter.facts.answers import Answer
from adapter.facts.vocabulary import Result
from adapter.rules.answering import value_of
from tests.rooms.rules.conftest import Ask

BLOCKED, NOT_CHECKED = "receptor-blocked", "blocking-drugs-not-checked"


def answer_on(ask: Ask, *drugs: tuple[str, str | None, str | None], value: str = "1.2", scan: str | None = "2026-01-10") -> Answer:
    """The answer to one lesion on one FES scan, after drugs with their first and last day."""
    facts = [
        {"estrogen-receptor-blocker": kind} | ({"began": first} if first else {}) | ({"day": last} if last else {})
        for kind, first, last in drugs
    ]
    uptake = {"lesion": "A", "value": value, "kind": "bw", "derivation": "maximum"}
    return ask(facts=facts, scans=[{"tracer": "fes-f18", "day": scan, "uptakes": [uptake]}])[Result.FES_UPTAKE]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (
            "2025-01-01",
            "2026-02-01",
            "a drug that blocks the receptor was taken shortly before the scan of 2026-01-10 (serm from 2025-01-01 to",
        ),
        ("2025-01-01", None, "was taken shortly before the scan of 2026-01-10 (serm since 2025-01-01): no uptake says nothing"),
        ("2026-01-10", None, "was taken shortly before the scan of 2026-01-10 (serm since 2026-01-10)"),
        ("2025-12-01", "2025-12-01", "was taken shortly before the scan of 2026-01-10 (serm on 2025-12-01)"),
        (None, "2025-11-15", "was taken shortly before the scan of 2026-01-10 (serm on 2025-11-15)"),
        ("2024", "2025-12", "was taken shortly before the scan of 2026-01-10 (serm from 2024 to 2025-12)"),
        (None, None, "may have been taken shortly before the scan of 2026-01-10 (serm, no day sent)"),
        (None, "2026-02-01", "may have been taken shortly before the scan of 2026-01-10 (serm on 2026-02-01)"),
        ("2026-01", None, "may have been taken shortly before the scan of 2026-01-10 (serm since 2026-01)"),
        ("2026", "2026-02-01", "may have been taken shortly before the scan of 2026-01-10 (serm from 2026 to 2026-02-01)"),
        ("2024-01-01", "2025", "may have been taken shortly before the scan of 2026-01-10 (serm from 2024-01-01 to 2025)"),
        ("2024-01-01", "2025-11", "may have been taken shortly before the scan of 2026-01-10 (serm from 2024-01-01 to 2025-11)"),
    ],
)
def test_no_uptake_says_nothing_while_the_drug_blocks_or_may(ask: Ask, first: str | None, last: str | None, words: str) -> None:
    found = answer_on(ask, ("serm", first, last))
    assert words in found.because
    assert value_of(found) is None
    assert BLOCKED in found.flags
    assert bool(found.missing) == ("may have been" in words)


@pytest.mark.parametrize(("first", "last"), [("2026-01-11", None), ("2026-02-01", "2026-02-20"), ("2026-02", None), ("2027", None)])
def test_a_drug_that_began_after_the_scan_does_not_block(ask: Ask, first: str, last: str | None) -> None:
    """Nor does it say what was taken before the scan."""
    for value, sign in (("1.2", "negative"), ("3.2", "positive")):
        found = answer_on(ask, ("serd", first, last), value=value)
        assert (value_of(found), BLOCKED in found.flags, NOT_CHECKED in found.flags) == (sign, False, True)


@pytest.mark.parametrize(("first", "last"), [("2020-01-01", "2025-11-14"), (None, "2025-11-14"), ("2020", "2024"), ("2020", "2025-10")])
def test_a_drug_that_ended_before_its_weeks_does_not_block(ask: Ask, first: str | None, last: str) -> None:
    found = answer_on(ask, ("serm", first, last))
    assert (value_of(found), set(found.flags) & {BLOCKED, NOT_CHECKED}) == ("negative", set())


def test_one_of_several_drugs_is_enough(ask: Ask) -> None:
    found = answer_on(ask, ("serd", "2026-02-01", None), ("serd", "2024-01-01", "2024-02-01"), ("serm", "2025-01-01", "2026-02-01"))
    assert "(serm from 2025-01-01 to 2026-02-01)" in found.because


def test_a_positive_lesion_is_flagged_while_a_drug_blocks(ask: Ask) -> None:
    found = answer_on(ask, ("serm", "2025-01-01", "2026-02-01"), value="3.2")
    assert (value_of(found), BLOCKED in found.flags) == ("positive", True)


def test_a_scan_without_a_day_may_stand_in_any_weeks(ask: Ask) -> None:
    found = answer_on(ask, ("serm", "2025-01-01", "2025-02-01"), scan=None)
    assert "may have been taken" in found.because
    assert value_of(answer_on(ask, ("serm", None, None), scan=None)) is None
