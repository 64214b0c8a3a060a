"""Which CDS client is calling? Its signed token, new for every call: https://cds-hooks.hl7.org/2.0/#trusting-cds-clients (D8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from time import time

from flask import Request, g

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.key_sets import KeySet
from adapter.fhir.outcome import Refusal
from adapter.fhir.tokens import CLIENT_STATEMENT, NotProven, Trust, new_replays, verified
from adapter.fhir.trouble import Trouble
from adapter.settings import Settings

_REQUIRED = ("iss", "aud", "exp", "iat", "jti")
# The client signs anew for each call, so a token that lives longer than this is not meant for one.
_LONGEST_SECONDS = 300


def trusted_clients(settings: Settings) -> dict[str, Trust]:
    """What the site believes of each registered client; the audience is set for each call."""
    if not settings.cds_clients:
        return {}
    replays, ca = new_replays(), str(settings.fhir_ca) if settings.fhir_ca else None
    return {
        issuer: Trust(
            issuer=issuer,
            keys=KeySet(url, ca=ca),
            audiences=(settings.public_url,),
            types=CLIENT_STATEMENT,
            required=_REQUIRED,
            longest_seconds=_LONGEST_SECONDS,
            replays=replays,
        )
        for issuer, url in settings.cds_clients.items()
    }


def client_of(request: Request, endpoint: str, trusted: Mapping[str, Trust]) -> str:
    """Who is calling this very address; 401 for a caller who cannot prove to be a registered client."""
    if not trusted:
        raise _refused("login-needed", "this site has registered no CDS client (ADAPTER_CDS_CLIENTS)")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _refused("login-needed", "send a signed JWT of this client: Authorization: Bearer ...")
    for_this = {issuer: replace(trust, audiences=(endpoint,)) for issuer, trust in trusted.items()}
    try:
        return verified(token.strip(), for_this, time()).issuer
    except NotProven as error:
        raise _refused("token-refused", f"{error}. The token of a CDS client has iss, aud ({endpoint}), exp, iat and jti") from error
    except Trouble as trouble:
        text = f"the keys of this client cannot be read now ({trouble.fault}); try again later"
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, (Issue(code="server-unavailable", severity=Severity.ERROR, text=text),)) from trouble


def _refused(code: str, text: str) -> Refusal:
    g.challenge = "Bearer" if code == "login-needed" else 'Bearer error="invalid_token"'
    return Refusal(HTTPStatus.UNAUTHORIZED, (Issue(code=code, severity=Severity.ERROR, text=text),))
