"""In which format is it said? R4 http: A1 to A6."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

INTERPRET = "/fhir/$interpret-breast-cancer"
BUNDLE = b'{"resourceType":"Bundle","type":"collection"}'
FHIR = {"Content-Type": "application/fhir+json"}


def code_of(answer: object) -> str:
    """The R4 issue type of an OperationOutcome answer."""
    outcome = json.loads(answer.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert answer.mimetype == "application/fhir+json"
    return outcome["issue"][0]["code"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", "application/fhir+json"),
        ("*/*", "application/fhir+json"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("application/*", "application/fhir+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/fhir+json"),
        ("application/fhir+xml, application/json;q=0.5", "application/json"),
        ("application/json;q=0.1, application/fhir+json;q=0.9", "application/fhir+json"),
        ("application/fhir+json;q=0, text/json", "text/json"),
        ("APPLICATION/FHIR+JSON", "application/fhir+json"),
    ],
)
def test_a2_the_answer_has_the_requested_mime_type(client: FlaskClient, accept: str, answered: str) -> None:
    """A2: application/json and text/json in Accept are answered with FHIR JSON of the requested mime type; q-values count."""
    answer = client.post(INTERPRET, data=BUNDLE, headers=FHIR | ({"Accept": accept} if accept else {}))

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{answered}; charset=utf-8")


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "application/fhir+json;q=0", "image/*", "nonsense"])
def test_a3_an_unsupported_accept_is_406(client: FlaskClient, accept: str) -> None:
    """A3: 406 for an unsupported Accept."""
    answer = client.post(INTERPRET, data=BUNDLE, headers=FHIR | {"Accept": accept})

    assert (answer.status_code, code_of(answer)) == (406, "not-supported")


@pytest.mark.parametrize(
    "sent",
    ["application/fhir+xml", "text/plain", "application/x-www-form-urlencoded", "application/fhir+json; charset=latin-1", None],
)
def test_a3_an_unsupported_posted_format_is_415(client: FlaskClient, sent: str | None) -> None:
    """A3: 415 for an unsupported posted format."""
    answer = client.post(INTERPRET, data=BUNDLE, headers={"Content-Type": sent} if sent else {})

    assert (answer.status_code, code_of(answer)) == (415, "not-supported")


@pytest.mark.parametrize("sent", ["application/fhir+json", "application/json", "text/json", "application/fhir+json; charset=UTF-8"])
def test_a1_every_json_media_type_is_read(client: FlaskClient, sent: str) -> None:
    """A1: application/fhir+json used by clients and servers; UTF-8."""
    assert client.post(INTERPRET, data=BUNDLE, headers={"Content-Type": sent}).status_code == 200


@pytest.mark.parametrize("wanted", ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json"])
def test_a4_format_overrides_accept(client: FlaskClient, wanted: str) -> None:
    """A4: `_format` json, application/json, application/fhir+json mean JSON; it overrides Accept."""
    answer = client.post(f"{INTERPRET}?_format={wanted}", data=BUNDLE, headers=FHIR | {"Accept": "application/fhir+xml"})

    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+json")


def test_a4_format_never_overrides_content_type(client: FlaskClient) -> None:
    """A4: `_format` overrides Accept, never Content-Type."""
    answer = client.post(f"{INTERPRET}?_format=json", data=BUNDLE, headers={"Content-Type": "application/fhir+xml"})

    assert answer.status_code == 415


def test_a4_an_unknown_format_is_406(client: FlaskClient) -> None:
    assert client.get("/fhir/metadata?_format=xml").status_code == 406


@pytest.mark.parametrize(
    ("accept", "sent", "status"),
    [
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+json; fhirVersion=5.0", "application/fhir+json; fhirVersion=4.0", 406),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json; fhirVersion=3.0", 415),
        ("application/fhir+json; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0; q=0.5", "application/json", 200),
    ],
)
def test_a6_the_fhir_version_is_a_mime_parameter(client: FlaskClient, accept: str, sent: str, status: int) -> None:
    """A6: `fhirVersion=4.0` is understood on Accept and Content-Type; two versions in one interaction is an error."""
    assert client.post(INTERPRET, data=BUNDLE, headers={"Accept": accept, "Content-Type": sent}).status_code == status


def test_a5_pretty_lays_out_the_text_and_keeps_every_digit(client: FlaskClient) -> None:
    """A5: `_pretty`; a decimal's precision has significance, so 2.50 stays 2.50."""
    plain = client.post(INTERPRET, data=BUNDLE, headers=FHIR).data
    pretty = client.post(f"{INTERPRET}?_pretty=true", data=BUNDLE, headers=FHIR).data

    assert b"2.50" in plain
    assert b"2.50" in pretty
    assert b"\n  " in pretty
    assert json.loads(plain) == json.loads(pretty)


def test_a_gzip_body_is_unpacked(client: FlaskClient, behind: object) -> None:
    answer = client.post(INTERPRET, data=gzip.compress(BUNDLE), headers=FHIR | {"Content-Encoding": "gzip"})

    assert answer.status_code == 200
    assert behind.parts == [BUNDLE]


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        pytest.param(b"not gzip", "gzip", 400, id="not gzip"),
        pytest.param(gzip.compress(BUNDLE)[:-4], "gzip", 400, id="cut short"),
        pytest.param(gzip.compress(BUNDLE) + b"x", "gzip", 400, id="something follows"),
        pytest.param(BUNDLE, "br", 415, id="another encoding"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(client: FlaskClient, body: bytes, encoding: str, status: int) -> None:
    assert client.post(INTERPRET, data=body, headers=FHIR | {"Content-Encoding": encoding}).status_code == status


def test_a_gzip_bomb_is_413_before_it_is_unpacked(service: Callable[..., Flask], behind: object) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000

    answer = service(max_body_bytes=100_000).test_client().post(INTERPRET, data=bomb, headers=FHIR | {"Content-Encoding": "gzip"})

    assert (answer.status_code, code_of(answer), behind.parts) == (413, "too-long", [])


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("application/fhir+json;q=0, */*", "application/json"),
        ("*/*;q=0.9, application/fhir+json;q=0.1", "application/json"),
        ("application/json;q=0.5, text/*;q=0.7", "text/json"),
        ("text/json, application/json", "text/json"),
        ("application/*;q=0.2, text/json;q=0.1", "application/fhir+json"),
        ("application/json;q=2, text/json;q=0.1", "text/json"),
    ],
)
def test_a2_the_most_exact_range_decides(client: FlaskClient, accept: str, answered: str) -> None:
    """A2: q-values per HTTP (RFC 9110, 12.5.1: the most specific reference has precedence)."""
    assert client.get("/fhir/metadata", headers={"Accept": accept}).mimetype == answered


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/CodeSystem", "/fhir/CodeSystem/result", "/fhir/ConceptMap/$translate"])
def test_a3_every_address_refuses_what_it_does_not_speak(client: FlaskClient, path: str) -> None:
    """A3: 406 for an unsupported Accept."""
    answer = client.get(path, headers={"Accept": "application/fhir+xml"})

    assert (answer.status_code, code_of(answer)) == (406, "not-supported")


def test_a1_everything_that_is_answered_is_utf_8(client: FlaskClient) -> None:
    """A1: UTF-8."""
    for path in ("/fhir/metadata", "/fhir/Library", "/fhir/ConceptMap", "/fhir/none"):
        answer = client.get(path)
        assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
        assert json.loads(answer.data.decode("utf-8"))


@pytest.mark.parametrize(("said", "status"), [("true", 200), ("false", 200), ("TRUE", 200), ("", 200), ("perhaps", 400)])
def test_a5_pretty_is_true_or_false(client: FlaskClient, said: str, status: int) -> None:
    assert client.get(f"/fhir/CodeSystem/result?_pretty={said}").status_code == status


@pytest.mark.parametrize("wanted", ["application/fhir%2Bjson;fhirVersion=4.0", "application/json", "JSON"])
def test_a4_a6_format_may_name_the_version(client: FlaskClient, wanted: str) -> None:
    assert client.get(f"/fhir/metadata?_format={wanted}").status_code == 200
    assert client.get("/fhir/metadata?_format=application/fhir%2Bjson;fhirVersion=5.0").status_code == 406
