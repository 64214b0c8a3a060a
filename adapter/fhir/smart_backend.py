"""How do we identify ourselves to a FHIR server without a person? SMART App Launch 2.2, Backend Services, and its asymmetric client
authentication (https://hl7.org/fhir/smart-app-launch/backend-services.html): C5.

We sign a short-lived assertion with our private key; the server finds the public one in the JWKS that we publish. A token is kept until
just before it ends and never written anywhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from time import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapter.fhir.addresses import checked_base
from adapter.fhir.client import retry_after
from adapter.fhir.outgoing import DEFAULT_LIMITS, Answer, Limits, exchanged, session
from adapter.fhir.trouble import Fault, Trouble

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240
# A token is asked for anew this long before it ends, so that none ends on its way.
MARGIN_SECONDS = 30.0
DEFAULT_LIFE_SECONDS = 300
_RSA_BITS = 2048

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class BadKey(ValueError):
    """The private key cannot sign what SMART asks for."""


def private_key(path: Path) -> PrivateKey:
    """The key in a PEM file: RSA of 2048 bits or more for RS384, or P-384 for ES384."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadKey("ADAPTER_SMART_KEY has to name a readable PEM file with a private key and no password") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
        return key
    raise BadKey("SMART Backend Services asks for an RSA key of 2048 bits or more (RS384) or a P-384 key (ES384)")


def algorithm(key: PrivateKey) -> str:
    """The signature that goes with the key."""
    return "RS384" if isinstance(key, rsa.RSAPrivateKey) else "ES384"


def public_jwk(key: PrivateKey) -> dict[str, Any]:
    """The public half, named by its RFC 7638 thumbprint."""
    found: dict[str, Any]
    named: tuple[str, ...]
    if isinstance(key, rsa.RSAPrivateKey):
        found = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        named = ("e", "kty", "n")
    else:
        found = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        named = ("crv", "kty", "x", "y")
    thumb = sha256(json.dumps({name: found[name] for name in named}, separators=(",", ":"), sort_keys=True).encode()).digest()
    kid = base64.urlsafe_b64encode(thumb).rstrip(b"=").decode()
    return {name: found[name] for name in named} | {"alg": algorithm(key), "use": "sig", "key_ops": ["verify"], "kid": kid}


def jwks(keys: tuple[PrivateKey, ...]) -> dict[str, Any]:
    """What we publish: every key that we may sign with, so that one can follow another."""
    return {"keys": [public_jwk(key) for key in keys]}


def assertion(key: PrivateKey, client_id: str, token_url: str, moment: int) -> str:
    """One statement that we are this client, good for one request within a few minutes."""
    claims = {"iss": client_id, "sub": client_id, "aud": token_url, "iat": moment, "exp": moment + ASSERTION_SECONDS, "jti": uuid4().hex}
    return jwt.encode(claims, key, algorithm=algorithm(key), headers={"kid": public_jwk(key)["kid"], "typ": "JWT"})


@dataclass(slots=True)
class BackendService:
    """Our registration with one authorization server, and the token that it last gave us."""

    base: str
    client_id: str
    key: PrivateKey
    scope: str
    token_url: str = ""
    limits: Limits = DEFAULT_LIMITS
    ca: str | None = None
    clock: Callable[[], float] = time
    _token: str = field(default="", repr=False)
    _ends: float = 0.0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def headers(self, renew: bool) -> Mapping[str, str]:
        """The Authorization header; `renew` forgets a token that the server no longer takes."""
        with self._lock:
            if renew or not self._token or self.clock() >= self._ends:
                self._fetch()
            return {"Authorization": f"Bearer {self._token}"}

    def _fetch(self) -> None:
        token_url = self.token_url or self._discovered()
        form = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(self.key, self.client_id, token_url, int(self.clock())),
        }
        answered = self._json("POST", token_url, form)
        token, life = answered.get("access_token"), answered.get("expires_in", DEFAULT_LIFE_SECONDS)
        if not isinstance(token, str) or not token or str(answered.get("token_type", "")).lower() != "bearer":
            raise Trouble(Fault.NOT_AUTHORIZED, "the token endpoint gave no bearer token")
        self._token, self._ends = token, self.clock() + max(0.0, float(life) - MARGIN_SECONDS)
        self.token_url = token_url

    def _discovered(self) -> str:
        """The token endpoint that the FHIR server names; it has to be safe to send an assertion to."""
        found = self._json("GET", f"{self.base}/.well-known/smart-configuration", None).get("token_endpoint")
        try:
            return checked_base(str(found))
        except ValueError as error:
            raise Trouble(Fault.NOT_ALLOWED, "the token endpoint is neither https nor on this machine") from error

    def _json(self, method: str, url: str, form: Mapping[str, str] | None) -> dict[str, Any]:
        what = f"token from {urlsplit(url).hostname}"
        try:
            with session(self.ca) as line:
                answer = exchanged(line, method, url, (url,), data=form, headers={"Accept": "application/json"}, limits=self.limits)
        except Trouble as trouble:
            raise Trouble(trouble.fault, what, status=trouble.status) from trouble
        return _checked(answer, what)


def _checked(answer: Answer, what: str) -> dict[str, Any]:
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fault = Fault.THROTTLED if status == HTTPStatus.TOO_MANY_REQUESTS else Fault.SERVER_ERROR
        raise Trouble(fault, what, status=status, retry_after=retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)))
    if status != HTTPStatus.OK:
        raise Trouble(Fault.NOT_AUTHORIZED, what, status=status)
    found = answer.json()
    return found if isinstance(found, dict) else {}
