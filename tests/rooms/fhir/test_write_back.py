"""What is written, and under which condition: the difference between what follows and what the server holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.fhir.record import Record
from adapter.fhir.write_back import Author, Deed, Plan, Settled, digest_of, entries_of, found_already, plan, settled

CANONICAL, BASE = "https://adapter.example/fhir", "https://hospital.example/fhir"
AUTHOR = Author({"resourceType": "Device"}, "urn:uuid:device", {"code": "assembler"}, f"{CANONICAL}/Library/knowledge|1")
ISSUED = "2026-01-01T00:00:00.000Z"

Resource = dict[str, Any]


def result(name: str, value: str = "positive", **more: object) -> Resource:
    identifier = [{"system": f"{CANONICAL}/NamingSystem/result", "value": name}]
    device = {"reference": "urn:uuid:device"}
    return {"resourceType": "Observation", "identifier": identifier, "status": "final", "valueString": value, "device": device, **more}


def report(*results: str) -> Resource:
    identifier = [{"system": f"{CANONICAL}/NamingSystem/report", "value": "r"}]
    pointers = [{"reference": f"urn:uuid:{name}"} for name in results]
    return {"resourceType": "DiagnosticReport", "identifier": identifier, "status": "final", "result": pointers}


def bundle(*results: Resource, inputs: tuple[str, ...] = ("Observation/er/_history/1",)) -> bytes:
    """A result Bundle as the writer makes it."""
    named = [one["identifier"][0]["value"] for one in results]
    provenance = {"resourceType": "Provenance", "entity": [{"role": "source", "what": {"reference": one}} for one in inputs]}
    everything = [*zip(named, results, strict=True), ("r", report(*named)), ("device", AUTHOR.device), ("p", provenance)]
    return json.dumps(
        {"resourceType": "Bundle", "entry": [{"fullUrl": f"urn:uuid:{n}", "resource": one} for n, one in everything]}
    ).encode()


def nothing() -> bytes:
    """The result Bundle of a patient about whom nothing follows."""
    return json.dumps(
        {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:i", "resource": {"resourceType": "OperationOutcome"}}]}
    ).encode()


def held(*resources: Resource) -> Record:
    """A server that holds these results of ours."""
    return Record("Patient/p", BASE, ours={f"{one['resourceType']}/{one['id']}": one for one in resources})


def drawn(content: bytes, record: Record, **known: Settled) -> Plan:
    return plan(content, record, canonical=CANONICAL, author=AUTHOR, issued=ISSUED, known=known)


def as_held(drawn: Plan) -> Record:
    """The server after this plan was carried out on an empty one."""
    names = {change.reference: f"{change.resource['resourceType']}/{number}" for number, change in enumerate(drawn.changes)}
    written = []
    for number, change in enumerate(drawn.changes):
        text = json.dumps(change.resource)
        for url, name in names.items():
            text = text.replace(f'"{url}"', f'"{name}"')
        written.append({**json.loads(text), "id": str(number), "meta": {"versionId": "1"}})
    return held(*written)


def deeds(drawn: Plan) -> dict[str, Deed]:
    return {change.identity.rpartition("|")[2]: change.deed for change in drawn.changes}


def test_a13_what_the_server_does_not_hold_is_created_on_condition() -> None:
    entries = entries_of(drawn(bundle(result("er")), held()), AUTHOR, "Device/1")

    requests = [(one["request"]["method"], one["request"]["url"], one["request"].get("ifNoneExist", "")) for one in entries]
    assert requests[:2] == [
        ("POST", "Observation", "identifier=https%3A%2F%2Fadapter.example%2Ffhir%2FNamingSystem%2Fresult%7Cer"),
        ("POST", "DiagnosticReport", "identifier=https%3A%2F%2Fadapter.example%2Ffhir%2FNamingSystem%2Freport%7Cr"),
    ]
    assert requests[2][:2] == ("POST", "Provenance")


def test_what_the_server_holds_in_the_same_words_is_not_written() -> None:
    again = drawn(bundle(result("er")), as_held(drawn(bundle(result("er")), held())))

    assert (again.changes, again.unchanged) == ((), 2)


def test_what_a_server_adds_or_spells_differently_is_no_change() -> None:
    record = as_held(drawn(bundle(result("er", derivedFrom=[{"reference": "Observation/1"}])), held()))
    for one in record.ours.values():
        one["meta"] |= {"lastUpdated": "2026-02-02T00:00:00Z", "source": "#x"}
        one["text"] = {"status": "generated", "div": "<div>said otherwise</div>"}
        one["issued"] = "2025-01-01T00:00:00Z"
    record.ours["Observation/0"]["derivedFrom"] = [{"reference": f"{BASE}/Observation/1"}]
    record.ours["Observation/0"]["device"] = {"reference": "Device/older-version"}

    assert drawn(bundle(result("er", derivedFrom=[{"reference": "Observation/1"}])), record).changes == ()


def test_a_new_edition_of_the_rule_set_changes_no_answer_and_another_rule_set_does() -> None:
    def link(rule_set: str) -> list[Resource]:
        artifact = {"type": "justification", "resource": f"{CANONICAL}/Library/{rule_set}"}
        return [{"url": "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact", "valueRelatedArtifact": artifact}]

    record = as_held(drawn(bundle(result("er", extension=link("er|1"))), held()))

    assert drawn(bundle(result("er", extension=link("er|2"))), record).changes == ()
    assert deeds(drawn(bundle(result("er", extension=link("pr|2"))), record)) == {"er": Deed.UPDATE}


def test_what_a_server_keeps_in_words_of_its_own_is_no_change_while_it_is_the_version_that_we_wrote() -> None:
    first = drawn(bundle(result("er")), held())
    record = as_held(first)
    identity = f"{CANONICAL}/NamingSystem/result|er"
    record.ours["Observation/0"]["valueString"] = "POSITIVE"
    ours = Settled(identity, "Observation/0", "1", digest_of(result("er")), "create")

    assert deeds(drawn(bundle(result("er")), record)) == {"er": Deed.UPDATE}
    assert deeds(drawn(bundle(result("er")), record, **{identity: ours})) == {}
    assert deeds(drawn(bundle(result("er", "negative")), record, **{identity: ours})) == {"er": Deed.UPDATE}


def test_a8_a_change_names_the_version_that_was_read() -> None:
    record = as_held(drawn(bundle(result("er")), held()))
    changed = drawn(bundle(result("er", "negative")), record)
    entry = entries_of(changed, AUTHOR, "Device/1")[0]

    assert entry["request"] == {"method": "PUT", "url": "Observation/0", "ifMatch": 'W/"1"'}
    assert entry["resource"]["id"] == "0"


def test_every_entry_of_a_transaction_has_an_address() -> None:
    """R4 bundle.html#references: a relative reference inside an entry has a meaning only where the entry has a fullUrl."""
    first = drawn(bundle(result("er"), result("pr")), held())
    less = drawn(bundle(result("er", "negative")), as_held(first))

    for plan_ in (first, less):
        entries = entries_of(plan_, AUTHOR, "Device/1")
        assert len({entry["fullUrl"] for entry in entries}) == len(entries)
        for entry in entries:
            kind, name = entry["resource"]["resourceType"], entry["resource"].get("id", "")
            expected = f"{BASE}/{kind}/{name}" if name else "urn:uuid:"
            assert entry["fullUrl"].startswith(expected)


def test_a_new_version_of_an_input_changes_the_report_even_when_no_answer_changes() -> None:
    """The guard against a computation from older inputs: its transaction fails on the version of the report."""
    record = as_held(drawn(bundle(result("er")), held()))
    newer = drawn(bundle(result("er"), inputs=("Observation/er/_history/2",)), record)

    assert deeds(newer) == {"r": Deed.UPDATE}
    assert entries_of(newer, AUTHOR, "Device/1")[0]["request"]["ifMatch"] == 'W/"1"'


def test_what_no_longer_follows_is_entered_in_error_and_reads_so() -> None:
    record = as_held(drawn(bundle(result("er"), result("pr")), held()))
    less = drawn(bundle(result("er")), record)
    retracted = next(change.resource for change in less.changes if change.deed is Deed.RETRACT)

    assert deeds(less) == {"r": Deed.UPDATE, "pr": Deed.RETRACT}
    assert (retracted["status"], retracted["valueString"]) == ("entered-in-error", "positive")
    assert "Entered in error" in retracted["text"]["div"]


def test_where_nothing_follows_the_report_is_retracted_with_the_rest_and_provenance_says_by_whom() -> None:
    record = as_held(drawn(bundle(result("er", derivedFrom=[{"reference": "Observation/in"}])), held()))
    record.sent["Observation/in"] = {"resourceType": "Observation", "id": "in", "meta": {"versionId": "7"}}
    nothing_left = drawn(nothing(), record)

    assert deeds(nothing_left) == {"er": Deed.RETRACT, "r": Deed.RETRACT}
    assert nothing_left.provenance["entity"][0]["what"] == {
        "reference": "Observation/in/_history/7",
        "display": "Observation/in, version 7",
    }
    assert nothing_left.provenance["agent"][0]["who"] == {"reference": "urn:uuid:device"}


def test_a_retracted_result_stays_as_it_is_until_it_follows_again() -> None:
    record = as_held(drawn(bundle(result("er")), held()))
    for one in record.ours.values():
        one["status"] = "entered-in-error"

    assert drawn(nothing(), record).changes == ()
    assert deeds(drawn(bundle(result("er")), record)) == {"er": Deed.UPDATE, "r": Deed.UPDATE}


def test_a_second_copy_of_one_result_is_retracted() -> None:
    record = as_held(drawn(bundle(result("er")), held()))
    copy = {**record.ours["Observation/0"], "id": "9"}
    record.ours["Observation/9"] = copy
    changes = drawn(bundle(result("er")), record).changes

    assert [(change.deed, change.reference) for change in changes] == [(Deed.RETRACT, "Observation/9")]


def test_two_results_of_one_identity_are_never_sent_in_one_transaction() -> None:
    """Some servers silently drop one of them."""
    with pytest.raises(ValueError, match="one identifier"):
        drawn(bundle(result("er"), result("er", "negative")), held())


def test_what_is_new_points_at_what_is_there_and_at_the_device_of_the_server() -> None:
    record = as_held(drawn(bundle(result("t")), held()))
    grown = drawn(bundle(result("t"), result("stage", hasMember=[{"reference": "urn:uuid:t"}])), record)
    entries = entries_of(grown, AUTHOR, "Device/1")
    stage = next(one["resource"] for one in entries if one["resource"].get("valueString") and "hasMember" in one["resource"])

    assert stage["hasMember"] == [{"reference": "Observation/0"}]
    assert stage["device"] == {"reference": "Device/1"}
    assert {"reference": "urn:uuid:stage"} in next(one["resource"] for one in entries if one["request"]["method"] == "PUT")["result"]


def test_f1_the_provenance_names_what_was_written_and_every_input_with_its_version() -> None:
    record = held()
    record.sent["Specimen/s"] = {"resourceType": "Specimen", "id": "s", "meta": {"versionId": "5"}}
    made = drawn(bundle(result("er"), inputs=("Observation/er/_history/3", "Specimen/s", "Specimen/unread")), record).provenance

    assert made["target"] == [{"reference": "urn:uuid:er"}, {"reference": "urn:uuid:r"}]
    assert made["entity"] == [
        {"role": "source", "what": {"reference": "Observation/er/_history/3", "display": "Observation/er, version 3"}},
        {"role": "source", "what": {"reference": "Specimen/s/_history/5", "display": "Specimen/s, version 5"}},
        {"role": "source", "what": {"reference": "Specimen/unread"}},
    ]
    assert (made["recorded"], made["policy"]) == (ISSUED, [f"{CANONICAL}/Library/knowledge|1"])


def test_the_answer_to_a_transaction_tells_what_was_written_and_what_was_there() -> None:
    made = drawn(bundle(result("er")), held())
    responses = [
        {"status": "200 OK", "location": "Observation/5/_history/2", "etag": 'W/"2"'},
        {"status": "201 Created", "location": f"{BASE}/DiagnosticReport/6/_history/1"},
        {"status": "201 Created"},
    ]

    assert found_already(made, responses) == ["Observation/5"]
    assert [(one.reference, one.version) for one in settled(made, responses)] == [("DiagnosticReport/6", "1")]
