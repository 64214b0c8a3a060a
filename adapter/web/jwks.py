"""How does an authorization server know us? By the public keys that we publish: C5."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from adapter.fhir.smart_backend import jwks, private_key
from adapter.web.described import JSON, Call, Reply, described
from adapter.web.desk import desk

keys = Blueprint("jwks", __name__)
_FRESH_SECONDS = 3600


@keys.get("/.well-known/jwks.json")
@described(
    GET=Call(summary="Our public keys", is_fhir=False, replies={200: Reply(words="A JSON Web Key Set", shape="Keys", types=(JSON,))})
)
def published() -> Response:
    """Every key that we may sign with, which may be kept for an hour."""
    response = jsonify(jwks(tuple(private_key(path) for path in desk().settings.smart_keys)))
    response.headers["Cache-Control"] = f"public, max-age={_FRESH_SECONDS}"
    return response
