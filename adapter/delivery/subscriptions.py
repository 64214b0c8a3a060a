"""What were we told, and what did we miss? Each event is taken once; a number that is left out is a gap, and a gap is searched for.

https://hl7.org/fhir/uv/subscriptions-backport/notifications.html: E3, E4. What a notification asks for is kept in the same transaction
that marks it as taken, and only then is it acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from adapter.delivery import ledger, outbox
from adapter.delivery.database import writing
from adapter.delivery.jobs import Work
from adapter.delivery.tables import EVENTS, SUBSCRIPTIONS, millis, moment_of
from adapter.facts.frozen import Frozen
from adapter.fhir.notification import Changed, Notification

_TRIES = 20


class Known(Frozen):
    """A Subscription that we asked a server for."""

    name: str
    server: str
    reference: str
    criteria: tuple[str, ...]
    secret: str
    status: str
    highest: int = 0
    settled: int = 0
    look: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    checked: datetime

    @property
    def wants_a_look(self) -> bool:
        """Whether something was said since the last look that does not tell what changed."""
        return self.look >= self.checked

    def is_from(self, authorization: str) -> bool:
        """Whether the header is the one that we gave to the server; we keep only its fingerprint."""
        return compare_digest(digest_of(authorization.removeprefix("Bearer ").strip()), self.secret)


class Heard(NamedTuple):
    """How a Subscription stands, for those who run the service."""

    name: str
    server: str
    status: str
    highest: int
    heard: datetime | None


def digest_of(secret: str) -> str:
    """The fingerprint of a secret."""
    return sha256(secret.encode()).hexdigest()


def remember(engine: Engine, known: Known) -> None:
    """Keep a Subscription under its name, in place of an older one."""
    moments = {"look": millis(known.look), "checked": millis(known.checked)}
    row = known.model_dump() | {"criteria": list(known.criteria)} | moments
    with writing(engine) as connection:
        connection.execute(SUBSCRIPTIONS.delete().where(SUBSCRIPTIONS.c.name == known.name))
        connection.execute(EVENTS.delete().where(EVENTS.c.subscription == known.name))
        connection.execute(SUBSCRIPTIONS.insert().values(row))


def name_upstream(engine: Engine, name: str, reference: str) -> None:
    """Keep how the server calls the Subscription; what it said of it meanwhile stays."""
    with writing(engine) as connection:
        connection.execute(SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.name == name).values(reference=reference))


def find(engine: Engine, name: str) -> Known | None:
    """The Subscription of this name."""
    with writing(engine) as connection:
        return _known(connection, name)


def take(engine: Engine, name: str, told: Notification, now: datetime, gather: timedelta = timedelta(0)) -> int:
    """Queue what a notification asks for, all of it or nothing; how many jobs it asked for."""
    for _ in range(_TRIES):
        try:
            with writing(engine) as connection:
                return _take(connection, name, told, now, gather)
        except IntegrityError:
            continue
    raise RuntimeError("the queue changes faster than it can be read")


def every(engine: Engine) -> list[Heard]:
    """Every Subscription with when it was last heard of, by name."""
    with writing(engine) as connection:
        rows = connection.execute(select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.name)).mappings().all()
    return [
        Heard(row["name"], row["server"], row["status"], row["highest"], moment_of(row["heard"]) if row["heard"] else None) for row in rows
    ]


def last_events(engine: Engine, most: int) -> list[tuple[str, int, datetime]]:
    """The events that were taken last: the Subscription, the number and the moment of each."""
    newest = (
        select(EVENTS.c.subscription, EVENTS.c.number, EVENTS.c.moment).order_by(EVENTS.c.moment.desc(), EVENTS.c.number.desc()).limit(most)
    )
    with writing(engine) as connection:
        return [(row.subscription, row.number, moment_of(row.moment)) for row in connection.execute(newest)]


def overdue(engine: Engine, silence: timedelta, now: datetime) -> list[str]:
    """The names of the Subscriptions that we have not heard of for so long that it is time to look."""
    since = millis(now - silence)
    with writing(engine) as connection:
        quiet = select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.checked < since)
        return [row["name"] for row in connection.execute(quiet).mappings() if (row["heard"] or 0) < since]


def missing(engine: Engine, known: Known) -> bool:
    """Whether the server may know of something that we were not told: an event said nothing, or a number never came."""
    numbers = select(EVENTS.c.number).where(EVENTS.c.subscription == known.name, EVENTS.c.number > known.settled)
    with writing(engine) as connection:
        taken = set(connection.execute(numbers).scalars())
    return known.wants_a_look or any(number not in taken for number in range(known.settled + 1, known.highest + 1))


def checked(connection: Connection, known: Known, moment: datetime, status: str) -> None:
    """Everything that changed before this moment, and every event up to this number, has been queued."""
    values = {"checked": millis(moment), "settled": known.highest, "status": status}
    connection.execute(SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.name == known.name).values(values))


def look(engine: Engine, name: str, now: datetime) -> None:
    """Queue a look at everything that changed since the last one."""
    with writing(engine) as connection:
        known = _known(connection, name)
        if known is not None:
            connection.execute(SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.name == name).values(look=millis(now)))
            outbox.add(connection, known.server, Work.RECOVER, f"Subscription/{name}", "silence", now)


def forget_events_before(engine: Engine, moment: datetime) -> None:
    """Let go of events so old that no server repeats them."""
    with writing(engine) as connection:
        connection.execute(EVENTS.delete().where(EVENTS.c.moment < millis(moment)))


def _take(connection: Connection, name: str, told: Notification, now: datetime, gather: timedelta) -> int:
    known = _known(connection, name)
    if known is None:
        return 0
    if told.kind == "handshake":
        known = _begun_again(connection, known, told, now)
    changed = [*told.changed, *_new(connection, known, told, now)]
    asked = sum(_queue(connection, known, one, now) for one in changed)
    highest = max((known.highest, told.events_so_far or 0, *(event.number for event in told.events)))
    says_nothing = (told.kind == "ping" and not told.changed) or any(not event.changed for event in told.events)
    if says_nothing or _has_gap(known, told, highest):
        # What seems left out may only be late: the look waits a little, and asks again whether anything is missing.
        outbox.add(connection, known.server, Work.RECOVER, f"Subscription/{name}", "notification", now, gather)
        asked += 1
    values = {"highest": highest, "heard": millis(now), "status": told.status or known.status}
    values |= {"look": millis(now)} if says_nothing else {}
    connection.execute(SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.name == name).values(values))
    return asked


def _begun_again(connection: Connection, known: Known, told: Notification, now: datetime) -> Known:
    """A server that counts from the beginning again has forgotten the numbers that we know; what it may have missed is looked for."""
    if told.events_so_far is None or told.events_so_far >= known.highest:
        return known
    connection.execute(EVENTS.delete().where(EVENTS.c.subscription == known.name))
    values = {"highest": told.events_so_far, "settled": told.events_so_far}
    connection.execute(SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.name == known.name).values({**values, "look": millis(now)}))
    return known.model_copy(update={**values, "look": now})


def _new(connection: Connection, known: Known, told: Notification, now: datetime) -> Iterable[Changed]:
    """What the events are about that were not taken before."""
    for event in told.events:
        row = {"subscription": known.name, "number": event.number}
        taken = select(EVENTS.c.number).where(EVENTS.c.subscription == known.name, EVENTS.c.number == event.number)
        if connection.execute(taken).first() is None:
            connection.execute(EVENTS.insert().values({**row, "moment": millis(now)}))
            yield from event.changed


def _has_gap(known: Known, told: Notification, highest: int) -> bool:
    """Whether a number between the last one heard of and the highest one was left out."""
    numbers = {event.number for event in told.events}
    first_beyond = known.highest + len(numbers) + 1
    return known.wants_a_look or any(number not in numbers for number in range(known.highest + 1, min(highest, first_beyond) + 1))


def _queue(connection: Connection, known: Known, changed: Changed, now: datetime) -> int:
    """Queue the patient, or the search for one; what we wrote ourselves asks for nothing."""
    if changed.identity and _is_our_own(connection, known.server, changed):
        return 0
    kind, subject = (Work.WRITE, changed.patient) if changed.patient else (Work.FIND, changed.reference)
    outbox.add(connection, known.server, kind, subject, "notification", now)
    return 1


def _is_our_own(connection: Connection, server: str, changed: Changed) -> bool:
    found = ledger.find(connection, server, changed.identity or "")
    return found is not None and found.version == changed.version


def _known(connection: Connection, name: str) -> Known | None:
    row = connection.execute(select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.name == name).with_for_update()).mappings().first()
    if row is None:
        return None
    moments = {key: moment_of(row[key]) for key in ("look", "checked")}
    return Known.model_validate({key: row[key] for key in Known.model_fields} | moments)
