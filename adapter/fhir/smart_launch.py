"""How does a person lead us from the record to a patient? SMART App Launch 2.2: C3.

https://hl7.org/fhir/smart-app-launch/app-launch.html. The server names its authorization server; we send the person there with a
challenge that only we can answer (PKCE, S256), and exchange the code that comes back for a token and the patient it is about.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from time import time
from typing import NamedTuple
from urllib.parse import urlencode

from adapter.fhir.addresses import is_safe
from adapter.fhir.outgoing import SHORT_LIMITS, Answer, Limits, exchanged, session
from adapter.fhir.smart_backend import ASSERTION_TYPE, PrivateKey, assertion
from adapter.fhir.trouble import Fault, Trouble

EHR_SCOPE = "launch patient/*.rs"
STANDALONE_SCOPE = "launch/patient patient/*.rs"
# RFC 7636 asks for 43 characters or more, SMART for a state of 122 bits or more.
_RANDOM_BYTES = 32
_DEFAULT_LIFE_SECONDS = 300
_LONGEST_LIFE_SECONDS = 8 * 3600
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class Why(StrEnum):
    """Why a launch goes no further."""

    UNKNOWN_ISSUER = "unknown-issuer"
    NOT_OFFERED = "not-offered"
    UNKNOWN_LAUNCH = "unknown-launch"
    WRONG_STATE = "wrong-state"
    EXPIRED = "expired"
    DENIED = "denied"
    NO_TOKEN = "no-token"  # noqa: S105 - the word names what is missing.
    NO_PATIENT = "no-patient"
    OTHER_PATIENT = "other-patient"


class NoLaunch(Exception):
    """A launch that goes no further."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class App:
    """Our registration as an app: public, or confidential with a key (preferred) or a secret."""

    client_id: str
    redirect_uri: str
    key: PrivateKey | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    ca: str | None = None
    limits: Limits = SHORT_LIMITS


class Endpoints(NamedTuple):
    """Where a FHIR server sends people and codes."""

    authorization: str
    token: str


class Granted(NamedTuple):
    """What a code was worth: a token for one patient, until a moment (seconds since 1970)."""

    token: str
    patient: str
    ends: float


def random_word() -> str:
    """A word of 256 bits that nobody guesses: a state, a PKCE verifier or the key of a session."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def endpoints(base: str, app: App) -> Endpoints:
    """What the server says of its authorization server; NoLaunch where it does not offer PKCE with S256 or names an unsafe address."""
    url = f"{base}/.well-known/smart-configuration"
    answer = exchanged(session(app.ca), "GET", url, (base,), headers={"Accept": "application/json"}, limits=app.limits)
    said = _object(answer)
    found = Endpoints(str(said.get("authorization_endpoint", "")), str(said.get("token_endpoint", "")))
    methods = said.get("code_challenge_methods_supported")
    if not (isinstance(methods, list) and "S256" in methods) or not all(is_safe(one) for one in found):
        raise NoLaunch(Why.NOT_OFFERED)
    return found


def authorization_url(where: str, app: App, base: str, launch: str, state: str, verifier: str) -> str:
    """The address that the person's browser is sent to; `aud` keeps the token from being used for another server."""
    context = {"launch": launch, "scope": EHR_SCOPE} if launch else {"scope": STANDALONE_SCOPE}
    asked = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        **context,
        "state": state,
        "aud": base,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"


def challenge(verifier: str) -> str:
    """What is shown of the verifier before the code is exchanged (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def granted(token_url: str, app: App, code: str, verifier: str) -> Granted:
    """The token and the patient of a code; NoLaunch where the authorization server gives none."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri, "code_verifier": verifier}
    form, headers = _as_client(form, app, token_url)
    answer = exchanged(session(app.ca), "POST", token_url, (token_url,), data=form, headers=headers, limits=app.limits)
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise NoLaunch(Why.NO_TOKEN)
    said = _object(answer)
    token, patient = said.get("access_token"), said.get("patient")
    if not isinstance(token, str) or not token or str(said.get("token_type", "")).lower() != "bearer":
        raise NoLaunch(Why.NO_TOKEN)
    if not isinstance(patient, str) or not _ID.fullmatch(patient):
        raise NoLaunch(Why.NO_PATIENT)
    return Granted(token, patient, time() + _life(said.get("expires_in")))


def _as_client(form: Mapping[str, str], app: App, token_url: str) -> tuple[dict[str, str], dict[str, str]]:
    """The form and headers by which the token endpoint knows us: a signed assertion, a secret, or only our name."""
    headers = {"Accept": "application/json"}
    if app.key is not None:
        signed = {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(app.key, app.client_id, token_url, int(time())),
        }
        return {**form, **signed}, headers
    if app.secret:
        pair = base64.b64encode(f"{app.client_id}:{app.secret}".encode()).decode()
        return dict(form), headers | {"Authorization": f"Basic {pair}"}
    return {**form, "client_id": app.client_id}, headers


def _life(said: object) -> float:
    """The seconds that a token lives; one that names none is taken to live for as long as SMART recommends."""
    if isinstance(said, bool) or not isinstance(said, (int, Decimal)) or said <= 0:
        return _DEFAULT_LIFE_SECONDS
    return min(float(said), _LONGEST_LIFE_SECONDS)


def _object(answer: Answer) -> dict[str, object]:
    if answer.status != HTTPStatus.OK:
        raise Trouble(Fault.SERVER_ERROR, "the authorization server did not answer", status=answer.status)
    said = answer.json()
    return said if isinstance(said, dict) else {}
