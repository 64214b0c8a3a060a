"""The resource server: who is let in, and what the others are told. Tokens come from an issuer of the test over HTTP (C1 to C7)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from adapter.app import create_app
from adapter.fhir.models import check
from adapter.settings import Settings, Unusable
from tests.peers.issuer import AUDIENCE, P384, Issuer, issuer, jwk

FHIR = "application/fhir+json"
INTERPRET, STAGE = "/fhir/$interpret-breast-cancer", "/fhir/$stage-breast-cancer?basis=anatomic&t=T2&n=N1&m=M0"
BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {"resource": {"resourceType": "Patient", "id": "p1"}},
        {"resource": {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p1"}}},
    ],
}


@pytest.fixture
def peer() -> Iterator[Issuer]:
    with issuer() as one:
        yield one


def settings_of(peer: Issuer, **more: object) -> dict[str, object]:
    return {
        "auth": "smart",
        "auth_issuers": (peer.url,),
        "auth_jwks": (peer.jwks,),
        "auth_audience": AUDIENCE,
        "auth_token_url": "https://auth.hospital.example/token",
        "auth_authorize_url": "https://auth.hospital.example/authorize",
        **more,
    }


@pytest.fixture
def client(peer: Issuer, service: Callable[..., Flask]) -> FlaskClient:
    return service(**settings_of(peer)).test_client()


def post(client: FlaskClient, token: str | None, body: object = BUNDLE) -> TestResponse:
    headers = {"Content-Type": FHIR} | ({"Authorization": f"Bearer {token}"} if token else {})
    return client.post(INTERPRET, data=json.dumps(body), headers=headers)


def refused(answer: TestResponse) -> tuple[int, str, str]:
    """The status, R4's type of the issue and the challenge; the body is an OperationOutcome that an independent model takes."""
    assert check(answer.data, "OperationOutcome") == []
    return answer.status_code, json.loads(answer.data)["issue"][0]["code"], answer.headers.get("WWW-Authenticate", "")


def test_without_a_token_the_answer_is_401_with_a_challenge(client: FlaskClient) -> None:
    assert refused(post(client, None)) == (401, "login", "Bearer")
    assert refused(client.get(STAGE)) == (401, "login", "Bearer")


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer", "Token abc"])
def test_what_is_no_bearer_token_is_401(client: FlaskClient, header: str) -> None:
    assert client.get(STAGE, headers={"Authorization": header}).status_code == 401


def test_a_token_in_the_address_is_not_looked_at(client: FlaskClient, peer: Issuer) -> None:
    token = peer.token(scope="system/*.cruds")

    assert client.get(f"{STAGE}&access_token={token}").status_code == 401


def test_c4_a_token_with_the_scopes_is_let_in(client: FlaskClient, peer: Issuer) -> None:
    for scope in ("system/Observation.r system/DiagnosticReport.r", "user/*.read", "openid system/*.cruds"):
        assert post(client, peer.token(scope=scope)).status_code == 200


def test_a_scope_claim_may_be_a_list(client: FlaskClient, peer: Issuer) -> None:
    assert post(client, peer.token(scp=["system/*.rs"])).status_code == 200


def test_c4_a_token_without_the_scopes_is_403_and_is_told_which(client: FlaskClient, peer: Issuer) -> None:
    status, code, challenge = refused(post(client, peer.token(scope="system/Condition.rs openid")))

    assert (status, code) == (403, "forbidden")
    assert challenge == 'Bearer error="insufficient_scope", scope="patient/Observation.r patient/DiagnosticReport.r"'


@pytest.mark.parametrize("claims", [{"scope": None}, {"scope": 7}, {"scope": [5]}, {"scope": {"a": 1}}, {"scope": ""}])
def test_a_token_without_readable_scopes_is_403(client: FlaskClient, peer: Issuer, claims: dict[str, object]) -> None:
    assert post(client, peer.token(**claims)).status_code == 403


def test_c6_a_token_that_proves_nothing_is_401(client: FlaskClient, peer: Issuer) -> None:
    for token in ("opaque", peer.token(aud="https://other.example"), peer.token(exp=1), peer.token(header={"kid": "x"})):
        assert refused(post(client, token)) == (401, "security", 'Bearer error="invalid_token"')


def test_an_issuer_whose_keys_cannot_be_had_is_503(client: FlaskClient, peer: Issuer) -> None:
    peer.status = 500
    status, code, _ = refused(post(client, peer.token(scope="system/*.rs")))

    assert (status, code) == (503, "transient")


def test_metadata_and_discovery_need_no_token(client: FlaskClient) -> None:
    for path in ("/fhir/metadata", "/fhir/CodeSystem", "/.well-known/smart-configuration", "/health/live", "/health/ready", "/scopes"):
        assert client.get(path).status_code == 200, path


# The patient in context.


def patient_token(peer: Issuer, **more: object) -> str:
    return peer.token(**{"scope": "patient/*.rs", "patient": "p1", **more})


def about(*entries: object) -> dict[str, object]:
    return {**BUNDLE, "entry": [{"resource": one} if "resourceType" in one else one for one in entries]}


P1, P2 = {"resourceType": "Patient", "id": "p1"}, {"resourceType": "Patient", "id": "p2"}


def observation(reference: str) -> dict[str, object]:
    return {"resourceType": "Observation", "subject": {"reference": reference}}


@pytest.mark.parametrize(
    "body",
    [
        BUNDLE,
        about(P1),
        about(observation("Patient/p1")),
        about(observation(f"{AUDIENCE}/Patient/p1")),
        about(observation("Patient/p1/_history/3")),
        about({"fullUrl": "urn:uuid:1", "resource": P1}, observation("urn:uuid:1")),
        about(P1, observation("Device/d")),
        {"resourceType": "Parameters", "parameter": [{"name": "bundle", "resource": BUNDLE}]},
    ],
)
def test_c4_a_bundle_of_the_patient_in_context_is_answered(client: FlaskClient, peer: Issuer, body: object) -> None:
    assert post(client, patient_token(peer), body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        about(P2),
        about(P1, P2),
        about(P1, observation("Patient/p2")),
        about(observation("Patient/p2")),
        about(observation("https://other.example/fhir/Patient/p1")),
        about({"resourceType": "Patient"}),
        about({"fullUrl": "https://other.example/fhir/Patient/p1", "resource": P1}),
        about({"fullUrl": "urn:uuid:1", "resource": P1}, observation("urn:uuid:2")),
        about({"resourceType": "Observation", "subject": {"identifier": {"value": "p1"}}}),
        about({"resourceType": "Observation"}),
        about({"resourceType": "Observation", "contained": [P2], "subject": {"reference": "#p2"}}),
        {**BUNDLE, "entry": []},
        {"resourceType": "Parameters", "parameter": [{"name": "bundle", "resource": about(P2)}]},
    ],
)
def test_c4_a_bundle_of_anybody_else_is_403(client: FlaskClient, peer: Issuer, behind: object, body: object) -> None:
    status, code, _ = refused(post(client, patient_token(peer), body))

    assert (status, code) == (403, "business-rule")
    assert behind.parts == []


def test_c4_a_patient_scope_without_a_patient_in_context_is_403(client: FlaskClient, peer: Issuer) -> None:
    assert refused(post(client, peer.token(scope="patient/*.rs")))[0] == 403


def test_the_patient_in_context_may_be_written_as_a_reference(client: FlaskClient, peer: Issuer) -> None:
    assert post(client, patient_token(peer, patient="Patient/p1")).status_code == 200


def test_primitives_of_nobody_need_no_patient_in_the_body(client: FlaskClient, peer: Issuer) -> None:
    sent = {"resourceType": "Parameters", "parameter": [{"name": "basis", "valueString": "anatomic"}]}
    headers = {"Content-Type": FHIR, "Authorization": f"Bearer {patient_token(peer)}"}

    assert client.post("/fhir/$stage-breast-cancer", data=json.dumps(sent), headers=headers).status_code == 200


# Opaque tokens.


@pytest.fixture
def opaque(peer: Issuer, service: Callable[..., Flask], tmp_path: Path) -> FlaskClient:
    (tmp_path / "secret").write_text("s3cr:et\n")
    more = {
        "auth_jwks": (),
        "auth_introspect_url": f"{peer.url}/introspect",
        "auth_introspect_client": "adapter",
        "auth_introspect_secret_file": tmp_path / "secret",
    }
    return service(**settings_of(peer, **more)).test_client()


def test_c7_an_opaque_token_is_asked_about_once_in_a_while(opaque: FlaskClient, peer: Issuer) -> None:
    """C7: introspection response has active, scope, client_id, exp; launch context if it was in the token."""
    peer.tokens["t-1"] = {"active": True, "scope": "patient/*.rs", "client_id": "ehr", "exp": 99_999_999_999, "patient": "p1"}

    assert [post(opaque, "t-1").status_code for _ in range(3)] == [200, 200, 200]
    assert post(opaque, "t-1", about(P2)).status_code == 403
    assert peer.asked == ["/introspect"]
    assert peer.seen[0]["Authorization"] == "Basic YWRhcHRlcjpzM2NyJTNBZXQ="


@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"active": "true", "scope": "system/*.rs"},
        {"scope": "system/*.rs"},
        {"active": True, "scope": "system/*.rs", "exp": 5.5},
        {"active": True, "scope": "system/*.rs", "nbf": 99_999_999_999},
        {"active": True, "scope": "system/*.rs", "exp": 5},
        {"active": True, "scope": "system/*.rs", "aud": "https://other.example"},
        {"active": True, "scope": "system/*.rs", "iss": "https://other.example"},
    ],
)
def test_c7_a_token_that_is_not_active_for_us_is_401(opaque: FlaskClient, peer: Issuer, said: dict[str, object]) -> None:
    peer.tokens["t-2"] = said

    assert refused(post(opaque, "t-2"))[:2] == (401, "security")


def test_c7_an_active_token_without_the_scopes_is_403(opaque: FlaskClient, peer: Issuer) -> None:
    peer.tokens["t-3"] = {"active": True, "scope": "openid", "client_id": "ehr", "exp": 99_999_999_999}

    assert post(opaque, "t-3").status_code == 403


@pytest.mark.parametrize(("status", "body"), [(500, None), (401, None), (200, b"<html>"), (200, b"[]"), (200, b"x" * 300_000)])
def test_an_introspection_that_fails_lets_nobody_in(opaque: FlaskClient, peer: Issuer, status: int, body: bytes | None) -> None:
    peer.status, peer.body = status, body

    assert post(opaque, "t-4").status_code == 503


def test_c7_a_private_key_proves_who_asks(peer: Issuer, service: Callable[..., Flask], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(P384.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    more = {"auth_introspect_url": f"{peer.url}/introspect", "smart_keys": (tmp_path / "key.pem",), "smart_client_id": "adapter"}
    client = service(**settings_of(peer, auth_jwks=(), **more)).test_client()
    peer.tokens["t-5"] = {"active": True, "scope": "system/*.rs", "client_id": "ehr", "exp": 99_999_999_999}

    assert post(client, "t-5").status_code == 200
    assert peer.forms[0]["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_signed_and_opaque_tokens_may_both_be_taken(peer: Issuer, service: Callable[..., Flask], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    more = {
        "auth_introspect_url": f"{peer.url}/introspect",
        "auth_introspect_client": "a",
        "auth_introspect_secret_file": tmp_path / "secret",
    }
    client = service(**settings_of(peer, **more)).test_client()
    peer.tokens["t-6"] = {"active": True, "scope": "system/*.rs"}

    assert post(client, "t-6").status_code == 200
    assert post(client, peer.token(scope="system/*.rs")).status_code == 200
    assert peer.asked == ["/introspect", "/jwks"]


# What is published.


@pytest.mark.parametrize("path", ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"])
def test_c1_discovery_points_at_the_authorization_server_of_the_hospital(client: FlaskClient, peer: Issuer, path: str) -> None:
    """C1: JSON whatever the Accept, absolute URLs; REQUIRED token_endpoint, grant_types_supported, capabilities, S256 and not plain."""
    answer = client.get(path, headers={"Accept": "text/html", "Origin": "https://any.example"})
    said = json.loads(answer.data)

    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert {"token_endpoint", "grant_types_supported", "capabilities", "code_challenge_methods_supported"} <= said.keys()
    assert said["token_endpoint"] == "https://auth.hospital.example/token"
    assert said["code_challenge_methods_supported"] == ["S256"]
    urls = [said[name] for name in ("token_endpoint", "authorization_endpoint", "jwks_uri", "issuer")]
    assert all(url.startswith(("https://", peer.url)) for url in urls)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_c1_there_is_nothing_to_discover_without_authorization(service: Callable[..., Flask]) -> None:
    assert service(auth="none").test_client().get("/.well-known/smart-configuration").status_code == 404


def test_the_statement_says_how_a_caller_is_known(client: FlaskClient, service: Callable[..., Flask]) -> None:
    def security(one: FlaskClient) -> dict[str, object]:
        body = one.get("/fhir/metadata").data
        assert check(body, "CapabilityStatement") == []
        return json.loads(body)["rest"][0]["security"]

    assert security(client)["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    assert "service" not in security(service(auth="none").test_client())


def test_c4_the_table_of_scopes_is_served(client: FlaskClient) -> None:
    said = json.loads(client.get("/scopes").data)

    assert said["interpret"]["scopes"]["patient"] == "patient/Observation.r patient/DiagnosticReport.r"
    assert "user" not in said["interpret-and-write"]["scopes"]


# What keeps the service from starting.


def test_a_service_without_an_authorization_server_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADAPTER_AUTH")

    with pytest.raises(Unusable, match="ADAPTER_AUTH_ISSUERS"):
        create_app(Settings())


@pytest.mark.parametrize(
    "lacks",
    [
        {"auth_issuers": (), "auth_jwks": ()},
        {"auth_jwks": ()},
        {"auth_audience": ""},
        {"auth_token_url": ""},
        {"auth_algorithms": ("HS256",)},
        {"auth_introspect_url": "https://auth.example/i"},
        {"auth_introspect_url": "https://auth.example/i", "auth_introspect_client": "a"},
    ],
)
def test_a_service_that_could_not_tell_who_asks_does_not_start(
    peer: Issuer, service: Callable[..., Flask], lacks: dict[str, object]
) -> None:
    with pytest.raises(Unusable):
        service(**settings_of(peer, **lacks))


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth_issuers": ("https://a.example", "https://b.example")},
        {"auth_jwks": ("http://auth.example/jwks",)},
        {"auth_token_url": "javascript:alert(1)"},
        {"cors_origins": ("*",)},
        {"cors_origins": ("https://app.example/path",)},
        {"cors_origins": ("null",)},
    ],
)
def test_a_setting_that_would_open_a_hole_is_refused(peer: Issuer, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"ADAPTER|address|origin"):
        Settings(**settings_of(peer, **wrong))


def test_without_authorization_only_this_machine_is_answered(service: Callable[..., Flask]) -> None:
    """A page of the web can have its own name point at this machine; the name in the request gives it away."""
    client = service(auth="none").test_client()

    assert [client.get(STAGE, headers={"Host": host}).status_code for host in ("localhost:8080", "127.0.0.1", "[::1]:8080")] == [200] * 3
    assert [client.get(STAGE, headers={"Host": host}).status_code for host in ("evil.example", "localhost.evil.example")] == [403] * 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/cds-services"),
        ("POST", "/cds-services/breast-cancer-interpretations"),
        ("POST", "/cds-services/breast-cancer-interpretations/feedback"),
        ("GET", "/metrics"),
    ],
)
def test_what_looks_itself_who_asks_answers_no_name_that_points_here_either(service: Callable[..., Flask], method: str, path: str) -> None:
    client = service(auth="none").test_client()
    asked = [
        client.open(path, method=method, json={}, headers=headers)
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"})
    ]

    assert [answer.status_code for answer in asked] == [403, 403]


def test_without_authorization_no_page_of_the_web_can_send_a_form(service: Callable[..., Flask]) -> None:
    """A form needs no leave of ours to be sent, and $interpret-and-write needs no body."""
    client = service(auth="none", cors_origins=("https://app.example",)).test_client()

    def status(origin: str) -> int:
        return client.post("/fhir/$stage-breast-cancer", headers={"Origin": origin}).status_code

    assert [status(origin) for origin in ("https://evil.example", "null", "http://localhost.evil.example", "", "file://")] == [403] * 5
    assert [
        status(origin) for origin in ("http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080", "https://app.example")
    ] == [415] * 4


def test_keys_may_change_while_serving(client: FlaskClient, peer: Issuer) -> None:
    assert post(client, peer.token(scope="system/*.rs")).status_code == 200
    peer.keys = [jwk(P384, "after")]

    # Within a few seconds of the last look nobody looks again, whatever kid is named.
    assert post(client, peer.token(scope="system/*.rs", header={"kid": str(uuid4())})).status_code == 401
    assert peer.asked == ["/jwks"]
