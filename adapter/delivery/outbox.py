"""What has been promised and not yet done? The outbox: what it has accepted survives the process, and each patient is worked on by one.

A job names a patient, never a result: what has to be written is worked out from what the server holds when the job runs. So a second wish
for a patient who is still waiting is the same wish, and one for a patient who is being worked on has to wait for another turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import random
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, and_, exists, func, or_, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery.database import writing
from adapter.delivery.jobs import Job, Outcome, Patience, State, Work, pause, reason_to_give_up
from adapter.delivery.tables import JOBS, millis, moment_of
from adapter.fhir.trouble import MOVED_ON, Trouble

_MOMENTS = ("created", "due", "leased_until", "started", "finished")
_TRIES = 20


class LeaseLost(Exception):
    """Another worker has taken this job over: whatever this one still wanted to do, it must not."""


def enqueue(engine: Engine, server: str, kind: Work, subject: str, asked_by: str, now: datetime) -> Job:
    """The job that will do this: the one that is already waiting, or a new one. Kept before it is returned."""
    for _ in range(_TRIES):
        try:
            with writing(engine) as connection:
                return add(connection, server, kind, subject, asked_by, now)
        except IntegrityError:
            # Another process queued the same at this moment; the next look finds it.
            continue
    raise RuntimeError("the queue changes faster than it can be read")


def add(connection: Connection, server: str, kind: Work, subject: str, asked_by: str, now: datetime, wait: timedelta = timedelta(0)) -> Job:
    """The same inside a transaction of the caller; a new job may have to wait for a while first."""
    waiting = select(JOBS).where(_is(server, kind, subject), JOBS.c.state == State.QUEUED).with_for_update()
    found = connection.execute(waiting).mappings().first()
    if found is not None:
        connection.execute(JOBS.update().where(JOBS.c.id == found["id"]).values(asked=JOBS.c.asked + 1))
        return _job(found)
    row = _fresh(server, kind, subject, asked_by, now) | {"due": millis(now + wait)}
    connection.execute(JOBS.insert().values(row))
    return _job(row)


def lease_next(engine: Engine, worker: str, patience: Patience, now: datetime) -> Job | None:
    """The next job for this worker, or None. A job whose worker has gone silent is handed on; one that kills its workers is put away."""
    for _ in range(_TRIES):
        try:
            with writing(engine) as connection:
                found = connection.execute(_ready(now)).mappings().first()
                if found is None:
                    return None
                if found["state"] == State.RUNNING and found["lost"] + 1 >= patience.lost:
                    _end(connection, found["id"], State.DEAD, now, reason=f"{found['lost'] + 1} workers stopped while they were doing it")
                    continue
                return _leased(connection, found, worker, patience, now)
        except IntegrityError:
            continue
    return None


def lease_one(engine: Engine, job: str, worker: str, patience: Patience, now: datetime) -> Job | None:
    """This very job, if it is waiting and nobody works on its patient."""
    try:
        with writing(engine) as connection:
            waiting = select(JOBS).where(JOBS.c.id == job, JOBS.c.state == State.QUEUED).with_for_update(skip_locked=True)
            found = connection.execute(waiting).mappings().first()
            return _leased(connection, found, worker, patience, now) if found else None
    except IntegrityError:
        return None


def renew(engine: Engine, job: Job, patience: Patience, now: datetime, progress: str = "") -> None:
    """Hold on to a job for longer and say how far it is; raises LeaseLost when another worker has it."""
    with writing(engine) as connection:
        values = {"leased_until": millis(now + patience.lease)} | ({"progress": progress[:99]} if progress else {})
        if connection.execute(JOBS.update().where(_held(job)).values(values)).rowcount != 1:
            raise LeaseLost(job.id)


def release(engine: Engine, worker: str, now: datetime) -> int:
    """Let go of what a worker held that is known to be dead, so that nobody has to wait for its lease to run out."""
    held = and_(JOBS.c.worker == worker, JOBS.c.state == State.RUNNING)
    with writing(engine) as connection:
        return connection.execute(JOBS.update().where(held).values(leased_until=millis(now) - 1)).rowcount


def finish(
    engine: Engine,
    job: Job,
    outcome: Outcome,
    now: datetime,
    *,
    counts: Mapping[str, int] | None = None,
    addresses: Iterable[str] = (),
    difference: list[dict[str, Any]] | None = None,
    then: Iterable[tuple[Work, str]] = (),
    record: Callable[[Connection], None] | None = None,
) -> None:
    """Close a job with what came of it, in one transaction with the jobs that follow from it and with the ledger."""
    for _ in range(_TRIES):
        try:
            with writing(engine) as connection:
                closed = _end(
                    connection,
                    job.id,
                    State.DONE,
                    now,
                    lease=job.lease,
                    outcome=outcome,
                    counts=dict(counts or {}),
                    addresses=list(addresses),
                    difference=difference,
                )
                if not closed:
                    raise LeaseLost(job.id)
                for kind, subject in then:
                    add(connection, job.server, kind, subject, job.kind, now)
                if record is not None:
                    record(connection)
                return
        except IntegrityError:
            continue


def put_back(engine: Engine, job: Job, trouble: Trouble, patience: Patience, now: datetime, chance: Callable[[], float] = random) -> Job:
    """Let a job wait for its next attempt, or put it away with the reason where another attempt cannot help."""
    conflicts = job.conflicts + 1 if trouble.fault in MOVED_ON else job.conflicts
    why = reason_to_give_up(trouble.fault, now - job.created, conflicts, patience)
    if why is not None:
        dead(engine, job, why, now)
        return job.model_copy(update={"state": State.DEAD, "reason": why})
    attempts = conflicts if trouble.fault in MOVED_ON else job.attempts
    due = now + pause(attempts - 1, patience, chance, trouble.retry_after)
    for _ in range(_TRIES):
        try:
            with writing(engine) as connection:
                _requeue(connection, job, due, conflicts, str(trouble.fault), now)
                return _found(connection, job.id)
        except IntegrityError:
            continue
    raise RuntimeError("the queue changes faster than it can be read")


def dead(engine: Engine, job: Job, reason: str, now: datetime) -> None:
    """Put a job away with a reason that a person can act on."""
    with writing(engine) as connection:
        if not _end(connection, job.id, State.DEAD, now, lease=job.lease, reason=reason):
            raise LeaseLost(job.id)


def retry(engine: Engine, job: str, now: datetime) -> Job | None:
    """The job that does a dead or cancelled one again, or None where there is no such job."""
    found = show(engine, job)
    if found is None or found.state not in (State.DEAD, State.CANCELLED):
        return None
    again = enqueue(engine, found.server, found.kind, found.subject, "retry", now)
    with writing(engine) as connection:
        connection.execute(JOBS.update().where(JOBS.c.id == job).values(state=State.MERGED, follows=again.id))
    return again


def cancel(engine: Engine, job: str, now: datetime) -> bool:
    """Whether a waiting job could be taken back; one that runs is let run."""
    with writing(engine) as connection:
        values = {"state": State.CANCELLED, "finished": millis(now), "reason": "it was cancelled before it began"}
        return connection.execute(JOBS.update().where(JOBS.c.id == job, JOBS.c.state == State.QUEUED).values(values)).rowcount == 1


def show(engine: Engine, job: str) -> Job | None:
    """One job, or None."""
    with writing(engine) as connection:
        found = connection.execute(select(JOBS).where(JOBS.c.id == job)).mappings().first()
        return _job(found) if found else None


def listed(engine: Engine, states: Iterable[State] = (), most: int = 100) -> list[Job]:
    """The jobs in these states, newest first; without a state, all."""
    chosen = [str(state) for state in states]
    query = select(JOBS).order_by(JOBS.c.created.desc(), JOBS.c.id).limit(most)
    with writing(engine) as connection:
        return [_job(row) for row in connection.execute(query.where(JOBS.c.state.in_(chosen)) if chosen else query).mappings()]


def counted(engine: Engine) -> dict[str, int]:
    """How many jobs stand in each state."""
    with writing(engine) as connection:
        found = connection.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state)).all()
        return {state: int(count) for state, count in found}


def is_empty(engine: Engine) -> bool:
    """Whether nothing waits and nothing runs."""
    counts = counted(engine)
    return not (counts.get(State.QUEUED) or counts.get(State.RUNNING))


def forget_before(engine: Engine, moment: datetime) -> int:
    """Remove what was finished before this moment, except what died: that waits for a person."""
    over = [str(state) for state in (State.DONE, State.MERGED, State.CANCELLED)]
    with writing(engine) as connection:
        return connection.execute(JOBS.delete().where(JOBS.c.state.in_(over), JOBS.c.finished < millis(moment))).rowcount


def _is(server: str, kind: Work, subject: str) -> ColumnElement[bool]:
    return and_(JOBS.c.server == server, JOBS.c.kind == kind, JOBS.c.subject == subject)


def _held(job: Job) -> ColumnElement[bool]:
    return and_(JOBS.c.id == job.id, JOBS.c.state == State.RUNNING, JOBS.c.lease == job.lease)


def _ready(now: datetime) -> Any:  # noqa: ANN401 - the type of a select over a whole table has no name of its own.
    """The oldest job that may run: due, and nobody at work on its subject; or held by a worker that has gone silent."""
    other = JOBS.alias("other")
    busy = exists().where(other.c.server == JOBS.c.server, other.c.subject == JOBS.c.subject, other.c.state == State.RUNNING)
    due = and_(JOBS.c.state == State.QUEUED, JOBS.c.due <= millis(now), ~busy)
    silent = and_(JOBS.c.state == State.RUNNING, JOBS.c.leased_until < millis(now))
    ready = select(JOBS).where(or_(due, silent)).order_by(JOBS.c.due, JOBS.c.created)
    return ready.limit(1).with_for_update(skip_locked=True, of=JOBS)


def _leased(connection: Connection, found: RowMapping, worker: str, patience: Patience, now: datetime) -> Job:
    values = {
        "state": State.RUNNING,
        "lease": uuid4().hex,
        "leased_until": millis(now + patience.lease),
        "worker": worker,
        "attempts": found["attempts"] + 1,
        "lost": found["lost"] + (found["state"] == State.RUNNING),
        "started": millis(now),
        "progress": "begun",
    }
    connection.execute(JOBS.update().where(JOBS.c.id == found["id"]).values(values))
    return _job({**found, **values})


def _requeue(connection: Connection, job: Job, due: datetime, conflicts: int, reason: str, now: datetime) -> None:
    """Let it wait; where the same work is waiting already, that one does it, and this one says so."""
    other = connection.execute(select(JOBS.c.id).where(_is(job.server, job.kind, job.subject), JOBS.c.state == State.QUEUED)).scalar()
    values: dict[str, Any] = {"lease": None, "leased_until": None, "conflicts": conflicts, "reason": reason, "due": millis(due)}
    values |= {"state": State.MERGED, "follows": other, "finished": millis(now)} if other else {"state": State.QUEUED}
    if other:
        # The job that takes over must not come before the server wants to hear from us again.
        connection.execute(JOBS.update().where(JOBS.c.id == other, JOBS.c.due < millis(due)).values(due=millis(due)))
    if connection.execute(JOBS.update().where(_held(job)).values(values)).rowcount != 1:
        raise LeaseLost(job.id)


def _end(connection: Connection, job: str, state: State, now: datetime, *, lease: str | None = None, **values: object) -> bool:
    held = JOBS.c.lease == lease if lease is not None else JOBS.c.id == job
    closed = {"state": state, "finished": millis(now), "lease": None, "leased_until": None, **values}
    running = and_(JOBS.c.id == job, JOBS.c.state == State.RUNNING, held)
    return connection.execute(JOBS.update().where(running).values(closed)).rowcount == 1


def _found(connection: Connection, job: str) -> Job:
    return _job(connection.execute(select(JOBS).where(JOBS.c.id == job)).mappings().one())


def _fresh(server: str, kind: Work, subject: str, asked_by: str, now: datetime) -> dict[str, Any]:
    now_kept = millis(now)
    return {
        "id": uuid4().hex,
        "server": server,
        "kind": str(kind),
        "subject": subject,
        "state": str(State.QUEUED),
        "asked_by": asked_by,
        "asked": 1,
        "attempts": 0,
        "conflicts": 0,
        "lost": 0,
        "created": now_kept,
        "due": now_kept,
    }


def _job(row: Mapping[str, Any] | RowMapping) -> Job:
    return Job.model_validate({name: moment_of(value) if name in _MOMENTS and value is not None else value for name, value in row.items()})
