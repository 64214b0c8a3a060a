"""Every read and every write leaves a trace that neither a kill nor a fault can take away (F3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, select

from adapter.delivery import audit, outbox
from adapter.delivery.jobs import Work
from adapter.delivery.tables import AUDIT
from adapter.delivery.worker import do
from adapter.delivery.workplace import Workplace
from adapter.fhir.trouble import Trouble
from adapter.lasting_commands import look_after
from adapter.settings import Settings
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import Patient
from tests.rooms.delivery.conftest import Clock


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def place(place_for: Callable[..., Workplace], line: Line) -> Workplace:
    return place_for(line.base)


def attempt(place: Workplace, line: Line, patient: Patient) -> None:
    outbox.enqueue(place.engine, line.base, Work.WRITE, patient.reference, "test", place.clock())
    job = outbox.lease_next(place.engine, "w", place.patience, place.clock())
    assert job is not None
    do(place, job)


def events(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """What was kept, by interaction."""
    found: dict[str, list[dict[str, Any]]] = {}
    with engine.begin() as connection:
        for event in connection.execute(select(AUDIT.c.event).order_by(AUDIT.c.moment)).scalars():
            found.setdefault(event["subtype"][0]["code"], []).append(event)
    return found


def test_a_write_is_kept_before_the_server_hears_of_it(place: Workplace, line: Line, patient: Patient) -> None:
    patient.admit()
    seen: list[dict[str, list[dict[str, Any]]]] = []
    plan = line.fail(Breakage.NOTHING, "POST", before=lambda _: seen.append(events(place.engine)))
    plan.matches = lambda method, path: (method, path.rstrip("/")) == ("POST", "/fhir")
    attempt(place, line, patient)

    assert "outcome" not in seen[0]["transaction"][0], "it was begun, and nobody knows yet how it ends"
    assert {"read", "operation"} <= seen[0].keys(), "what was read is kept before anything is made of it"
    assert [event["outcome"] for event in events(place.engine)["transaction"]] == ["0"]


def test_a_write_that_failed_is_kept_as_that(place: Workplace, line: Line, patient: Patient) -> None:
    patient.admit()
    line.fail(Breakage.DROP_AFTER, "POST").matches = lambda method, path: (method, path.rstrip("/")) == ("POST", "/fhir")
    attempt(place, line, patient)

    assert [event["outcome"] for event in events(place.engine)["transaction"]] == ["8"]


def test_where_no_audit_can_be_kept_nothing_is_written(place_for: Callable[..., Workplace], line: Line, patient: Patient) -> None:
    patient.admit()
    place = place_for(line.base)
    with place.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO away")
    attempt(place, line, patient)

    assert line.asked("POST") == 0


def test_what_was_kept_is_sent_on_once(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    attempt(place, line, patient)
    kept = sum(len(found) for found in events(place.engine).values())
    clock.turn(minutes=1)
    before = on_server(patient)
    server = place.connect(line.base, None)

    assert audit.send(place.engine, server, "a", clock()) == kept
    assert audit.send(place.engine, server, "a", clock()) == 0
    assert on_server(patient) - before == kept


def test_two_workers_never_send_at_once(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    attempt(place, line, patient)
    clock.turn(minutes=1)
    server, second = place.connect(line.base, None), []
    line.fail(Breakage.NOTHING, "POST", "AuditEvent", before=lambda _: second.append(audit.send(place.engine, server, "b", clock())))

    assert (audit.send(place.engine, server, "a", clock()) > 0, second) == (True, [0])


def test_an_event_that_the_server_does_not_want_holds_up_no_other(
    place: Workplace, line: Line, patient: Patient, clock: Clock, said: Callable[[], str]
) -> None:
    patient.admit()
    attempt(place, line, patient)
    clock.turn(minutes=1)
    before, kept = on_server(patient), sum(len(found) for found in events(place.engine).values())
    line.fail(Breakage.ANSWER_STATUS, "POST", "AuditEvent", status=422)
    audit.send(place.engine, place.connect(line.base, None), "a-worker-with-a-name-that-is-longer-than-the-column", clock())

    assert (on_server(patient) - before, "not wanted" in said(), "Jane" in said()) == (kept - 1, True, False)


def test_what_could_not_be_sent_is_sent_later(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    attempt(place, line, patient)
    clock.turn(minutes=1)
    line.fail(Breakage.ANSWER_STATUS, "POST", "AuditEvent", status=503)
    with pytest.raises(Trouble):
        audit.send(place.engine, place.connect(line.base, None), "a", clock())
    settings = Settings(fhir_servers=(line.base,), audit_send=True)
    look_after(place, settings)

    with place.engine.begin() as connection:
        assert connection.execute(select(AUDIT.c.id).where(AUDIT.c.sent.is_(False))).all() == []


def test_looking_after_things_never_stops_a_worker(
    place_for: Callable[..., Workplace], line: Line, said: Callable[[], str], clock: Clock
) -> None:
    place = place_for(line.base)
    with place.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE subscriptions RENAME TO away")
    clock.turn(days=1)
    look_after(place, Settings(fhir_servers=(line.base,)))

    assert "could not look after everything" in said()


def on_server(patient: Patient) -> int:
    """How many AuditEvents the server holds about the patient."""
    url = f"{patient.base}/AuditEvent?_count=1000"
    page = requests.get(url, timeout=30).json()
    about = [entry["resource"] for entry in page.get("entry", ())]
    return sum({"reference": patient.reference} in [entity.get("what") for entity in one["entity"]] for one in about)
