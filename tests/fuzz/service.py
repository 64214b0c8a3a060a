"""The whole service in this process, with an ear on what the pipeline was handed and what it replied."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from flask import Flask
from werkzeug.datastructures import Headers

from adapter import pipeline
from adapter.app import create_app
from adapter.delivery import subscriptions
from adapter.delivery.workplace import Workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request
from adapter.settings import Settings
from adapter.web.desk import desk, put
from tests.fuzz.asked import Call
from tests.fuzz.neighbours import SUBSCRIPTION

# A port of this machine where nobody listens.
NOBODY = "http://127.0.0.1:9"


class Heard(NamedTuple):
    """One interpretation: what the pipeline was handed, and its reply."""

    parts: tuple[bytes, ...]
    reply: Reply


class Answered(NamedTuple):
    """What came back, how long it took, and what the pipeline was asked for it."""

    status: int
    headers: Headers
    body: bytes
    seconds: float
    heard: tuple[Heard, ...] = ()


class Service:
    """An application and its caller."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.heard: list[Heard] = []
        with app.app_context():
            put(app.extensions, desk()._replace(interpret=self._interpret))

    def _interpret(self, parts: Sequence[bytes], books: Knowledge, request: Request) -> Reply:
        reply = pipeline.interpret(parts, books, request)
        self.heard.append(Heard(tuple(parts), reply))
        return reply

    def send(self, call: Call) -> Answered:
        """What the service answers to this request."""
        self.heard.clear()
        began = perf_counter()
        # A client of its own for each request: one never depends on another.
        got = self.app.test_client().open(call.path, method=call.method, headers=list(call.headers.items()), data=call.body)
        return Answered(got.status_code, got.headers, got.data, perf_counter() - began, tuple(self.heard))


def whole_service(folder: Path) -> Service:
    """The service with a FHIR server behind it that is never there, so that every route is served and nothing leaves this machine."""
    url = f"sqlite:///{folder / 'fuzz.sqlite'}"
    service = Service(create_app(Settings(auth="none", fhir_servers=(NOBODY,), fhir_timeout=1, database=url)))
    with service.app.app_context():
        place = desk().workplace
    assert place is not None
    _subscribe(place)
    return service


def _subscribe(place: Workplace) -> None:
    """Let the service know a Subscription, so that what it is told of it is read."""
    criteria, secret = ("Observation?status=final",), subscriptions.digest_of("")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    known = subscriptions.Known(
        name=SUBSCRIPTION, server=NOBODY, reference="Subscription/1", criteria=criteria, secret=secret, status="active", checked=moment
    )
    subscriptions.remember(place.engine, known)


def peak_bytes() -> int:
    """The most memory that this process ever held at once."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
