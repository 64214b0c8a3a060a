"""Everything that a server holds about one patient: in one operation, by searches, and what the resources point at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests

from adapter.fhir.client import FhirServer, Limits
from adapter.fhir.record import Record, fetch
from adapter.fhir.trouble import Fault, Trouble
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import CANONICAL, JSON, Patient


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    found = Patient(sekmet_base, f"t{uuid4().hex[:10]}")
    found.admit()
    return found


def fetched(line: Line, patient: Patient, most: int = 1000) -> Record:
    return fetch(FhirServer(line.base, limits=Limits(connect=2, read=5)), patient.reference, CANONICAL, most)


def without_everything(line: Line, *also: str) -> None:
    """A server that does not offer `$everything`, nor a search by patient for these types."""
    statement = requests.get(f"{line.base}/metadata", timeout=10).json()
    for one in statement["rest"][0]["resource"]:
        one.pop("operation", None)
        if one["type"] in also:
            one["searchParam"] = [parameter for parameter in one["searchParam"] if parameter["name"] != "patient"]
    line.fail(Breakage.ANSWER_STATUS, "GET", "metadata", status=200, content=json.dumps(statement).encode())
    line.seen.clear()


def expected(patient: Patient) -> set[str]:
    return {f"{one['resourceType']}/{one['id']}" for one in patient.resources.values()}


def test_everything_is_asked_in_one_operation_where_it_is_offered(line: Line, patient: Patient) -> None:
    assert fetched(line, patient).sent.keys() == expected(patient)
    assert (line.asked("GET", "$everything"), line.asked("GET", "Observation?")) == (1, 0)


def test_a_server_without_the_operation_is_searched_type_by_type(line: Line, patient: Patient) -> None:
    without_everything(line)

    assert fetched(line, patient).sent.keys() == expected(patient)
    assert (line.asked("GET", "$everything"), line.asked("GET", "Observation?patient=")) == (0, 1)


def test_a_server_that_only_says_that_it_offers_the_operation_is_searched(line: Line, patient: Patient) -> None:
    line.fail(Breakage.ANSWER_STATUS, "GET", "$everything", status=501)

    assert fetched(line, patient).sent.keys() == expected(patient)


def test_a_type_that_cannot_be_searched_by_patient_is_not_asked_for_at_all(line: Line, patient: Patient) -> None:
    """A server that passes over a parameter would answer with other people's specimens; ours is found because results point at it."""
    without_everything(line, "Specimen")

    assert fetched(line, patient).sent.keys() == expected(patient)
    assert line.asked("GET", "Specimen?") == 0
    assert line.asked("GET", f"Specimen/{patient.id_of('core-biopsy')}") == 1


def test_members_that_the_server_leaves_out_are_fetched(line: Line, patient: Patient) -> None:
    """DiagnosticReport.result, hasMember: two deep, and without a subject of their own."""
    stray: list[dict[str, Any]] = [
        {**patient.resources[name], "id": patient.id_of(f"stray-{name}"), "subject": {"display": "the same"}} for name in ("er", "pr")
    ]
    stray[0]["hasMember"] = [{"reference": f"{patient.base}/Observation/{stray[1]['id']}/_history/1"}]
    report = patient.resources["pathology-report"]
    patient.put(*stray, {**report, "result": [{"reference": f"Observation/{stray[0]['id']}"}]})
    without_everything(line)

    assert {f"Observation/{one['id']}" for one in stray} <= fetched(line, patient).sent.keys()


def test_what_is_pointed_at_and_not_there_stays_missing(line: Line, patient: Patient) -> None:
    er = patient.resources["er"]
    patient.put({**er, "hasMember": [{"reference": "Observation/nowhere"}, {"reference": "https://other.example/fhir/Observation/1"}]})

    assert fetched(line, patient).sent.keys() == expected(patient)
    assert line.asked("GET", "Observation/nowhere") == 1


def test_one_resource_that_may_not_be_seen_does_not_hide_the_others(line: Line, patient: Patient) -> None:
    without_everything(line, "Specimen")
    line.fail(Breakage.ANSWER_STATUS, "GET", "Specimen/", status=403)

    assert fetched(line, patient).sent.keys() == expected(patient) - {f"Specimen/{patient.id_of('core-biopsy')}"}


@pytest.mark.parametrize("status", [403, 500])
def test_a_whole_type_that_may_not_be_seen_is_trouble_and_never_an_empty_record(line: Line, patient: Patient, status: int) -> None:
    """Read as empty, everything that rests on it would be retracted."""
    without_everything(line)
    line.fail(Breakage.ANSWER_STATUS, "GET", "Observation?patient=", status=status)

    with pytest.raises(Trouble):
        fetched(line, patient)


def test_a_record_that_is_too_large_is_refused(line: Line, patient: Patient) -> None:
    with pytest.raises(Trouble) as caught:
        fetched(line, patient, most=5)
    assert caught.value.fault is Fault.TOO_LARGE


def test_what_we_wrote_stands_apart_and_is_no_input(line: Line, patient: Patient) -> None:
    ours = {
        **patient.resources["er"],
        "id": patient.id_of("ours"),
        "identifier": [{"system": f"{CANONICAL}/NamingSystem/result", "value": "x"}],
        "derivedFrom": [{"reference": "Observation/nowhere"}],
    }
    patient.put(ours)
    record = fetched(line, patient)

    assert (record.ours.keys(), record.sent.keys()) == ({f"Observation/{ours['id']}"}, expected(patient))
    assert ours["id"] not in record.bundle().decode()


def test_the_record_keeps_the_digits_and_the_versions(line: Line, patient: Patient) -> None:
    patient.amend("er")
    record = fetched(line, patient)
    body = requests.get(f"{line.base}/Observation/{patient.id_of('er')}", headers=JSON, timeout=10).text

    assert record.version(f"Observation/{patient.id_of('er')}") == "2"
    assert json.loads(record.bundle())["entry"][0]["fullUrl"].startswith(line.base)
    assert json.loads(body)["valueQuantity"]["value"] == 90
