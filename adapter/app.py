"""Where the rooms are joined: the service as one WSGI application."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from flask import Blueprint, Flask, Response, g, request

from adapter import pipeline
from adapter.delivery.jobs import NotKept
from adapter.fhir.outgoing import TRACING
from adapter.knowledge.books import Knowledge
from adapter.logs import CORRELATION
from adapter.proven import proven
from adapter.settings import Settings
from adapter.web import errors, trail
from adapter.web.cds_hooks import cds_hooks
from adapter.web.deadline import bound
from adapter.web.desk import Desk, put
from adapter.web.guard import caller, enforce
from adapter.web.headers import dress
from adapter.web.health import health
from adapter.web.metadata import metadata
from adapter.web.operations import operations
from adapter.web.pages.knowledge import knowledge
from adapter.web.pages.start import pages
from adapter.web.reference import reference
from adapter.web.smart import gate_for
from adapter.web.smart_configuration import pointer, smart
from adapter.web.telemetry import count, metrics
from adapter.web.translating import translating

if TYPE_CHECKING:
    from adapter.delivery.workplace import Workplace
    from adapter.fhir.smart_launch import App

LOG = logging.getLogger("adapter.access")
Interpret = Callable[[Sequence[bytes], Knowledge, pipeline.Request], pipeline.Reply]
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def create_app(settings: Settings, desk: Desk | None = None) -> Flask:
    """The service for these settings; raises BrokenKnowledge instead of serving from broken books."""
    # Before the books are read, so that a service that nobody may ask says so at once.
    gate = gate_for(settings)
    app = Flask("adapter", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    put(app.extensions, desk or _own_desk(settings))
    if settings.launch_client_id:
        app.extensions["smart-app"] = _registration(settings)
    everywhere = (operations, metadata, translating, health, reference, smart, metrics, cds_hooks, pages, knowledge)
    for blueprint in (*everywhere, *_lasting(settings)):
        app.register_blueprint(blueprint)
    errors.register(app)
    app.before_request(_begin)
    enforce(app, gate)
    bound(app, settings.request_seconds)
    app.after_request(_end)
    app.teardown_request(_forget)
    return app


def _own_desk(settings: Settings) -> Desk:
    books = proven(extra=settings.mappings, canonical=settings.canonical)
    stage = partial(pipeline.stage, schemes=settings.schemes, prognostic_tables=settings.prognostic_tables)
    place, interpret = _workplace(settings, books), _one_at_a_time(pipeline.interpret)
    return Desk(settings, books, _noting(interpret, place) if place else interpret, stage, place)


def _one_at_a_time(interpret: Interpret) -> Interpret:
    """The same work, done for one request after the other: threads that compute side by side only take the interpreter from each other."""
    turn = Lock()

    def in_turn(parts: Sequence[bytes], books: Knowledge, wishes: pipeline.Request) -> pipeline.Reply:
        with turn:
            return interpret(parts, books, wishes)

    return in_turn


def _noting(interpret: Interpret, place: Workplace) -> Interpret:
    """The same, and a count of the codes that our maps do not have under the client that sent them."""

    def noted(parts: Sequence[bytes], books: Knowledge, wishes: pipeline.Request) -> pipeline.Reply:
        reply = interpret(parts, books, wishes)
        place.note(caller().client or "(no client id)", reply.unmapped)
        return reply

    return noted


# What only a site with a database or a FHIR server needs is opened only there.


def _workplace(settings: Settings, books: Knowledge) -> Workplace | None:
    if not settings.keeps_jobs:
        return None
    from adapter.joined import workplace

    return workplace(settings, books)


def _registration(settings: Settings) -> App:
    from adapter.joined import app_registration

    return app_registration(settings)


def _lasting(settings: Settings) -> list[Blueprint]:
    """The routes that need a database, a FHIR server or an authorization server, and the keys by which these know us."""
    found: list[Blueprint] = [pointer] if settings.auth == "smart" else []
    if settings.keeps_jobs:
        from adapter.web.jobs import jobs

        found.append(jobs)
    if settings.fhir_servers:
        from adapter.web.delivery import delivery
        from adapter.web.notifications import notifications
        from adapter.web.pages.operations import operations as backroom
        from adapter.web.pages.patients import patients

        found += [delivery, notifications, patients, backroom]
    if settings.launch_client_id:
        from adapter.web.pages.launch import launch

        found.append(launch)
    if settings.smart_keys:
        from adapter.web.jwks import keys

        found.append(keys)
    return found


def _kept(response: Response) -> Response:
    """The answer, once it is kept who asked; one that cannot be kept is not given."""
    try:
        trail.keep(response)
    except NotKept as error:
        return dress(errors.not_kept(error))
    return response


def _begin() -> None:
    g.began = perf_counter()
    sent = request.headers.get("X-Request-Id", "")
    trace = request.headers.get("traceparent", "")
    g.request_id = sent if SAFE_ID.fullmatch(sent) else trace[3:35] if TRACE.fullmatch(trace) else uuid4().hex
    CORRELATION.set(g.request_id)
    TRACING.set((g.request_id, trace if TRACE.fullmatch(trace) else ""))


def _forget(_error: BaseException | None) -> None:
    """What this thread logs or asks next belongs to no request."""
    CORRELATION.set("")
    TRACING.set(("", ""))


def _end(response: Response) -> Response:
    """Say which request this was, keep answers about patients out of caches, and log the route, never the query or the body."""
    response.headers["X-Request-Id"] = g.request_id
    if request.blueprint not in ("metadata", "jwks", "smart", "smart_configuration") and request.endpoint != "pages.static":
        response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    response = _kept(dress(response))
    route = request.url_rule.rule if request.url_rule else "(no route)"
    milliseconds = (perf_counter() - g.began) * 1000
    count(response)
    told = {"operation": request.endpoint or "none", "method": request.method, "status": response.status_code}
    words = "id=%s %s %s %d %.1f ms"
    timed = told | {"milliseconds": round(milliseconds, 1)}
    LOG.info(words, g.request_id, request.method, route, response.status_code, milliseconds, extra=timed)
    return response
