"""Where does an app get a token for us? At the authorization server of the hospital, which this document points at: C1, C2."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, jsonify

from adapter.settings import Settings
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all
from adapter.web.scopes import OPERATIONS, needed

smart = Blueprint("smart", __name__)
needs_all(smart, PUBLIC)

_FRESH_SECONDS = 300
_LEVELS = ("patient", "user", "system")


@smart.get("/.well-known/smart-configuration")
@smart.get("/fhir/.well-known/smart-configuration")
def configuration() -> Response:
    """The authorization server of this site, in JSON whatever Accept says; 404 where there is none."""
    settings = desk().settings
    if settings.auth == "none" or not settings.auth_token_url:
        abort(404)
    response = jsonify(described(settings))
    response.headers["Cache-Control"] = f"public, max-age={_FRESH_SECONDS}"
    return response


def described(settings: Settings) -> dict[str, Any]:
    """What SMART asks for, without the parts that this site does not have."""
    grants = ["client_credentials", *(["authorization_code"] if settings.auth_authorize_url else [])]
    said = {
        "issuer": settings.auth_issuers[0],
        "jwks_uri": settings.auth_jwks[0] if settings.auth_jwks else "",
        "authorization_endpoint": settings.auth_authorize_url,
        "introspection_endpoint": settings.auth_introspect_url,
    }
    return {name: value for name, value in said.items() if value} | {
        "token_endpoint": settings.auth_token_url,
        "grant_types_supported": grants,
        "code_challenge_methods_supported": ["S256"],
        "capabilities": list(settings.auth_capabilities),
        "scopes_supported": sorted({word for name in OPERATIONS for level in _LEVELS for word in needed(name, level).split()}),
    }


def stated(settings: Settings) -> dict[str, Any]:
    """What CapabilityStatement.rest.security says: how a caller is known, as it is set."""
    if settings.auth == "none":
        return {"cors": True, "description": "No authorization: the service listens on the loopback interface only (--auth none)."}
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    words = (
        "A bearer token of the authorization server of this site, with SMART scopes. [base]/.well-known/smart-configuration names that "
        "server, and /scopes at the root of this service says which scopes each operation needs."
    )
    return {"cors": True, "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}], "description": words}


@smart.get("/scopes")
def operation_scopes() -> Response:
    """Which scopes allow which of our operations: SMART defines none for them, so ours are published."""
    return jsonify(
        {
            name: {"operation": one.says, "scopes": {level: needed(name, level) for level in _levels(fetches=one.fetches)}}
            for name, one in OPERATIONS.items()
        }
    )


def _levels(*, fetches: bool) -> tuple[str, ...]:
    return ("patient", "user", "system") if not fetches else ("patient", "system")
