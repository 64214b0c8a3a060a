"""No patient, no token and no secret leaves by a side door: planted in every place of a request, over all routes, and looked for in logs,
metrics, standard error and the answers of errors (A21)."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from adapter.app import create_app
from adapter.delivery.database import connected
from adapter.delivery.tables import AUDIT
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.logs import Discreet, Lines, Text
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.issuer import AUDIENCE, Issuer, issuer

PLANTED = ("Zzyzxova", "1961-03-04", "MRN-99887766", "4711.0815", "geheim-tok", "db-passw0rd", "intro-s3cret", "metrics-s3cret")
NAME, BORN, MRN, VALUE, TOKEN = PLANTED[:5]
FHIR = "application/fhir+json"


def person() -> dict[str, object]:
    """A Bundle that is full of what must not be seen."""
    patient = {"resourceType": "Patient", "id": MRN, "name": [{"family": NAME}], "birthDate": BORN, "identifier": [{"value": MRN}]}
    grade = {
        "resourceType": "Observation",
        "id": MRN,
        "status": "final",
        "code": {"text": NAME, "coding": [{"system": "http://loinc.org", "code": "21908-9", "display": NAME}]},
        "subject": {"reference": f"Patient/{MRN}"},
        "valueString": f"{NAME} {VALUE}",
        "note": [{"text": f"{NAME} born {BORN}"}],
    }
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": grade}]}


BODIES = (
    json.dumps(person()),
    json.dumps(person())[:-3],
    json.dumps(person() | {"entry": [{"resource": {"resourceType": NAME, "id": MRN}}]}),
    json.dumps({"resourceType": "Parameters", "parameter": [{"name": NAME, "valueString": VALUE}]}),
    json.dumps({"resourceType": "Parameters", "parameter": [{"name": "basis", "valueString": NAME}]}),
    f"{NAME} {BORN}",
    "[" * 200 + f'"{NAME}"' + "]" * 200,
)


@pytest.fixture
def peer() -> Iterator[Issuer]:
    with issuer() as one:
        yield one


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """Everything that is logged at any level, in both forms."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers = []
    for form in (Text(), Lines()):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(form)
        handlers.append(handler)
        root.addHandler(handler)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(before)
    for handler in handlers:
        root.removeHandler(handler)


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Path]:
    """Secrets as a site keeps them."""
    words = {"intro": PLANTED[6], "metrics": PLANTED[7], "database": f"sqlite:///{tmp_path / 'outbox.sqlite'}?{PLANTED[5]}=1"}
    for name, word in words.items():
        (tmp_path / name).write_text(word)
    return {name: tmp_path / name for name in words}


@pytest.fixture
def settings(peer: Issuer, secrets: dict[str, Path], tmp_path: Path) -> Settings:
    return Settings(
        auth="smart",
        auth_issuers=(peer.url,),
        auth_jwks=(peer.jwks,),
        auth_audience=AUDIENCE,
        auth_token_url=f"{peer.url}/token",
        auth_introspect_url=f"{peer.url}/introspect",
        auth_introspect_client="adapter",
        auth_introspect_secret_file=secrets["intro"],
        metrics_token_file=secrets["metrics"],
        fhir_servers=(f"{peer.url}/fhir",),
        fhir_timeout=1,
        database=f"sqlite:///{tmp_path / 'outbox.sqlite'}",
    )


@pytest.fixture
def app(settings: Settings, knowledge: Knowledge) -> Flask:
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


def addresses(app: Flask) -> Iterator[tuple[str, str]]:
    """Every route with what was planted in its place, by each of its methods."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<any\([^)]*\):[^>]+>", "CodeSystem", rule.rule)
        path = re.sub(r"<[^>]+>", MRN, path)
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            yield method, path
    yield "GET", f"/fhir/Patient/{NAME}/{MRN}"
    yield "PATCH", f"/{NAME}"


def requests_of(app: Flask, tokens: tuple[str, ...]) -> Iterator[dict[str, object]]:
    for method, path in addresses(app):
        for number, body in enumerate(BODIES if method in ("POST", "PUT") else BODIES[:1]):
            for token in tokens if number < 2 else tokens[:1]:
                yield {
                    "method": method,
                    "path": path,
                    "query_string": {"name": NAME, "birthdate": BORN, "n": NAME, "basis": NAME, "_format": "json", "dryRun": NAME},
                    "data": body if method in ("POST", "PUT") else None,
                    "headers": {
                        "Content-Type": FHIR,
                        "Authorization": f"Bearer {token}",
                        "X-Request-Id": f"{NAME} {MRN}",
                        "traceparent": NAME,
                        "User-Agent": NAME,
                        "Cookie": f"session={TOKEN}",
                        "Prefer": NAME,
                        "Referer": f"https://x.example/{MRN}",
                    },
                }


def test_a21_what_is_planted_in_a_request_is_in_no_log_and_no_metric(
    app: Flask, peer: Issuer, heard: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    """A21: URLs/logs may hold PHI: logs as sensitive as data; ours hold none."""
    good = peer.token(scope="system/*.cruds", sub=NAME, fhirUser=f"Practitioner/{NAME}", client_id="ehr")
    tokens = (good, f"{TOKEN}.{NAME}", peer.token(scope="patient/*.rs", patient=MRN), peer.token(exp=1, sub=NAME))
    client, asked = app.test_client(), 0
    for one in requests_of(app, tokens):
        client.open(**one)
        asked += 1
    metrics = client.get("/metrics", headers={"Authorization": f"Bearer {PLANTED[7]}"})

    assert asked > 100
    assert "adapter_requests_total" in metrics.text
    everything = heard.getvalue() + "".join(capfd.readouterr()) + metrics.text
    assert "adapter.access" in everything
    assert [word for word in (*PLANTED, good, good.rsplit(".", 1)[1]) if word in everything] == []


def test_no_token_stands_in_the_audit(app: Flask, settings: Settings, peer: Issuer) -> None:
    """F3: never the token."""
    good = peer.token(scope="system/*.cruds", client_id="ehr", sub="clinician")
    for one in requests_of(app, (good,)):
        app.test_client().open(**one)
    with connected(settings.database).connect() as connection:
        events = [row.event for row in connection.execute(AUDIT.select())]

    assert any(event["agent"][0]["who"].get("identifier", {}).get("value") == "ehr" for event in events)
    assert [word for word in (good, good.rsplit(".", 1)[1], NAME, VALUE, TOKEN) if word in json.dumps(events)] == []


def test_an_error_of_ours_shows_nothing_of_what_was_sent(
    knowledge: Knowledge, heard: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    def explode(*_: object) -> None:
        raise ValueError(f"{NAME} {BORN} {VALUE}")

    settings = Settings()
    client = create_app(settings, Desk(settings, knowledge, explode, explode)).test_client()
    answers = [client.post("/fhir/$interpret-breast-cancer", data=BODIES[0], headers={"Content-Type": FHIR}).text]
    answers += [client.get(f"/fhir/$stage-breast-cancer?basis=anatomic&t={NAME}").text]

    everything = heard.getvalue() + "".join(answers) + "".join(capfd.readouterr())
    assert "ValueError" in everything
    assert [word for word in PLANTED if word in everything] == []


def test_a_secret_stands_in_no_text_of_the_settings(settings: Settings, secrets: dict[str, Path], tmp_path: Path) -> None:
    from_file = Settings(auth="none", database_file=secrets["database"])

    assert PLANTED[5] in from_file.database
    assert [word for word in PLANTED for one in (settings, from_file) if word in repr(one) + str(one)] == []


@pytest.mark.parametrize("name", ["database_file", "auth_issuers", "port", "cors_origins"])
def test_a_setting_that_cannot_be_used_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ADAPTER_{name.upper()}", f"/nowhere/{PLANTED[5]}")

    with pytest.raises(ValueError) as found:  # noqa: PT011 - any of its kinds.
        Settings()
    assert PLANTED[5] not in str(found.value)


def test_the_log_of_an_exception_has_places_and_no_words(heard: io.StringIO) -> None:
    try:
        int(f"{NAME}\nborn {BORN}")
    except ValueError:
        logging.getLogger("some.package").exception("it failed")

    lines = heard.getvalue().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["message"].startswith("it failed: ValueError at ")
    assert NAME not in heard.getvalue()


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("Error handling request %s", (f"/fhir/Patient/{NAME}",)),
        ("Invalid request from ip=%s: %s", ("10.0.0.1", f"Invalid HTTP request line: 'GET /{NAME}'")),
    ],
)
def test_the_words_of_the_server_about_a_request_are_kept_out(heard: io.StringIO, words: str, arguments: tuple[str, ...]) -> None:
    logger, discreet = logging.getLogger("gunicorn.error"), Discreet()
    logger.addFilter(discreet)
    logger.warning(words, *arguments)
    logger.removeFilter(discreet)

    assert "a request could not be read" in heard.getvalue()
    assert NAME not in heard.getvalue()
