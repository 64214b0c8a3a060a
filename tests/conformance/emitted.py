"""What do we emit? Every resource that leaves the adapter, over all fixtures and all addresses, each under a name that says where from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.fhir.audit_event import audit_event
from adapter.fhir.client import Exchange, encode
from adapter.fhir.job_status import written_parameters
from adapter.fhir.outgoing import decode
from adapter.fhir.record import Record
from adapter.fhir.subscription import subscription
from adapter.fhir.write_back import entries_of, plan
from adapter.joined import author
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret
from adapter.settings import Settings

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "fixtures"
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
INSTANT = "2026-11-01T00:00:00.000Z"
SERVER = "https://hospital.example/fhir"
FHIR = "application/fhir+json"

WRITTEN = ("Observation", "DiagnosticReport")

Resource = dict[str, Any]
Emitted = tuple[str, bytes]


def scenarios() -> list[str]:
    """The name of every fixture."""
    return sorted(path.parent.name for path in FIXTURES.glob("*/input.json"))


def everything(books: Knowledge) -> Iterator[Emitted]:
    """Results, transactions, definitions, errors, audit events and the rest."""
    yield from results(books)
    yield from transactions(books)
    client = create_app(Settings(auth="none")).test_client()
    yield from definitions(client)
    yield from said(client)
    yield from sent_outside()


def results(books: Knowledge) -> Iterator[Emitted]:
    """The result Bundle of each fixture."""
    for name in scenarios():
        yield f"result/{name}", result(name, books)


def result(name: str, books: Knowledge) -> bytes:
    """The result Bundle of one fixture."""
    return interpret([(FIXTURES / name / "input.json").read_bytes()], books, Request(issued=MOMENT)).bundle


def transactions(books: Knowledge) -> Iterator[Emitted]:
    """The transaction that writes each result to an empty server, and the one that takes it back when nothing follows any more."""
    who = author(books)
    nothing = encode({"resourceType": "Bundle", "type": "collection"})
    for name in scenarios():
        first = plan(result(name, books), Record("Patient/p", SERVER), canonical=books.canonical, author=who, issued=INSTANT)
        sent = transaction(entries_of(first, who, "Device/d"))
        yield f"write-back/{name}", encode(sent)
        second = plan(nothing, as_held(sent), canonical=books.canonical, author=who, issued=INSTANT)
        yield f"retraction/{name}", encode(transaction(entries_of(second, who, "Device/d")))


def transaction(entries: list[Resource]) -> Resource:
    """What is posted to the base of a server."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def as_held(sent: Resource) -> Record:
    """The server after it carried out this transaction: each resource with an id, and every reference pointing at it."""
    entries = [entry for entry in sent["entry"] if entry["resource"]["resourceType"] in WRITTEN]
    names = {entry["fullUrl"]: f"{entry['resource']['resourceType']}/{number}" for number, entry in enumerate(entries)}
    text = encode({"all": [entry["resource"] for entry in entries]}).decode()
    for url, name in names.items():
        text = text.replace(f'"{url}"', f'"{name}"')
    kept = {name: one | {"id": name.partition("/")[2]} for name, one in zip(names.values(), decode(text.encode())["all"], strict=True)}
    return Record("Patient/p", SERVER, ours={name: one | {"meta": one.get("meta", {}) | {"versionId": "1"}} for name, one in kept.items()})


def definitions(client: FlaskClient) -> Iterator[Emitted]:
    """The CapabilityStatement, and every definition of every type that it lists, alone and as the search answers them."""
    statement = read(client, "/fhir/metadata")
    yield "served/metadata", encode(statement)
    for kind in [one["type"] for one in statement["rest"][0]["resource"] if is_searched(one)]:
        found = read(client, f"/fhir/{kind}")
        yield f"served/{kind}", encode(found)
        for entry in found.get("entry", ()):
            where = f"{kind}/{entry['resource']['id']}"
            yield f"served/{where}", encode(read(client, f"/fhir/{where}"))


def is_searched(offered: Resource) -> bool:
    """Whether the CapabilityStatement says that resources of a type can be searched."""
    return "search-type" in [one["code"] for one in offered.get("interaction", ())]


def read(client: FlaskClient, address: str) -> Resource:
    """One resource as it is served."""
    answer = client.get(address, headers={"Accept": FHIR})
    if answer.status_code != 200:
        raise AssertionError(f"{address} answers {answer.status_code}")
    served: Resource = decode(answer.data)
    return served


def said(client: FlaskClient) -> Iterator[Emitted]:
    """What the operations answer to primitives, and every kind of refusal."""
    stage = "/fhir/$stage-breast-cancer?t=T2&n=N1&m=M0"
    yield "said/stage", client.get(f"{stage}&basis=clinical&grade=G2&her2=negative&er=positive&pr=positive").data
    yield "said/stage-not-known", client.get(f"{stage}&basis=clinical").data
    yield "refused/no-basis", client.get(stage).data
    yield "refused/not-found", client.get("/fhir/Nothing").data
    yield "refused/method", client.delete("/fhir/metadata").data
    yield "refused/format", client.get("/fhir/metadata?_format=xml").data
    for name, sent, media in (("broken", b"{", FHIR), ("type", b"<a/>", "text/xml"), ("resource", b'{"resourceType":"Observation"}', FHIR)):
        answer = client.post("/fhir/$interpret-breast-cancer", data=sent, content_type=media)
        yield f"refused/{name}", answer.data


def sent_outside() -> Iterator[Emitted]:
    """What goes to a FHIR server beside results: audit events, Subscriptions, and what became of a write.

    A Subscription to a topic is not among them: it claims a profile of the R5 backport, whose package is not on npm.
    """
    for kind, method in (
        ("read", "GET"),
        ("search", "GET"),
        ("operation", "GET"),
        ("transaction", "POST"),
        ("create", "POST"),
        ("update", "PUT"),
    ):
        exchange = Exchange(kind, method, f"{SERVER}/Observation/er", "r", MOMENT, is_over=True, status=200)
        yield f"audit/{kind}", encode(audit_event(exchange, "Patient/p", "adapter"))
    began = Exchange("transaction", "POST", SERVER, "r", MOMENT, is_over=False)
    yield "audit/begun", encode(audit_event(began, "Patient/p", "adapter"))
    yield "subscription/search", encode(subscription("Observation?status=final", "https://adapter.example/n", "x", "id-only"))
    counts = {"create": 1, "update": 0, "retract": 0, "unchanged": 2}
    yield "said/written", encode(written_parameters(f"{SERVER}/jobs/1", "done", counts, ["Observation/1/_history/1"], SERVER))
