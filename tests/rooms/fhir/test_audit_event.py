"""Who looked at what: the shape of IHE Basic Audit Log Patterns, and R4 by a validator that is not ours (F3)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from adapter.fhir.audit_event import audit_event, is_about_patients
from adapter.fhir.client import Exchange
from adapter.fhir.models import check

BASE = "https://hospital.example/fhir"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
EXCHANGES = {
    "read": Exchange("read", "GET", f"{BASE}/Observation/er", "r1", MOMENT, is_over=True, status=200),
    "search": Exchange("search", "GET", f"{BASE}/Observation?patient=Patient/p", "r2", MOMENT, is_over=True, status=200),
    "operation": Exchange("operation", "GET", f"{BASE}/Patient/p/$everything", "r3", MOMENT, is_over=True, status=200),
    "transaction": Exchange("transaction", "POST", BASE, "r4", MOMENT, is_over=True, status=200),
    "create": Exchange("create", "POST", f"{BASE}/Device", "r5", MOMENT, is_over=True, status=201),
    "update": Exchange("update", "PUT", f"{BASE}/Subscription/1", "r6", MOMENT, is_over=True, status=412),
    "history": Exchange("history", "GET", f"{BASE}/Observation/er/_history", "r7", MOMENT, is_over=True, status=None),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_event_is_valid_r4(name: str) -> None:
    assert check(json.dumps(audit_event(EXCHANGES[name], "Patient/p", "adapter")).encode(), "AuditEvent") == []


@pytest.mark.parametrize(
    ("name", "action", "outcome"),
    [
        ("read", "R", "0"),
        ("search", "E", "0"),
        ("operation", "E", "0"),
        ("transaction", "E", "0"),
        ("create", "C", "0"),
        ("update", "U", "4"),
        ("history", "R", "8"),
    ],
)
def test_f3_action_and_outcome_say_what_was_done_and_how_it_went(name: str, action: str, outcome: str) -> None:
    event = audit_event(EXCHANGES[name], "Patient/p", "adapter")

    assert (event["type"]["code"], event["action"], event["outcome"]) == ("rest", action, outcome)
    assert event["subtype"][0]["system"] == "http://hl7.org/fhir/restful-interaction"


def test_a_write_that_was_begun_has_no_outcome_yet() -> None:
    begun = EXCHANGES["transaction"]._replace(is_over=False, status=None)

    assert "outcome" not in audit_event(begun, "Patient/p", "adapter")
    assert check(json.dumps(audit_event(begun, "Patient/p", "adapter")).encode(), "AuditEvent") == []


def roles(name: str) -> list[str]:
    event = audit_event(EXCHANGES[name], "Patient/p", "adapter")
    return [agent["type"]["coding"][0]["code"] for agent in event["agent"]]


def test_f3_the_server_is_the_source_of_what_is_read_and_we_of_the_rest() -> None:
    """F3: agents client and server, 110153 source and 110152 destination, swapped on read."""
    assert roles("read") == ["110152", "110153"]
    assert roles("search") == roles("create") == roles("transaction") == ["110153", "110152"]


def test_f3_the_entities_are_the_request_the_data_or_the_query_and_the_patient() -> None:
    read = audit_event(EXCHANGES["read"], "Patient/p", "adapter")["entity"]
    search = audit_event(EXCHANGES["search"], "Patient/p", "adapter")["entity"]

    assert (read[0]["type"]["code"], read[0]["what"]["identifier"]["value"]) == ("XrequestId", "r1")
    assert (read[1]["role"]["code"], read[1]["what"]["reference"]) == ("4", "Observation/er")
    assert (search[1]["role"]["code"], base64.b64decode(search[1]["query"])) == ("24", f"GET {BASE}/Observation?patient=Patient/p".encode())
    assert [(one[-1]["role"]["code"], one[-1]["what"]["reference"]) for one in (read, search)] == [("1", "Patient/p")] * 2


def test_what_a_server_can_do_is_about_nobody() -> None:
    assert not is_about_patients(Exchange("capabilities", "GET", f"{BASE}/metadata", "r", MOMENT))
