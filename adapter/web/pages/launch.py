"""How does a person come from the record to the page of a patient? The SMART app launch, as the app: C3.

https://hl7.org/fhir/smart-app-launch/app-launch.html. The browser holds one random key and nothing else; the token stays here, sealed
with that key. Only servers on the list of the site may launch us: whatever else stands in `iss` is not called at all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from adapter.delivery.launches import Begun, Held, forget, keep, opened, taken
from adapter.fhir.smart_launch import App, NoLaunch, Why, authorization_url, endpoints, granted, random_word
from adapter.fhir.trouble import Trouble
from adapter.web.described import Given, Reply, described, page_call
from adapter.web.desk import desk
from adapter.web.guard import needs_all, own_check
from adapter.web.jobs import workplace
from adapter.web.pages.frame import page, page_blueprint

launch = page_blueprint("launch")
needs_all(launch, own_check("the authorization server of the record says who came and for which patient"))

COOKIE = "onco_adapter_launch"
_TIME_TO_LOG_IN = timedelta(minutes=10)
# What a person reads: the status, what happened, and what to do. Nothing that came in is repeated.
_TOLD = {
    Why.UNKNOWN_ISSUER: (
        HTTPStatus.FORBIDDEN,
        "This record is not known here",
        "It is not on the list of this site, so nothing was asked of it.",
    ),
    Why.NOT_OFFERED: (
        HTTPStatus.BAD_GATEWAY,
        "The record does not offer this launch",
        "It has to name its authorization server, with PKCE by S256.",
    ),
    Why.UNKNOWN_LAUNCH: (
        HTTPStatus.BAD_REQUEST,
        "This launch is not known here",
        "It took longer than ten minutes, was used before, or began in another browser.",
    ),
    Why.WRONG_STATE: (
        HTTPStatus.BAD_REQUEST,
        "This answer belongs to another launch",
        "Its state is not the one that this browser left with, so it was not used.",
    ),
    Why.EXPIRED: (HTTPStatus.UNAUTHORIZED, "The launch has ended", "The record gave access for a limited time, and that is over."),
    Why.DENIED: (HTTPStatus.FORBIDDEN, "The record gave no access", "Its authorization server sent you back without a code."),
    Why.NO_TOKEN: (HTTPStatus.FORBIDDEN, "The record gave no access", "Its authorization server did not exchange the code for a token."),
    Why.NO_PATIENT: (HTTPStatus.FORBIDDEN, "The launch names no patient", "Open a patient in the record first."),
    Why.OTHER_PATIENT: (
        HTTPStatus.FORBIDDEN,
        "The launch is for another patient",
        "It gives access to the one patient that it was opened for.",
    ),
}


_LAUNCHED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})
_ON = {303: Reply(words="Go on there", types=())}


@launch.get("/launch")
@described(
    GET=page_call(
        "Launch from the record (SMART App Launch 2.2)",
        query=(
            Given(name="iss", words="The FHIR server that launches; without it, the first one of the site"),
            Given(name="launch", words="What it said of the launch"),
        ),
        refusals=_LAUNCHED,
    ).model_copy(update={"replies": _ON})
)
def begin() -> AnyResponse:
    """Send the person to the authorization server of the record they came from; without `iss`, of the first server on the list."""
    servers = desk().settings.fhir_servers
    base = request.args.get("iss", servers[0]).rstrip("/")
    if base not in servers:
        raise NoLaunch(Why.UNKNOWN_ISSUER)
    found, state, verifier, key = endpoints(base, _app()), random_word(), random_word(), random_word()
    now = workplace().clock()
    keep(workplace().engine, key, Begun(base, found.token, state, verifier), now + _TIME_TO_LOG_IN, now)
    where = authorization_url(found.authorization, _app(), base, request.args.get("launch", ""), state, verifier)
    return _with_key(redirect(where, HTTPStatus.SEE_OTHER), key)


@launch.get("/launch/callback")
@described(
    GET=page_call(
        "Back from the authorization server",
        query=(Given(name="code", words="The code"), Given(name="state", words="The state that it was asked with")),
        refusals=_LAUNCHED,
    ).model_copy(update={"replies": _ON})
)
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
    given = granted(begun.token_url, _app(), request.args["code"], begun.verifier)
    # A new key: the one that the browser had before it logged in is worth nothing any more.
    key, ends = random_word(), datetime.fromtimestamp(given.ends, UTC)
    keep(workplace().engine, key, Held(begun.base, given.patient, given.token), ends, now)
    return _with_key(redirect(url_for("patient_pages.show", patient=given.patient), HTTPStatus.SEE_OTHER), key)


@launch.post("/launch/end")
@described(POST=page_call("Forget the launch").model_copy(update={"replies": _ON}))
def end() -> AnyResponse:
    """Forget the token, and what the browser holds."""
    forget(workplace().engine, _key())
    response = redirect(url_for("pages.start"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=_path())
    return response


def launched(patient: str) -> Held | None:
    """What a person holds who came from the record for this patient; None for one who did not come so; NoLaunch for another patient."""
    held = opened(workplace().engine, _key(), workplace().clock()) if _key() else None
    if not isinstance(held, Held):
        return None
    if held.patient != patient:
        raise NoLaunch(Why.OTHER_PATIENT)
    return held


def refuse_what_has_ended() -> None:
    """Nothing for a browser that brings no key; NoLaunch for one whose launch is over."""
    if _key():
        raise NoLaunch(Why.EXPIRED)


def no_launch(error: NoLaunch) -> AnyResponse:
    """What a person reads where a launch goes no further; the key of one that has ended is taken back."""
    status, title, text = _TOLD[error.why]
    response = page("launch.html", status=status, title=title, text=text, advice="Open the app again from the patient in your record.")
    if error.why is Why.EXPIRED:
        response.delete_cookie(COOKIE, path=_path())
    return response


def away(_trouble: Trouble) -> AnyResponse:
    """What a person reads where the record or its authorization server does not answer."""
    text = "The record, or its authorization server, does not answer now."
    return page(
        "launch.html", status=HTTPStatus.SERVICE_UNAVAILABLE, title="The record cannot be reached", text=text, advice="Try again later."
    )


launch.register_error_handler(NoLaunch, no_launch)
launch.register_error_handler(Trouble, away)


def _app() -> App:
    return cast("App", current_app.extensions["smart-app"])


def _key() -> str:
    return request.cookies.get(COOKIE, "")


def _with_key(response: AnyResponse, key: str) -> AnyResponse:
    """The key in a cookie that no script reads and no form of another site sends along."""
    is_tls = desk().settings.public_url.startswith("https://")
    response.set_cookie(COOKIE, key, httponly=True, secure=is_tls, samesite="Lax", path=_path())
    return response


def _path() -> str:
    return f"{urlsplit(desk().settings.public_url).path}/"
