"""A workplace with a real FHIR server, a real database, the real pipeline, and a clock that a test can turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from adapter.delivery.jobs import Patience
from adapter.delivery.workplace import Workplace
from adapter.fhir.client import Exchange, FhirServer, Limits
from adapter.joined import author, request
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret
from adapter.settings import Settings
from tests.peers.hospital import Patient


@dataclass
class Clock:
    """A clock that stands until it is turned on."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def place_for(database: Engine, knowledge: Knowledge, clock: Clock) -> Callable[..., Workplace]:
    """A workplace whose every server is the one at this base."""

    def build(base: str, **changes: object) -> Workplace:
        def connect(_: str, heard: Callable[[Exchange], None] | None) -> FhirServer:
            return FhirServer(base, limits=Limits(connect=2, read=2, whole=4), heard=heard)

        place = Workplace(
            engine=database,
            connect=connect,
            interpret=lambda bundle: interpret([bundle], knowledge, request(Settings())).bundle,
            answer=lambda bundle, schemes: interpret([bundle], knowledge, request(Settings())).bundle,
            author=author(knowledge),
            canonical=knowledge.canonical,
            clock=clock,
            patience=Patience(),
        )
        return replace(place, **changes)

    return build


@pytest.fixture
def place(place_for: Callable[..., Workplace], sekmet_base: str) -> Workplace:
    return place_for(sekmet_base)


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    """A patient that no other test knows, not yet admitted."""
    return Patient(sekmet_base, f"t{uuid4().hex[:10]}")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that was logged."""
    caplog.set_level(logging.INFO)
    return lambda: caplog.text
