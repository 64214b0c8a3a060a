"""How does a person come from the record to the page of a patient? The SMART app launch, as the app: C3.

https://hl7.org/fhir/smart-app-launch/app-launch.html. The browser holds one random key and nothing else; the token stays here, sealed
with that key. Only servers on the list of the site may launch us: whatever else stands in `iss` is not called at all.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from adapter.delivery.audit import Witness
from adapter.delivery.launches import Begun, Held, forget, keep, opened, taken
from adapter.fhir.record import fetch
from adapter.fhir.smart_launch import App, NoLaunch, Why, authorization_url, endpoints, granted, random_word
from adapter.web.delivery import workplace
from adapter.web.desk import desk
from adapter.web.guard import needs_all, own_check

LOG = logging.getLogger("adapter.web")

launch = Blueprint("launch", __name__, url_prefix="/launch")
needs_all(launch, own_check("the authorization server of the record says who came and for which patient; the browser holds the key"))

COOKIE = "onco_adapter_launch"
_TIME_TO_LOG_IN = timedelta(minutes=10)


def app_of() -> App:
    """Our registration as an app."""
    return cast("App", current_app.extensions["smart-app"])


@launch.get("/")
def begin() -> AnyResponse:
    """Send the person to the authorization server of the record they came from; without `iss`, of the first server on the list."""
    servers = desk().settings.fhir_servers
    base = request.args.get("iss", servers[0]).rstrip("/")
    if base not in servers:
        raise NoLaunch(Why.UNKNOWN_ISSUER)
    found, state, verifier, key = endpoints(base, app_of()), random_word(), random_word(), random_word()
    now = workplace().clock()
    keep(workplace().engine, key, Begun(base, found.token, state, verifier), now + _TIME_TO_LOG_IN, now)
    where = authorization_url(found.authorization, app_of(), base, request.args.get("launch", ""), state, verifier)
    return _with_key(redirect(where, HTTPStatus.SEE_OTHER), key)


@launch.get("/callback")
def callback() -> AnyResponse:
    """The person comes back with a code; it is exchanged once, by the browser that left with this state."""
    now = workplace().clock()
    begun = taken(workplace().engine, _key(), now)
    if not isinstance(begun, Begun):
        raise NoLaunch(Why.UNKNOWN_LAUNCH)
    if not compare_digest(begun.state.encode(), request.args.get("state", "").encode()):
        raise NoLaunch(Why.WRONG_STATE)
    if "code" not in request.args:
        raise NoLaunch(Why.DENIED)
    given = granted(begun.token_url, app_of(), request.args["code"], begun.verifier)
    # A new key: the one that the browser had before it logged in is worth nothing any more.
    key, ends = random_word(), datetime.fromtimestamp(given.ends, UTC)
    keep(workplace().engine, key, Held(begun.base, given.patient, given.token), ends, now)
    return _with_key(redirect("patient", HTTPStatus.SEE_OTHER), key)


@launch.get("/patient")
def patient() -> Response:
    """The page of the patient that the launch is about, read with the token of the person who launched it."""
    held = opened(workplace().engine, _key(), workplace().clock())
    if not isinstance(held, Held):
        raise NoLaunch(Why.EXPIRED)
    place, reference = workplace(), f"Patient/{held.patient}"
    witness = Witness(place.engine, held.base, reference)
    try:
        record = fetch(place.connect_as(held.base, held.token, witness), reference, place.canonical, place.max_entries)
    finally:
        witness.keep_reads()
    return shown(record.bundle())


@launch.post("/end")
def end() -> AnyResponse:
    """Forget the token, and what the browser holds."""
    forget(workplace().engine, _key())
    response = redirect("../", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=_path())
    return response


def _key() -> str:
    return request.cookies.get(COOKIE, "")


def _with_key(response: AnyResponse, key: str) -> AnyResponse:
    """The key in a cookie that no script reads and no other site sends along."""
    is_tls = desk().settings.public_url.startswith("https://")
    response.set_cookie(COOKIE, key, httponly=True, secure=is_tls, samesite="Lax", path=_path())
    return response


def _path() -> str:
    return f"{urlsplit(desk().settings.public_url).path}/launch"
