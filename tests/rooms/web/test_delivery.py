"""What may be asked about a patient on the FHIR server: read, written back, asked later; and where the server tells us of changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from adapter.app import create_app
from adapter.delivery import outbox, subscriptions
from adapter.delivery.jobs import State, Work
from adapter.delivery.tables import AUDIT
from adapter.delivery.worker import work
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import Patient
from tests.rooms.web.test_metadata import listed_addresses, served_addresses

ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def app(line: Line, knowledge: Knowledge, tmp_path: Path) -> Flask:
    settings = Settings(fhir_servers=(line.base,), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}", fhir_timeout=2)
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def engine(app: Flask) -> Engine:
    engine: Engine = app.extensions["desk"].workplace.engine
    return engine


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    found = Patient(sekmet_base, f"t{uuid4().hex[:10]}")
    found.admit()
    return found


def do_the_rest(app: Flask) -> None:
    work(app.extensions["desk"].workplace, Event(), 0.01, until_empty=True)


def parameters(body: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in json.loads(body)["parameter"]:
        found[one["name"]] = next((value for name, value in one.items() if name.startswith("value")), None)
    return found


def test_b1_a_patient_of_the_server_is_interpreted_and_nothing_is_changed_there(client: FlaskClient, patient: Patient, line: Line) -> None:
    answer = client.get(f"/fhir/{patient.reference}/$interpret-breast-cancer")

    kinds = [entry["resource"]["resourceType"] for entry in json.loads(answer.data)["entry"]]
    assert (answer.status_code, {"Observation", "DiagnosticReport", "Provenance"} <= set(kinds)) == (200, True)
    assert {method for method, _, _ in line.seen} == {"GET"}


def test_a_patient_is_written_back_at_once(client: FlaskClient, patient: Patient) -> None:
    first = client.post(f"/fhir/{patient.reference}/$interpret-and-write")
    second = client.post(f"/fhir/{patient.reference}/$interpret-and-write")

    assert (first.status_code, parameters(first.data)["outcome"], parameters(first.data)["create"]) == (200, "written", patient.written())
    assert (parameters(second.data)["outcome"], parameters(second.data)["unchanged"]) == ("nothing-to-write", patient.written())
    assert patient.answers()["her2-status"] == "negative"


def test_b9_a_patient_is_written_back_later(client: FlaskClient, patient: Patient, app: Flask) -> None:
    """B9: 202 + absolute Content-Location; poll 202 with X-Progress (<100 chars) and Retry-After; then the manifest."""
    asked = client.post(f"/fhir/{patient.reference}/$interpret-and-write", headers=ASYNC)
    address = asked.headers["Content-Location"]
    waits = client.get(address)
    do_the_rest(app)
    done = client.get(address)

    assert (asked.status_code, address.startswith("http://localhost/fhir/jobs/")) == (202, True)
    assert (waits.status_code, waits.headers["Retry-After"], len(waits.headers["X-Progress"]) < 100) == (202, "5", True)
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= done.json.keys()
    assert {one["type"] for one in done.json["output"]} == {"Observation", "DiagnosticReport"}
    assert done.json["request"] == f"http://localhost/fhir/{patient.reference}/$interpret-and-write"


def test_b4_a_dry_run_shows_what_would_be_written(client: FlaskClient, patient: Patient) -> None:
    """B4: out parameters of any other name than `return` are wrapped, and each is one that the OperationDefinition has."""
    answer = client.post(f"/fhir/{patient.reference}/$interpret-and-write?dryRun=true")
    given = {one["name"]: one for one in answer.json["parameter"]}
    defined = client.get("/fhir/OperationDefinition/interpret-and-write").json["parameter"]

    assert given["outcome"]["valueCode"] == "rehearsed"
    assert given.keys() <= {one["name"] for one in defined if one["use"] == "out"}
    difference = given["difference"]["resource"]
    assert {entry["resource"]["resourceType"] for entry in difference["entry"]} == {"Observation", "DiagnosticReport"}
    assert patient.results() == {}


def test_b6_a_post_without_parameters_may_be_empty(client: FlaskClient, patient: Patient) -> None:
    """B6: no parameters and a state change: POST with `Content-Length: 0`."""
    address = f"/fhir/{patient.reference}/$interpret-and-write"

    assert client.post(address, headers={"Content-Length": "0"}).status_code == 200
    assert client.post(address, content_type="application/fhir+json").status_code == 200
    assert client.post(address, content_type="application/x-www-form-urlencoded").status_code == 200


@pytest.mark.parametrize("media", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_a_rehearsal_that_is_asked_for_without_a_content_type_of_fhir_never_writes(
    client: FlaskClient, patient: Patient, media: str | None
) -> None:
    """What cannot be read is refused, and is not taken for nothing: the caller asked to change nothing."""
    asked = {"resourceType": "Parameters", "parameter": [{"name": "dryRun", "valueBoolean": True}]}
    answer = client.post(f"/fhir/{patient.reference}/$interpret-and-write", data=json.dumps(asked), content_type=media)

    assert (answer.status_code, patient.results()) == (415, {})


def test_what_the_operation_of_a_patient_does_not_take_is_refused(client: FlaskClient, patient: Patient) -> None:
    address = f"/fhir/{patient.reference}/$interpret-breast-cancer"

    assert client.get(f"{address}?scheme=subtype=stgallen2011").status_code == 400
    assert client.post(address, data=b'{"resourceType":"Parameters"}', content_type="application/fhir+json").status_code == 200
    assert client.post(address, data=b'{"resourceType":"Bundle"}', content_type="application/fhir+json").status_code == 400


def test_a_dry_run_may_be_asked_for_in_parameters(client: FlaskClient, patient: Patient) -> None:
    asked = {"resourceType": "Parameters", "parameter": [{"name": "dryRun", "valueBoolean": True}]}
    address = f"/fhir/{patient.reference}/$interpret-and-write"
    answer = client.post(address, data=json.dumps(asked), content_type="application/fhir+json")

    assert (parameters(answer.data)["outcome"], patient.results()) == ("rehearsed", {})
    asked["parameter"] = [{"name": "writeBack", "valueBoolean": True}]
    assert client.post(address, data=json.dumps(asked), content_type="application/fhir+json").status_code == 400
    assert client.post(f"{address}?dryRun=perhaps").status_code == 400


def test_what_cannot_be_written_now_is_accepted_and_written_later(
    client: FlaskClient, patient: Patient, line: Line, app: Flask, engine: Engine
) -> None:
    line.fail(Breakage.DROP_BEFORE, "GET", "everything")
    answer = client.post(f"/fhir/{patient.reference}/$interpret-and-write")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE jobs SET due = 0")
    do_the_rest(app)

    assert (answer.status_code, client.get(answer.headers["Content-Location"]).status_code) == (202, 200)
    assert patient.answers()["her2-status"] == "negative"


def test_a_job_that_died_says_why(client: FlaskClient, patient: Patient, line: Line) -> None:
    line.fail(Breakage.ANSWER_STATUS, "POST", status=422, times=9)
    answer = client.post(f"/fhir/{patient.reference}/$interpret-and-write")

    assert answer.status_code == 500
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "job-failed"
    assert "trying again cannot help (refused)" in answer.get_data(as_text=True)
    assert "Jane" not in answer.get_data(as_text=True)


def test_a_waiting_job_can_be_taken_back(client: FlaskClient, patient: Patient, engine: Engine) -> None:
    """B9: DELETE cancels (202)."""
    address = client.post(f"/fhir/{patient.reference}/$interpret-and-write", headers=ASYNC).headers["Content-Location"]

    assert (client.delete(address).status_code, client.get(address).status_code) == (202, 404)
    assert outbox.listed(engine)[0].state is State.CANCELLED


def test_a_job_that_another_took_over_answers_for_it(client: FlaskClient, patient: Patient, engine: Engine, app: Flask) -> None:
    address = client.post(f"/fhir/{patient.reference}/$interpret-and-write", headers=ASYNC).headers["Content-Location"]
    name = address.rpartition("/")[2]
    place = app.extensions["desk"].workplace
    outbox.dead(engine, outbox.lease_one(engine, name, "w", place.patience, place.clock()), "a reason", place.clock())
    assert client.get(address).status_code == 500
    outbox.retry(engine, name, place.clock())
    assert client.get(address).status_code == 202
    do_the_rest(app)

    assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("what", "status", "expected"),
    [
        (Breakage.ANSWER_STATUS, 503, 503),
        (Breakage.DROP_BEFORE, 0, 503),
        (Breakage.ANSWER_STATUS, 400, 502),
        (Breakage.ANSWER_STATUS, 404, 404),
    ],
)
def test_trouble_with_the_server_is_said_without_its_words(
    client: FlaskClient, patient: Patient, line: Line, what: Breakage, status: int, expected: int
) -> None:
    line.fail(what, "GET", "Patient", status=status)
    answer = client.get(f"/fhir/{patient.reference}/$interpret-breast-cancer")

    assert (answer.status_code, answer.json["resourceType"]) == (expected, "OperationOutcome")
    assert ("Retry-After" in answer.headers) == (expected == 503)
    assert "Jane" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("name", ["a b", "x" * 65, "..%2Fadmin"])
def test_what_is_no_id_never_reaches_the_server(client: FlaskClient, line: Line, name: str) -> None:
    assert client.get(f"/fhir/Patient/{name}/$interpret-breast-cancer").status_code in (400, 404)
    assert line.seen == []


def test_f3_every_read_and_every_write_is_kept(client: FlaskClient, patient: Patient, engine: Engine, line: Line) -> None:
    client.post(f"/fhir/{patient.reference}/$interpret-and-write")
    with engine.begin() as connection:
        events = list(connection.execute(select(AUDIT.c.event).order_by(AUDIT.c.moment)).scalars())

    kinds = [event["subtype"][0]["code"] for event in events]
    asked = [path for _, path, _ in line.seen if "metadata" not in path]
    assert len(events) == len(asked)
    assert {"read", "operation", "create", "transaction"} == set(kinds)
    assert {event["outcome"] for event in events} == {"0"}
    assert all({"reference": patient.reference} in [one.get("what") for one in event["entity"]] for event in events)


def test_a17_the_operations_are_listed_where_there_is_a_server(client: FlaskClient) -> None:
    """A17: what is not listed is not supported."""
    statement = client.get("/fhir/metadata").json
    assert listed_addresses(client) == served_addresses(client)
    patient = next(one for one in statement["rest"][0]["resource"] if one["type"] == "Patient")

    assert {one["name"] for one in patient["operation"]} == {"interpret-breast-cancer", "interpret-and-write"}
    for one in patient["operation"]:
        name = one["definition"].rpartition("/")[2]
        definition = client.get(f"/fhir/OperationDefinition/{name}").json
        assert (definition["instance"], definition["resource"], definition["code"]) == (True, ["Patient"], one["name"])
        assert definition["affectsState"] == (one["name"] == "interpret-and-write")


# Notifications.


@pytest.fixture
def told(client: FlaskClient, engine: Engine, line: Line, app: Flask) -> Callable[..., int]:
    """The status of a notification to a Subscription that we asked for."""
    known = subscriptions.Known(
        name="results",
        server=line.base,
        reference="Subscription/1",
        criteria=("Observation",),
        secret=subscriptions.digest_of("the-secret"),
        status="active",
        checked=app.extensions["desk"].workplace.clock(),
    )
    subscriptions.remember(engine, known)

    def tell(body: object = None, path: str = "results", secret: str = "the-secret", method: str = "POST") -> int:  # noqa: S107 - a made-up one.
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/fhir+json"}
        headers = {"Authorization": f"Bearer {secret}"}
        return client.open(f"/fhir/subscription-notification/{path}", method=method, headers=headers, **content).status_code

    return tell


def test_e2_a_notification_queues_the_patient(told: Callable[..., int], engine: Engine, patient: Patient) -> None:
    er = patient.resources["er"]

    assert told(er, f"results/Observation/{er['id']}", method="PUT") == 200
    assert [(job.kind, job.subject) for job in outbox.listed(engine)] == [(Work.WRITE, patient.reference)]


def test_e2_an_empty_body_is_a_notification(told: Callable[..., int], engine: Engine) -> None:
    assert told() == 200
    assert [job.kind for job in outbox.listed(engine)] == [Work.RECOVER]


def test_a_notification_of_a_stranger_is_not_heard(told: Callable[..., int], engine: Engine, patient: Patient) -> None:
    er = patient.resources["er"]

    assert {told(er, "results", "wrong"), told(er, "unknown"), told(er, "results", "")} == {404}
    assert outbox.listed(engine) == []


def test_a_notification_that_cannot_be_kept_is_not_acknowledged(told: Callable[..., int], engine: Engine, patient: Patient) -> None:
    """A full disk: the server is told to come again."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.rollback()
    statuses = {told({**patient.resources["er"], "subject": {"reference": f"Patient/p{number}"}}) for number in range(150)}

    assert statuses == {200, 503}
