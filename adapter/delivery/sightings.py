"""Which codes did senders use that our maps do not have? Counted for the terminologist's desk; nothing of a patient is kept with them.

What one process saw is added up for a few seconds and written together, so that a request does not wait for the disk. A process that is
killed takes with it what it saw in these seconds; the answers named every such code already.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from threading import Lock, Timer

from msgspec.structs import asdict
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery.database import writing
from adapter.delivery.jobs import NotKept
from adapter.delivery.tables import SIGHTINGS, millis, moment_of
from adapter.facts.case import UnmappedCode
from adapter.facts.frozen import Plain

LOG = logging.getLogger("adapter.delivery")

_SECONDS = 3.0
_MOST_KINDS = 10_000
_TRIES = 5
# What a code map may hold of a sender; more would be free text.
_LONGEST = 200

Key = tuple[str, UnmappedCode]


class Sighting(Plain, frozen=True, kw_only=True):
    """A code that one sender used, how often, and when last."""

    sender: str
    code: UnmappedCode
    count: int
    last_seen: datetime


class Lookout:
    """Adds up what is seen and writes it down every few seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], seconds: float = _SECONDS) -> None:
        self._engine, self._clock, self._seconds = engine, clock, seconds
        self._seen: Counter[Key] = Counter()
        self._lock = Lock()
        self._timer: Timer | None = None

    def note(self, sender: str, codes: Mapping[UnmappedCode, int]) -> None:
        """Count these codes for a sender."""
        if not codes:
            return
        with self._lock:
            self._seen.update({(sender[:_LONGEST], _short(code)): count for code, count in codes.items()})
            if self._timer is None:
                self._timer = Timer(self._seconds, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write down what was seen; what the database does not take now is kept for the next time."""
        with self._lock:
            seen, self._seen, self._timer = self._seen, Counter(), None
        try:
            _add(self._engine, seen, self._clock())
        except NotKept as error:
            LOG.warning("unmapped codes were not written down: %s", error)
            with self._lock:
                self._seen.update(dict(seen.most_common(_MOST_KINDS)))


def sightings(engine: Engine) -> list[Sighting]:
    """Everything that was seen, what was sent most often first."""
    with writing(engine) as connection:
        rows = connection.execute(select(SIGHTINGS).order_by(SIGHTINGS.c.count.desc(), SIGHTINGS.c.name)).mappings().all()
    return [
        Sighting(
            sender=row["sender"],
            code=UnmappedCode(**{field: row[field] for field in UnmappedCode.__struct_fields__}),
            count=row["count"],
            last_seen=moment_of(row["last"]),
        )
        for row in rows
    ]


def _add(engine: Engine, seen: Mapping[Key, int], now: datetime) -> None:
    if seen and _is_full(engine):
        LOG.warning("%d unmapped codes are not kept: there are %d already; map some, or empty the table", len(seen), _MOST_KINDS)
        return
    for (sender, code), count in seen.items():
        for _ in range(_TRIES):
            try:
                with writing(engine) as connection:
                    _count(connection, sender, code, count, now)
                break
            except IntegrityError:
                # Another process saw it for the first time at this moment.
                continue


def _is_full(engine: Engine) -> bool:
    with writing(engine) as connection:
        return (connection.execute(select(func.count()).select_from(SIGHTINGS)).scalar() or 0) >= _MOST_KINDS


def _count(connection: Connection, sender: str, code: UnmappedCode, count: int, now: datetime) -> None:
    name = sha256(f"{sender}\n{code.role}\n{code.system}\n{code.code}\n{code.fact}".encode()).hexdigest()
    more = {"count": SIGHTINGS.c.count + count, "last": millis(now)} | ({"display": code.display} if code.display else {})
    if connection.execute(SIGHTINGS.update().where(SIGHTINGS.c.name == name).values(more)).rowcount == 0:
        row = {"name": name, "sender": sender, "count": count, "last": millis(now), **asdict(code)}
        connection.execute(SIGHTINGS.insert().values(row))


def _short(code: UnmappedCode) -> UnmappedCode:
    return UnmappedCode(**{name: value[:_LONGEST] for name, value in asdict(code).items()})
