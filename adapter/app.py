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
from adapter.knowledge.books import Knowledge
from adapter.proven import proven
from adapter.settings import Settings
from adapter.web import errors
from adapter.web.desk import Desk, put
from adapter.web.health import health
from adapter.web.metadata import metadata
from adapter.web.operations import operations

if TYPE_CHECKING:
    from adapter.delivery.workplace import Workplace

LOG = logging.getLogger("adapter.access")
Interpret = Callable[[Sequence[bytes], Knowledge, pipeline.Request], pipeline.Reply]
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create_app(settings: Settings, desk: Desk | None = None) -> Flask:
    """The service for these settings; raises BrokenKnowledge instead of serving from broken books."""
    app = Flask("adapter", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.strict_slashes = False
    put(app.extensions, desk or _own_desk(settings))
    for blueprint in (operations, metadata, health, *_lasting(settings)):
        app.register_blueprint(blueprint)
    errors.register(app)
    app.before_request(_begin)
    app.after_request(_end)
    return app


def _own_desk(settings: Settings) -> Desk:
    books = proven(extra=settings.mappings, canonical=settings.canonical)
    stage = partial(pipeline.stage, schemes=settings.schemes, prognostic_tables=settings.prognostic_tables)
    return Desk(settings, books, _one_at_a_time(pipeline.interpret), stage, _workplace(settings, books))


def _one_at_a_time(interpret: Interpret) -> Interpret:
    """The same work, done for one request after the other: threads that compute side by side only take the interpreter from each other."""
    turn = Lock()

    def in_turn(parts: Sequence[bytes], books: Knowledge, wishes: pipeline.Request) -> pipeline.Reply:
        with turn:
            return interpret(parts, books, wishes)

    return in_turn


# What only a site with a FHIR server needs is read only there.


def _workplace(settings: Settings, books: Knowledge) -> Workplace | None:
    if not settings.fhir_servers:
        return None
    from adapter.joined import workplace

    return workplace(settings, books)


def _lasting(settings: Settings) -> list[Blueprint]:
    """The routes that need a FHIR server, and the keys by which it knows us."""
    found: list[Blueprint] = []
    if settings.fhir_servers:
        from adapter.web.delivery import delivery
        from adapter.web.notifications import notifications

        found += [delivery, notifications]
    if settings.smart_keys:
        from adapter.web.jwks import keys

        found.append(keys)
    return found


def _begin() -> None:
    g.began = perf_counter()
    sent = request.headers.get("X-Request-Id", "")
    g.request_id = sent if SAFE_ID.fullmatch(sent) else uuid4().hex


def _end(response: Response) -> Response:
    """Say which request this was, keep answers about patients out of caches, and log the route, never the query or the body."""
    response.headers["X-Request-Id"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.blueprint not in ("metadata", "jwks"):
        response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept"
    route = request.url_rule.rule if request.url_rule else "(no route)"
    milliseconds = (perf_counter() - g.began) * 1000
    LOG.info("id=%s %s %s %d %.1f ms", g.request_id, request.method, route, response.status_code, milliseconds)
    return response
