"""How a trouble is said in FHIR: an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html), or a refusal of the whole request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"

# OperationOutcome.issue.code is bound to a required value set: the left side is our issue code, the right side the nearest R4 IssueType.
ISSUE_TYPES: dict[str, str] = {
    "ambiguous-value": "value",
    "amended": "informational",
    "basis-unknown": "incomplete",
    "broken-json": "structure",
    "broken-reference": "not-found",
    "check-digit": "code-invalid",
    "conflict": "business-rule",
    "duplicate": "duplicate",
    "entered-in-error": "deleted",
    "focus-unknown": "not-found",
    "foreign-display": "code-invalid",
    "internal-error": "exception",
    "invalid-resource": "invalid",
    "invariant": "invariant",
    "method-not-allowed": "not-supported",
    "missing-element": "required",
    "no-issues": "informational",
    "no-patient": "required",
    "not-a-bundle": "structure",
    "not-acceptable": "not-supported",
    "not-found": "not-found",
    "not-relevant": "informational",
    "not-supported": "not-supported",
    "not-used": "informational",
    "several-patients": "multiple-matches",
    "side-unknown": "incomplete",
    "specimen-unknown": "not-found",
    "status": "business-rule",
    "superseded": "informational",
    "too-large": "too-long",
    "too-many-entries": "too-costly",
    "unknown-basis": "incomplete",
    "unknown-code": "code-invalid",
    "unknown-scheme": "not-found",
    "unknown-unit": "value",
    "unknown-value": "value",
    "unsupported-media-type": "not-supported",
    "unsupported-version": "not-supported",
    "value-out-of-range": "value",
    "wrong-code": "code-invalid",
    "wrong-unit": "value",
}

# An issue code without a line above is still answered with a type that R4 allows.
DEFAULT_TYPES: dict[Severity, str] = {
    Severity.ERROR: "processing",
    Severity.WARNING: "business-rule",
    Severity.INFORMATION: "informational",
}

NOTHING_TO_REPORT = Issue(code="no-issues", severity=Severity.INFORMATION, text="Every relevant statement that was sent could be used.")


class Refusal(Exception):  # noqa: N818 - the style guide names it: a refusal is an answer to the caller, not a fault of ours.
    """The request as a whole cannot be answered: the HTTP status to give, and why."""

    def __init__(self, status: int, issues: Sequence[Issue]) -> None:
        self.status = status
        self.issues = tuple(issues)
        super().__init__(" ".join(issue.text for issue in self.issues))


def operation_outcome(issues: Sequence[Issue], *, canonical: str = DEFAULT_CANONICAL) -> dict[str, Any]:
    """The OperationOutcome that says these issues; with none, one that says so, because R4 asks for at least one issue."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [_said(issue, canonical) for issue in issues or (NOTHING_TO_REPORT,)],
    }


def issue_type(issue: Issue) -> str:
    """The R4 IssueType for one of our issues."""
    return ISSUE_TYPES.get(issue.code, DEFAULT_TYPES[issue.severity])


def _said(issue: Issue, canonical: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "severity": issue.severity.value,
        "code": issue_type(issue),
        "details": {"coding": [{"system": f"{canonical}/CodeSystem/issue", "code": issue.code}], "text": issue.text},
    }
    if issue.place is not None:
        said |= _where(issue.place)
    return said


def _where(place: Place) -> dict[str, Any]:
    """The resource goes to `diagnostics` and the FHIRPath to `expression`, because R4 lets an expression name elements only."""
    where: dict[str, Any] = {}
    if place.reference:
        where["diagnostics"] = versioned(place)
    if place.path:
        where["expression"] = [place.path]
    return where


def versioned(place: Place) -> str:
    """The reference with the version that was read, as R4 writes it, where the sender gave both."""
    if place.version is None or "/_history/" in place.reference or place.reference.startswith(("urn:", "#")):
        return place.reference
    return f"{place.reference}/_history/{place.version}"
