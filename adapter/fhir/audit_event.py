"""Who looked at what, and who wrote it? An R4 AuditEvent in the shape of IHE Basic Audit Log Patterns: F3.

https://profiles.ihe.net/ITI/BALP: one event for each RESTful interaction, of which we are the client. Without an outcome it is an
interaction that was begun and whose answer never came.
"""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from adapter.fhir.client import Exchange

DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
SOURCE = {"code": "110153", "display": "Source Role ID"}
DESTINATION = {"code": "110152", "display": "Destination Role ID"}
# AuditEvent.action of each interaction: create, read, update, execute.
_ACTIONS = {"create": "C", "read": "R", "vread": "R", "history": "R", "update": "U"}
# In these the data flows from the server to us, so the server is the source.
_READS = frozenset({"read", "vread", "history"})
_WRITES = frozenset({"create", "update", "transaction"})
# What FHIR calls the interaction in its code system of RESTful interactions.
_INTERACTIONS = {"history": "history-instance"}


def is_about_patients(exchange: Exchange) -> bool:
    """Whether an interaction is one to audit: what a server can do is not about anybody."""
    return exchange.interaction != "capabilities"


def is_write(exchange: Exchange) -> bool:
    """Whether an interaction may change what the server holds."""
    return exchange.interaction in _WRITES


def audit_event(exchange: Exchange, patient: str | None, name: str) -> dict[str, Any]:
    """The event of one interaction of ours, with the patient where one is known."""
    began = exchange.began.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    code = _INTERACTIONS.get(exchange.interaction, exchange.interaction)
    outcome = _ending_of(exchange)
    return head(code, _ACTIONS.get(exchange.interaction, "E"), began, outcome) | {
        "agent": _agents(exchange, name),
        "source": {"observer": {"display": name}},
        "entity": _entities(exchange, patient),
    }


def head(code: str, action: str, recorded: str, outcome: str | None) -> dict[str, Any]:
    """What every event of a RESTful interaction begins with."""
    return {
        "resourceType": "AuditEvent",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": code, "display": code}],
        "action": action,
        "recorded": recorded,
        **({"outcome": outcome} if outcome else {}),
    }


def _ending_of(exchange: Exchange) -> str | None:
    """Success, minor failure (the request was at fault) or serious failure; None while the answer is awaited."""
    if not exchange.is_over:
        return None
    return "8" if exchange.status is None else ending(exchange.status)


def ending(status: int) -> str:
    """The outcome that a status is."""
    if status >= 500:
        return "8"
    return "0" if status < 400 else "4"


def _agents(exchange: Exchange, name: str) -> list[dict[str, Any]]:
    ours, theirs = (DESTINATION, SOURCE) if exchange.interaction in _READS else (SOURCE, DESTINATION)
    parts = urlsplit(exchange.url)
    server = f"{parts.scheme}://{parts.netloc}"
    return [
        {"type": {"coding": [{"system": DICOM, **ours}]}, "who": {"display": name}, "requestor": True},
        {
            "type": {"coding": [{"system": DICOM, **theirs}]},
            "who": {"display": server},
            "requestor": False,
            "network": {"address": server, "type": "5"},
        },
    ]


def _entities(exchange: Exchange, patient: str | None) -> list[dict[str, Any]]:
    entities = [request_entity(exchange.request_id)]
    if exchange.interaction in _READS:
        entities.append(_data(urlsplit(exchange.url).path))
    elif exchange.interaction in ("search", "operation"):
        entities.append(_query(exchange))
    if patient is not None:
        entities.append(patient_entity(patient))
    return entities


def patient_entity(patient: str) -> dict[str, Any]:
    """Whom it was about."""
    return {"what": {"reference": patient}, "type": _typed("1", "Person"), "role": _role("1", "Patient")}


def request_entity(request_id: str) -> dict[str, Any]:
    """The request, by the id that all who took part know it by."""
    system = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
    return {"what": {"identifier": {"value": request_id}}, "type": {"system": system, "code": "XrequestId"}}


def _data(path: str) -> dict[str, Any]:
    reference = "/".join(path.partition("/_history")[0].rsplit("/", 2)[-2:])
    return {"what": {"reference": reference}, "type": _typed("2", "System Object"), "role": _role("4", "Domain Resource")}


def _query(exchange: Exchange) -> dict[str, Any]:
    query = base64.b64encode(f"{exchange.method} {exchange.url}".encode()).decode()
    return {"type": _typed("2", "System Object"), "role": _role("24", "Query"), "query": query}


def _typed(code: str, display: str) -> dict[str, str]:
    return {"system": _ENTITY_TYPE, "code": code, "display": display}


def _role(code: str, display: str) -> dict[str, str]:
    return {"system": _ENTITY_ROLE, "code": code, "display": display}
