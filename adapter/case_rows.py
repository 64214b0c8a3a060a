"""How does a case become a row of a registry's table? Every answer of the pipeline in its column; nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adapter.cohort.table import QUESTIONS, Question, Row
from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.facts.case import Case
from adapter.facts.vocabulary import Result, Severity, TissueFlag
from adapter.pipeline import Reply

# Tissue whose answers never speak for the case unless it governs.
_ASIDE = {TissueFlag.IN_SITU, TissueFlag.GOVERNING_NOT_KNOWN}
_RESPONSES = (Result.PERCIST_RESPONSE, Result.EORTC_RESPONSE)


def rows_of(reply: Reply) -> list[Row]:
    """A row for each case of one patient."""
    severities = [issue.severity for issue in reply.issues]
    counted = {
        "patient_cases": len(reply.answers),
        "patient_errors": severities.count(Severity.ERROR),
        "patient_warnings": severities.count(Severity.WARNING),
        "patient_notes": severities.count(Severity.INFORMATION),
    }
    return [_row(case, answers) | counted for case, answers in reply.answers]


def _row(case: Case, answers: Sequence[Answer]) -> Row:
    condition = case.conditions[0] if case.conditions else None
    row: Row = {
        "patient_id": case.patient.key,
        "case_id": case.key,
        "side": case.side,
        "histology": condition.histology if condition else None,
        "diagnosed_on": condition.recorded_on if condition else None,
        "governing_specimen": next(
            (one.about.specimen for one in answers if TissueFlag.GOVERNING in one.flags and one.about.specimen), None
        ),
        "response_tracer": next((one.about.tracer for one in answers if one.about.result in _RESPONSES), None),
        "uptake_changes": [_change(one) for one in answers if one.about.result is Result.UPTAKE_CHANGE],
        "hints_matching": _items(answers, Result.THERAPY_HINT, "matches"),
        "hints_possible": _items(answers, Result.THERAPY_HINT, "possible"),
        "missing_tests": _items(answers, Result.MISSING_TEST),
        "flags": sorted({*case.flags, *(flag for one in answers for flag in one.flags)}),
        "answers_determined": sum(not isinstance(one, Undetermined) for one in answers),
        "answers_undetermined": sum(isinstance(one, Undetermined) for one in answers),
    }
    for question in QUESTIONS:
        row |= _cells(question, _chosen(question, answers))
    return {name: str(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def _chosen(question: Question, answers: Iterable[Answer]) -> Answer | None:
    """The answer that speaks for the case: that of the governing specimen, else the newest; never that of tissue that must not govern."""
    asked = [one for one in answers if one.about.result == question.result and question.basis in (None, one.about.basis)]
    asked = [one for one in asked if TissueFlag.GOVERNING in one.flags or _ASIDE.isdisjoint(one.flags)]
    return max(asked, key=lambda one: (TissueFlag.GOVERNING in one.flags, one.effective or ""), default=None)


def _cells(question: Question, answer: Answer | None) -> Row:
    value, kind = _said(answer)
    cells: dict[str, Any] = {question.column: value, f"{question.column}_kind": kind}
    if question.is_open_listed:
        cells[f"{question.column}_possible"] = list(answer.possible) if answer is not None else []
    return cells


def _said(answer: Answer | None) -> tuple[str | None, str | None]:
    match answer:
        case Determined():
            return answer.value, None
        case Undetermined():
            return None, str(answer.kind)
        case Composed() | None:
            return None, None


def _change(answer: Answer) -> dict[str, Any]:
    about = answer.about
    quantity = answer.quantity if isinstance(answer, Determined) else None
    percent = None if quantity is None else float(quantity)
    named = {"tracer": about.tracer, "lesion": about.lesion, "scan": about.scan, "measure": about.measure}
    return named | {"percent": percent, "kind": _said(answer)[1]}


def _items(answers: Iterable[Answer], result: Result, value: str | None = None) -> list[str]:
    return sorted({one.about.item or "" for one in answers if one.about.result is result and value in (None, _said(one)[0])})
