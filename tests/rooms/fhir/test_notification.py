"""What a server says has changed: the forms of R4 and of the backport, and what is no notification."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.fhir.notification import Changed, notification_of
from adapter.fhir.outcome import Refusal

OURS = ("https://adapter.example/fhir/NamingSystem/result",)
BASE = "https://hospital.example/fhir"
ER: dict[str, Any] = {"resourceType": "Observation", "id": "er", "meta": {"versionId": "3"}, "subject": {"reference": f"{BASE}/Patient/p"}}


def status(kind: str, *events: dict[str, Any], so_far: str = "1") -> dict[str, Any]:
    """The status Parameters of the backport (E2: subscription, status and type are required)."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": f"{BASE}/Subscription/1"}},
            {"name": "topic", "valueCanonical": "https://hospital.example/topic"},
            {"name": "status", "valueCode": "active"},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": so_far},
            *({"name": "notification-event", "part": event} for event in events),
        ],
    }


def event(number: str, focus: str = "", context: str = "") -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [{"name": "event-number", "valueString": number}]
    parts += [{"name": "focus", "valueReference": {"reference": f"{BASE}/{focus}"}}] if focus else []
    return parts + ([{"name": "additional-context", "valueReference": {"reference": f"{BASE}/{context}"}}] if context else [])


def history(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "history", "entry": [{"resource": one} for one in resources]}).encode()


@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
def test_e2_handshake_and_heartbeat_name_no_change(kind: str) -> None:
    told = notification_of(history(status(kind, so_far="4")), OURS)

    assert (told.kind, told.status, told.events_so_far, told.events, told.changed) == (kind, "active", 4, (), ())


def test_e2_an_id_only_event_names_its_focus() -> None:
    told = notification_of(history(status("event-notification", event("2", "Observation/er"))), OURS)

    assert [(one.number, one.changed) for one in told.events] == [(2, (Changed(reference="Observation/er"),))]


def test_e2_the_context_of_an_event_may_name_the_patient() -> None:
    told = notification_of(history(status("event-notification", event("2", "Observation/er", "Patient/p"))), OURS)

    assert told.events[0].changed == (Changed(reference="Observation/er", patient="Patient/p"),)


def test_e2_a_full_event_brings_the_resource_with_its_patient_and_version() -> None:
    told = notification_of(history(status("event-notification", event("2", "Observation/er")), ER), OURS)

    assert told.events[0].changed == (Changed(reference="Observation/er", patient="Patient/p", version="3"),)


def test_e2_an_empty_event_says_only_that_something_changed() -> None:
    assert notification_of(history(status("event-notification", event("2"))), OURS).events[0].changed == ()


def test_an_event_without_a_number_is_not_taken_for_another() -> None:
    parts = [part for part in event("1", "Observation/er") if part["name"] != "event-number"]
    told = notification_of(history(status("event-notification", parts)), OURS)

    assert (told.events, told.changed) == ((), (Changed(reference="Observation/er"),))


def test_the_status_of_later_versions_is_read_too() -> None:
    said = {
        "resourceType": "SubscriptionStatus",
        "status": "active",
        "type": "event-notification",
        "eventsSinceSubscriptionStart": "7",
        "notificationEvent": [{"eventNumber": "7", "focus": {"reference": "Observation/er"}}],
    }
    told = notification_of(history(said), OURS)

    assert (told.events_so_far, told.events[0].number, told.events[0].changed[0].reference) == (7, 7, "Observation/er")


def test_names_in_camel_case_are_read_too() -> None:
    said = json.loads(json.dumps(status("event-notification", event("2", "Observation/er"))).replace("event-number", "eventNumber"))
    said["parameter"][-1]["name"] = "notificationEvent"

    assert notification_of(history(said), OURS).events[0].number == 2


def test_a_rest_hook_of_r4_may_be_empty_a_resource_or_an_address() -> None:
    assert notification_of(b"", OURS).kind == "ping"
    assert notification_of(b"", OURS, "Observation/er").changed == (Changed(reference="Observation/er"),)
    assert notification_of(json.dumps(ER).encode(), OURS).changed == (
        Changed(reference="Observation/er", patient="Patient/p", version="3"),
    )


def test_a_patient_is_its_own_patient_and_our_results_are_known_again() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    ours = {**ER, "identifier": [{"system": OURS[0], "value": "x"}]}

    assert notification_of(json.dumps(patient).encode(), OURS).changed == (Changed(reference="Patient/p", patient="Patient/p"),)
    assert notification_of(json.dumps(ours).encode(), OURS).changed[0].identity == f"{OURS[0]}|x"


@pytest.mark.parametrize(
    "reference", ["Patient/../admin", "Patient/1?x=y", "Patient/", "javascript:alert(1)", "Patient/" + "9" * 65, "Group/g", ""]
)
def test_no_patient_is_made_of_what_is_no_reference_to_one(reference: str) -> None:
    told = notification_of(json.dumps({**ER, "subject": {"reference": reference}}).encode(), OURS)

    assert told.changed[0].patient is None


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff"])
def test_what_is_no_resource_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        notification_of(body, OURS)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle", "entry": "x"},
        {"resourceType": "Bundle", "entry": [7]},
        {"resourceType": "Bundle", "entry": [{"resource": "x"}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Parameters", "parameter": {"name": "type"}}}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Parameters", "parameter": [7]}}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "SubscriptionStatus", "notificationEvent": [[]]}}]},
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "SubscriptionStatus", "notificationEvent": [{"focus": 7}]}}]},
        {"resourceType": "Observation", "id": "o", "meta": "x"},
    ],
    ids=lambda body: json.dumps(body)[24:90],
)
def test_an_element_of_another_type_is_refused_with_its_name(body: dict[str, Any]) -> None:
    """Found by `make fuzz`: each of these was a crash."""
    with pytest.raises(Refusal, match=r"in the notification is no (object|list of objects)") as caught:
        notification_of(json.dumps(body).encode(), ())
    assert caught.value.status == 400


def test_a_number_that_nobody_can_hold_is_no_json() -> None:
    with pytest.raises(Refusal, match="is not JSON"):
        notification_of(b'{"resourceType":"Observation","valueDecimal":1e99999999999999999999}', ())


@pytest.mark.parametrize("identifier", [["x"], [None], [{"system": 7}], {}])
def test_an_identifier_of_another_shape_is_not_ours(identifier: object) -> None:
    told = notification_of(json.dumps({"resourceType": "Observation", "id": "o", "identifier": identifier}).encode(), ("s",))
    assert [one.identity for one in told.changed] == [None]


def test_a_status_of_another_type_is_none() -> None:
    told = notification_of(history({"resourceType": "SubscriptionStatus", "type": "heartbeat", "status": 7}), ())
    assert told.status is None
