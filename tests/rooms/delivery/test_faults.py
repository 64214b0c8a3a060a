"""Nothing is lost, nothing is doubled, nothing stale stands on top: whatever breaks, and at whichever moment.

The server is a real one behind a line that can be broken; what happened is read from the server alone.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
import requests

from adapter.delivery import ledger, outbox
from adapter.delivery.database import opened
from adapter.delivery.jobs import Job, Outcome, State, Work
from adapter.delivery.worker import do, work
from adapter.delivery.workplace import Workplace
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import JSON, Patient
from tests.rooms.delivery.conftest import Clock


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def place(place_for: Callable[..., Workplace], line: Line) -> Workplace:
    return place_for(line.base)


def ask(place: Workplace, line: Line, patient: Patient) -> Job:
    return outbox.enqueue(place.engine, line.base, Work.WRITE, patient.reference, "test", place.clock())


def attempt(place: Workplace) -> None:
    """One attempt at whatever is due."""
    job = outbox.lease_next(place.engine, "w", place.patience, place.clock())
    assert job is not None
    do(place, job)


def finish(place: Workplace, clock: Clock) -> None:
    """Go on until nothing waits, turning the clock as far as needed."""
    for _ in range(200):
        job = outbox.lease_next(place.engine, "w", place.patience, place.clock())
        if job is not None:
            do(place, job)
        elif outbox.is_empty(place.engine):
            return
        else:
            clock.turn(seconds=20)
    raise AssertionError("the queue does not come to an end")


def assert_written_once(patient: Patient) -> None:
    """Every result stands in its first and only version, in one report, from one write."""
    assert {len(versions) for versions in patient.versions().values()} == {1}
    assert patient.answers()["her2-status"] == "negative"
    assert [one["meta"]["versionId"] for one in patient.reports()] == ["1"]
    assert len(patient.provenances()) == 1
    names = [one["identifier"][0]["value"] for one in patient.search("Observation") if "identifier" in one]
    assert len(names) == len(set(names)), "no result stands twice"


@pytest.mark.parametrize(
    ("what", "method", "path"),
    [
        (Breakage.ANSWER_STATUS, "GET", "Patient"),
        (Breakage.ANSWER_STATUS, "POST", "Device"),
        (Breakage.ANSWER_STATUS, "POST", "/fhir"),
        (Breakage.DROP_BEFORE, "GET", "everything"),
        (Breakage.CUT_BODY, "GET", "everything"),
        (Breakage.SILENT_AFTER, "GET", "metadata"),
        (Breakage.DROP_BEFORE, "POST", "/fhir"),
        (Breakage.DROP_AFTER, "POST", "Device"),
    ],
)
def test_what_fails_on_the_way_is_done_later_and_once(
    place: Workplace, line: Line, patient: Patient, clock: Clock, said: Callable[[], str], what: Breakage, method: str, path: str
) -> None:
    patient.admit()
    job = ask(place, line, patient)
    line.fail(what, method, path, status=503)
    attempt(place)
    assert outbox.show(place.engine, job.id).state is State.QUEUED

    finish(place, clock)

    assert_written_once(patient)
    assert job.id in said()
    assert patient.name not in said(), "the log says what happened without patient data"
    assert "Jane" not in said()


@pytest.mark.parametrize("what", [Breakage.DROP_AFTER, Breakage.CUT_BODY, Breakage.SILENT_AFTER])
def test_a_transaction_whose_answer_never_came_is_not_written_again(
    place: Workplace, line: Line, patient: Patient, clock: Clock, what: Breakage
) -> None:
    """The server committed; we cannot know it, and find out by looking."""
    patient.admit()
    job = ask(place, line, patient)
    line.fail(what, "POST").matches = is_transaction
    attempt(place)
    finish(place, clock)

    assert outbox.show(place.engine, job.id).outcome is Outcome.NOTHING_TO_WRITE
    assert_written_once(patient)


def test_429_waits_as_long_as_the_server_asks(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    job = ask(place, line, patient)
    line.fail(Breakage.ANSWER_STATUS, "GET", status=429, headers={"Retry-After": "900"})
    attempt(place)

    assert outbox.show(place.engine, job.id).due - clock() == timedelta(seconds=900)
    clock.turn(seconds=899)
    assert outbox.lease_next(place.engine, "w", place.patience, clock()) is None
    finish(place, clock)
    assert_written_once(patient)


def test_a_server_that_is_down_for_an_hour_gets_everything_afterwards(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    ask(place, line, patient)
    back = clock() + timedelta(hours=1)
    down = line.fail(Breakage.DROP_BEFORE, times=10_000)
    while clock() < back:
        job = outbox.lease_next(place.engine, "w", place.patience, clock())
        if job is not None:
            do(place, job)
        clock.turn(seconds=15)
    down.times = 0
    finish(place, clock)

    assert_written_once(patient)


def test_a_server_that_writes_only_a_part_of_a_transaction_gets_the_rest(
    place: Workplace, line: Line, patient: Patient, clock: Clock
) -> None:
    """A18 forbids it and it happens: the parts that were written are seen, and only the others are sent again."""
    patient.admit()
    job = ask(place, line, patient)

    def write_some(body: bytes) -> None:
        entries = json.loads(body.replace(line.base.encode(), patient.base.encode()))["entry"]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries[:3]}
        assert requests.post(patient.base, json=bundle, headers=JSON, timeout=30).ok
        plan.content = partly([*(["201"] * 3), *(["422"] * len(entries[3:]))])

    plan = line.fail(Breakage.ANSWER_STATUS, "POST", status=200, before=write_some)
    plan.matches = is_transaction
    attempt(place)
    finish(place, clock)

    assert outbox.show(place.engine, job.id).counts["create"] == patient.written() - 3
    assert {len(versions) for versions in patient.versions().values()} == {1}
    assert len(patient.reports()) == 1


def test_a_computation_from_older_inputs_never_replaces_a_newer_result(
    place: Workplace, place_for: Callable[..., Workplace], line: Line, patient: Patient, clock: Clock, sekmet_base: str, tmp_path: Path
) -> None:
    """While the first transaction is on its way, an input changes and another installation writes what follows from that."""
    patient.admit()
    deliver_elsewhere(place_for, sekmet_base, patient, tmp_path)
    patient.amend("er", valueQuantity=percent(patient, 0))
    ask(place, line, patient)

    def meanwhile(_: bytes) -> None:
        patient.amend("er", valueQuantity=percent(patient, 95))
        deliver_elsewhere(place_for, sekmet_base, patient, tmp_path)

    line.fail(Breakage.NOTHING, "POST", before=meanwhile).matches = is_transaction
    attempt(place)
    finish(place, clock)

    # Negative was worked out and must never have been written: the server shows what was true before and after.
    assert {answer for _, answer in patient.versions()["er-status"]} == {"positive"}
    assert patient.versions()["er-status"][-1] == ("final", "positive")


def test_a_worker_that_was_away_for_too_long_writes_nothing(
    place: Workplace, place_for: Callable[..., Workplace], line: Line, patient: Patient, clock: Clock, sekmet_base: str
) -> None:
    """A lease that ran out while the worker was stopped: its successor does the work, and it finds out before it writes."""
    patient.admit()
    ask(place, line, patient)
    successor = place_for(line.base)

    def stopped(bundle: bytes) -> bytes:
        clock.turn(minutes=10)
        job = outbox.lease_next(place.engine, "successor", place.patience, clock())
        assert job is not None
        do(successor, job)
        return successor.interpret(bundle)

    job = outbox.lease_next(place.engine, "w", place.patience, clock())
    assert job is not None
    do(place_for(line.base, interpret=stopped), job)
    posts = line.asked("POST")
    finish(place, clock)

    assert line.asked("POST") == posts, "neither the one that was away nor the look afterwards wrote anything"
    assert_written_once(patient)


def test_two_workers_on_many_wishes_for_one_patient_write_once(place: Workplace, line: Line, patient: Patient) -> None:
    """Two notifications for one patient at once, and two workers to take them."""
    patient.admit()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            list(pool.map(lambda _: ask(place, line, patient), range(2)))
            list(pool.map(lambda _: work(place, Event(), 0.01, until_empty=True), range(2)))

    assert_written_once(patient)


def test_a_patient_who_no_longer_exists_is_no_error(place: Workplace, line: Line, patient: Patient) -> None:
    patient.put({"resourceType": "Patient", "id": patient.id_of("p01")})
    patient.delete(patient.reference)
    jobs = [ask(place, line, patient), ask(place, line, Patient(line.base, "nobody"))]
    attempt(place)
    attempt(place)

    assert {outbox.show(place.engine, job.id).outcome for job in jobs} == {Outcome.NO_SUCH_PATIENT}


@pytest.mark.parametrize("path", ["Observation?", "Specimen?"])
def test_a_part_of_the_record_that_is_gone_is_no_missing_patient(
    place: Workplace, line: Line, patient: Patient, clock: Clock, path: str
) -> None:
    """410 for a page that the server has forgotten: the job goes on, and nothing is retracted meanwhile."""
    patient.admit()
    job = ask(place, line, patient)
    line.fail(Breakage.ANSWER_STATUS, "GET", "$everything", status=501)
    line.fail(Breakage.ANSWER_STATUS, "GET", path, status=410)
    attempt(place)
    assert outbox.show(place.engine, job.id).state is State.QUEUED

    finish(place, clock)
    assert_written_once(patient)


def test_an_input_that_goes_between_reading_and_writing_is_no_dead_end(place: Workplace, line: Line, patient: Patient) -> None:
    """A strict server refuses results that point at what is no longer there; the next look has other results."""
    patient.admit()
    job = ask(place, line, patient)
    plan = line.fail(Breakage.ANSWER_STATUS, "POST", status=422, before=lambda _: patient.withdraw("ki67"))
    plan.matches = is_transaction
    attempt(place)

    assert outbox.show(place.engine, job.id).outcome is Outcome.WRITTEN
    assert "ki67-category" not in patient.results()


def test_what_would_be_refused_again_is_put_away(place: Workplace, line: Line, patient: Patient) -> None:
    patient.admit()
    job = ask(place, line, patient)
    line.fail(Breakage.ANSWER_STATUS, "POST", status=422, times=9).matches = is_transaction
    attempt(place)

    assert outbox.show(place.engine, job.id).reason == "trying again cannot help (refused)"
    assert line.asked("POST", "/fhir") == 1 + line.asked("POST", "Device"), "the same is not sent twice"


def test_a_database_that_is_locked_at_the_worst_moment_loses_nothing(
    place_for: Callable[..., Workplace], line: Line, patient: Patient, clock: Clock, tmp_path: Path
) -> None:
    """The server has committed and the outbox cannot be written: the job is done again, and finds nothing to write."""
    file = tmp_path / "locked.sqlite"
    place = place_for(line.base, engine=opened(f"sqlite:///{file}", busy_seconds=0.2))
    patient.admit()
    job = ask(place, line, patient)
    holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    line.fail(Breakage.NOTHING, "POST", after=lambda: holder.execute("BEGIN IMMEDIATE")).matches = is_transaction
    attempt(place)
    holder.execute("ROLLBACK")
    assert outbox.show(place.engine, job.id).state is State.RUNNING

    clock.turn(minutes=10)
    finish(place, clock)

    assert outbox.show(place.engine, job.id).outcome is Outcome.NOTHING_TO_WRITE
    assert_written_once(patient)
    holder.close()


def test_a_full_disk_at_the_worst_moment_loses_nothing(
    place_for: Callable[..., Workplace], line: Line, patient: Patient, clock: Clock, tmp_path: Path
) -> None:
    place = place_for(line.base, engine=opened(f"sqlite:///{tmp_path / 'full.sqlite'}"))
    patient.admit()
    job = ask(place, line, patient)
    line.fail(Breakage.NOTHING, "POST", after=lambda: limit_pages(place, 0)).matches = is_transaction
    attempt(place)
    limit_pages(place, 1_000_000)
    assert outbox.show(place.engine, job.id).state is State.RUNNING

    clock.turn(minutes=10)
    finish(place, clock)
    assert_written_once(patient)


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_worker_that_is_killed_leaves_its_work_to_the_next(
    place_for: Callable[..., Workplace], line: Line, patient: Patient, clock: Clock, tmp_path: Path, moment: str
) -> None:
    """SIGKILL before the transaction, when it has left and not arrived, and when the server has committed it."""
    url = f"sqlite:///{tmp_path / 'killed.sqlite'}"
    place = place_for(line.base, engine=opened(url))
    patient.admit()
    job = ask(place, line, patient)
    started: list[subprocess.Popen[bytes]] = []

    def kill(*_: object) -> None:
        os.kill(started[0].pid, signal.SIGKILL)

    match moment:
        case "before":
            line.fail(Breakage.DROP_BEFORE, "GET", "everything", before=kill)
        case "during":
            line.fail(Breakage.DROP_BEFORE, "POST", before=kill).matches = is_transaction
        case _:
            line.fail(Breakage.DROP_AFTER, "POST", after=kill).matches = is_transaction
    code = "from adapter.lasting_commands import run_worker; from adapter.settings import Settings; run_worker(Settings(), True)"
    environment = {**os.environ, "ADAPTER_DATABASE": url, "ADAPTER_FHIR_SERVERS": line.base}
    started.append(subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL))
    assert started[0].wait(50) == -signal.SIGKILL
    assert outbox.show(place.engine, job.id).state is State.RUNNING

    clock.turn(minutes=10)
    finish(place, clock)

    assert outbox.show(place.engine, job.id).outcome is (Outcome.NOTHING_TO_WRITE if moment == "after" else Outcome.WRITTEN)
    assert_written_once(patient)


def test_results_that_the_server_does_not_show_are_not_created_again(
    place: Workplace, line: Line, patient: Patient, clock: Clock, place_for: Callable[..., Workplace], sekmet_base: str, tmp_path: Path
) -> None:
    """A server whose search lags behind: the conditional create finds what the search did not, and the next look includes it."""
    patient.admit()
    ask(place, line, patient)
    line.fail(
        Breakage.NOTHING, "POST", before=lambda _: deliver_elsewhere(place_for, sekmet_base, patient, tmp_path)
    ).matches = is_transaction
    attempt(place)
    finish(place, clock)

    assert {len(versions) for versions in patient.versions().values()} == {1}
    assert len(patient.reports()) == 1


def test_a_device_that_is_gone_from_the_server_is_made_again(place: Workplace, line: Line, patient: Patient, clock: Clock) -> None:
    patient.admit()
    identity = "|".join(place.author.device["identifier"][0].values())
    ask(place, line, patient)
    finish(place, clock)
    made = ledger.lookup(place.engine, line.base, identity)
    patient.delete(made.reference)
    patient.amend("er", valueQuantity=percent(patient, 0))
    # A strict server refuses what points at nothing.
    line.fail(Breakage.ANSWER_STATUS, "POST", status=422).matches = is_transaction
    ask(place, line, patient)
    finish(place, clock)

    assert ledger.lookup(place.engine, line.base, identity).reference != made.reference
    assert patient.answers()["er-status"] == "negative"


def test_what_cannot_be_interpreted_waits_for_a_person(place: Workplace, line: Line, patient: Patient, said: Callable[[], str]) -> None:
    """Results of two people under one: nothing is written, and the reason is a code and no text."""
    patient.admit()
    patient.put({**patient.resources["er"], "focus": [{"reference": f"Observation/{patient.id_of('stray')}"}]})
    patient.put({**patient.resources["pr"], "id": patient.id_of("stray"), "subject": {"reference": f"Patient/{patient.id_of('other')}"}})
    job = ask(place, line, patient)
    attempt(place)

    found = outbox.show(place.engine, job.id)
    assert (found.state, found.reason) == (State.DEAD, "the record cannot be interpreted (several-patients)")
    assert patient.results() == {}
    assert patient.name not in said()


def test_a_fault_of_ours_puts_the_job_away_and_the_worker_goes_on(
    place_for: Callable[..., Workplace], line: Line, patient: Patient, said: Callable[[], str]
) -> None:
    def broken(_: bytes) -> bytes:
        raise ZeroDivisionError("Jane Doe, born 1961-03-04")

    place = place_for(line.base, interpret=broken)
    patient.admit()
    job = ask(place, line, patient)
    attempt(place)

    assert outbox.show(place.engine, job.id).reason == "a fault of the adapter (ZeroDivisionError); the log has it under this job"
    assert "Jane" not in said()


def is_transaction(method: str, path: str) -> bool:
    return (method, path.rstrip("/")) == ("POST", "/fhir")


def partly(statuses: list[str]) -> bytes:
    entries = [{"response": {"status": status}} for status in statuses]
    return json.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": entries}).encode()


def percent(patient: Patient, value: int) -> dict[str, Any]:
    return {**patient.resources["er"]["valueQuantity"], "value": value}


def deliver_elsewhere(place_for: Callable[..., Workplace], base: str, patient: Patient, tmp_path: Path) -> None:
    """Another installation, which knows nothing of ours, writes what follows now."""
    other = place_for(base, engine=opened(f"sqlite:///{tmp_path / uuid4().hex}.sqlite"))
    job = outbox.enqueue(other.engine, base, Work.WRITE, patient.reference, "test", other.clock())
    leased = outbox.lease_one(other.engine, job.id, "other", other.patience, other.clock())
    assert leased is not None
    do(other, leased)
    assert outbox.show(other.engine, job.id).state is State.DONE


def limit_pages(place: Workplace, more: int) -> None:
    """Leave the database this many pages of room."""
    with place.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + more}")
        connection.rollback()
