"""Who asked us for what, and did we do it? An R4 AuditEvent of which we are the server, in the shape of IHE Basic Audit Log Patterns: F3.

The token itself never stands in it: its id (`jti`) does, by which its authorization server can find it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from adapter.fhir.audit_event import DESTINATION, DICOM, SOURCE, ending, head, patient_entity, request_entity


class Served(NamedTuple):
    """One request that was answered or refused: what, who, about whom, and how it went."""

    operation: str
    request_id: str
    moment: datetime
    status: int
    client: str = ""
    user: str = ""
    issuer: str = ""
    token_id: str = ""
    patient: str | None = None


def served_event(served: Served, name: str) -> dict[str, Any]:
    """The event of one request to us."""
    moment = served.moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ours = {"type": {"coding": [{"system": DICOM, **DESTINATION}]}, "who": {"display": name}, "requestor": False}
    return head("operation", "E", moment, ending(served.status)) | {
        "agent": [_client(served), ours, *_user(served)],
        "source": {"observer": {"display": name}},
        "entity": [request_entity(served.request_id), _asked(served), *([patient_entity(served.patient)] if served.patient else [])],
    }


def _client(served: Served) -> dict[str, Any]:
    who: dict[str, Any] = {"display": served.client or "a caller on this machine"}
    if served.client:
        who = {"identifier": {"system": served.issuer, "value": served.client}}
    return {"type": {"coding": [{"system": DICOM, **SOURCE}]}, "who": who, "requestor": not served.user}


def _user(served: Served) -> list[dict[str, Any]]:
    if not served.user:
        return []
    kind = {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes", "code": "UserOauthAgent"}
    who = {"identifier": {"system": served.issuer, "value": served.user}}
    policy = {"policy": [served.token_id]} if served.token_id else {}
    return [{"type": {"coding": [kind]}, "who": who, "requestor": True, **policy}]


def _asked(served: Served) -> dict[str, Any]:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "2", "display": "System Object"}
    return {"what": {"display": served.operation}, "type": kind}
