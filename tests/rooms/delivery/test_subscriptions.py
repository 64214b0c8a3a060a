"""What we were told is taken once, and what we were not told is looked for; on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from sqlalchemy import Engine

from adapter.delivery import outbox, subscriptions
from adapter.delivery.jobs import Outcome, State, Work
from adapter.delivery.worker import do
from adapter.delivery.workplace import Workplace
from adapter.fhir.notification import Changed, Notification, NotifiedEvent
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import JSON, Patient
from tests.rooms.delivery.conftest import Clock

GATHER = timedelta(seconds=10)
NAME = "results"


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def known(database: Engine, clock: Clock, line: Line) -> subscriptions.Known:
    """A Subscription that the server told us is active, with no event so far."""
    found = subscriptions.Known(
        name=NAME,
        server=line.base,
        reference="Subscription/none",
        criteria=("Observation?status=final,amended",),
        secret=subscriptions.digest_of("s"),
        status="active",
        checked=clock(),
    )
    subscriptions.remember(database, found)
    return found


@pytest.fixture
def place(place_for: Callable[..., Workplace], line: Line, known: subscriptions.Known) -> Workplace:
    return place_for(line.base)


def event(number: int, *changed: Changed) -> NotifiedEvent:
    return NotifiedEvent(number=number, changed=changed or (Changed(reference=f"Observation/{number}", patient=f"Patient/{number}"),))


def told(*events: NotifiedEvent, so_far: int | None = None, kind: str = "event-notification") -> Notification:
    return Notification(kind=kind, status="active", events_so_far=so_far or max((one.number for one in events), default=0), events=events)


def take(place: Workplace, notification: Notification) -> int:
    return subscriptions.take(place.engine, NAME, notification, place.clock(), GATHER)


def waiting(place: Workplace) -> set[tuple[Work, str]]:
    return {(job.kind, job.subject) for job in outbox.listed(place.engine, [State.QUEUED])}


def attempt(place: Workplace, clock: Clock) -> Outcome | None:
    """Do the next job, after the time that gaps are given."""
    clock.turn(seconds=11)
    job = outbox.lease_next(place.engine, "w", place.patience, clock())
    assert job is not None
    do(place, job)
    return outbox.show(place.engine, job.id).outcome


def test_e4_an_event_is_taken_once(place: Workplace) -> None:
    assert take(place, told(event(1))) == 1
    outbox.cancel(place.engine, outbox.listed(place.engine)[0].id, place.clock())

    assert take(place, told(event(1))) == 0
    assert waiting(place) == set()


def test_e4_one_event_told_many_times_at_once_is_one_job(place: Workplace) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda _: take(place, told(event(1))), range(8)))

    assert sum(asked) == 1
    assert outbox.listed(place.engine)[0].asked == 1


def test_events_in_order_leave_no_gap(place: Workplace) -> None:
    for number in (1, 2, 3):
        take(place, told(event(number)))

    assert waiting(place) == {(Work.WRITE, f"Patient/{number}") for number in (1, 2, 3)}


def test_e3_a_number_that_is_left_out_is_looked_for(place: Workplace) -> None:
    take(place, told(event(1)))
    take(place, told(event(3)))

    assert (Work.RECOVER, f"Subscription/{NAME}") in waiting(place)


@pytest.mark.parametrize(
    "notification",
    [told(so_far=3, kind="heartbeat"), told(event(1), so_far=3), told(event(1), event(3)), told(event(2))],
    ids=["heartbeat", "count", "inside", "first"],
)
def test_e3_every_way_to_miss_an_event_is_seen(place: Workplace, notification: Notification) -> None:
    take(place, notification)

    assert (Work.RECOVER, f"Subscription/{NAME}") in waiting(place)


def test_events_that_only_overtake_each_other_are_not_searched_for(place: Workplace, clock: Clock, line: Line) -> None:
    take(place, told(event(2)))
    take(place, told(event(1)))
    for job in outbox.listed(place.engine, [State.QUEUED]):
        if job.kind is Work.WRITE:
            outbox.cancel(place.engine, job.id, clock())

    assert attempt(place, clock) is Outcome.NOTHING_MISSED
    assert line.asked("GET", "Observation") == 0


def test_e3_a_gap_is_filled_by_what_changed_meanwhile(place: Workplace, clock: Clock, patient: Patient) -> None:
    """The patient of the lost notification is found on the server, and the numbers go on from there."""
    patient.admit()
    take(place, told(event(2, Changed(reference="Patient/other", patient="Patient/other"))))
    outbox.cancel(place.engine, next(job.id for job in outbox.listed(place.engine) if job.kind is Work.WRITE), clock())

    assert attempt(place, clock) is Outcome.QUEUED_OTHERS
    assert (Work.WRITE, patient.reference) in waiting(place)
    assert take(place, told(event(3))) == 1
    assert (Work.RECOVER, f"Subscription/{NAME}") not in waiting(place)


def test_a_ping_without_content_is_answered_by_a_search(place: Workplace, clock: Clock, patient: Patient) -> None:
    """R4 rest-hook without a payload."""
    patient.admit()
    for _ in range(5):
        take(place, Notification(kind="ping"))

    assert waiting(place) == {(Work.RECOVER, f"Subscription/{NAME}")}
    attempt(place, clock)
    assert (Work.WRITE, patient.reference) in waiting(place)


def test_what_changes_while_we_look_is_looked_for_again(place: Workplace, clock: Clock, patient: Patient, line: Line) -> None:
    take(place, Notification(kind="ping"))

    def meanwhile(_: bytes) -> None:
        clock.turn(seconds=1)
        take(place, Notification(kind="ping"))

    line.fail(Breakage.NOTHING, "GET", "Observation", before=meanwhile)
    attempt(place, clock)
    patient.admit()
    while (Work.RECOVER, f"Subscription/{NAME}") in waiting(place):
        attempt(place, clock)

    assert (Work.WRITE, patient.reference) in waiting(place) or patient.results()


def test_a_look_that_fails_is_made_again(place: Workplace, clock: Clock, patient: Patient, line: Line) -> None:
    patient.admit()
    take(place, Notification(kind="ping"))
    line.fail(Breakage.ANSWER_STATUS, "GET", "Observation", status=503)
    assert attempt(place, clock) is None
    attempt(place, clock)

    assert (Work.WRITE, patient.reference) in waiting(place)


def test_an_event_that_names_a_resource_leads_to_its_patient(place: Workplace, clock: Clock, patient: Patient) -> None:
    patient.admit()
    take(place, told(event(1, Changed(reference=f"Observation/{patient.id_of('er')}"))))

    assert attempt(place, clock) is Outcome.QUEUED_OTHERS
    assert waiting(place) == {(Work.WRITE, patient.reference)}


def test_an_event_that_names_a_deleted_resource_leads_to_the_patient_of_its_last_version(
    place: Workplace, clock: Clock, patient: Patient
) -> None:
    patient.admit()
    er = f"Observation/{patient.id_of('er')}"
    patient.delete(er)
    take(place, told(event(1, Changed(reference=er))))

    assert attempt(place, clock) is Outcome.QUEUED_OTHERS
    assert waiting(place) == {(Work.WRITE, patient.reference)}


def test_a_deletion_that_nobody_told_us_of_is_found(place: Workplace, clock: Clock, patient: Patient) -> None:
    patient.admit()
    er = f"Observation/{patient.id_of('er')}"
    patient.delete(er)
    take(place, Notification(kind="ping"))
    attempt(place, clock)

    assert (Work.FIND, er) in waiting(place)


def test_what_we_wrote_ourselves_asks_for_nothing(place: Workplace, clock: Clock, patient: Patient, line: Line) -> None:
    patient.admit()
    outbox.enqueue(place.engine, line.base, Work.WRITE, patient.reference, "test", clock())
    attempt(place, clock)
    ours = patient.results()["er-status"]
    identity = f"{ours['identifier'][0]['system']}|{ours['identifier'][0]['value']}"
    change = Changed(reference=f"Observation/{ours['id']}", patient=patient.reference, identity=identity, version="1")

    assert take(place, told(event(1, change))) == 0
    # By id alone it is not known to be ours until it is read.
    take(place, told(event(2, Changed(reference=f"Observation/{ours['id']}"))))
    assert attempt(place, clock) is Outcome.NO_SUCH_PATIENT
    # Somebody else changed it: what follows has to be put right again.
    assert take(place, told(event(3, change.model_copy(update={"version": "2"})))) == 1


def test_a_server_that_begins_to_count_again_is_not_taken_for_a_repeat(place: Workplace) -> None:
    take(place, told(*(event(number) for number in range(1, 6))))
    take(place, Notification(kind="handshake", status="active", events_so_far=0))

    assert (Work.RECOVER, f"Subscription/{NAME}") in waiting(place)
    assert take(place, told(event(1, Changed(reference="Patient/new", patient="Patient/new")))) >= 1
    assert (Work.WRITE, "Patient/new") in waiting(place)


def test_e3_a_subscription_in_error_is_woken_after_the_look(
    place: Workplace, clock: Clock, sekmet_base: str, known: subscriptions.Known
) -> None:
    asked = {"resourceType": "Subscription", "status": "requested", "reason": "t", "criteria": "Observation?status=final"}
    channel = {"type": "rest-hook", "endpoint": "http://127.0.0.1:9/nowhere"}
    made = requests.post(f"{sekmet_base}/Subscription", json={**asked, "channel": channel}, headers=JSON, timeout=10).json()
    subscriptions.name_upstream(place.engine, NAME, f"Subscription/{made['id']}")
    url = f"{sekmet_base}/Subscription/{made['id']}"
    failed = {**requests.get(url, timeout=10).json(), "status": "error", "error": "Delivery failed"}
    requests.put(url, json=failed, headers=JSON, timeout=10)
    take(place, Notification(kind="ping"))
    attempt(place, clock)

    after = requests.get(url, timeout=10).json()
    requests.delete(url, timeout=10)
    assert (after["status"], "error" in after) == ("active", False)


def test_silence_is_looked_into(place: Workplace, clock: Clock) -> None:
    """A server whose every notification is lost leaves no gap in the numbers."""
    clock.turn(minutes=61)
    assert subscriptions.overdue(place.engine, timedelta(minutes=60), clock()) == [NAME]
    subscriptions.look(place.engine, NAME, clock())
    assert waiting(place) == {(Work.RECOVER, f"Subscription/{NAME}")}
    attempt(place, clock)
    assert subscriptions.overdue(place.engine, timedelta(minutes=60), clock()) == []


def test_a_name_that_nobody_asked_for_asks_for_nothing(place: Workplace) -> None:
    assert subscriptions.take(place.engine, "stranger", told(event(1)), place.clock()) == 0
    assert waiting(place) == set()
