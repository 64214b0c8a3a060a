"""What clinical records and FHIR servers send: CDS Hooks requests, and notifications of Subscriptions, right and wrong."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.fuzz.bent import BENDS, bent
from tests.fuzz.torn import TEARS
from tests.fuzz.words import DATES, REFERENCES

Made = dict[str, Any]
# The Subscription that the service under test knows, so that what it is told is read; see service.py.
SUBSCRIPTION = "fuzz"
_SERVICES = ("breast-cancer-interpretations", "breast-cancer-indications")
_SEARCHED = (
    "Condition",
    "Observation",
    "DiagnosticReport",
    "Specimen",
    "Procedure",
    "MedicationRequest",
    "MedicationStatement",
    "ImagingStudy",
)
_HOOKS = ("patient-view", "order-select", "order-sign", "", "PATIENT-VIEW", None, 7)
_SERVERS = ("http://127.0.0.1:9", "https://fhir.example/r4", "http://169.254.169.254/", "file:///etc/passwd", "", "x", 7, None, "http://[")


def hook_call(bundle: Made, chance: Random) -> tuple[str, bytes]:
    """The path and body of a call of a CDS service, or of feedback to one."""
    name = chance.choice(_SERVICES)
    if chance.random() < 0.1:
        return f"/cds-services/{name}/feedback", _broken(_feedback(chance), chance)
    path = chance.choice((name, name, name, name, "", "x", "%00", f"{name}/"))
    return f"/cds-services/{path}", _broken(_hook(bundle, name, chance), chance)


def _hook(bundle: Made, name: str, chance: Random) -> Made:
    resources = [entry["resource"] for entry in bundle["entry"] if "resource" in entry]
    patient = next((one for one in resources if one["resourceType"] == "Patient"), {})
    order = {
        "resourceType": "MedicationRequest",
        "id": "o1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{patient.get('id')}"},
    }
    order["medicationCodeableConcept"] = {"text": chance.choice(("olaparib", "palbociclib", "alpelisib", "aspirin", "", "x" * 3000))}
    context: Made = {"userId": "Practitioner/1", "patientId": patient.get("id")}
    if name.endswith("indications"):
        context |= {"selections": ["MedicationRequest/o1"], "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": order}]}}
    hook = "order-select" if name.endswith("indications") else "patient-view"
    made: Made = {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context}
    made["prefetch"] = _prefetched(patient, resources, chance)
    if chance.random() < 0.15:
        made["hook"] = chance.choice(_HOOKS)
    if chance.random() < 0.15:
        made |= {
            "fhirServer": chance.choice(_SERVERS),
            "fhirAuthorization": chance.choice(({"access_token": "t", "token_type": "Bearer"}, 7)),
        }
    return made


def _prefetched(patient: Made, resources: list[Made], chance: Random) -> Made:
    """Each template with what was found for it; now and then one is missing, null, an OperationOutcome or something else."""
    found: Made = {"patient": patient}
    for kind in _SEARCHED:
        ours = [{"resource": one} for one in resources if one["resourceType"] == kind]
        found[kind[0].lower() + kind[1:]] = {"resourceType": "Bundle", "type": "searchset", "entry": ours}
    for key in chance.sample(sorted(found), chance.choice((0, 0, 1, 3))):
        odd = (
            None,
            {"resourceType": "OperationOutcome", "issue": []},
            {},
            [],
            "x",
            7,
            found[key] | {"link": [{"relation": "next", "url": "x"}]},
        )
        found[key] = chance.choice(odd)
    return found


def _feedback(chance: Random) -> Made:
    one = {
        "card": "9368d37b-283f-44a0-93ea-547cebab93ed",
        "outcome": chance.choice(("accepted", "overridden", "x", 7)),
        "outcomeTimestamp": "2026-01-01T00:00:00Z",
    }
    one["outcomeTimestamp"] = chance.choice((one["outcomeTimestamp"], *DATES))
    one["overrideReason"] = chance.choice(({"reason": {"code": "x"}, "userComment": "y" * 9999}, None, "x", []))
    return {"feedback": [one] * chance.choice((1, 1, 2, 300))}


def notified(bundle: Made, chance: Random) -> tuple[str, bytes]:
    """The path and body of a notification: a ping, a resource, a Bundle of R4, or one of the backport."""
    resources = [entry["resource"] for entry in bundle["entry"] if "resource" in entry]
    made: Any = chance.choice((_backport(resources, chance), _backport(resources, chance), chance.choice(resources), bundle, {}, []))
    name = chance.choice((SUBSCRIPTION, SUBSCRIPTION, SUBSCRIPTION, "x", "%00"))
    tail = chance.choice(("", "", "", "/Observation/1", "/x", "/" + "y/" * 999, "/Patient/p/_history/1"))
    body = b"" if chance.random() < 0.05 else _broken(made, chance)
    return f"/fhir/subscription-notification/{name}{tail}", body


def _backport(resources: list[Made], chance: Random) -> Made:
    """The status as Parameters or SubscriptionStatus, with events, and the resources where the payload is full."""
    focus = {"reference": chance.choice((f"{resources[0]['resourceType']}/{resources[0].get('id')}", *REFERENCES))}
    number = chance.choice(("1", 1, "0", "-1", "9" * 30, None, "x", 1.5))
    events = [{"eventNumber": number, "focus": focus, "additionalContext": [{"reference": "Patient/p"}]}] * chance.choice((0, 1, 2, 50))
    kind = chance.choice(("event-notification", "heartbeat", "handshake", "query-status", "x", 7))
    status: Made = {"resourceType": "SubscriptionStatus", "type": kind, "status": "active", "notificationEvent": events}
    status["eventsSinceSubscriptionStart"] = number
    if chance.random() < 0.6:
        part = [{"name": "event-number", "valueString": number}, {"name": "focus", "valueReference": focus}]
        given = [{"name": "type", "valueCode": kind}, {"name": "events-since-subscription-start", "valueString": number}]
        status = {"resourceType": "Parameters", "parameter": [*given, *({"name": "notification-event", "part": part} for _ in events)]}
    full = [{"resource": one} for one in resources[:3]] if chance.random() < 0.4 else []
    return {"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}, *full]}


def _broken(made: Any, chance: Random) -> bytes:  # noqa: ANN401 - any JSON.
    """The message as it is, bent, or torn."""
    wound = chance.random()
    if wound < 0.35 and isinstance(made, dict):
        whole: Any = {"entry": [], **made}
        for _ in range(chance.choice((1, 1, 2, 4))):
            whole = chance.choice(BENDS[:13])(whole, chance, lambda: {"entry": []})
        made = whole if chance.random() < 0.8 else bent(whole, chance, lambda: {"entry": []})
    body = json.dumps(made).encode()
    return chance.choice(TEARS[:5])(body, chance) if wound > 0.9 else body
