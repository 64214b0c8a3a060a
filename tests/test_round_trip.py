"""One patient, there and back: fetched, interpreted, written, amended, withdrawn. The server alone is asked what happened.

The expected answers are those of fixtures/luminal-b-like-stage-iib, and what HER2 2+ without in situ hybridization leaves open.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from adapter.delivery import ledger, outbox
from adapter.delivery.jobs import Job, Outcome, Work
from adapter.delivery.worker import work
from adapter.delivery.workplace import Workplace
from adapter.fhir.client import transact
from adapter.fhir.record import fetch
from adapter.fhir.trouble import Fault, Trouble
from adapter.fhir.write_back import Plan, entries_of, found_already, plan
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.settings import Settings
from tests.peers.hospital import Patient, Resource

ISH = ("her2-ratio", "her2-copies", "cep17-copies")


@pytest.fixture
def place(fhir_base: str, knowledge: Knowledge, tmp_path: Path) -> Workplace:
    settings = Settings(fhir_servers=(fhir_base,), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    return workplace(settings, knowledge)


@pytest.fixture
def patient(fhir_base: str) -> Patient:
    return Patient(fhir_base, f"t{uuid4().hex[:10]}")


def deliver(place: Workplace, patient: Patient, kind: Work = Work.WRITE) -> Job:
    """The job after one patient was worked on."""
    asked = outbox.enqueue(place.engine, patient.base, kind, patient.reference, "test", place.clock())
    work(place, Event(), until_empty=True)
    job = outbox.show(place.engine, asked.id)
    assert job is not None
    return job


FINAL, WITHDRAWN = "final", "entered-in-error"


@pytest.mark.timeout(300)
def test_the_history_of_the_server_shows_exactly_what_followed_when(place: Workplace, patient: Patient) -> None:
    """A13, A8, F1: HER2 2+, then in situ hybridization negative, then Ki-67 withdrawn, then the hybridization withdrawn."""
    patient.admit(*ISH)
    deliver_twice(place, patient)
    patient.put(*(patient.resources[name] for name in ISH))
    deliver_twice(place, patient)
    patient.withdraw("ki67")
    deliver_twice(place, patient)
    patient.withdraw(*ISH)
    deliver_twice(place, patient)

    versions = patient.versions()
    # What the receptors, the grade and the anatomic stage rest on never changed, so nothing was written twice.
    assert {kind: versions[kind] for kind in ("er-status", "pr-status", "grade", "anatomic-stage")} == {
        "er-status": [(FINAL, "positive")],
        "pr-status": [(FINAL, "positive")],
        "grade": [(FINAL, "G2")],
        "anatomic-stage": [(FINAL, "IIB")],
    }
    assert versions["her2-status"] == [(FINAL, "equivocal"), (FINAL, "negative"), (FINAL, "equivocal")]
    assert versions["clinical-prognostic-stage"] == [(FINAL, None), (FINAL, "IIA"), (FINAL, None)]
    # Nothing about Ki-67 follows from a Ki-67 that was withdrawn.
    assert versions["ki67-category"][-1][0] == WITHDRAWN
    assert [len(patient.history(f"DiagnosticReport/{one['id']}")) for one in patient.reports()] == [4]


@pytest.mark.timeout(300)
def test_each_write_says_from_which_versions_it_was_made(place: Workplace, patient: Patient) -> None:
    """F1: one Provenance per write; entity role source for every input with its version, agent is our Device."""
    patient.admit()
    deliver_twice(place, patient)
    patient.amend("er", valueQuantity={**patient.resources["er"]["valueQuantity"], "value": 95})
    deliver_twice(place, patient)

    first, second = patient.provenances()
    er, pr = (f"Observation/{patient.id_of(name)}" for name in ("er", "pr"))
    assert {f"{er}, version 1", f"{pr}, version 1", f"Specimen/{patient.id_of('core-biopsy')}, version 1"} <= sources(first)
    assert all(", version " in source for source in sources(first)), "every input has its version"
    assert {f"{er}, version 2", f"{pr}, version 1"} <= sources(second)
    assert all(entity["role"] == "source" for entity in second["entity"])
    assert {agent["who"]["reference"].partition("/")[0] for agent in second["agent"]} == {"Device"}
    # Only what changed is a target of the second write.
    written = {target["reference"].partition("/_history")[0] for target in second["target"]}
    assert f"Observation/{patient.results()['er-status']['id']}" in written
    assert f"Observation/{patient.results()['pr-status']['id']}" not in written


@pytest.mark.timeout(300)
def test_a_dry_run_stores_the_difference_and_writes_nothing(place: Workplace, patient: Patient) -> None:
    patient.admit()

    job = deliver(place, patient, Work.REHEARSE)

    assert (job.outcome, patient.results(), patient.reports()) == (Outcome.REHEARSED, {}, [])
    assert {one["deed"] for one in job.difference or ()} == {"create"}
    assert {"Observation", "DiagnosticReport"} == {one["resource"]["resourceType"] for one in job.difference or ()}


@pytest.mark.timeout(300)
def test_when_everything_is_withdrawn_everything_is_retracted(place: Workplace, patient: Patient) -> None:
    """An answer that no longer follows is entered in error, the report with it, and no narrative reads as an answer any more."""
    patient.admit()
    deliver_twice(place, patient)
    patient.withdraw(*(name for name, one in patient.resources.items() if one["resourceType"] == "Observation"))
    patient.put({**patient.resources["left-breast-cancer"], "verificationStatus": entered_in_error()})
    deliver_twice(place, patient)

    assert {one["status"] for one in (*patient.results().values(), *patient.reports())} == {WITHDRAWN}
    assert all("Entered in error" in one["text"]["div"] for one in patient.results().values())


def drawn_now(place: Workplace, patient: Patient) -> Plan:
    """What would be written from what the server holds now."""
    record = fetch(place.connect(patient.base, None), patient.reference, place.canonical, 1000)
    result = place.interpret(record.bundle())
    return plan(result, record, canonical=place.canonical, author=place.author, issued="2026-01-01T00:00:00Z")


def send(place: Workplace, patient: Patient, drawn: Plan) -> list[Resource]:
    server = place.connect(patient.base, None)
    identifier = place.author.device["identifier"][0]
    known = ledger.lookup(place.engine, patient.base, f"{identifier['system']}|{identifier['value']}")
    return transact(server, entries_of(drawn, place.author, known.reference))


@pytest.mark.timeout(300)
def test_a8_the_server_refuses_what_was_worked_out_from_older_inputs(place: Workplace, patient: Patient) -> None:
    """The whole transaction, also where the newer answer is the one that stood before: only the report tells the two apart."""
    patient.admit()
    deliver_twice(place, patient)
    er = patient.resources["er"]["valueQuantity"]
    patient.amend("er", valueQuantity={**er, "value": 0})
    stale = drawn_now(place, patient)
    patient.amend("er", valueQuantity=er)
    assert deliver(place, patient).counts == {"create": 0, "update": 1, "retract": 0, "unchanged": patient.written() - 1}

    with pytest.raises(Trouble) as caught:
        send(place, patient, stale)
    assert caught.value.fault is Fault.CONFLICT
    assert patient.versions()["er-status"] == [(FINAL, "positive")]


@pytest.mark.timeout(300)
def test_a13_what_two_create_at_once_stands_once(place: Workplace, patient: Patient) -> None:
    """The second of two transactions that both saw nothing finds everything there, is told so, and leaves it as it is."""
    patient.admit()
    unseen = drawn_now(place, patient)
    deliver_twice(place, patient)
    responses = send(place, patient, unseen)

    assert len(found_already(unseen, responses)) == len(unseen.changes)
    assert {len(versions) for versions in patient.versions().values()} == {1}
    assert patient.written() == len(unseen.changes)


def deliver_twice(place: Workplace, patient: Patient) -> None:
    """Write what follows, and run it once more: a re-run writes nothing new."""
    assert deliver(place, patient).outcome is Outcome.WRITTEN
    assert deliver(place, patient).outcome is Outcome.NOTHING_TO_WRITE


def sources(provenance: Resource) -> set[str]:
    return {str(entity["what"].get("display")) for entity in provenance["entity"]}


def entered_in_error() -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {"coding": [{"system": system, "code": "entered-in-error"}]}
