"""How we speak with a FHIR server: over a line to a real one that can be broken, with what R4's RESTful API asks of a client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import requests

from adapter.fhir.client import (
    FhirServer,
    Limits,
    conditional_update,
    create,
    encode,
    pages,
    read,
    retry_after,
    search,
    transact,
    update,
)
from adapter.fhir.outgoing import decode
from adapter.fhir.trouble import Fault, Trouble
from tests.peers.faulty import Breakage, Line, line_to

SYSTEM = "https://hospital.example/id"


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def server(line: Line) -> FhirServer:
    return FhirServer(line.base, limits=Limits(connect=2, read=2, whole=3))


@pytest.fixture
def mark() -> str:
    """An identifier that no other test uses."""
    return uuid4().hex


def patient(mark: str, **more: object) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": mark}], **more}


def name_in(location: str) -> str:
    return location.partition("/_history/")[0].rsplit("/", 1)[-1]


def faults(server: FhirServer, reference: str = "Patient/nobody") -> Fault:
    with pytest.raises(Trouble) as caught:
        read(server, reference)
    assert "Jane" not in str(caught.value), "no trouble repeats what a server says"
    return caught.value.fault


def test_a16_a_search_turns_every_page(server: FhirServer, line: Line, mark: str) -> None:
    for _ in range(7):
        create(server, patient(mark))

    found = list(search(server, "Patient", {"identifier": f"{SYSTEM}|{mark}", "_count": "2"}))

    assert (len(found), len({one["id"] for one in found}), line.asked("GET", "Patient?")) == (7, 7, 4)


def test_a13_a_conditional_create_creates_once(server: FhirServer, mark: str) -> None:
    query = f"identifier={SYSTEM}%7C{mark}"
    first, second = create(server, patient(mark), unless=query), create(server, patient(mark), unless=query)

    assert (first.status, second.status) == (201, 200)
    assert len(list(search(server, "Patient", {"identifier": f"{SYSTEM}|{mark}"}))) == 1


def test_a14_a_conditional_update_creates_updates_and_refuses_when_several_match(server: FhirServer, mark: str) -> None:
    query = f"identifier={SYSTEM}%7C{mark}"
    assert conditional_update(server, patient(mark), query).status == 201
    assert conditional_update(server, patient(mark, gender="female"), query).status == 200
    create(server, patient(mark))

    with pytest.raises(Trouble) as caught:
        conditional_update(server, patient(mark), query)
    assert (caught.value.fault, caught.value.status) == (Fault.CONFLICT, 412)


def test_a7_a8_an_update_of_an_old_version_is_a_conflict(server: FhirServer, mark: str) -> None:
    made = create(server, patient(mark))
    name = name_in(made.headers["Location"])
    assert made.version == "1"
    assert update(server, patient(mark, id=name, gender="female"), version="1").version == "2"

    with pytest.raises(Trouble) as caught:
        update(server, patient(mark, id=name, gender="male"), version="1")
    assert caught.value.fault is Fault.CONFLICT
    assert read(server, f"Patient/{name}")["gender"] == "female"


def test_a10_writes_ask_for_no_body(server: FhirServer, line: Line, mark: str) -> None:
    assert create(server, patient(mark)).content == b""
    assert [headers["Prefer"] for method, _, headers in line.seen if method == "POST"] == ["return=minimal"]


def test_a18_a_transaction_that_is_refused_writes_nothing(server: FhirServer, mark: str) -> None:
    good = {"resource": patient(mark), "request": {"method": "POST", "url": "Patient"}}
    bad = {"resource": patient(mark), "request": {"method": "PUT", "url": "Patient/other", "ifMatch": 'W/"7"'}}
    with pytest.raises(Trouble) as caught:
        transact(server, [good, bad])

    assert caught.value.fault is Fault.CONFLICT
    assert list(search(server, "Patient", {"identifier": f"{SYSTEM}|{mark}"})) == []


def test_a19_a_transaction_that_fails_is_one_outcome_and_no_bundle(server: FhirServer, line: Line, mark: str) -> None:
    """A19: transaction failure returns ONE OperationOutcome, not a Bundle; to us it is one trouble, and its text is never repeated."""
    entry = {"resource": patient(mark), "request": {"method": "PUT", "url": "Patient/other", "ifMatch": 'W/"7"'}}
    body = encode({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    answer = requests.post(line.base, data=body, headers={"Content-Type": "application/fhir+json"}, timeout=30)

    assert (answer.status_code // 100, answer.json()["resourceType"]) == (4, "OperationOutcome")
    with pytest.raises(Trouble) as caught:
        transact(server, [entry])
    assert caught.value.status == answer.status_code


@pytest.mark.parametrize("status", ["400 Bad Request", "409", "412 Precondition Failed", "500", ""])
def test_a19_an_answer_with_a_status_for_each_entry_is_a_success_only_where_each_is_one(
    status: str, server: FhirServer, line: Line, mark: str
) -> None:
    """A19: batch is 200 with each entry's status. A server that treats our transaction so is not taken to have written everything."""
    entry = {"resource": patient(mark), "request": {"method": "POST", "url": "Patient"}}
    entries = [{"response": {"status": one}} for one in ("201 Created", status)]
    said = encode({"resourceType": "Bundle", "type": "batch-response", "entry": entries})
    line.fail(Breakage.ANSWER_STATUS, "POST", status=200, content=said)

    with pytest.raises(Trouble) as caught:
        transact(server, [entry, entry])
    assert caught.value.fault is Fault.PARTLY_REFUSED


def test_numbers_keep_their_digits() -> None:
    """R4 datatypes: the precision of a decimal has significance."""
    assert encode(decode(b'{"value":2.50}')) == b'{"value":2.50}'


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.REFUSED),
        (401, Fault.NOT_AUTHORIZED),
        (403, Fault.NOT_AUTHORIZED),
        (404, Fault.GONE),
        (409, Fault.CONFLICT),
        (410, Fault.GONE),
        (412, Fault.CONFLICT),
        (422, Fault.REFUSED),
        (429, Fault.THROTTLED),
        (500, Fault.SERVER_ERROR),
        (501, Fault.REFUSED),
        (503, Fault.SERVER_ERROR),
        (302, Fault.REFUSED),
    ],
)
def test_each_status_is_one_kind_of_trouble(server: FhirServer, line: Line, status: int, fault: Fault) -> None:
    line.fail(Breakage.ANSWER_STATUS, status=status, headers={"Location": "http://127.0.0.1:9/elsewhere"})

    assert faults(server) is fault
    assert len(line.seen) == 1, "no redirect is followed, and nothing is repeated here"


def test_a_token_that_was_lent_is_not_sent_again_once_it_is_refused(line: Line) -> None:
    line.fail(Breakage.ANSWER_STATUS, status=401)

    assert faults(FhirServer(line.base, authorize=lambda _: {"Authorization": "Bearer lent"})) is Fault.NOT_AUTHORIZED
    assert len(line.seen) == 1


def test_a_new_token_is_tried_once(line: Line) -> None:
    line.fail(Breakage.ANSWER_STATUS, status=401, times=9)
    tokens = {False: "old", True: "new"}

    assert faults(FhirServer(line.base, authorize=lambda renew: {"Authorization": f"Bearer {tokens[renew]}"})) is Fault.NOT_AUTHORIZED
    assert [sent["Authorization"] for _, _, sent in line.seen] == ["Bearer old", "Bearer new"]


def test_a_retry_after_is_heard(server: FhirServer, line: Line) -> None:
    line.fail(Breakage.ANSWER_STATUS, status=429, headers={"Retry-After": "17"})
    with pytest.raises(Trouble) as caught:
        read(server, "Patient/1")
    assert caught.value.retry_after == 17.0


def test_a_retry_after_may_be_a_date_and_may_be_nonsense() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("Thu, 01 Jan 2026 00:02:00 GMT", now) == 120.0
    assert retry_after("Wed, 31 Dec 2025 00:00:00 GMT", now) == 0.0
    assert (retry_after("soon", now), retry_after("-5", now), retry_after(None, now)) == (None, None, None)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (Breakage.DROP_BEFORE, {Fault.UNREACHABLE}),
        (Breakage.DROP_AFTER, {Fault.UNREACHABLE}),
        (Breakage.CUT_BODY, {Fault.CUT_OFF}),
        (Breakage.SILENT_AFTER, {Fault.TIMEOUT}),
        (Breakage.DRIP, {Fault.TIMEOUT}),
    ],
)
def test_a_broken_line_is_trouble_that_passes(server: FhirServer, line: Line, what: Breakage, found: set[Fault]) -> None:
    line.fail(what)
    assert faults(server, "metadata") in found


def test_an_answer_that_is_too_large_is_not_taken(line: Line) -> None:
    assert faults(FhirServer(line.base, limits=Limits(max_bytes=100)), "metadata") is Fault.TOO_LARGE


def test_a_server_that_is_not_there_is_trouble_that_passes() -> None:
    assert faults(FhirServer("http://127.0.0.1:9/fhir", limits=Limits(connect=1))) is Fault.UNREACHABLE


@pytest.mark.parametrize(
    "base", ["http://fhir.example/r4", "ftp://127.0.0.1/fhir", "https://", "https://user@fhir.example/r4", "fhir.example"]
)
def test_only_https_or_this_machine_is_called(base: str) -> None:
    with pytest.raises(ValueError, match="https"):
        FhirServer(base)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/fhir/Patient/1",
        "{base}2/Patient/1",
        "{base}/../admin",
        "{base}/%2e%2e/admin",
        "{root}/admin",
        "http://user@{host}/fhir/Patient/1",
    ],
)
def test_no_request_goes_to_an_address_outside_the_list(server: FhirServer, line: Line, url: str) -> None:
    host = line.base.removeprefix("http://").removesuffix("/fhir")
    with pytest.raises(Trouble) as caught:
        server.ask("read", "GET", url.format(base=line.base, root=line.base.removesuffix("/fhir"), host=host))

    assert (caught.value.fault, line.seen) == (Fault.NOT_ALLOWED, [])


def test_a_next_link_to_another_server_is_not_followed_with_our_token(server: FhirServer, line: Line) -> None:
    """C5: do not follow references to other servers with our token."""
    _serve_next(line, "https://evil.example/fhir?page=2")
    with pytest.raises(Trouble) as caught:
        list(pages(server, "search", "Patient?name=x"))

    assert (caught.value.fault, len(line.seen)) == (Fault.NOT_ALLOWED, 1)


def test_pages_that_go_round_in_a_circle_come_to_an_end(server: FhirServer, line: Line) -> None:
    for _ in range(3):
        _serve_next(line, f"{line.base}?page=2")
    with pytest.raises(Trouble) as caught:
        list(pages(server, "search", "Patient?name=x"))

    assert (caught.value.fault, len(line.seen)) == (Fault.CUT_OFF, 2)


def _serve_next(line: Line, url: str) -> None:
    page = {"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "next", "url": url}]}
    line.fail(Breakage.ANSWER_STATUS, status=200, content=encode(page))


@pytest.mark.parametrize(
    "page",
    [
        b'{"resourceType":"Bundle","entry":"x"}',
        b'{"resourceType":"Bundle","entry":[7]}',
        b'{"resourceType":"Bundle","entry":[{"resource":"x"}]}',
        b'{"resourceType":"Bundle","link":{"relation":"next"}}',
        b'{"resourceType":"Bundle","total":1e99999999999999999999}',
    ],
)
def test_a_page_of_another_shape_is_a_trouble_and_no_crash(page: bytes, server: FhirServer, line: Line) -> None:
    """Found by `make fuzz` in notifications, which are read in the same way."""
    line.fail(Breakage.ANSWER_STATUS, "GET", "Patient", status=200, content=page)
    with pytest.raises(Trouble) as caught:
        list(search(server, "Patient", {"_count": "2"}))
    assert caught.value.fault is Fault.CUT_OFF
