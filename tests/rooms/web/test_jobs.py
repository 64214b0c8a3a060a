"""What was posted to be answered later: kept, worked on, read by who posted it, removed. R4 asynchronous pattern: B9."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from adapter.app import create_app
from adapter.delivery import outbox, posted
from adapter.delivery.outbox import LeaseLost
from adapter.delivery.tables import ANSWERS, JOBS, POSTED
from adapter.delivery.worker import do, work
from adapter.delivery.workplace import Workplace
from adapter.fhir.lines import with_line
from adapter.fhir.parameters import refuse
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.settings import Settings
from adapter.web.desk import Desk
from adapter.web.guard import Caller

INTERPRET = "/fhir/$interpret-breast-cancer"
FHIR, LINES = {"Content-Type": "application/fhir+json"}, {"Content-Type": "application/fhir+ndjson"}
LATER = {"Prefer": "respond-async"}
BUNDLE = b'{"resourceType":"Bundle","type":"collection"}'


class Answering:
    """Remembers what it was asked; a body with `refuse` in it is refused."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, list[str]]] = []

    def __call__(self, bundle: bytes, schemes: object) -> bytes:
        self.asked.append((bundle, list(schemes)))
        if b"refuse" in bundle:
            refuse("not-a-bundle", "no Bundle")
        return b'{"resourceType":"Bundle","type":"collection","total":' + str(len(self.asked)).encode() + b"}"


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
def app(knowledge: Knowledge, tmp_path: Path, answering: Answering, behind: object) -> Flask:
    settings = Settings(database=f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    place = replace(workplace(settings, knowledge), answer=answering)
    return create_app(settings, Desk(settings, knowledge, behind.interpret, behind.stage, place))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def place(app: Flask) -> Workplace:
    found: Workplace = app.extensions["desk"].workplace
    return found


@pytest.fixture
def finish(place: Workplace) -> Callable[[], int]:
    """Do what waits."""
    return lambda: work(place, Event(), 0.01, until_empty=True)


def post(client: FlaskClient, body: bytes = BUNDLE, kind: dict[str, str] = FHIR, query: str = "") -> str:
    answer = client.post(f"{INTERPRET}{query}", data=body, headers=kind | LATER)
    assert (answer.status_code, answer.data) == (202, b"")
    return str(answer.headers["Content-Location"])


def kept(engine: Engine) -> tuple[int, ...]:
    """How many requests, answers and jobs there are."""
    with engine.begin() as connection:
        return tuple(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (POSTED, ANSWERS, JOBS))


def test_b9_a_posted_bundle_is_answered_later(client: FlaskClient, finish: Callable[[], int], answering: Answering) -> None:
    """B9: 202 + absolute Content-Location; poll 202 with X-Progress (<100 chars) and Retry-After; 200 JSON manifest."""
    address = post(client, query="?scheme=subtype=stgallen2011")
    waits = client.get(address)
    finish()
    done = client.get(address)
    result = client.get(done.json["output"][0]["url"])

    assert address.startswith("http://localhost/fhir/jobs/")
    assert (waits.status_code, waits.headers["Retry-After"], len(waits.headers["X-Progress"]) < 100) == (202, "5", True)
    assert (done.status_code, done.mimetype) == (200, "application/json")
    assert done.json["request"] == f"http://localhost{INTERPRET}?scheme=subtype=stgallen2011"
    assert {"transactionTime", "request", "requiresAccessToken", "output", "error"} <= done.json.keys()
    assert (result.status_code, result.mimetype, result.json["resourceType"]) == (200, "application/fhir+json", "Bundle")
    assert answering.asked == [(BUNDLE, ["subtype=stgallen2011"])]


def test_b9_a_bundle_in_parameters_keeps_its_schemes(client: FlaskClient, finish: Callable[[], int], answering: Answering) -> None:
    scheme = b'{"name":"scheme","valueString":"subtype=stgallen2013"}'
    post(client, b'{"resourceType":"Parameters","parameter":[{"name":"bundle","resource":' + BUNDLE + b"}," + scheme + b"]}")
    finish()

    assert answering.asked == [(BUNDLE, ["subtype=stgallen2013"])]


REFUSED = b'{"resourceType":"Bundle","id":"refuse"}'


def file_of(client: FlaskClient, address: str) -> list[dict[str, object]]:
    """What stands in each line of a file of a manifest."""
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype, "Expires" in answer.headers) == (200, "application/fhir+ndjson", True)
    return [json.loads(line) for line in answer.data.splitlines()]


def test_b9_results_and_refused_lines_are_a_file_each(client: FlaskClient, finish: Callable[[], int]) -> None:
    """B9: each file holds one type, and errors are listed under `error`; each says which line of the request it is about."""
    address = post(client, b"\n".join([BUNDLE, b"{broken", b"", BUNDLE, REFUSED]), LINES)
    finish()
    manifest = client.get(address).json
    outcomes = file_of(client, f"{address}/errors")

    assert manifest["extension"] == {"answered": 2, "refused": 2}
    assert manifest["output"] == [{"type": "Bundle", "url": f"{address}/result"}]
    assert manifest["error"] == [{"type": "OperationOutcome", "url": f"{address}/errors"}]
    assert [one["resourceType"] for one in file_of(client, f"{address}/result")] == ["Bundle", "Bundle"]
    assert [one["resourceType"] for one in outcomes] == ["OperationOutcome", "OperationOutcome"]
    assert [one["issue"][0]["diagnostics"] for one in outcomes] == ["line 2 of the request", "line 5 of the request"]
    for name in ("result", "errors"):
        assert client.get(f"{address}/{name}", headers={"Accept": "application/fhir+json"}).status_code == 406


@pytest.mark.parametrize(
    ("line", "listed", "served"), [(BUNDLE, ("output",), "result"), (REFUSED, ("error",), "errors"), (b" ", (), ""), (b"", (), "")]
)
def test_b9_a_file_that_would_hold_nothing_is_neither_named_nor_there(
    client: FlaskClient, finish: Callable[[], int], line: bytes, listed: tuple[str, ...], served: str
) -> None:
    address = post(client, line + b"\n" + line, LINES)
    finish()
    manifest = client.get(address).json

    assert [kind for kind in ("output", "error") if manifest[kind]] == list(listed)
    assert [name for name in ("result", "errors") if client.get(f"{address}/{name}").status_code != 404] == ([served] if served else [])


def test_b9_a_posted_bundle_has_no_file_of_refused_lines(client: FlaskClient, finish: Callable[[], int]) -> None:
    answered, refused = post(client), post(client, REFUSED)
    waiting = client.get(f"{answered}/errors").status_code
    finish()

    assert (waiting, client.get(f"{answered}/errors").status_code, client.get(f"{refused}/errors").status_code) == (404, 404, 404)
    assert (client.get(answered).json["error"], client.get(refused).status_code) == ([], 400)


def test_only_who_posted_it_can_read_its_refused_lines(app: Flask, client: FlaskClient, finish: Callable[[], int]) -> None:
    asked: list[str] = []

    def gate(operation: str) -> Caller:
        asked.append(operation)
        return Caller(issuer="https://issuer.example", client=request.headers.get("Authorization", ""))

    app.extensions["gate"] = gate
    address = client.post(INTERPRET, data=REFUSED, headers=LINES | LATER | {"Authorization": "a"}).headers["Content-Location"]
    finish()
    seen = [client.get(f"{address}/errors", headers={"Authorization": who}).status_code for who in ("a", "b", "")]
    client.delete(address, headers={"Authorization": "a"})

    assert (seen, set(asked)) == ([200, 404, 404], {"interpret"})
    assert client.get(f"{address}/errors", headers={"Authorization": "a"}).status_code == 404


def test_the_line_stands_before_the_place_in_it() -> None:
    said = {"resourceType": "OperationOutcome", "issue": [{"code": "value", "diagnostics": "Observation/1"}, {"code": "value"}]}
    issues = json.loads(with_line(json.dumps(said).encode(), 7))["issue"]

    assert [one["diagnostics"] for one in issues] == ["line 7 of the request: Observation/1", "line 7 of the request"]


def test_b9_a_refusal_is_said_under_its_own_status(client: FlaskClient, finish: Callable[[], int]) -> None:
    """B9: errors SHALL have an OperationOutcome."""
    address = post(client, b'{"resourceType":"Bundle","id":"refuse"}')
    finish()
    answer = client.get(address)

    assert (answer.status_code, answer.json["issue"][0]["details"]["coding"][0]["code"]) == (400, "not-a-bundle")
    assert client.get(f"{address}/result").status_code == 404


@pytest.mark.parametrize("body", [b"{broken", b'{"resourceType":"Parameters"}'])
def test_what_can_be_refused_at_once_is_not_kept(client: FlaskClient, place: Workplace, body: bytes) -> None:
    assert client.post(INTERPRET, data=body, headers=FHIR | LATER).status_code == 400
    assert client.post(f"{INTERPRET}?scheme=none", data=BUNDLE, headers=FHIR | LATER).status_code == 400
    assert kept(place.engine) == (0, 0, 0)


@pytest.mark.parametrize("is_done", [False, True])
def test_b9_delete_removes_request_answer_and_job(client: FlaskClient, place: Workplace, finish: Callable[[], int], is_done: bool) -> None:
    """B9: DELETE cancels (202); the address is then unknown."""
    address = post(client)
    if is_done:
        finish()

    assert client.delete(address).status_code == 202
    assert kept(place.engine) == (0, 0, 0)
    assert {client.get(address).status_code, client.get(f"{address}/result").status_code, client.delete(address).status_code} == {404}


def test_what_was_deleted_is_not_left_in_the_file(place: Workplace, client: FlaskClient, tmp_path: Path) -> None:
    """SQLite leaves what is deleted in its free pages, unless it is told to overwrite it; some builds are told so already."""
    with place.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
    mark = b"a-name-to-look-for"
    kept = post(client, b'{"resourceType":"Bundle","id":"' + mark * 5000 + b'"}')
    client.delete(kept)
    post(client)
    place.engine.dispose()

    files = list(tmp_path.glob("jobs.sqlite*"))
    assert files
    assert [path.name for path in files if mark in path.read_bytes()] == []


def test_a_worker_whose_request_was_withdrawn_writes_nothing(client: FlaskClient, place: Workplace) -> None:
    address = post(client)
    job = outbox.lease_next(place.engine, "w", place.patience, place.clock())
    client.delete(address)
    do(place, job)

    assert kept(place.engine) == (0, 0, 0)


def test_the_body_is_gone_as_soon_as_it_is_answered(client: FlaskClient, place: Workplace, finish: Callable[[], int]) -> None:
    post(client)
    finish()
    with place.engine.begin() as connection:
        assert connection.execute(select(POSTED.c.body)).scalar_one() == b""


def test_only_who_posted_it_can_read_it(app: Flask, client: FlaskClient, finish: Callable[[], int]) -> None:
    app.extensions["gate"] = lambda _operation: Caller(issuer="https://issuer.example", client=request.headers.get("Authorization", ""))
    kind = FHIR | LATER | {"Authorization": "a"}
    address = client.post(INTERPRET, data=BUNDLE, headers=kind).headers["Content-Location"]
    finish()
    seen = {
        who: (
            client.get(address, headers={"Authorization": who}).status_code,
            client.get(f"{address}/result", headers={"Authorization": who}).status_code,
        )
        for who in ("a", "b", "")
    }
    stolen = client.delete(address, headers={"Authorization": "b"}).status_code

    assert seen == {"a": (200, 200), "b": (404, 404), "": (404, 404)}
    assert (stolen, client.get(address, headers={"Authorization": "a"}).status_code) == (404, 200)


def test_what_is_over_is_gone_for_readers_and_then_for_good(app: Flask, client: FlaskClient, place: Workplace) -> None:
    address = post(client)
    app.extensions["desk"] = app.extensions["desk"]._replace(
        workplace=replace(place, clock=lambda: workplace_clock(place) + timedelta(hours=24))
    )
    assert client.get(address).status_code == 404
    assert kept(place.engine) == (1, 0, 1)
    assert posted.forget_expired(place.engine, workplace_clock(place) + timedelta(hours=25)) == 1
    assert kept(place.engine) == (0, 0, 0)


def workplace_clock(place: Workplace) -> object:
    return place.clock()


def test_a_new_request_removes_what_is_over(app: Flask, client: FlaskClient, place: Workplace) -> None:
    """Without any worker nothing stays for ever."""
    post(client)
    later = replace(place, clock=lambda: workplace_clock(place) + timedelta(hours=25))
    app.extensions["desk"] = app.extensions["desk"]._replace(workplace=later)
    post(client)

    assert kept(place.engine) == (1, 0, 1)


def test_a_job_that_nobody_takes_up_says_so(app: Flask, client: FlaskClient, place: Workplace) -> None:
    address = post(client)
    later = replace(place, clock=lambda: workplace_clock(place) + timedelta(minutes=2))
    app.extensions["desk"] = app.extensions["desk"]._replace(workplace=later)
    progress = client.get(address).headers["X-Progress"]

    assert ("no worker" in progress, len(progress) < 100) == (True, True)


def test_a_worker_goes_on_where_the_last_one_stopped(client: FlaskClient, place: Workplace, answering: Answering) -> None:
    """Forty-five lines, the first worker stops in the third batch: what was kept is not answered again, and nothing is missing."""
    address = post(client, b"\n".join([BUNDLE] * 45), LINES)
    job = outbox.lease_next(place.engine, "w", place.patience, place.clock())

    def stopping(bundle: bytes, schemes: object) -> bytes:
        if len(answering.asked) == 42:
            raise KeyboardInterrupt
        return answering(bundle, schemes)

    with pytest.raises(KeyboardInterrupt):
        posted.answer(replace(place, answer=stopping), job)
    before = len(answering.asked)
    posted.answer(place, job)

    assert (before, len(answering.asked) - before) == (42, 5)
    assert client.get(address).json["extension"] == {"answered": 45, "refused": 0}
    assert len(client.get(f"{address}/result").data.splitlines()) == 45


def test_two_workers_never_keep_one_answer_twice(client: FlaskClient, place: Workplace) -> None:
    post(client, b"\n".join([BUNDLE] * 3), LINES)
    job = outbox.lease_next(place.engine, "w", place.patience, place.clock())

    def overtaken(bundle: bytes, schemes: object) -> bytes:
        if not taken:
            taken.append(True)
            posted.answer(place, job)
        return BUNDLE

    taken: list[bool] = []
    with pytest.raises(LeaseLost):
        posted.answer(replace(place, answer=overtaken), job)
    assert kept(place.engine) == (1, 3, 1)


def test_a_service_without_a_database_answers_at_once(service: Callable[..., Flask]) -> None:
    """RFC 7240: a preference that cannot be followed is passed over."""
    client = service().test_client()
    answer = client.post(INTERPRET, data=BUNDLE, headers=FHIR | LATER)

    assert (answer.status_code, answer.json["resourceType"], "Preference-Applied" in answer.headers) == (200, "Bundle", False)
    assert client.get("/fhir/jobs/x").status_code == 404


@pytest.mark.parametrize(
    ("said", "is_later"), [("respond-async", 202), ("return=minimal, Respond-Async; x=1", 202), ("no-respond-async", 200), ("", 200)]
)
def test_the_preference_is_read_as_the_standard_says(client: FlaskClient, said: str, is_later: int) -> None:
    assert client.post(INTERPRET, data=BUNDLE, headers=FHIR | {"Prefer": said}).status_code == is_later


def test_the_whole_service_answers_later_as_it_answers_at_once(knowledge: Knowledge, tmp_path: Path, root: Path) -> None:
    settings = Settings(database=f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    app = create_app(settings)
    client, body = app.test_client(), (root / "fixtures" / "missing-grade" / "input.json").read_bytes()
    address = post(client, body)
    work(app.extensions["desk"].workplace, Event(), 0.01, until_empty=True)
    later, at_once = client.get(f"{address}/result").json, client.post(INTERPRET, data=body, headers=FHIR).json

    def without_moment(bundle: object) -> str:
        return json.dumps([{**one["resource"], "issued": "", "recorded": "", "text": ""} for one in bundle["entry"]])

    assert without_moment(later) == without_moment(at_once)


def test_lines_are_answered_at_once_by_a_service_that_counts_codes_of_its_callers(tmp_path: Path, root: Path) -> None:
    """Who asked is looked up for each line, and lines are answered while the answer is on its way."""
    app = create_app(Settings(database=f"sqlite:///{tmp_path / 'jobs.sqlite'}"))
    line = json.dumps(json.loads((root / "fixtures" / "missing-grade" / "input.json").read_bytes())).encode()
    answer = app.test_client().post(INTERPRET, data=b"\n".join([line, b"{", line]), headers=LINES)

    assert [json.loads(one)["resourceType"] for one in answer.data.splitlines()] == ["Bundle", "OperationOutcome", "Bundle"]
