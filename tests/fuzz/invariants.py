"""What has to be true of every answer, whatever was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from adapter.fhir import models
from tests.accounting import unaccounted
from tests.fuzz.asked import FHIR_JSON, INTERPRET, Call
from tests.fuzz.service import Answered, Service
from tests.test_words import R4_ISSUE_TYPES

SEVERITIES = {"fatal", "error", "warning", "information"}
# Every so many interpretations are asked twice, and what they answer is validated as FHIR: both cost more than the question.
EVERY = 40
_MOMENT = re.compile(rb'"(?:issued|recorded|lastUpdated|timestamp)":"[^"]*"')


def faults(service: Service, call: Call, got: Answered, *, thoroughly: bool) -> list[str]:
    """Everything that is wrong with an answer, in sentences that quote nothing of the request."""
    found = [*_status(call, got)]
    if got.status == 200 and got.heard:
        found += [f"lost: {place}" for heard in got.heard for place in unaccounted(heard.parts, heard.reply)]
    if got.status == 200 and got.heard and call.path.startswith(INTERPRET) and got.headers["Content-Type"].startswith(FHIR_JSON):
        found += _result(got.body)
        found += [*_valid(got.body), *_same_again(service, call, got)] if thoroughly else []
    return found


def _status(call: Call, got: Answered) -> Iterator[str]:
    if got.status >= 500 and got.status != 503:
        yield f"status {got.status}"
    if got.status == 503 and not got.headers.get("Retry-After"):
        yield "a 503 that does not say when to come back"
    is_fhir = call.path.startswith("/fhir/")
    if is_fhir and got.status >= 400 and call.method != "HEAD":
        yield from _outcome(got)


def _outcome(got: Answered) -> Iterator[str]:
    """Every refusal in the FHIR part is an OperationOutcome with codes that R4 has, and nothing in it that FHIR forbids."""
    if not got.headers.get("Content-Type", "").startswith(FHIR_JSON):
        yield f"status {got.status} with Content-Type {got.headers.get('Content-Type')}"
        return
    outcome = json.loads(got.body)
    issues = outcome.get("issue", [])
    if outcome.get("resourceType") != "OperationOutcome" or not issues:
        yield f"status {got.status} without an OperationOutcome"
    for issue in issues:
        if issue.get("severity") not in SEVERITIES or issue.get("code") not in R4_ISSUE_TYPES:
            yield f"an issue that is {issue.get('severity')} {issue.get('code')}"
        if not issue.get("details", {}).get("text", "").strip():
            yield "an issue that says nothing"


def _result(body: bytes) -> Iterator[str]:
    whole = json.loads(body)
    if whole.get("resourceType") != "Bundle" or whole.get("type") != "collection":
        yield "an answer that is no collection Bundle"
    addresses = [entry["fullUrl"] for entry in whole["entry"]]
    if len(addresses) != len(set(addresses)):
        yield "two entries of an answer with one fullUrl"


def _valid(body: bytes) -> Iterator[str]:
    """What we write is valid FHIR, however broken the input was that it repeats a part of."""
    whole: dict[str, Any] = json.loads(body)
    for entry in whole["entry"]:
        kind = entry["resource"]["resourceType"]
        yield from (
            f"an answer that is not valid FHIR: {fault}" for fault in models.check(json.dumps(entry["resource"]).encode(), kind)[:1]
        )


def _same_again(service: Service, call: Call, got: Answered) -> Iterator[str]:
    again = service.send(call)
    if _MOMENT.sub(b"", again.body) != _MOMENT.sub(b"", got.body):
        yield "another answer when asked again"
