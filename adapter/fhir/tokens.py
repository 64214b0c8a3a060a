"""Is a signed token what it says it is? JWTs of authorization servers and of CDS clients, with asymmetric signatures only: C5, C6, D8.

RFC 7519 says what a token holds and RFC 8725 how one is misused: the algorithm comes from the site and never from the token, a key fits
its algorithm, and a token that was made for somebody else, or for another purpose, is none.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import jwt

from adapter.fhir.key_sets import FAMILIES, KeySet, NoSuchKey

# What SMART recommends; a site may also take RS256 and ES256, because many authorization servers sign with nothing else.
RECOMMENDED = frozenset({"RS384", "ES384"})
# The `typ` of an access token, which need not have one, and that of a statement of a client about itself, which has to (C5, D8).
ACCESS_TOKEN = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
CLIENT_STATEMENT = frozenset({"jwt"})
_LONGEST = 16 * 1024
_HEADERS = frozenset({"alg", "kid", "typ", "jku", "x5t", "x5t#S256", "x5c", "x5u", "cty"})
_BUSY_SECONDS = 5.0

# PyJWT's own words could quote what stands in a token, so each kind of fault has a sentence of ours.
_FAULTS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "the token has ended",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidIssuedAtError: "the token says that it was made at no time that can be read",
    jwt.InvalidAudienceError: "the token was made for another service (aud)",
    jwt.InvalidIssuerError: "the token comes from another issuer (iss)",
    jwt.MissingRequiredClaimError: "the token lacks a claim that is needed",
    jwt.InvalidSignatureError: "the signature of the token does not fit",
}


class NotProven(Exception):
    """The token proves nothing; the sentence says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Replays:
    """Which single-use tokens have been seen, shared by all processes of one machine through a small file; nothing of a token is in it."""

    path: Path

    def is_first(self, issuer: str, jti: str, until: float, now: float) -> bool:
        """Whether this token was not seen before; it is remembered until it could no longer be used."""
        name = sha256(f"{len(issuer)}:{issuer}{jti}".encode()).digest()
        with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as file, file:
            file.execute("CREATE TABLE IF NOT EXISTS seen (name BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID")
            file.execute("DELETE FROM seen WHERE until < ?", (now,))
            return file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, until)).rowcount == 1


@dataclass(frozen=True, slots=True)
class Trust:
    """What a site believes of one issuer: its keys, for whom it may speak, and how long a token of it may live."""

    issuer: str
    keys: KeySet
    audiences: tuple[str, ...]
    algorithms: frozenset[str] = RECOMMENDED
    types: frozenset[str] = ACCESS_TOKEN
    required: tuple[str, ...] = ("iss", "aud", "exp", "iat")
    longest_seconds: int | None = None
    leeway_seconds: int = 30
    replays: Replays | None = None

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms <= FAMILIES.keys():
            raise ValueError(f"a token may be signed with {', '.join(sorted(FAMILIES))}, and with nothing else")
        if not self.audiences or not all(self.audiences) or not self.issuer:
            raise ValueError("an issuer needs a name and at least one audience")


class Verified(NamedTuple):
    """A token that proved what it says."""

    issuer: str
    claims: Mapping[str, Any]


def new_replays() -> Replays:
    """A place to remember tokens in, for as long as the process that asks for it lives; only this account can read it."""
    folder = tempfile.mkdtemp(prefix="onco-adapter-")
    atexit.register(_forget, folder, os.getpid())
    return Replays(Path(folder) / "seen.sqlite")


def _forget(folder: str, owner: int) -> None:
    # A worker that was forked ends without taking away what the others still use.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def is_jwt(token: str) -> bool:
    """Whether a token has the shape of a signed JWT; any other is opaque to us."""
    return token.count(".") == 2 and token.startswith("ey")


def verified(token: str, trusted: Mapping[str, Trust], now: float) -> Verified:
    """The claims of a token that an issuer on the list signed for us; NotProven for any other, Trouble where its keys cannot be had."""
    trust, kid, algorithm = _claimed(token, trusted)
    try:
        key = trust.keys.key(kid, algorithm)
        # The algorithm is the one of the list that the key was chosen for; PyJWT refuses any other.
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=trust.audiences,
            issuer=trust.issuer,
            leeway=trust.leeway_seconds,
            options={"require": list(trust.required)},
        )
    except NoSuchKey as error:
        raise NotProven(str(error)) from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotProven(_FAULTS.get(type(error), "the token cannot be read")) from error  # type: ignore[arg-type]
    _check_life(claims, trust, now)
    return Verified(trust.issuer, claims)


def _claimed(token: str, trusted: Mapping[str, Trust]) -> tuple[Trust, str, str]:
    """Whose token it says it is, before anything of it is believed or fetched."""
    if len(token) > _LONGEST or not is_jwt(token):
        raise NotProven("this is no signed token")
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotProven("the token cannot be read") from error
    issuer = claims.get("iss")
    trust = trusted.get(issuer) if isinstance(issuer, str) else None
    if trust is None:
        raise NotProven("the token comes from an issuer that is not on the list of this site")
    kid, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in trust.algorithms:
        raise NotProven(f"the token has to be signed with {' or '.join(sorted(trust.algorithms))}")
    if not isinstance(kid, str) or not kid:
        raise NotProven("the header of the token needs a kid")
    _check_header(header, trust)
    return trust, kid, str(algorithm)


def _check_header(header: Mapping[str, Any], trust: Trust) -> None:
    """Refuse what changes the meaning of a token, and an address of keys that is not the registered one (C6, D8)."""
    if not header.keys() <= _HEADERS:
        raise NotProven("the header of the token holds something that this service does not know")
    if str(header.get("typ", "")).lower() not in trust.types:
        raise NotProven("the token is of another type (typ)")
    if "jku" in header and header["jku"] != trust.keys.url:
        raise NotProven("the token names an address of keys (jku) that is not registered")


def _check_life(claims: Mapping[str, Any], trust: Trust, now: float) -> None:
    if trust.longest_seconds is not None and float(claims["exp"]) > now + trust.longest_seconds + trust.leeway_seconds:
        raise NotProven(f"the token may live for {trust.longest_seconds} seconds at most")
    if trust.replays is None:
        return
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise NotProven("the token needs a jti, because it may be used once only")
    if not trust.replays.is_first(trust.issuer, jti, float(claims["exp"]) + trust.leeway_seconds, now):
        raise NotProven("the token was used before (jti)")
