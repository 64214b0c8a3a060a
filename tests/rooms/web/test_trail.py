"""Who asked for what about a patient: successes and refusals in the audit, and the patient in context on a real FHIR server (C4, F3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from adapter.app import create_app
from adapter.delivery.tables import AUDIT
from adapter.fhir.models import check
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.hospital import Patient
from tests.peers.issuer import AUDIENCE, Issuer, issuer


@pytest.fixture
def peer() -> Iterator[Issuer]:
    with issuer() as one:
        yield one


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    found = Patient(sekmet_base, f"t{uuid4().hex[:10]}")
    found.admit()
    return found


@pytest.fixture
def app(peer: Issuer, sekmet_base: str, knowledge: Knowledge, tmp_path: Path) -> Flask:
    settings = Settings(
        auth="smart",
        auth_issuers=(peer.url,),
        auth_jwks=(peer.jwks,),
        auth_audience=AUDIENCE,
        auth_token_url=f"{peer.url}/token",
        fhir_servers=(sekmet_base,),
        database=f"sqlite:///{tmp_path / 'outbox.sqlite'}",
    )
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def engine(app: Flask) -> Engine:
    engine: Engine = app.extensions["desk"].workplace.engine
    return engine


def ask(client: FlaskClient, path: str, token: str, method: str = "GET") -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Request-Id": "engine-9"}
    return client.open(path, method=method, headers=headers).status_code


def served(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as connection:
        kept = [row.event for row in connection.execute(AUDIT.select().order_by(AUDIT.c.moment))]
    return [event for event in kept if any("display" in entity.get("what", {}) for entity in event["entity"])]


def test_f3_a_success_says_who_asked_for_what_about_whom(client: FlaskClient, engine: Engine, peer: Issuer, patient: Patient) -> None:
    """F3: type rest, subtype, action, outcome, agents client and server and user, X-Request-Id entity, patient entity."""
    token = peer.token(scope="system/*.rs", client_id="ehr", fhirUser="Practitioner/7", jti="token-1")
    assert ask(client, f"/fhir/{patient.reference}/$interpret-breast-cancer", token) == 200
    (event,) = served(engine)

    assert check(json.dumps(event).encode(), "AuditEvent") == []
    assert (event["type"]["code"], event["subtype"][0]["code"], event["action"], event["outcome"]) == ("rest", "operation", "E", "0")
    client_agent, ours, user = event["agent"]
    assert client_agent["who"]["identifier"] == {"system": peer.url, "value": "ehr"}
    assert [agent["type"]["coding"][0]["code"] for agent in (client_agent, ours)] == ["110153", "110152"]
    assert (user["who"]["identifier"]["value"], user["policy"], user["requestor"]) == ("Practitioner/7", ["token-1"], True)
    assert [agent["requestor"] for agent in (client_agent, ours)] == [False, False]
    assert event["entity"][0]["what"]["identifier"]["value"] == "engine-9"
    assert event["entity"][-1]["what"]["reference"] == patient.reference


def test_f3_a_refusal_of_somebody_known_is_kept_too(client: FlaskClient, engine: Engine, peer: Issuer, patient: Patient) -> None:
    """F3: successes and failures differ."""
    path = f"/fhir/{patient.reference}/$interpret-breast-cancer"
    assert ask(client, path, peer.token(scope="patient/*.rs", patient="another", client_id="app")) == 403
    assert ask(client, path, peer.token(scope="openid", client_id="app")) == 403

    assert [event["outcome"] for event in served(engine)] == ["4", "4"]


def test_whoever_proves_nothing_cannot_fill_the_audit(client: FlaskClient, engine: Engine, peer: Issuer) -> None:
    path = "/fhir/Patient/1/$interpret-breast-cancer"

    assert [ask(client, path, token) for token in ("junk", peer.token(exp=1))] == [401, 401]
    assert served(engine) == []


def test_c4_a_patient_scope_opens_its_patient_and_no_other(client: FlaskClient, peer: Issuer, patient: Patient) -> None:
    own = peer.token(scope="patient/*.rs", patient=patient.id_of("p01"))
    path = "/fhir/Patient/{}/$interpret-breast-cancer"

    assert ask(client, path.format(patient.id_of("p01")), own) == 200
    assert ask(client, path.format("another"), own) == 403


def test_c4_a_user_scope_reaches_the_patient_in_context_only(client: FlaskClient, peer: Issuer, patient: Patient) -> None:
    """Whom a user may see, only the FHIR server knows, and it is asked in our name."""
    path = f"/fhir/{patient.reference}/$interpret-breast-cancer"

    assert ask(client, path, peer.token(scope="user/*.rs")) == 403
    assert ask(client, path, peer.token(scope="user/*.rs", patient=patient.id_of("p01"))) == 200


def test_c4_reading_scopes_write_nothing(client: FlaskClient, peer: Issuer, patient: Patient) -> None:
    path = f"/fhir/{patient.reference}/$interpret-and-write"

    assert ask(client, path, peer.token(scope="system/*.rs"), "POST") == 403
    assert ask(client, path, peer.token(scope="system/*.cruds"), "POST") == 200


def test_c4_a_job_is_shown_to_whom_its_patient_is_in_context(client: FlaskClient, engine: Engine, peer: Issuer, patient: Patient) -> None:
    headers = {"Authorization": f"Bearer {peer.token(scope='system/*.cruds')}", "Prefer": "respond-async"}
    where = client.post(f"/fhir/{patient.reference}/$interpret-and-write", headers=headers).headers["Content-Location"]
    path = where.removeprefix("http://localhost")

    assert ask(client, path, peer.token(scope="patient/*.cruds", patient=patient.id_of("p01"))) == 202
    assert ask(client, path, peer.token(scope="patient/*.cruds", patient="another")) == 403
    assert ask(client, path, peer.token(scope="patient/*.rs", patient=patient.id_of("p01")), "DELETE") == 403
    assert ask(client, path, peer.token(scope="patient/*.cruds", patient=patient.id_of("p01")), "DELETE") == 202
    # The one whose scopes were too small was refused before the job was looked at.
    assert [event["entity"][-1]["what"].get("reference") for event in served(engine)[1:]] == [
        *[patient.reference] * 2,
        None,
        patient.reference,
    ]


def test_notifications_keep_their_own_secret(client: FlaskClient, peer: Issuer) -> None:
    """No token of an app opens the address of a Subscription."""
    assert ask(client, "/fhir/subscription-notification/results", peer.token(scope="system/*.cruds"), "POST") == 404


def test_what_cannot_be_audited_is_not_answered(client: FlaskClient, engine: Engine, peer: Issuer, root: Path) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO gone")
    headers = {"Authorization": f"Bearer {peer.token(scope='system/*.rs')}", "Content-Type": "application/fhir+json"}
    answer = client.post("/fhir/$interpret-breast-cancer", data=(root / "fixtures/missing-grade/input.json").read_bytes(), headers=headers)

    assert (answer.status_code, json.loads(answer.data)["resourceType"]) == (503, "OperationOutcome")
