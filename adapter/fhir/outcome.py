"""How a trouble is said in FHIR: an OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html), or a refusal of the whole request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"

# OperationOutcome.issue.code is bound to a required value set: the left side is our issue code, the right side the nearest R4 IssueType.
ISSUE_TYPES: dict[str, str] = {
    "about-another-condition": "business-rule",
    "absent": "informational",
    "ambiguous-value": "value",
    "another-version": "conflict",
    "bad-date": "value",
    "basis-disagrees": "business-rule",
    "broken-json": "structure",
    "codings-disagree": "code-invalid",
    "data-not-had": "incomplete",
    "display-names-another": "code-invalid",
    "duplicate": "duplicate",
    "implausible-value": "value",
    "internal-error": "exception",
    "invalid-resource": "invalid",
    "job-failed": "processing",
    "login-needed": "login",
    "member-not-sent": "not-found",
    "method-not-allowed": "not-supported",
    "missing-element": "required",
    "nested-bundle": "not-supported",
    "no-issues": "informational",
    "no-patient": "required",
    "no-result-yet": "informational",
    "no-such-patient": "not-found",
    "no-value": "informational",
    "not-a-bundle": "structure",
    "not-acceptable": "not-supported",
    "not-allowed": "forbidden",
    "not-confirmed": "business-rule",
    "not-found": "not-found",
    "not-kept": "transient",
    "not-relevant": "informational",
    "not-supported": "not-supported",
    "not-this-patient": "business-rule",
    "not-used": "informational",
    "not-used-by-a-rule": "informational",
    "percent-on-presence-code": "value",
    "scope-missing": "forbidden",
    "server-refused": "processing",
    "server-unavailable": "transient",
    "several-patients": "multiple-matches",
    "side-unknown": "incomplete",
    "superseded": "informational",
    "token-refused": "security",
    "too-deep": "too-costly",
    "too-large": "too-long",
    "too-many-entries": "too-costly",
    "took-too-long": "timeout",
    "unit-contradicts-code": "code-invalid",
    "unit-missing": "required",
    "unknown-basis": "value",
    "unknown-scheme": "not-found",
    "unknown-unit": "value",
    "unknown-value": "value",
    "unmapped-code": "code-invalid",
    "unmapped-value": "code-invalid",
    "unsupported-media-type": "not-supported",
    "unsupported-version": "not-supported",
    "value-of-another": "code-invalid",
    "withdrawn": "deleted",
    "wrong-check-digit": "code-invalid",
}

# An issue code without a line above is still answered with a type that R4 allows.
DEFAULT_TYPES: dict[Severity, str] = {
    Severity.ERROR: "processing",
    Severity.WARNING: "business-rule",
    Severity.INFORMATION: "informational",
}

NOTHING_TO_REPORT = Issue(code="no-issues", severity=Severity.INFORMATION, text="Every relevant statement that was sent could be used.")


# Characters that neither a FHIR string nor XML may hold, and half characters that UTF-8 cannot write.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


class Refusal(Exception):
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


def clean(text: str) -> str:
    """The text with every character that FHIR forbids replaced by the sign for an unreadable one."""
    return text.strip() if text.isprintable() else _FORBIDDEN.sub("\ufffd", text).strip()


def _said(issue: Issue, canonical: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "severity": issue.severity.value,
        "code": issue_type(issue),
        "details": {"coding": [{"system": f"{canonical}/CodeSystem/issue", "code": issue.code}], "text": clean(issue.text) or issue.code},
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
    base, _, contained = place.reference.partition("#")
    if place.version is None or "/" not in base or "/_history/" in base:
        return place.reference
    return f"{base}/_history/{place.version}" + (f"#{contained}" if contained else "")
