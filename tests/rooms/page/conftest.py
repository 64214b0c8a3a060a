"""Pages of the example patients, made as the service makes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapter.knowledge.books import Knowledge
from adapter.page.patient import PatientPage, patient_page
from adapter.pipeline import Reply, Request, interpret

ISSUED = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def reply_of(root: Path, knowledge: Knowledge) -> Callable[..., Reply]:
    def build(scenario: str, **schemes: str) -> Reply:
        sent = (root / "fixtures" / scenario / "input.json").read_bytes()
        return interpret([sent], knowledge, Request(schemes=schemes, issued=ISSUED))

    return build


@pytest.fixture
def page_of(reply_of: Callable[..., Reply], knowledge: Knowledge) -> Callable[..., PatientPage]:
    def build(scenario: str, **schemes: str) -> PatientPage:
        return patient_page(reply_of(scenario, **schemes), knowledge)

    return build
