"""Which keys does another service sign with? Its JWKS (RFC 7517), from the one address that a site registered: C6.

It is kept no longer than its Cache-Control says. A key that is not in it leads to one more look at most, and not more often than every
few seconds, so that tokens with made-up keys cannot make us ask for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import Any

import jwt

from adapter.fhir.addresses import permitted
from adapter.fhir.outgoing import SHORT_LIMITS, Limits, exchanged, session
from adapter.fhir.trouble import Fault, Trouble

DEFAULT_SECONDS, MOST_SECONDS = 300.0, 86_400.0
# The shortest time between two looks that nothing but an unknown key, or a fault, asked for.
PAUSE_SECONDS = 10.0
_MOST_KEYS = 100
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,9})")
_NOT_KEPT = re.compile(r"\bno-(?:store|cache)\b")
# What each algorithm signs with: kty, and the curve where there is one.
FAMILIES = {"RS256": ("RSA", None), "RS384": ("RSA", None), "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384")}
_RSA_BITS = 2048
Keys = tuple[Mapping[str, Any], ...]
_PRIVATE = frozenset({"d", "p", "q", "k"})


class NoSuchKey(Exception):
    """Not exactly one key of the set fits."""


@dataclass(slots=True)
class KeySet:
    """The keys that one registered address publishes."""

    url: str
    limits: Limits = SHORT_LIMITS
    ca: str | None = None
    clock: Callable[[], float] = monotonic
    # The keys and until when they may be used: one value, so that no thread reads the half of a change.
    _kept: tuple[Keys, float] = field(default=((), float("-inf")), init=False, repr=False)
    _looked: float = field(default=float("-inf"), init=False)
    _fault: Trouble | None = field(default=None, init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        permitted(self.url, (self.url,))

    def key(self, kid: str, algorithm: str) -> jwt.PyJWK:
        """The one key with this name and of the type that the algorithm needs (C6: kid and kty match exactly one key)."""
        keys = self._fresh()
        if not any(one.get("kid") == kid for one in keys):
            keys = self._looked_again()
        return _only(keys, kid, algorithm)

    def _fresh(self) -> Keys:
        keys, ends = self._kept
        if self.clock() < ends:
            return keys
        with self._lock:
            keys, ends = self._kept
            return keys if self.clock() < ends else self._fetched()

    def _looked_again(self) -> Keys:
        with self._lock:
            return self._kept[0] if self.clock() - self._looked < PAUSE_SECONDS else self._fetched()

    def _fetched(self) -> Keys:
        if self._fault is not None and self.clock() - self._looked < PAUSE_SECONDS:
            raise Trouble(self._fault.fault, "keys of an issuer", status=self._fault.status)
        self._looked = self.clock()
        try:
            keys, seconds = _asked(self.url, self.limits, self.ca)
        except Trouble as trouble:
            self._fault = trouble
            raise
        self._fault, self._kept = None, (keys, self._looked + seconds)
        return keys


def _asked(url: str, limits: Limits, ca: str | None) -> tuple[Keys, float]:
    """The keys as they are published now, and for how many seconds they may be kept."""
    with session(ca) as line:
        answer = exchanged(line, "GET", url, (url,), headers={"Accept": "application/jwk-set+json, application/json"}, limits=limits)
    if answer.status != HTTPStatus.OK:
        raise Trouble(Fault.SERVER_ERROR, "keys of an issuer", status=answer.status)
    found = answer.json()
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise Trouble(Fault.CUT_OFF, "what was read is no set of keys", status=answer.status)
    return tuple(one for one in keys if isinstance(one, dict)), kept_seconds(answer.headers)


def kept_seconds(headers: Mapping[str, str]) -> float:
    """For how long an answer may be kept (RFC 9111): never longer than its Cache-Control says, less the age that it already has."""
    control = headers.get("Cache-Control", "").lower()
    if _NOT_KEPT.search(control):
        return 0.0
    said = _MAX_AGE.search(control)
    age = headers.get("Age", "0")
    seconds = float(said.group(1)) - (float(age) if age.isdecimal() else 0.0) if said else DEFAULT_SECONDS
    return min(max(seconds, 0.0), MOST_SECONDS)


def _only(keys: Keys, kid: str, algorithm: str) -> jwt.PyJWK:
    fitting = [one for one in keys if one.get("kid") == kid and _fits(one, algorithm)]
    if len(fitting) != 1:
        raise NoSuchKey(f"{len(fitting)} keys of the issuer have that kid and fit the algorithm; exactly one has to")
    try:
        made = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise NoSuchKey("the key of that kid cannot be read") from error
    if getattr(made.key, "key_size", _RSA_BITS) < _RSA_BITS and made.key_type == "RSA":
        raise NoSuchKey("the key of that kid is too short")
    return made


def _fits(one: Mapping[str, Any], algorithm: str) -> bool:
    family, curve = FAMILIES[algorithm]
    is_kind = one.get("kty") == family and (curve is None or one.get("crv") == curve)
    return is_kind and one.get("use", "sig") == "sig" and one.get("alg", algorithm) == algorithm and not _PRIVATE & one.keys()
