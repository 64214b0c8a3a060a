"""What comes back when a request fails, whatever the caller prefers? R4 http, A10."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize("prefer", ["return=minimal", "return=representation", "return=OperationOutcome", ""])
@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b'{"resourceType": "Bundle", "refuse": 1}', 422)])
def test_a10_on_failure_the_body_is_an_operation_outcome_whatever_is_preferred(
    body: bytes, status: int, prefer: str, client: FlaskClient
) -> None:
    """A10: `Prefer: return=minimal` says nothing of failures; they have a body with an OperationOutcome."""
    headers = {"Content-Type": "application/fhir+json"} | ({"Prefer": prefer} if prefer else {})
    answer = client.post("/fhir/$interpret-breast-cancer", data=body, headers=headers)

    assert answer.status_code == status
    outcome = json.loads(answer.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["severity"] == "error"


def test_a10_a_success_has_its_result_and_no_operation_outcome_in_its_place(client: FlaskClient) -> None:
    """A10: an OperationOutcome is the body only if it was asked for; an operation returns what it is defined to return."""
    answer = client.post(
        "/fhir/$interpret-breast-cancer", data=b'{"resourceType": "Bundle"}', headers={"Content-Type": "application/fhir+json"}
    )

    assert (answer.status_code, json.loads(answer.data)["resourceType"]) == (200, "Bundle")
