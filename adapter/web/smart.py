"""Does a bearer token allow an operation? We are a SMART resource server beside the hospital's authorization server: C2, C4, C6, C7."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import time
from typing import Any, NoReturn

from flask import g, request

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.introspection import Introspection
from adapter.fhir.key_sets import KeySet
from adapter.fhir.outcome import Refusal
from adapter.fhir.smart_backend import BadKey, private_key
from adapter.fhir.tokens import NotProven, Trust, Verified, is_jwt, verified
from adapter.fhir.trouble import Trouble
from adapter.settings import Settings, Unusable, secret_in
from adapter.web.context import hold_to
from adapter.web.guard import Caller, Gate
from adapter.web.guard import caller as caller_now
from adapter.web.scopes import granted, needed

LOG = logging.getLogger("adapter.web")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
Prove = Callable[[str], Verified]


def gate_for(settings: Settings) -> Gate:
    """The gate that these settings ask for; raises Unusable where they cannot tell who may ask."""
    if settings.auth == "none":
        return _open_on_this_machine
    prove = _prover(settings)
    return lambda operation: _checked(operation, prove)


def _open_on_this_machine(_operation: str) -> Caller:
    """Anyone on this machine. A page of the web that has its own name point at this machine is not on it."""
    name = request.host.lower()
    if (name if name.endswith("]") else name.rpartition(":")[0] or name) not in _LOOPBACK:
        _refuse(HTTPStatus.FORBIDDEN, "not-allowed", "without authorization this service answers to the name localhost only")
    return Caller()


def _prover(settings: Settings) -> Prove:
    """What tells of a token who it is for: keys for signed ones, the authorization server for opaque ones."""
    if not settings.auth_issuers or not settings.audience or not (settings.auth_jwks or settings.auth_introspect_url):
        raise Unusable(
            "who may ask is not known. Name your authorization server: ADAPTER_AUTH_ISSUERS with ADAPTER_AUTH_JWKS or "
            "ADAPTER_AUTH_INTROSPECT_URL, and ADAPTER_PUBLIC_URL or ADAPTER_AUTH_AUDIENCE. To try the service on this machine only: "
            "--auth none, or ADAPTER_AUTH=none"
        )
    ca = str(settings.fhir_ca) if settings.fhir_ca else None
    try:
        trusted = {
            issuer: Trust(issuer, KeySet(url, ca=ca), (settings.audience,), frozenset(settings.auth_algorithms))
            for issuer, url in zip(settings.auth_issuers, settings.auth_jwks, strict=False)
        }
        asked = _introspection(settings, ca) if settings.auth_introspect_url else None
    except (ValueError, BadKey) as error:
        raise Unusable(str(error)) from error

    def prove(token: str) -> Verified:
        if trusted and (asked is None or is_jwt(token)):
            return verified(token, trusted, time())
        if asked is None:
            raise NotProven("this is no signed token")
        return asked.verified(token)

    return prove


def _introspection(settings: Settings, ca: str | None) -> Introspection:
    secret = secret_in(settings.auth_introspect_secret_file) if settings.auth_introspect_secret_file else ""
    client = settings.auth_introspect_client or settings.smart_client_id
    if not client or not (secret or settings.smart_keys):
        raise ValueError("ADAPTER_AUTH_INTROSPECT_URL needs a client id, and ADAPTER_AUTH_INTROSPECT_SECRET_FILE or ADAPTER_SMART_KEYS")
    key = None if secret else private_key(settings.smart_keys[0])
    return Introspection(settings.auth_introspect_url, settings.auth_issuers[0], settings.audience, client, secret, key, ca=ca)


def _checked(operation: str, prove: Prove) -> Caller:
    g.caller = caller = _known(prove)
    grant = granted(operation, caller.scopes)
    if not grant.allowed:
        _too_little(operation, f"the token does not allow this; it needs scopes such as {needed(operation)}")
    if not grant.only_patient:
        return caller
    if not caller.patient:
        _too_little(operation, "the scopes of the token are for a patient in context, and it names none")
    g.caller = caller.model_copy(update={"only_patient": True})
    named = (request.view_args or {}).get("patient")
    if named is not None:
        hold_to(f"Patient/{named}")
    return caller_now()


def _known(prove: Prove) -> Caller:
    """Who asks, as the token proves it."""
    token = _token()
    try:
        return _caller(prove(token))
    except NotProven as error:
        g.challenge = 'Bearer error="invalid_token"'
        _refuse(HTTPStatus.UNAUTHORIZED, "token-refused", str(error))
    except Trouble as trouble:
        LOG.warning("the authorization server cannot be asked: %s", trouble)
        _refuse(HTTPStatus.SERVICE_UNAVAILABLE, "server-unavailable", "the authorization server cannot be asked now; try again later")


def _too_little(operation: str, text: str) -> NoReturn:
    g.challenge = f'Bearer error="insufficient_scope", scope="{needed(operation)}"'
    _refuse(HTTPStatus.FORBIDDEN, "scope-missing", text)


def _token() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        g.challenge = "Bearer"
        _refuse(HTTPStatus.UNAUTHORIZED, "login-needed", "send a token of the authorization server: Authorization: Bearer ...")
    return token.strip()


def _caller(proved: Verified) -> Caller:
    claims = proved.claims
    return Caller(
        client=_word(claims, "client_id", "azp", "cid"),
        user=_word(claims, "fhirUser", "sub"),
        issuer=proved.issuer,
        scopes=tuple(_scopes(claims)),
        patient=_word(claims, "patient").removeprefix("Patient/"),
        token_id=_word(claims, "jti"),
    )


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """The scopes as one text with spaces (RFC 9068), or as a list, as some servers write them."""
    said = claims.get("scope", claims.get("scp", ""))
    return said.split() if isinstance(said, str) else [word for word in said if isinstance(word, str)] if isinstance(said, list) else []


def _word(claims: Mapping[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := claims.get(name), str)), "")


def _refuse(status: HTTPStatus, code: str, text: str) -> NoReturn:
    raise Refusal(status, (Issue(code=code, severity=Severity.ERROR, text=text),))
