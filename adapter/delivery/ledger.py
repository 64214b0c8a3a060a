"""What have we written, and how does the server call it?

The server is what counts; the ledger only helps where a server stores our words in other words, which would look like a change each time,
and it sees to it that two workers never create the Device of one version at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery.database import writing
from adapter.delivery.tables import WRITTEN, millis
from adapter.fhir.write_back import Settled

_CLAIM = "claim"
_CLAIM_LIFE = timedelta(minutes=3)
_COLUMNS = (WRITTEN.c.identity, WRITTEN.c.reference, WRITTEN.c.version, WRITTEN.c.digest, WRITTEN.c.deed)


def known(engine: Engine, server: str, subject: str) -> dict[str, Settled]:
    """What was last written about a subject, by identity."""
    with writing(engine) as connection:
        rows = connection.execute(select(*_COLUMNS).where(WRITTEN.c.server == server, WRITTEN.c.subject == subject)).all()
        return {row.identity: Settled(*row) for row in rows}


def find(connection: Connection, server: str, identity: str) -> Settled | None:
    """What was last written under an identity."""
    row = connection.execute(select(*_COLUMNS).where(_is(server, identity), WRITTEN.c.deed != _CLAIM)).first()
    return Settled(*row) if row else None


def lookup(engine: Engine, server: str, identity: str) -> Settled | None:
    """The same in a transaction of its own."""
    with writing(engine) as connection:
        return find(connection, server, identity)


def settle(engine: Engine, server: str, subject: str, job: str, written: Iterable[Settled], now: datetime) -> None:
    """The same as `record`, in a transaction of its own."""
    with writing(engine) as connection:
        record(connection, server, subject, job, written, now)


def record(connection: Connection, server: str, subject: str, job: str, written: Iterable[Settled], now: datetime) -> None:
    """Replace what is known about these identities."""
    for one in written:
        connection.execute(WRITTEN.delete().where(_is(server, one.identity)))
        values: Mapping[str, Any] = {"server": server, "subject": subject, "job": job, "moment": millis(now), **one._asdict()}
        connection.execute(WRITTEN.insert().values(values))


def claim(engine: Engine, server: str, identity: str, job: str, now: datetime) -> bool:
    """Whether this job may create the resource; a claim that led to nothing lapses."""
    row = {"server": server, "identity": identity, "subject": "", "reference": "", "digest": "", "deed": _CLAIM, "job": job}
    try:
        with writing(engine) as connection:
            lapsed = and_(WRITTEN.c.deed == _CLAIM, (WRITTEN.c.moment < millis(now - _CLAIM_LIFE)) | (WRITTEN.c.job == job))
            connection.execute(WRITTEN.delete().where(_is(server, identity), lapsed))
            connection.execute(WRITTEN.insert().values({**row, "moment": millis(now)}))
    except IntegrityError:
        return False
    return True


def forget(engine: Engine, server: str, identity: str) -> None:
    """Let go of a resource that the server no longer has."""
    with writing(engine) as connection:
        connection.execute(WRITTEN.delete().where(_is(server, identity)))


def _is(server: str, identity: str) -> Any:  # noqa: ANN401 - the type of a condition has no name that helps a reader.
    return and_(WRITTEN.c.server == server, WRITTEN.c.identity == identity)
