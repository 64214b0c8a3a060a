"""The worked cases hold, they cover what they must, and a case that does not hold says so."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.measurements import Interval
from adapter.facts.statements import Text
from adapter.knowledge.books import BrokenKnowledge
from adapter.knowledge.loader import load
from adapter.knowledge.shapes import Band, Rule, WorkedCase
from adapter.terminology.values import Meaning, meaning_of
from adapter.worked_cases import answers_to, failures, proved

BOOKS = load()
ANSWERS: dict[str, list[Answer]] = {f"{case.folder}: {case.name}": answers_to(case, BOOKS) for case in BOOKS.cases}
ANSWERING = [rule.id for rule in BOOKS.rules.values() if rule.result is not None]
# How near a case must come to a boundary to show that side: less than the next number that a laboratory would print.
NEAR = Decimal(1)


def said(word: str, text: str) -> Interval | None:
    """The number that a text means for a fact, or None."""
    meaning = meaning_of(Text(text=text), BOOKS.facts[word], BOOKS)
    return meaning.number if isinstance(meaning, Meaning) and meaning.word == word else None


def numbers_sent(word: str) -> set[Decimal]:
    """Every exact number that some case sends for this fact."""
    texts = [text for case in BOOKS.cases for entry in (case.sent, *case.facts) for name, text in entry.items() if name == word]
    return {number.exact for text in texts if (number := said(word, text)) is not None and number.exact is not None}


def ends(band: Band) -> Iterator[Decimal]:
    """The numbers that bound a band."""
    yield from (end for end in (band.below, band.up_to, band.above, band.at_least) if end is not None)


def boundaries() -> Iterator[tuple[Rule, Decimal]]:
    """Every boundary of every cutoff on a fact that a sender can send."""
    for rule in BOOKS.rules.values():
        # The distance to a laboratory's median is computed and never sent; its bands are proved with the operators.
        if rule.operator == "cutoff" and rule.fact and rule.fact != "ki67-minus-median":
            yield from ((rule, end) for end in sorted({end for band in rule.bands for end in ends(band)}))


@pytest.mark.parametrize("case", BOOKS.cases, ids=[f"{case.folder}: {case.name}" for case in BOOKS.cases])
def test_every_worked_case_holds(case: WorkedCase) -> None:
    assert failures(case, BOOKS) == []


def test_every_folder_with_a_rule_has_worked_cases() -> None:
    # How a DICOM report is laid out is no clinical rule: tests read real reports. Which Condition is a cancer is asked before there is a
    # case: tests send Conditions.
    clinical = {rule.folder for rule in BOOKS.rules.values()} - {"imaging/structured-report", "diagnosis/condition"}

    assert clinical == {case.folder for case in BOOKS.cases}


def test_no_two_cases_of_a_folder_have_one_name() -> None:
    names = [(case.folder, case.name) for case in BOOKS.cases]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", ANSWERING)
def test_every_rule_that_answers_has_a_case_where_it_does(rule: str) -> None:
    assert any(answer.rule == rule and not isinstance(answer, Undetermined) for answers in ANSWERS.values() for answer in answers)


# A score below its limit answers, and any other leaves the question to the table; findings that make no T4 leave it to the size;
# a reader's own call is there or is not.
ONLY_ANSWER = {"oncotype-stage", "t4-from-findings", "fes-uptake-reported", "trastuzumab-uptake-reported"}


def is_never_open(rule: str) -> bool:
    """An indication matches, may match or is not named; a test is missing or is not named."""
    return rule in ONLY_ANSWER or BOOKS.rules[rule].operator == "hint" or rule == "missing-test"


@pytest.mark.parametrize("rule", [rule for rule in ANSWERING if not is_never_open(rule)])
def test_every_rule_that_answers_has_a_case_where_it_cannot_tell(rule: str) -> None:
    assert any(answer.rule == rule and isinstance(answer, Undetermined) for answers in ANSWERS.values() for answer in answers)


@pytest.mark.parametrize("rule", [rule.id for rule in BOOKS.hints])
def test_every_indication_has_a_case_where_it_matches_and_one_where_it_is_silent(rule: str) -> None:
    found = [[answer for answer in ANSWERS[f"{case.folder}: {case.name}"] if answer.rule == rule] for case in BOOKS.cases]
    assert any(answer.value == "matches" for answers in found for answer in answers if isinstance(answer, Determined))
    assert not all(found)


@pytest.mark.parametrize("rule", [rule.id for rule in BOOKS.hints if rule.hint is not None and (rule.hint.also or rule.hint.either)])
def test_every_indication_that_may_lack_something_has_a_case_where_it_is_only_possible(rule: str) -> None:
    found = [answer for answers in ANSWERS.values() for answer in answers if answer.rule == rule]
    assert any(answer.value == "possible" for answer in found if isinstance(answer, Determined))


@pytest.mark.parametrize(("rule", "end"), list(boundaries()), ids=lambda value: getattr(value, "id", str(value)))
def test_every_boundary_has_a_case_on_it_and_one_on_the_other_side(rule: Rule, end: Decimal) -> None:
    """The case on the boundary shows which side holds it; the next one must fall into the neighbouring band."""
    sent = numbers_sent(str(rule.fact))
    holds_lower = any(end == band.up_to for band in rule.bands)
    beyond = [number for number in sent if number != end and abs(number - end) <= NEAR and (number > end) == holds_lower]

    assert end in sent
    assert beyond


def tried(**fields: object) -> list[str]:
    """What a case with these fields reports."""
    return failures(WorkedCase.model_validate({"name": "a trial", "folder": "trial", "sent": {"er-percent": "5 %"}} | fields), BOOKS)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"expect": {"er-status": "positive"}}, 'trial: case "a trial": er-status should be positive and is low-positive'),
        ({"expect": {"er-status": "none"}}, "er-status should be none and is low-positive"),
        ({"expect": {"pr-status": "negative"}}, "pr-status should be negative and is not answered"),
        ({"expect": {"er-status@core": "low-positive"}}, "er-status@core should be low-positive and is not answered"),
        (
            {"expect": {"er-status": "low-positive"}, "flags": {"er-status": ["boundary"]}},
            "flags of er-status should be boundary and is er-low",
        ),
        ({"expect": {"er-status": "low-positive"}, "no_flags": {"er-status": ["er-low"]}}, "er-status should not carry the flag er-low"),
        (
            {"expect": {"hormone-receptor-status": "positive"}, "missing": {"receptor-subtype": ["Ki-67"]}},
            "missing of receptor-subtype should be Ki-67 and is HER2 status",
        ),
        (
            {"expect": {"er-status": "low-positive"}, "possible": {"receptor-subtype": ["hr-positive-her2-negative"]}},
            "possible of receptor-subtype should be hr-positive-her2-negative and is hr-positive-her2-positive, hr-positive-her2-negative",
        ),
        ({"expect": {"er-status": "low-positive"}, "possible": {"er-status": ["positive"]}}, "should be positive and is empty"),
        ({"expect": {"er-status": "positive"}, "sent": {"er-percentage": "5 %"}}, "there is no fact er-percentage"),
        ({"expect": {"er-status": "positive"}, "sent": {"er-percent": "many"}}, 'er-percent: "many" is not a number'),
        ({"expect": {"er-status": "positive"}, "facts": [{"specimen": "core"}]}, "this one names none"),
        (
            {"expect": {"er-status": "positive"}, "facts": [{"er-percent": "5 %", "pr-percent": "5 %"}]},
            "this one names er-percent, pr-percent",
        ),
    ],
)
def test_a_case_that_does_not_hold_says_what_came_instead(fields: dict[str, object], fault: str) -> None:
    assert any(fault in problem for problem in tried(**fields))


def test_a_case_that_holds_reports_nothing() -> None:
    assert tried(expect={"er-status": "low-positive"}, flags={"er-status": ["er-low"]}) == []


def test_a_site_whose_case_fails_is_refused_with_the_sentence_of_the_case(tmp_path: Path) -> None:
    topic = tmp_path / "biomarkers" / "mine"
    topic.mkdir(parents=True)
    text = '[[case]]\nname = "5 % is negative here"\nsent = { er-percent = "5 %" }\nexpect = { er-status = "negative" }\n'
    (topic / "cases.toml").write_text(text, encoding="utf-8")

    with pytest.raises(BrokenKnowledge) as broken:
        proved(extra=tmp_path)

    expected = 'biomarkers/mine: case "5 % is negative here": er-status should be negative and is low-positive'
    assert broken.value.problems == (expected,)


def test_books_whose_cases_hold_are_the_books_that_were_loaded() -> None:
    assert proved().version == BOOKS.version
