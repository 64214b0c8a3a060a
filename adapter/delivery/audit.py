"""Who looked at what? Every read of a patient's data and every write, kept here and sent on where a site wants that.

A read is kept before anything is made of it. A write is kept before it begins, without an outcome, so that not even a failing power
supply can hide it.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select

from adapter.delivery import ledger
from adapter.delivery.database import writing
from adapter.delivery.tables import AUDIT, millis
from adapter.fhir.audit_event import audit_event, is_about_patients, is_write
from adapter.fhir.client import Exchange, FhirServer, create
from adapter.fhir.served_event import Served, served_event
from adapter.fhir.trouble import Fault, Trouble

LOG = logging.getLogger("adapter.delivery")

NAME = "Breast-cancer FHIR adapter"
_SENDING = "audit is being sent"
_MANY, _ROUNDS, _NAME_LENGTH = 100, 10, 32


class Witness:
    """Hears every exchange about one subject with one server, and keeps it."""

    def __init__(self, engine: Engine, server: str, patient: str | None) -> None:
        self._engine, self._server, self._patient = engine, server, patient
        self._reads: list[Exchange] = []
        self._write: str | None = None

    def __call__(self, exchange: Exchange) -> None:
        if not is_about_patients(exchange):
            return
        if is_write(exchange):
            self._keep_write(exchange)
        elif exchange.is_over:
            self._reads.append(exchange)

    def keep_reads(self) -> None:
        """Keep what was read so far."""
        rows = [self._row(exchange) for exchange in self._reads]
        if rows:
            with writing(self._engine) as connection:
                connection.execute(AUDIT.insert(), rows)
        self._reads = []

    def _keep_write(self, exchange: Exchange) -> None:
        with writing(self._engine) as connection:
            if not exchange.is_over:
                row = self._row(exchange)
                self._write = row["id"]
                connection.execute(AUDIT.insert().values(row))
                return
            event = audit_event(exchange, self._patient, NAME)
            connection.execute(AUDIT.update().where(AUDIT.c.id == self._write).values(event=event))

    def _row(self, exchange: Exchange) -> dict[str, Any]:
        event = audit_event(exchange, self._patient, NAME)
        moment = millis(exchange.began)
        return {"id": uuid4().hex, "server": self._server, "moment": moment, "sent": False, "event": event}


def keep(engine: Engine, server: str, served: Served) -> None:
    """Keep one request that was made to us."""
    event, moment = served_event(served, NAME), millis(served.moment)
    with writing(engine) as connection:
        connection.execute(AUDIT.insert().values(id=uuid4().hex, server=server, moment=moment, sent=False, event=event))


def send(engine: Engine, server: FhirServer, sender: str, now: datetime) -> int:
    """Send what this server has not got, the oldest first, one sender at a time; how many it got. Sending is not audited itself."""
    if not ledger.claim(engine, server.base, _SENDING, sender[-_NAME_LENGTH:], now):
        return 0
    try:
        return sum(_sent_some(engine, server, now) for _ in range(_ROUNDS))
    finally:
        ledger.forget(engine, server.base, _SENDING)


def _sent_some(engine: Engine, server: FhirServer, before: datetime) -> int:
    """Each event is marked when the server has it: after a kill one may be sent twice, and none is left out."""
    waiting = (
        select(AUDIT.c.id, AUDIT.c.event)
        .where(AUDIT.c.sent.is_(False), AUDIT.c.server == server.base, AUDIT.c.moment < millis(before))
        .order_by(AUDIT.c.moment)
        .limit(_MANY)
    )
    with writing(engine) as connection:
        found = connection.execute(waiting).all()
    for name, event in found:
        try:
            create(server, event)
        except Trouble as trouble:
            if trouble.fault is not Fault.REFUSED:
                raise
            # One event that the server does not want must not hold up all the others; it stays here.
            LOG.warning("audit=%s is not wanted by the server: %s", name, trouble)
        with writing(engine) as connection:
            connection.execute(AUDIT.update().where(AUDIT.c.id == name).values(sent=True))
    return len(found)
