"""How does a person read it? Width, order, and that nothing which was decided or refused stays unsaid."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.answers import About, Answer, Asserted, Determined, Undetermined
from adapter.facts.case import Case, Condition, Fact, Issue, Patient, Place, Specimen
from adapter.facts.measurements import exactly
from adapter.facts.vocabulary import Basis, Kind, Result, Sampling, Severity, Side, SpecimenKind
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply
from adapter.summary import WIDTH, staged, summarise

PLACE = Place(reference="Observation/er", path="Observation.value")
ER = Fact(word="er-percent", number=exactly(Decimal(95)), specimen="s1", origin=PLACE)
PATIENT = Patient(reference="Patient/p1", key="p1")
CASE = Case(
    key="c1",
    patient=PATIENT,
    conditions=(Condition(reference="Condition/c1", key="c1", histology="ductal", origin=PLACE),),
    side=Side.LEFT,
    specimens=(
        Specimen(
            key="s1",
            reference="Specimen/s1",
            kind=SpecimenKind.PRIMARY,
            sampling=Sampling.BIOPSY,
            collected_on="2024-03-01",
        ),
    ),
    facts=(ER,),
)


@pytest.fixture
def source(knowledge: Knowledge) -> str:
    """A source that the books have."""
    return next(iter(knowledge.sources))


@pytest.fixture
def reply(source: str) -> Reply:
    """A left cancer with an answer, an open question and one that does not apply; and something that could not be used."""
    answers: tuple[Answer, ...] = (
        Determined(
            about=About(result=Result.ER_STATUS, specimen="s1"),
            rule="er",
            source=source,
            because="95 % of tumor cells stain",
            used=(ER,),
            value="positive",
            flags=("no-such-flag",),
            asserted=(Asserted(value="negative", fact=ER),),
        ),
        Undetermined(
            about=About(result=Result.ANATOMIC_STAGE),
            rule="stage",
            source=source,
            because="the N category is unknown",
            kind=Kind.INDETERMINATE,
            missing=("N category",),
            possible=("IIA", "IIB", "IIIA"),
        ),
        Undetermined(
            about=About(result=Result.HER2_ULTRALOW),
            rule="ultralow",
            source=source,
            because="HER2 is positive",
            kind=Kind.NOT_APPLICABLE,
        ),
    )
    issues = (
        Issue(code="not-used", severity=Severity.INFORMATION, text="a note"),
        Issue(code="check-digit", severity=Severity.ERROR, text="the check digit of the code is wrong", place=PLACE),
    )
    return Reply(answers=((CASE, answers),), issues=issues, counts={"entries": 7, "not-relevant": 2}, bundle=b"")


def test_a_case_is_headed_by_its_side_and_histology(reply: Reply, knowledge: Knowledge) -> None:
    assert "Patient/p1: Left breast, histology ductal" in summarise(reply, knowledge)


def test_an_answer_has_its_reason_its_source_and_its_inputs(reply: Reply, knowledge: Knowledge, source: str) -> None:
    said = " ".join(summarise(reply, knowledge).split())

    assert "95 % of tumor cells stain [1]" in said
    assert f"[1] {knowledge.citation(source)}" in said
    assert "Biopsy of primary, taken 2024-03-01, Specimen/s1" in said
    assert "Inputs Observation/er" in said
    assert "Sender states negative (Observation/er)" in said
    assert "Note no such flag" in said


def test_an_open_question_says_what_to_send_and_what_is_possible(reply: Reply, knowledge: Knowledge) -> None:
    said = summarise(reply, knowledge)

    assert "CANNOT TELL" in said
    assert "To send" in said
    assert all(stage in said for stage in ("IIA", "IIB", "IIIA"))


def test_what_does_not_apply_stands_aside_with_its_reason(reply: Reply, knowledge: Knowledge) -> None:
    said = summarise(reply, knowledge)

    assert "HER2 is positive" in said[said.index("Not applicable") :]


def test_issues_come_worst_first_and_say_where(reply: Reply, knowledge: Knowledge) -> None:
    said = summarise(reply, knowledge)

    assert "ERROR    Observation/er Observation.value: the check digit of the code is wrong" in said
    assert said.index("ERROR") < said.index("a note")


def test_no_line_is_wider_than_a_terminal(reply: Reply, knowledge: Knowledge) -> None:
    assert [line for line in summarise(reply, knowledge).splitlines() if len(line) > WIDTH and "http" not in line] == []


def test_a_reply_without_a_cancer_says_so(knowledge: Knowledge) -> None:
    nothing = Reply(answers=(), issues=(), counts={}, bundle=b"")

    assert "No breast cancer was found" in summarise(nothing, knowledge)


def test_a_quantity_is_said_with_its_unit_and_every_digit(knowledge: Knowledge, source: str) -> None:
    about = About(result=Result.KI67_CATEGORY)
    answer = Determined(about=about, rule="r", source=source, because="measured", value="", quantity=Decimal("2.50"), unit="%")

    assert "2.50 %" in staged(answer, knowledge)


def test_t_n_and_m_say_their_basis(knowledge: Knowledge, source: str) -> None:
    about = About(result=Result.T_CATEGORY, basis=Basis.PATHOLOGICAL)
    answer = Determined(about=about, rule="r", source=source, because="22 mm", value="T2")

    assert "pathological" in staged(answer, knowledge).splitlines()[0]
