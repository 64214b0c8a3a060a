"""What went wrong, said in HTTP: every error is an OperationOutcome (R4 http, B7), and none shows the inside or a patient."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.settings import Settings

INTERPRET = "/fhir/$interpret-breast-cancer"
FHIR = {"Content-Type": "application/fhir+json"}


def issue_of(answer: object) -> dict[str, object]:
    """The one issue of an OperationOutcome answer."""
    outcome = json.loads(answer.data)
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert outcome["resourceType"] == "OperationOutcome"
    assert len(outcome["issue"]) == 1
    return outcome["issue"][0]


def test_b7_broken_json_is_400_with_the_line_and_the_column(client: FlaskClient) -> None:
    """B7: 4xx carries an OperationOutcome; this one says where to look."""
    answer = client.post(INTERPRET, data=b'{"resourceType": "Bundle",\n  "type": collection}', headers=FHIR)

    issue = issue_of(answer)
    assert (answer.status_code, issue["code"]) == (400, "structure")
    assert "line 2, column 11" in issue["details"]["text"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"Bundle"', b'{"resourceType":3}', b'{"resourceType":"Parameters","parameter":{}}', b"[" * 100_000]
)
def test_a_body_that_is_no_resource_is_400(client: FlaskClient, body: bytes) -> None:
    answer = client.post(INTERPRET, data=body, headers=FHIR)

    assert (answer.status_code, issue_of(answer)["severity"]) == (400, "error")


def test_nothing_at_an_address_is_404(client: FlaskClient) -> None:
    answer = client.get("/fhir/Patient/Jane-Doe")

    assert (answer.status_code, issue_of(answer)["code"]) == (404, "not-found")
    assert b"Jane" not in answer.data


def test_a_wrong_method_is_405_with_the_ones_that_are_allowed(client: FlaskClient) -> None:
    answer = client.get(INTERPRET)

    assert (answer.status_code, issue_of(answer)["code"]) == (405, "not-supported")
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_body_over_the_limit_is_413(service: Callable[..., Flask], behind: object) -> None:
    answer = service(max_body_bytes=100).test_client().post(INTERPRET, data=b" " * 101, headers=FHIR)

    assert (answer.status_code, issue_of(answer)["code"], behind.parts) == (413, "too-long", [])


def test_a_body_of_unknown_length_over_the_limit_is_413(service: Callable[..., Flask], behind: object) -> None:
    """A chunked body says no length; the server marks its end, and reading stops at the limit."""
    stream = {"wsgi.input": io.BytesIO(b" " * 1000), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}

    answer = service(max_body_bytes=100).test_client().post(INTERPRET, headers=FHIR, environ_overrides=stream)

    assert (answer.status_code, behind.parts) == (413, [])


def test_a_bundle_over_the_limit_of_entries_is_413() -> None:
    """The pipeline counts the entries; the site's limit has to reach it."""
    client = create_app(Settings(max_entries=2)).test_client()

    answer = client.post(INTERPRET, data=b'{"resourceType":"Bundle","type":"collection","entry":[{},{},{}]}', headers=FHIR)

    assert (answer.status_code, issue_of(answer)["code"]) == (413, "too-costly")


def test_a_refusal_of_the_pipeline_is_an_operation_outcome(client: FlaskClient) -> None:
    answer = client.post(INTERPRET, data=b'{"resourceType":"Bundle","id":"refuse"}', headers=FHIR)

    issue = issue_of(answer)
    assert (answer.status_code, issue["code"], issue["details"]["text"]) == (422, "required", "the Bundle names no patient")


def test_an_error_of_ours_is_500_without_the_inside(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """The exception quotes a patient: neither the answer nor the log may."""
    with caplog.at_level(logging.DEBUG):
        answer = client.post(INTERPRET, data=b'{"resourceType":"Bundle","id":"explode"}', headers=FHIR)

    issue = issue_of(answer)
    incident = issue["details"]["text"].split()[-1]
    assert (answer.status_code, issue["code"]) == (500, "exception")
    assert b"ZeroDivision" not in answer.data
    assert b"adapter" not in answer.data.replace(b"breast-adapter.example", b"")
    assert incident in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "Jane" not in caplog.text + answer.text


def test_the_log_names_the_route_and_never_the_query(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/fhir/$stage-breast-cancer?basis=clinical&t=T4d&n=N1", headers={"X-Request-Id": "engine-7"})

    assert "engine-7" in caplog.text
    assert "/fhir/$stage-breast-cancer 200" in caplog.text
    assert "T4d" not in caplog.text


def test_an_unsafe_request_id_is_replaced(client: FlaskClient) -> None:
    """A request id goes into the log, so it may not hold a line of its own."""
    answer = client.get("/health/live", headers={"X-Request-Id": "x y"})

    assert answer.headers["X-Request-Id"] != "x y"


def test_answers_about_patients_are_not_cached(client: FlaskClient) -> None:
    answer = client.post(INTERPRET, data=b'{"resourceType":"Bundle"}', headers=FHIR)

    assert answer.headers["Cache-Control"] == "no-store"
