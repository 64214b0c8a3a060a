"""A service with a pipeline of ten lines behind it, so that these tests are about HTTP and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.facts.answers import About, Answer, Determined, Undetermined
from adapter.facts.case import Issue
from adapter.facts.vocabulary import Kind, Result, Severity
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, StageQuery
from adapter.settings import Settings
from adapter.web.desk import Desk

RESULT = (
    b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Observation","valueQuantity":{"value":2.50}}}]}'
)


class FakePipeline:
    """Remembers what it was asked, and answers one thing; a body with `refuse` or `explode` in it does what it says."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.request: Request | None = None
        self.query: StageQuery | None = None

    def interpret(self, parts: Sequence[bytes], knowledge: Knowledge, request: Request) -> Reply:
        self.parts, self.request = list(parts), request
        if b"refuse" in parts[0]:
            raise Refusal(422, (Issue(code="no-patient", severity=Severity.ERROR, text="the Bundle names no patient"),))
        if b"explode" in parts[0]:
            raise ZeroDivisionError("Jane Doe, born 1961-03-04")
        return Reply(answers=(), issues=(), counts={}, bundle=RESULT)

    def stage(self, query: StageQuery, knowledge: Knowledge, basis: str) -> Answer:
        self.query = query
        about = About(result=Result.ANATOMIC_STAGE)
        source = next(iter(knowledge.sources))
        if not query.n:
            return Undetermined(
                about=about,
                rule="fake-stage",
                source=source,
                because="the N category is unknown",
                kind=Kind.INDETERMINATE,
                missing=("N category",),
                possible=("IIA", "IIB"),
            )
        return Determined(about=about, rule="fake-stage", source=source, because="a row says so", value="IIB", quantity=None, row="7")


@pytest.fixture
def behind() -> FakePipeline:
    """The pipeline behind the service, to see what reached it."""
    return FakePipeline()


@pytest.fixture
def service(knowledge: Knowledge, behind: FakePipeline) -> Callable[..., Flask]:
    """A service with these settings."""

    def build(**settings: object) -> Flask:
        chosen = Settings(**settings)
        return create_app(chosen, Desk(chosen, knowledge, behind.interpret, behind.stage))

    return build


@pytest.fixture
def client(service: Callable[..., Flask]) -> FlaskClient:
    """A caller of a service with default settings."""
    return service().test_client()
