"""A hospital's authorization server with a FHIR server behind it: it enforces what SMART App Launch 2.2 asks of both sides (C3).

It refuses a redirect that is not registered, an `aud` that is not this server, a state that is too short, a challenge that is not S256,
a code that was used or belongs to another verifier, and a client that does not show what it is registered with. It uses nothing of ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from flask import Flask, Response, jsonify, redirect, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

# 122 bits in base64url, and the length that RFC 7636 asks of a challenge by SHA-256.
_STATE_LENGTH, _CHALLENGE_LENGTH = 21, 43
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Authority:
    """What the server knows, and what a test changes: the registered client, the record, and how it behaves."""

    resources: list[dict[str, Any]]
    patient: str
    client_id: str = "onco-app"
    redirect_uris: tuple[str, ...] = ()
    client_key: Any = None
    client_secret: str = ""
    lives: int = 300
    denies: bool = False
    offers: tuple[str, ...] = ("S256",)
    base: str = ""
    launches: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    assertions: set[str] = field(default_factory=set)

    def launch(self) -> str:
        """What a record puts beside `iss` when a person opens the app from a patient."""
        word = secrets.token_urlsafe(16)
        self.launches[word] = self.patient
        return word


@contextmanager
def authorization_server(authority: Authority) -> Iterator[Authority]:
    """The server, listening on a port of this machine."""
    server = make_server("127.0.0.1", 0, _app(authority), threaded=True)
    authority.base = f"http://127.0.0.1:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _app(authority: Authority) -> Flask:
    app = Flask("authorization")

    @app.get("/fhir/.well-known/smart-configuration")
    def configuration() -> Response:
        root = authority.base.removesuffix("/fhir")
        return jsonify(
            authorization_endpoint=f"{root}/authorize",
            token_endpoint=f"{root}/token",
            grant_types_supported=["authorization_code"],
            code_challenge_methods_supported=list(authority.offers),
            capabilities=["launch-ehr", "launch-standalone", "client-public", "permission-v2", "context-ehr-patient"],
        )

    @app.get("/authorize")
    def authorize() -> AnyResponse:
        return _authorized(authority)

    @app.post("/token")
    def token() -> Response:
        return _exchanged(authority)

    @app.get("/fhir/<path:where>")
    def read(where: str) -> Response:
        return _read(authority, where)

    return app


def _refused(authority: Authority, why: str, status: int = 400) -> Response:
    """Said to the one who asked, and remembered for the test; never by a redirect to an address that is not registered."""
    authority.refusals.append(why)
    return Response(json.dumps({"error": "invalid_request", "error_description": why}), status=status, content_type="application/json")


def _authorized(authority: Authority) -> AnyResponse:
    sent = request.args
    if sent.get("client_id") != authority.client_id or sent.get("redirect_uri") not in authority.redirect_uris:
        return _refused(authority, "client or redirect")
    faults = {
        "response_type": sent.get("response_type") != "code",
        "aud": sent.get("aud") != authority.base,
        "state": len(sent.get("state", "")) < _STATE_LENGTH,
        "challenge": sent.get("code_challenge_method") != "S256" or len(sent.get("code_challenge", "")) != _CHALLENGE_LENGTH,
        "launch": not _is_launch(authority),
    }
    if any(faults.values()):
        return _refused(authority, " ".join(name for name, wrong in faults.items() if wrong))
    if authority.denies:
        return redirect(f"{sent['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': sent['state']})}")
    code = secrets.token_urlsafe(16)
    patient = authority.launches.pop(sent["launch"]) if "launch" in sent else authority.patient
    authority.codes[code] = {"challenge": sent["code_challenge"], "redirect_uri": sent["redirect_uri"], "patient": patient}
    return redirect(f"{sent['redirect_uri']}?{urlencode({'code': code, 'state': sent['state']})}")


def _is_launch(authority: Authority) -> bool:
    scopes = request.args.get("scope", "").split()
    if "launch" in request.args:
        return "launch" in scopes and request.args["launch"] in authority.launches
    return "launch/patient" in scopes


def _exchanged(authority: Authority) -> Response:
    sent = request.form
    kept = authority.codes.pop(sent.get("code", ""), None)
    if kept is None or sent.get("grant_type") != "authorization_code":
        return _refused(authority, "code")
    shown = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
    if shown != kept["challenge"] or sent.get("redirect_uri") != kept["redirect_uri"]:
        return _refused(authority, "verifier or redirect")
    if not _is_client(authority):
        return _refused(authority, "client", 401)
    token = secrets.token_urlsafe(24)
    authority.tokens.add(token)
    said = {
        "access_token": token,
        "token_type": "Bearer",
        "scope": "patient/*.rs",
        "patient": kept["patient"],
        "expires_in": authority.lives,
    }
    return jsonify({name: value for name, value in said.items() if value})


def _is_client(authority: Authority) -> bool:
    if authority.client_secret:
        pair = request.authorization
        return pair is not None and (pair.username, pair.password) == (authority.client_id, authority.client_secret)
    if authority.client_key is None:
        return request.form.get("client_id") == authority.client_id
    if request.form.get("client_assertion_type") != _ASSERTION:
        return False
    here = f"{authority.base.removesuffix('/fhir')}/token"
    claims = jwt.decode(request.form["client_assertion"], authority.client_key, algorithms=["RS384", "ES384"], audience=here)
    is_fresh = claims["jti"] not in authority.assertions
    authority.assertions.add(claims["jti"])
    return is_fresh and claims["iss"] == claims["sub"] == authority.client_id


def _read(authority: Authority, where: str) -> Response:
    """Metadata for everyone; one patient and what searches find of it for a token of ours."""
    kinds = sorted({one["resourceType"] for one in authority.resources})
    if where == "metadata":
        searched = [{"type": kind, "searchParam": [{"name": "patient", "type": "reference"}]} for kind in kinds]
        return jsonify(resourceType="CapabilityStatement", fhirVersion="4.0.1", rest=[{"mode": "server", "resource": searched}])
    if request.headers.get("Authorization", "").removeprefix("Bearer ") not in authority.tokens:
        return _refused(authority, "token", 401)
    kind, _, name = where.partition("/")
    found = [one for one in authority.resources if one["resourceType"] == kind]
    if name:
        named = [one for one in found if one["id"] == name]
        return jsonify(named[0]) if named else _refused(authority, "not found", 404)
    if request.args.get("patient") != f"Patient/{authority.patient}":
        return _refused(authority, "another patient", 403)
    return jsonify(resourceType="Bundle", type="searchset", entry=[{"resource": one} for one in found])
