"""What every answer says to a browser: nothing is embedded, guessed or kept, and origins are let in by rule (C8, A21)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

APP = "https://app.example"
STAGE = "/fhir/$stage-breast-cancer?basis=anatomic&t=T2&n=N1&m=M0"


@pytest.fixture
def client(service: Callable[..., Flask]) -> FlaskClient:
    return service(cors_origins=(APP,)).test_client()


@pytest.mark.parametrize("path", [STAGE, "/fhir/metadata", "/health/live", "/nowhere", "/fhir/$interpret-breast-cancer", "/metrics"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    said = client.get(path).headers

    assert said["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in said["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in said["Content-Security-Policy"]
    assert said["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in said


def test_behind_tls_a_browser_is_told_to_stay_there(service: Callable[..., Flask]) -> None:
    said = service(public_url="https://adapter.hospital.example").test_client().get("/health/live").headers

    assert said["Strict-Transport-Security"].startswith("max-age=31536000")


def test_answers_about_patients_are_never_kept(client: FlaskClient) -> None:
    assert client.get(STAGE).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/CodeSystem", "/fhir/CodeSystem/result"])
def test_c8_any_origin_may_read_discovery_and_metadata(client: FlaskClient, path: str) -> None:
    """C8: discovery + metadata from any origin."""
    said = client.get(path, headers={"Origin": "https://any.example"}).headers

    assert said["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in said


def test_c8_a_registered_origin_may_read_results_and_no_other(client: FlaskClient) -> None:
    """C8: token and FHIR from registered origins."""
    registered = client.get(STAGE, headers={"Origin": APP}).headers

    assert registered["Access-Control-Allow-Origin"] == APP
    assert "Origin" in registered["Vary"]
    for origin in (
        "https://other.example",
        "https://app.example.evil.example",
        "http://app.example",
        "null",
        "https://APP.example",
        APP + "/",
    ):
        assert "Access-Control-Allow-Origin" not in client.get(STAGE, headers={"Origin": origin}).headers


def test_c8_a_browser_may_ask_before_it_sends_a_token(client: FlaskClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    registered = client.options("/fhir/$interpret-breast-cancer", headers={"Origin": APP, **asked})
    other = client.options("/fhir/$interpret-breast-cancer", headers={"Origin": "https://other.example", **asked})

    assert registered.status_code == 200
    assert "POST" in registered.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type"} <= set(registered.headers["Access-Control-Allow-Headers"].lower().split(", "))
    assert "Access-Control-Allow-Methods" not in other.headers


@pytest.mark.parametrize("path", ["/metrics", "/health/ready", "/nowhere"])
def test_what_is_not_for_browsers_is_not_opened_to_them(client: FlaskClient, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": APP}).headers
