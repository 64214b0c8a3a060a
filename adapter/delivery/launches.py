"""Who came from the record, and with which token? Kept here only, sealed with the key that the person's browser holds.

The row is found by a fingerprint of that key, so neither a copy of the database nor a browser alone gives a token away.
"""

from __future__ import annotations

import base64
from datetime import datetime
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, select

from adapter.delivery.database import writing
from adapter.delivery.tables import LAUNCHES, millis


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A person who was sent to the authorization server and has to come back with the same state."""

    base: str
    token_url: str
    state: str
    verifier: str


class Held(msgspec.Struct, frozen=True, tag="held"):
    """A person who came back: the server, the patient and the token for both."""

    base: str
    patient: str
    token: str


def keep(engine: Engine, key: str, what: Begun | Held, ends: datetime, now: datetime) -> None:
    """Keep one launch until its end, and forget those that have ended."""
    row = {"fingerprint": _fingerprint(key), "ends": millis(ends), "sealed": _seal(key).encrypt(msgspec.json.encode(what)).decode()}
    with writing(engine) as connection:
        connection.execute(LAUNCHES.delete().where(LAUNCHES.c.ends <= millis(now)))
        connection.execute(LAUNCHES.insert().values(row))


def opened(engine: Engine, key: str, now: datetime) -> Begun | Held | None:
    """What was kept under this key, until it ends."""
    with writing(engine) as connection:
        row = connection.execute(select(LAUNCHES).where(LAUNCHES.c.fingerprint == _fingerprint(key))).first()
    if row is None or row.ends <= millis(now):
        return None
    try:
        return msgspec.json.decode(_seal(key).decrypt(row.sealed.encode()), type=Begun | Held)
    except InvalidToken:
        return None


def taken(engine: Engine, key: str, now: datetime) -> Begun | Held | None:
    """The same, once: it is forgotten with that."""
    found = opened(engine, key, now)
    return found if forget(engine, key) else None


def forget(engine: Engine, key: str) -> bool:
    """Forget what was kept under this key; whether there was something."""
    with writing(engine) as connection:
        gone = connection.execute(LAUNCHES.delete().where(LAUNCHES.c.fingerprint == _fingerprint(key)))
    return gone.rowcount > 0


def _fingerprint(key: str) -> str:
    return sha256(f"name:{key}".encode()).hexdigest()


def _seal(key: str) -> Fernet:
    """The key in the browser has 256 random bits, so its digest is as good a key as it is itself."""
    return Fernet(base64.urlsafe_b64encode(sha256(f"seal:{key}".encode()).digest()))
