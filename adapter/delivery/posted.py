"""What was posted to be interpreted later? The body until it is answered, the answer until it is taken away or its time is over.

Both are data of patients: they are kept for a limited time, under a name that nobody can guess, for the caller who sent them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import islice
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery import outbox
from adapter.delivery.database import writing
from adapter.delivery.jobs import Job, NotKept, Outcome, State, Work
from adapter.delivery.outbox import LeaseLost
from adapter.delivery.tables import ANSWERS, JOBS, POSTED, millis, moment_of
from adapter.delivery.workplace import Workplace
from adapter.facts.frozen import Frozen
from adapter.fhir.lines import Interpret, Line, answered
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.fhir.parameters import interpretation_asked

OK = 200
_FOLDER = "posted/"
# How many answers go into one transaction, and how many are read at once.
_BATCH = 20


class Posted(Frozen):
    """What is known of a request without opening it."""

    name: str
    is_lines: bool
    address: str
    status: int
    expires: datetime


def accept(place: Workplace, body: bytes, *, is_lines: bool, schemes: Sequence[str], address: str, asker: str) -> Job:
    """Keep a request and the job that answers it, both or neither."""
    now, name = place.clock(), uuid4().hex
    row = {"name": name, "asker": digest(asker), "is_lines": is_lines, "schemes": list(schemes), "address": address, "status": OK}
    with writing(place.engine) as connection:
        _forget(connection, now)
        if _waiting(connection) >= place.most_waiting:
            raise NotKept(f"{place.most_waiting} posted requests are waiting for a worker")
        connection.execute(POSTED.insert().values({**row, "expires": millis(now + place.keep_answers), "body": body}))
        return outbox.add(connection, "", Work.INTERPRET, f"{_FOLDER}{name}", "request", now)


def find(place: Workplace, job: Job, asker: str) -> Posted | None:
    """The request behind a job, for the caller who sent it and while its time is not over."""
    columns = [POSTED.c[name] for name in ("name", "is_lines", "address", "status", "expires")]
    with writing(place.engine) as connection:
        found = connection.execute(
            select(*columns).where(POSTED.c.name == _name(job), POSTED.c.asker == digest(asker), POSTED.c.expires > millis(place.clock()))
        ).first()
    return Posted(**{**found._asdict(), "expires": moment_of(found.expires)}) if found else None


def answers(engine: Engine, name: str, *, is_refused: bool) -> Iterator[tuple[int, bytes]]:
    """Each result, or each refusal, with the number of the line that it answers; read a few at a time."""
    last = 0
    while batch := _some_after(engine, name, last, is_refused=is_refused):
        yield from batch
        last = batch[-1][0]


def withdraw(engine: Engine, name: str) -> None:
    """Remove a request with its job and its answer, whatever became of it."""
    with writing(engine) as connection:
        _remove(connection, [name])


def forget_expired(engine: Engine, now: datetime) -> int:
    """Remove what is over; how many requests that were."""
    with writing(engine) as connection:
        return _forget(connection, now)


def digest(asker: str) -> str:
    """Who asked, as it is kept: enough to know the same caller again."""
    return sha256(asker.encode()).hexdigest()


def answer(place: Workplace, job: Job) -> None:
    """Answer a posted request. What an earlier worker has answered of its lines is not answered again."""
    with writing(place.engine) as connection:
        asked = connection.execute(select(POSTED).where(POSTED.c.name == _name(job))).first()
    if asked is None:
        raise LeaseLost(job.id)

    def interpret(bundle: bytes, schemes: Sequence[str]) -> bytes:
        return place.answer(bundle, [*asked.schemes, *schemes])

    if asked.is_lines:
        _answer_lines(place, job, asked, interpret)
        return
    status, content = _answer_whole(bytes(asked.body), interpret, place.canonical)
    _close(place, job, status, [_row(asked.name, 1, Line(content, is_refused=status != OK))])


def _answer_lines(place: Workplace, job: Job, asked: Row[tuple[object, ...]], interpret: Interpret) -> None:
    # A line keeps the number that it has in what was sent, where empty lines count.
    lines = [(number, line) for number, line in enumerate(bytes(asked.body).split(b"\n"), start=1) if line.strip()]
    left = lines[_count(place.engine, asked.name) :]
    given = zip((number for number, _ in left), answered((line for _, line in left), interpret, place.canonical), strict=True)
    while batch := [_row(asked.name, number, line) for number, line in islice(given, _BATCH)]:
        place.hold(job, f"{batch[-1]['number']} of {lines[-1][0]} lines")
        _keep(place.engine, job, batch)
    _close(place, job, OK, [])


def _answer_whole(body: bytes, interpret: Interpret, canonical: str) -> tuple[int, bytes]:
    """The result Bundle, or the refusal with its status: that is what the caller would have got at once."""
    try:
        sent = interpretation_asked(body)
        return OK, interpret(sent.bundle, sent.schemes)
    except Refusal as refusal:
        return refusal.status, msgspec.json.encode(operation_outcome(refusal.issues, canonical=canonical))


def _keep(engine: Engine, job: Job, rows: list[dict[str, object]]) -> None:
    try:
        with writing(engine) as connection:
            connection.execute(ANSWERS.insert(), rows)
    except IntegrityError as error:
        # Another worker has answered this line, or the caller has withdrawn the request.
        raise LeaseLost(job.id) from error


def _close(place: Workplace, job: Job, status: int, rows: list[dict[str, object]]) -> None:
    """Keep the answer, drop the body, and close the job, all or nothing; from now on the answer is kept for a while."""
    name, now = _name(job), place.clock()
    counts = _counts(place.engine, name, rows)

    def record(connection: Connection) -> None:
        if rows:
            connection.execute(ANSWERS.insert(), rows)
        values = {"status": status, "body": b"", "expires": millis(now + place.keep_answers)}
        if connection.execute(POSTED.update().where(POSTED.c.name == name).values(values)).rowcount != 1:
            raise LeaseLost(job.id)

    outbox.finish(place.engine, job, Outcome.INTERPRETED, now, counts=counts, record=record)


def _counts(engine: Engine, name: str, rows: list[dict[str, object]]) -> dict[str, int]:
    with writing(engine) as connection:
        kept = [row.is_refused for row in connection.execute(select(ANSWERS.c.is_refused).where(ANSWERS.c.posted == name))]
    refused = [*kept, *(row["is_refused"] for row in rows)]
    return {"answered": refused.count(False), "refused": refused.count(True)}


def _count(engine: Engine, name: str) -> int:
    with writing(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(ANSWERS).where(ANSWERS.c.posted == name)).scalar_one())


def _some_after(engine: Engine, name: str, number: int, *, is_refused: bool) -> list[tuple[int, bytes]]:
    kept = (ANSWERS.c.posted == name, ANSWERS.c.number > number, ANSWERS.c.is_refused == is_refused)
    query = select(ANSWERS.c.number, ANSWERS.c.content).where(*kept)
    with writing(engine) as connection:
        return [(row.number, bytes(row.content)) for row in connection.execute(query.order_by(ANSWERS.c.number).limit(_BATCH))]


def _row(name: str, number: int, line: Line) -> dict[str, object]:
    return {"posted": name, "number": number, "is_refused": line.is_refused, "content": line.content}


def _forget(connection: Connection, now: datetime) -> int:
    over = list(connection.execute(select(POSTED.c.name).where(POSTED.c.expires <= millis(now))).scalars())
    _remove(connection, over)
    return len(over)


def _waiting(connection: Connection) -> int:
    waits = select(func.count()).select_from(JOBS).where(JOBS.c.kind == Work.INTERPRET, JOBS.c.state == State.QUEUED)
    return int(connection.execute(waits).scalar_one())


def _remove(connection: Connection, names: Sequence[str]) -> None:
    connection.execute(ANSWERS.delete().where(ANSWERS.c.posted.in_(names)))
    connection.execute(POSTED.delete().where(POSTED.c.name.in_(names)))
    connection.execute(JOBS.delete().where(JOBS.c.subject.in_([f"{_FOLDER}{name}" for name in names])))


def _name(job: Job) -> str:
    return job.subject.removeprefix(_FOLDER)
