"""What became of the cards? Feedback of CDS clients, for whoever looks after the rules: https://cds-hooks.hl7.org/2.0/#feedback (D7).

The same card may be spoken of again, and the same words may arrive twice: what one client says of a card, outcome and moment is kept once.
A comment is a user's free text: it is in the database and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery.database import opened, writing
from adapter.delivery.jobs import NotKept
from adapter.delivery.tables import FEEDBACK, millis, moment_of
from adapter.facts.frozen import Frozen

# How often the same words may be overtaken by themselves, sent at once by a client that lost its connections.
_TRIES = 20


class Feedback(Frozen):
    """What a user did with one card."""

    card: str
    outcome: str
    at: datetime
    reason_system: str = ""
    reason_code: str = ""
    reason_display: str = ""
    comment: str = ""
    suggestions: tuple[str, ...] = ()


class Kept(Feedback):
    """The same, with the service that gave the card, who told us, and when."""

    service: str
    client: str
    received: datetime


@dataclass(slots=True)
class FeedbackBook:
    """Where feedback is kept; the database is opened when the first of it comes."""

    url: str = field(repr=False)
    _engine: Engine | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def keep(self, service: str, client: str, told: Sequence[Feedback], now: datetime) -> None:
        """Keep all of it or, with NotKept, none."""
        rows = {row["id"]: row for row in (_row(service, client, one, now) for one in told)}
        for _ in range(_TRIES):
            try:
                self._replace(list(rows.values()))
            except IntegrityError:
                # Another request kept the same words between our two statements; now that they are there, they can be replaced.
                continue
            return
        raise NotKept("the same feedback came too often at once")

    def _replace(self, rows: Sequence[dict[str, Any]]) -> None:
        with writing(self._opened()) as connection:
            for row in rows:
                connection.execute(FEEDBACK.delete().where(FEEDBACK.c.id == row["id"]))
                connection.execute(FEEDBACK.insert().values(row))

    def kept(self) -> list[Kept]:
        """Everything that was told, in the order in which it happened."""
        with writing(self._opened()) as connection:
            rows = connection.execute(select(FEEDBACK).order_by(FEEDBACK.c.at, FEEDBACK.c.id)).mappings().all()
        return [_kept(dict(row)) for row in rows]

    def close(self) -> None:
        """Let go of the connections to the database; the next use opens it again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = opened(self.url)
            return self._engine


def _row(service: str, client: str, one: Feedback, now: datetime) -> dict[str, Any]:
    told = one.model_dump(exclude={"at", "suggestions"})
    same = msgspec.json.encode([client, service, one.card, one.outcome, millis(one.at)])
    return told | {
        "id": sha256(same).hexdigest(),
        "service": service,
        "client": client,
        "at": millis(one.at),
        "received": millis(now),
        "suggestions": list(one.suggestions),
    }


def _kept(row: dict[str, Any]) -> Kept:
    row.pop("id")
    times = {name: moment_of(row[name]) for name in ("at", "received")}
    return Kept(**(row | times | {"suggestions": tuple(row["suggestions"])}))
