"""Which client calls, and what users did with its cards: D7, D8. The client is a peer that signs with keys of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError
from sqlalchemy import select

from adapter.app import create_app
from adapter.delivery.feedback import FeedbackBook, Kept
from adapter.delivery.tables import AUDIT
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.cds_client import call
from tests.peers.issuer import OTHER_RSA, P256, P384, RSA, Issuer, issuer

PUBLIC = "https://adapter.hospital.example"
DISCOVERY = f"{PUBLIC}/cds-services"
ID = "breast-cancer-interpretations"
SERVICE, FEEDBACK = f"{DISCOVERY}/{ID}", f"{DISCOVERY}/{ID}/feedback"
TYPE = {"typ": "JWT"}
COMMENT = "Mrs Planted has asked for another opinion"


@pytest.fixture
def ehr() -> Iterator[Issuer]:
    with issuer() as one:
        yield one


@pytest.fixture
def client(ehr: Issuer, knowledge: Knowledge, tmp_path: Path) -> FlaskClient:
    """A service that knows one client."""
    settings = Settings(cds_clients={ehr.url: ehr.jwks}, public_url=PUBLIC, database=f"sqlite:///{tmp_path / 'kept.sqlite'}")
    return create_app(settings, Desk(settings, knowledge, interpret, stage)).test_client()


@pytest.fixture
def book(tmp_path: Path, client: FlaskClient) -> FeedbackBook:
    """What is kept, read in another process's way: through the file."""
    return FeedbackBook(f"sqlite:///{tmp_path / 'kept.sqlite'}")


def test_d8_without_a_registered_client_nobody_may_call(ehr: Issuer, knowledge: Knowledge) -> None:
    """Secure by default: only a service that asks nobody, which listens on loopback, is open."""
    token = f"{ehr.url}/token"
    settings = Settings(auth="smart", auth_issuers=(ehr.url,), auth_jwks=(ehr.jwks,), auth_token_url=token, public_url=PUBLIC)
    client = create_app(settings, Desk(settings, knowledge, interpret, stage)).test_client()
    status, text = asked(client, {})

    assert (status, "ADAPTER_CDS_CLIENTS" in text) == (401, True)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def asked(client: FlaskClient, headers: dict[str, str], where: str = DISCOVERY) -> tuple[int, str]:
    """The status and the words of the answer; every refusal is an OperationOutcome."""
    path = where.removeprefix(PUBLIC)
    answer = client.get(path, headers=headers) if where == DISCOVERY else client.post(path, headers=headers, json={})
    said = json.loads(answer.data)
    assert (said.get("resourceType") == "OperationOutcome") == (answer.status_code != 200)
    return answer.status_code, answer.text


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS384"), (P384, "ES384")])
@pytest.mark.parametrize(("where", "status"), [(DISCOVERY, 200), (SERVICE, 400), (FEEDBACK, 400)])
def test_d8_a_registered_client_is_believed_at_each_address(
    client: FlaskClient, ehr: Issuer, key: object, algorithm: str, where: str, status: int
) -> None:
    """D8: RS384/ES384 recommended; aud = exact endpoint URL. Behind the door an empty body is refused, so 400 is a success here."""
    token = ehr.token(key=key, algorithm=algorithm, header=TYPE, aud=where)
    assert asked(client, bearer(token), where)[0] == status


@pytest.mark.parametrize("where", [DISCOVERY, SERVICE, FEEDBACK, f"{DISCOVERY}/nothing"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, bearer("opaque")])
def test_d8_every_call_needs_a_token_discovery_too(client: FlaskClient, where: str, headers: dict[str, str]) -> None:
    """D8: client JWT on every call, discovery too; not even which services there are is told to others."""
    answer = client.open(where.removeprefix(PUBLIC), method="GET" if where == DISCOVERY else "POST", headers=headers, json={})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert json.loads(answer.data)["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": SERVICE},
        {"aud": f"{DISCOVERY}/"},
        {"aud": PUBLIC},
        {"aud": [SERVICE, FEEDBACK]},
        {"aud": None},
        {"exp": int(time()) - 60},
        {"exp": int(time()) + 86_400},
        {"exp": None},
        {"iat": None},
        {"iat": int(time()) + 3600},
        {"jti": None},
        {"jti": ""},
        {"iss": "https://somebody.example"},
        {"iss": None},
    ],
)
def test_d8_a_token_that_lacks_something_or_is_for_something_else_is_refused(
    client: FlaskClient, ehr: Issuer, changes: dict[str, object]
) -> None:
    """D8: iss, aud = exact endpoint URL, exp, iat, jti; allow-list iss."""
    assert asked(client, bearer(ehr.token(header=TYPE, **({"aud": DISCOVERY} | changes))))[0] == 401


def test_d8_an_audience_may_be_a_list(client: FlaskClient, ehr: Issuer) -> None:
    """RFC 7519: the aud value is either a string or an array of strings."""
    assert asked(client, bearer(ehr.token(header=TYPE, aud=[DISCOVERY])))[0] == 200


def test_d8_a_token_is_taken_once(client: FlaskClient, ehr: Issuer) -> None:
    """D8: jti replay."""
    token = ehr.token(header=TYPE, aud=DISCOVERY)

    assert [asked(client, bearer(token))[0] for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(
    "header", [{"typ": "at+jwt"}, {**TYPE, "kid": None}, {**TYPE, "kid": "unknown"}, {**TYPE, "jku": "https://evil.example/jwks"}]
)
def test_d8_the_header_names_the_registered_key(client: FlaskClient, ehr: Issuer, header: dict[str, object]) -> None:
    """D8: kid, typ; allow-list jku. An address that a token names is never asked."""
    assert asked(client, bearer(ehr.token(header=header, aud=DISCOVERY)))[0] == 401


def test_d8_the_registered_address_of_keys_may_be_named(client: FlaskClient, ehr: Issuer) -> None:
    assert asked(client, bearer(ehr.token(header={**TYPE, "jku": ehr.jwks}, aud=DISCOVERY)))[0] == 200


@pytest.mark.parametrize(("key", "algorithm", "kid"), [("secret" * 8, "HS384", "r1"), (OTHER_RSA, "RS384", "r1"), (P256, "ES256", "p1")])
def test_d8_another_signature_is_refused(client: FlaskClient, ehr: Issuer, key: object, algorithm: str, kid: str) -> None:
    """D8: alg asymmetric only (none and HMAC SHALL NOT)."""
    assert asked(client, bearer(ehr.token(key=key, algorithm=algorithm, header={**TYPE, "kid": kid}, aud=DISCOVERY)))[0] == 401


def test_keys_that_cannot_be_read_are_no_fault_of_the_caller(client: FlaskClient, ehr: Issuer) -> None:
    ehr.status = 500

    assert asked(client, bearer(ehr.token(header=TYPE, aud=DISCOVERY)))[0] == 503


def test_d8_a_whole_call_of_a_client(client: FlaskClient, ehr: Issuer) -> None:
    """Discovery, a call and feedback on its card, each with a token of its own."""
    listed = client.get("/cds-services", headers=bearer(ehr.token(header=TYPE, aud=DISCOVERY)))
    templates = listed.json["services"][0]["prefetch"]

    told = client.post(f"/cds-services/{ID}", headers=bearer(ehr.token(header=TYPE, aud=SERVICE)), json=call(templates))
    card = told.json["cards"][0]["uuid"]
    kept = client.post(f"/cds-services/{ID}/feedback", headers=bearer(ehr.token(header=TYPE, aud=FEEDBACK)), json=said(card=card))
    assert (told.status_code, kept.status_code) == (200, 200)


def test_a_call_of_a_client_leaves_a_trail(ehr: Issuer, knowledge: Knowledge, tmp_path: Path) -> None:
    """F3: an AuditEvent names the client, the user it speaks for and the patient, for a call that was answered and one that was not."""
    settings = Settings(
        cds_clients={ehr.url: ehr.jwks},
        public_url=PUBLIC,
        fhir_servers=("https://fhir.example/r4",),
        database=f"sqlite:///{tmp_path / 'kept.sqlite'}",
    )
    place = workplace(settings, knowledge)
    client = create_app(settings, Desk(settings, knowledge, interpret, stage, place)).test_client()
    context = {"userId": "Practitioner/example", "patientId": "p01"}
    body = {"hook": "patient-view", "hookInstance": str(uuid4()), "context": context}

    answer = client.post(f"/cds-services/{ID}", headers=bearer(ehr.token(header=TYPE, aud=SERVICE)), json=body)
    with place.engine.connect() as connection:
        (event,) = connection.execute(select(AUDIT.c.event)).scalars()
    assert answer.status_code == 412
    assert event["outcome"] != "0"
    words = json.dumps(event)
    assert all(word in words for word in (ehr.url, "Practitioner/example", "Patient/p01", "cds-hooks-patient-view"))


@pytest.mark.parametrize(
    "pair",
    ["https://ehr.example", "https://ehr.example http://ehr.example/jwks", "a https://a.example/k, a https://b.example/k", "a b c"],
)
def test_a_client_that_cannot_be_registered_keeps_the_service_from_starting(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_PUBLIC_URL", PUBLIC)
    monkeypatch.setenv("ADAPTER_CDS_CLIENTS", pair)

    with pytest.raises(ValidationError):
        Settings()


def test_clients_need_the_address_that_their_tokens_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_CDS_CLIENTS", "https://ehr.example https://ehr.example/jwks")

    with pytest.raises(ValidationError, match="ADAPTER_PUBLIC_URL"):
        Settings()
    monkeypatch.setenv("ADAPTER_PUBLIC_URL", PUBLIC)
    assert Settings().cds_clients == {"https://ehr.example": "https://ehr.example/jwks"}


# Feedback


def said(*more: dict[str, Any], **changes: object) -> dict[str, Any]:
    """Feedback of the standard's own example for an override, with changes."""
    reason = {"reason": {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"}, "userComment": COMMENT}
    first = {"card": str(uuid4()), "outcome": "overridden", "overrideReason": reason, "outcomeTimestamp": "2020-12-11T00:00:00Z"}
    return {"feedback": [first | changes, *more]}


def tell(client: FlaskClient, ehr: Issuer, body: object) -> int:
    headers = bearer(ehr.token(header=TYPE, aud=FEEDBACK)) | {"Content-Type": "application/json"}
    answer = client.post(f"/cds-services/{ID}/feedback", headers=headers, data=body if isinstance(body, bytes) else json.dumps(body))
    return answer.status_code


def test_d7_feedback_is_kept(client: FlaskClient, ehr: Issuer, book: FeedbackBook) -> None:
    """D7: {feedback:[{card, outcome, overrideReason{reason,userComment}, outcomeTimestamp}]}; here two items of the standard's examples."""
    accepted = {
        "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
        "outcomeTimestamp": "2021-12-11T10:05:31Z",
    }
    assert tell(client, ehr, said(accepted)) == 200

    overridden, taken = book.kept()
    assert (overridden.outcome, overridden.reason_code, overridden.comment) == ("overridden", "d7ecf885", COMMENT)
    assert (taken.card, taken.suggestions) == (accepted["card"], ("e56e1945-20b3-4393-8503-a1a20fd73152",))
    assert taken.at.isoformat() == "2021-12-11T10:05:31+00:00"
    assert {(one.service, one.client) for one in (overridden, taken)} == {(ID, ehr.url)}


def test_d7_the_same_card_may_come_again(client: FlaskClient, ehr: Issuer, book: FeedbackBook) -> None:
    """D7: the same words are kept once, however often they come; another moment or outcome is another event."""
    card = str(uuid4())
    first = said(card=card)
    for body in (first, first, said(card=card.upper(), outcomeTimestamp="2020-12-11T01:00:00+01:00"), {"feedback": first["feedback"] * 3}):
        assert tell(client, ehr, body) == 200
    assert len(book.kept()) == 1

    assert tell(client, ehr, said(card=card, outcomeTimestamp="2020-12-12T00:00:00Z")) == 200
    assert tell(client, ehr, said(card=card, outcome="accepted", overrideReason={})) == 200
    assert len(book.kept()) == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"feedback": []},
        {"feedback": [{}]},
        {"feedback": {}},
        said(card="card-1"),
        said(card=7),
        said(outcome="ignored"),
        said(outcomeTimestamp="yesterday"),
        said(outcomeTimestamp="2020-12-11T00:00:00"),
        said(outcomeTimestamp="0001-01-01T00:00:00+14:00"),
        said(outcomeTimestamp="2020-12-11"),
        said(acceptedSuggestions=[{"id": "x"}]),
        said(overrideReason={"userComment": "x" * 5000}),
        said({"card": str(uuid4()), "outcome": "overridden"}),
        b"{",
    ],
)
def test_d7_feedback_with_a_fault_is_refused_as_a_whole(client: FlaskClient, ehr: Issuer, book: FeedbackBook, body: object) -> None:
    assert tell(client, ehr, body) == 400
    assert book.kept() == []


def test_d7_a_comment_of_a_user_is_in_no_log(
    client: FlaskClient, ehr: Issuer, book: FeedbackBook, caplog: pytest.LogCaptureFixture
) -> None:
    """A comment is free text, so it may hold a name."""
    caplog.set_level(logging.DEBUG)
    assert tell(client, ehr, said()) == 200
    assert tell(client, ehr, said(outcome=COMMENT)) == 400

    assert caplog.records
    assert "Planted" not in caplog.text


def test_what_cannot_be_kept_is_not_acknowledged(ehr: Issuer, knowledge: Knowledge, tmp_path: Path) -> None:
    (tmp_path / "no-database").write_text("this is no database")
    database = f"sqlite:///{tmp_path / 'no-database'}"
    settings = Settings(cds_clients={ehr.url: ehr.jwks}, public_url=PUBLIC, database=database)
    client = create_app(settings, Desk(settings, knowledge, interpret, stage)).test_client()

    assert tell(client, ehr, said()) == 503


def test_feedback_survives_the_process(client: FlaskClient, ehr: Issuer, tmp_path: Path) -> None:
    assert tell(client, ehr, said()) == 200

    assert [type(one) for one in FeedbackBook(f"sqlite:///{tmp_path / 'kept.sqlite'}").kept()] == [Kept]
