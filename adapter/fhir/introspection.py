"""What is an opaque token good for? Its authorization server is asked: RFC 7662 as SMART App Launch 2.2 profiles it, C7.

What it says is kept for some seconds, under a fingerprint of the token, so that a burst of requests is one question. No token is kept.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from threading import Lock
from time import time
from typing import Any
from urllib.parse import quote

from adapter.fhir.addresses import permitted
from adapter.fhir.outgoing import SHORT_LIMITS, Limits, exchanged, session
from adapter.fhir.smart_backend import ASSERTION_TYPE, PrivateKey, assertion
from adapter.fhir.tokens import NotProven, Verified
from adapter.fhir.trouble import Fault, Trouble

KEPT_SECONDS = 30.0
_MOST = 4096
_LONGEST = 4096


@dataclass(slots=True)
class Introspection:
    """One introspection endpoint, and how we prove to it who we are: a secret, or a key that signs."""

    url: str
    issuer: str
    audience: str
    client_id: str
    secret: str = field(default="", repr=False)
    key: PrivateKey | None = field(default=None, repr=False)
    limits: Limits = SHORT_LIMITS
    ca: str | None = None
    clock: Callable[[], float] = time
    _kept: OrderedDict[bytes, tuple[float, Mapping[str, Any]]] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        permitted(self.url, (self.url,))

    def verified(self, token: str) -> Verified:
        """What the server says of the token; NotProven where it is not active or not for us."""
        if not token or len(token) > _LONGEST or not token.isascii() or not token.isprintable():
            raise NotProven("this is no token")
        name, now = sha256(token.encode()).digest(), self.clock()
        with self._lock:
            until, said = self._kept.get(name, (0.0, {}))
        if until <= now:
            said = self._asked(token)
            self._keep(name, said, now)
        self._check(said, now)
        return Verified(self.issuer, said)

    def _keep(self, name: bytes, said: Mapping[str, Any], now: float) -> None:
        with self._lock:
            self._kept[name] = (now + KEPT_SECONDS, said)
            self._kept.move_to_end(name)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)

    def _asked(self, token: str) -> Mapping[str, Any]:
        form, headers = {"token": token}, {"Accept": "application/json"}
        if self.secret:
            pair = f"{quote(self.client_id, safe='')}:{quote(self.secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self.key is not None:
            signed = assertion(self.key, self.client_id, self.url, int(self.clock()))
            form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        with session(self.ca) as line:
            answer = exchanged(line, "POST", self.url, (self.url,), data=form, headers=headers, limits=self.limits)
        if answer.status != HTTPStatus.OK:
            raise Trouble(Fault.SERVER_ERROR, "introspection of a token", status=answer.status)
        said = answer.json()
        if not isinstance(said, dict):
            raise Trouble(Fault.CUT_OFF, "introspection of a token", status=answer.status)
        return said

    def _check(self, said: Mapping[str, Any], now: float) -> None:
        if said.get("active") is not True:
            raise NotProven("the authorization server says that the token is not active")
        ends = said.get("exp")
        if isinstance(ends, int) and ends <= now:
            raise NotProven("the token has ended")
        if said.get("iss", self.issuer) != self.issuer:
            raise NotProven("the token comes from another issuer (iss)")
        audiences = said.get("aud", self.audience)
        if self.audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise NotProven("the token was made for another service (aud)")
