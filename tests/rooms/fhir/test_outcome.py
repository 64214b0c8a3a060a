"""Troubles as FHIR: the style guide, section 6, and https://hl7.org/fhir/R4/operationoutcome.html."""

from __future__ import annotations

import json

import pytest
from msgspec import convert

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir.models import check
from adapter.fhir.outcome import DEFAULT_TYPES, ISSUE_TYPES, Refusal, issue_type, operation_outcome

# R4 IssueType, http://hl7.org/fhir/issue-type, version 4.0.1.
# fmt: off
R4_TYPES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown",
    "expired", "forbidden", "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found",
    "deleted", "too-long", "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient",
    "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled", "informational",
})
# fmt: on


def issue(code: str = "unmapped-code", severity: Severity = Severity.WARNING, **changes: object) -> Issue:
    return convert({"code": code, "severity": severity, "text": "the code is not in our maps"} | changes, Issue)


def test_every_issue_type_is_one_that_r4_allows() -> None:
    assert set(ISSUE_TYPES.values()) | set(DEFAULT_TYPES.values()) <= R4_TYPES


@pytest.mark.parametrize("severity", list(Severity))
def test_an_issue_code_without_a_line_still_has_a_type(severity: Severity) -> None:
    assert issue_type(issue("a-code-of-tomorrow", severity)) in R4_TYPES


def test_an_issue_says_severity_type_code_words_and_place() -> None:
    place = Place(reference="Observation/o", path="Observation.code", version="4")
    (said,) = operation_outcome([issue(place=place)], canonical="https://h.example/fhir")["issue"]
    assert said == {
        "severity": "warning",
        "code": "code-invalid",
        "details": {
            "coding": [{"system": "https://h.example/fhir/CodeSystem/issue", "code": "unmapped-code"}],
            "text": "the code is not in our maps",
        },
        "diagnostics": "Observation/o/_history/4",
        "expression": ["Observation.code"],
    }


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"),
        ("Observation/o/_history/1", "Observation/o/_history/1"),
        ("Observation/o#inner", "Observation/o/_history/4#inner"),
    ],
)
def test_a_version_is_shown_where_a_reference_can_carry_it(reference: str, shown: str) -> None:
    place = Place(reference=reference, path="", version="4")
    (said,) = operation_outcome([issue(place=place)])["issue"]
    assert said["diagnostics"] == shown
    assert "expression" not in said


def test_with_nothing_to_report_there_is_still_one_issue() -> None:
    """R4 asks for at least one issue."""
    (said,) = operation_outcome([])["issue"]
    assert (said["severity"], said["code"]) == ("information", "informational")


@pytest.mark.parametrize("text", ["plain", "", "\x00 <b>"])
def test_an_outcome_is_valid_fhir(text: str) -> None:
    outcome = operation_outcome([issue(text=text), issue("entered-in-error", Severity.INFORMATION)])
    assert check(json.dumps(outcome).encode(), "OperationOutcome") == []
    assert "\x00" not in outcome["issue"][0]["details"]["text"]


def test_a_refusal_keeps_status_and_issues_and_reads_as_its_reasons() -> None:
    refusal = Refusal(400, [issue(), issue(text="second")])
    assert refusal.status == 400
    assert [each.text for each in refusal.issues] == ["the code is not in our maps", "second"]
    assert str(refusal) == "the code is not in our maps second"
