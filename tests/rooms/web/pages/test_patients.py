"""Is the page of a patient of the FHIR server made from the same fetch, and witnessed like it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from adapter.app import create_app
from adapter.delivery.tables import AUDIT
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.faulty import Line, line_to
from tests.peers.hospital import Patient


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def app(line: Line, knowledge: Knowledge, tmp_path: Path) -> Flask:
    settings = Settings(fhir_servers=(line.base,), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}", fhir_timeout=2)
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    found = Patient(sekmet_base, f"t{uuid4().hex[:10]}")
    found.admit()
    return found


def test_f3_a_patient_of_the_server_has_a_page_and_each_read_is_kept(app: Flask, patient: Patient, line: Line) -> None:
    answer = app.test_client().get(f"/patient/{patient.id_of('p01')}")

    assert (answer.status_code, "Stage IIB" in answer.text, patient.reference in answer.text) == (200, True, True)
    assert {method for method, _, _ in line.seen} == {"GET"}
    with app.extensions["desk"].workplace.engine.connect() as connection:
        assert connection.execute(select(AUDIT)).all()


def test_a_patient_that_is_not_there_is_said_in_words(app: Flask) -> None:
    answer = app.test_client().get("/patient/nobody")

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "the FHIR server has no such patient" in answer.text


@pytest.mark.parametrize("name", ["..%2Fadmin", "a b", "x" * 65])
def test_what_is_no_id_never_reaches_the_server(app: Flask, line: Line, name: str) -> None:
    answer = app.test_client().get(f"/patient/{name}")

    assert answer.status_code in (400, 404)
    assert line.seen == []


def test_the_form_leads_to_the_page(app: Flask) -> None:
    client = app.test_client()

    assert "Id of the Patient" in client.get("/patient").text
    assert client.get("/patient?id=Patient/p01").headers["Location"] == "/patient/p01"
    assert 'href="/patient"' in client.get("/").text
