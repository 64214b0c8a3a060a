"""What has been promised is kept, done once, and by one worker at a time; on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from adapter.delivery import outbox
from adapter.delivery.database import opened, writing
from adapter.delivery.jobs import Job, NotKept, Outcome, Patience, State, Work, pause
from adapter.delivery.outbox import LeaseLost
from adapter.delivery.tables import METADATA
from adapter.fhir.trouble import Fault, Trouble

SERVER, NOW = "https://fhir.example/r4", datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = Patience()


def asked(engine: Engine, subject: str = "Patient/1", kind: Work = Work.WRITE, now: datetime = NOW) -> Job:
    return outbox.enqueue(engine, SERVER, kind, subject, "test", now)


def leased(engine: Engine, worker: str = "a", now: datetime = NOW) -> Job | None:
    return outbox.lease_next(engine, worker, PATIENCE, now)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(database: Engine) -> None:
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_second_wish_for_a_waiting_patient_is_the_same_job(database: Engine) -> None:
    assert asked(database).id == asked(database).id
    assert outbox.show(database, asked(database).id).asked == 3


def test_a_wish_that_comes_while_the_patient_is_worked_on_waits_for_another_turn(database: Engine) -> None:
    first = asked(database)
    leased(database)
    second = asked(database)

    assert second.id != first.id
    assert leased(database, "b") is None, "one job at a time per patient"


def test_another_patient_does_not_wait(database: Engine) -> None:
    asked(database)
    other = asked(database, "Patient/2", now=NOW + timedelta(seconds=1))
    leased(database)

    assert leased(database, "b", NOW + timedelta(seconds=2)).id == other.id


def test_a_dry_run_and_a_write_of_one_patient_never_run_together(database: Engine) -> None:
    asked(database)
    asked(database, kind=Work.REHEARSE)
    leased(database)

    assert leased(database, "b") is None


def test_many_workers_never_take_one_job_twice(database: Engine) -> None:
    wanted = {asked(database, f"Patient/{number}").id for number in range(20)}

    def take(worker: int) -> list[str]:
        found = []
        while job := leased(database, f"w{worker}"):
            found.append(job.id)
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = [job for found in pool.map(take, range(4)) for job in found]

    assert (len(taken), set(taken)) == (20, wanted)


def test_many_wishes_at_once_for_one_patient_are_one_job(database: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: asked(database).id, range(12)))

    assert len(found) == 1
    assert outbox.show(database, found.pop()).asked == 12


def test_the_job_of_a_silent_worker_is_handed_on_and_the_silent_one_may_do_nothing_more(database: Engine) -> None:
    asked(database)
    silent = leased(database)
    later = NOW + PATIENCE.lease + timedelta(seconds=1)
    successor = leased(database, "b", later)

    assert (successor.id, successor.attempts, successor.lost) == (silent.id, 2, 1)
    with pytest.raises(LeaseLost):
        outbox.renew(database, silent, PATIENCE, later)
    with pytest.raises(LeaseLost):
        outbox.finish(database, silent, Outcome.WRITTEN, later)
    outbox.renew(database, successor, PATIENCE, later)


def test_the_job_of_a_worker_that_is_known_to_be_dead_is_handed_on_at_once(database: Engine) -> None:
    job = asked(database)
    leased(database, "dead")

    assert (outbox.release(database, "dead", NOW), outbox.release(database, "other", NOW)) == (1, 0)
    assert leased(database, "b").id == job.id


def test_a_worker_that_speaks_up_keeps_its_job(database: Engine) -> None:
    asked(database)
    job = leased(database)
    outbox.renew(database, job, PATIENCE, NOW + PATIENCE.lease - timedelta(seconds=1), "12 resources read")

    assert leased(database, "b", NOW + PATIENCE.lease + timedelta(seconds=1)) is None
    assert outbox.show(database, job.id).progress == "12 resources read"


def test_a_job_that_kills_its_workers_is_put_away(database: Engine) -> None:
    job, now = asked(database), NOW
    for _ in range(PATIENCE.lost):
        leased(database, "a", now)
        now += PATIENCE.lease + timedelta(seconds=1)
    assert leased(database, "a", now) is None

    found = outbox.show(database, job.id)
    assert (found.state, found.reason) == (State.DEAD, f"{PATIENCE.lost} workers stopped while they were doing it")


def test_a_server_that_is_away_for_an_hour_costs_no_job(database: Engine) -> None:
    """Simulated clock: every attempt fails for an hour, and the one after that is made within the longest pause."""
    job, now, attempts = asked(database), NOW, 0
    while now < NOW + timedelta(hours=1):
        taken = leased(database, "a", now)
        if taken is None:
            now += timedelta(seconds=5)
            continue
        attempts += 1
        outbox.put_back(database, taken, Trouble(Fault.UNREACHABLE, "GET"), PATIENCE, now)

    found = outbox.show(database, job.id)
    assert (found.state, found.reason) == (State.QUEUED, "unreachable")
    assert found.due <= now + PATIENCE.longest
    assert 7 <= attempts <= 20, "a server that is away is not hammered"


def test_a_server_that_stays_away_for_days_leaves_the_job_to_a_person(database: Engine) -> None:
    job = asked(database)
    later = NOW + PATIENCE.give_up_after
    outbox.put_back(database, leased(database, "a", later), Trouble(Fault.UNREACHABLE, "GET"), PATIENCE, later)

    dead = outbox.show(database, job.id)
    again = outbox.retry(database, job.id, later)

    assert (dead.state, dead.reason) == (State.DEAD, "it could not be delivered for 72 hours (unreachable)")
    assert (again.state, outbox.show(database, job.id).follows) == (State.QUEUED, again.id)


def test_what_trying_again_cannot_help_is_not_tried_again(database: Engine) -> None:
    job = asked(database)
    outbox.put_back(database, leased(database), Trouble(Fault.REFUSED, "POST transaction", status=422), PATIENCE, NOW)

    assert outbox.show(database, job.id).reason == "trying again cannot help (refused)"


def test_the_wait_that_the_server_asks_for_is_kept(database: Engine) -> None:
    asked(database)
    back = outbox.put_back(database, leased(database), Trouble(Fault.THROTTLED, "GET", status=429, retry_after=1200.0), PATIENCE, NOW)

    assert back.due == NOW + timedelta(seconds=1200)
    assert leased(database, "a", NOW + timedelta(seconds=1199)) is None
    assert leased(database, "a", NOW + timedelta(seconds=1200)) is not None


def test_pauses_double_are_shortened_by_chance_and_have_an_end() -> None:
    longest = [pause(attempt, PATIENCE, lambda: 1.0, None).total_seconds() for attempt in (0, 1, 2, 30)]
    shortest = [pause(attempt, PATIENCE, lambda: 0.0, None).total_seconds() for attempt in (0, 1, 2, 30)]

    assert longest == [5, 10, 20, 600]
    assert shortest == [2.5, 5, 10, 300]


def test_a_job_that_is_put_back_gives_way_to_the_one_that_waits(database: Engine) -> None:
    first = asked(database)
    taken = leased(database)
    second = asked(database)
    back = outbox.put_back(database, taken, Trouble(Fault.THROTTLED, "GET", status=429, retry_after=60), PATIENCE, NOW)

    assert (back.id, back.state, back.follows) == (first.id, State.MERGED, second.id)
    assert leased(database, "a", NOW + timedelta(seconds=59)) is None, "the one that takes over waits as long"


def test_a_waiting_job_can_be_taken_back_and_a_running_one_cannot(database: Engine) -> None:
    job = asked(database)
    assert outbox.cancel(database, job.id, NOW)
    other = asked(database)
    leased(database)

    assert outbox.show(database, job.id).state is State.CANCELLED
    assert not outbox.cancel(database, other.id, NOW)


def test_what_is_over_is_forgotten_and_what_died_is_kept(database: Engine) -> None:
    done = asked(database)
    outbox.finish(database, leased(database), Outcome.WRITTEN, NOW)
    died = asked(database, "Patient/2")
    outbox.dead(database, leased(database), "a reason", NOW)

    assert outbox.forget_before(database, NOW + timedelta(days=1)) == 1
    assert (outbox.show(database, done.id), outbox.show(database, died.id).state) == (None, State.DEAD)


def test_a_finished_job_and_what_follows_from_it_are_kept_together_or_not_at_all(database: Engine) -> None:
    asked(database, "Observation/1", Work.FIND)
    job = leased(database)

    def fails(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outbox.finish(database, job, Outcome.QUEUED_OTHERS, NOW, then=[(Work.WRITE, "Patient/1")], record=fails)

    assert [one.subject for one in outbox.listed(database)] == ["Observation/1"]
    assert outbox.show(database, job.id).state is State.RUNNING


def test_a_full_disk_refuses_the_job_and_keeps_the_ones_before(tmp_path: Path) -> None:
    engine = opened(f"sqlite:///{tmp_path / 'full.sqlite'}")
    first = asked(engine)
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.rollback()
    with pytest.raises(NotKept):
        _ask_for_many(engine)

    assert outbox.show(engine, first.id).state is State.QUEUED
    # When there is room again, everything goes on.
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
        connection.rollback()
    assert asked(engine, "Patient/3").state is State.QUEUED


def _ask_for_many(engine: Engine) -> None:
    for number in range(2, 200):
        asked(engine, f"Patient/{'9' * 60}{number}")


def test_a_database_that_is_locked_refuses_and_goes_on_when_it_is_free(tmp_path: Path) -> None:
    file = tmp_path / "locked.sqlite"
    engine = opened(f"sqlite:///{file}", busy_seconds=0.2)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(NotKept):
        asked(engine)
    holder.execute("ROLLBACK")
    holder.close()

    assert asked(engine).state is State.QUEUED


def test_no_error_of_the_database_shows_what_was_to_be_kept(tmp_path: Path) -> None:
    engine = opened(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    with pytest.raises(NotKept) as caught, writing(engine) as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("Jane Doe",))

    assert "Jane" not in str(caught.value)
    assert "Jane" not in str(caught.value.__cause__)
