"""Which data does a service ask for, and which of it came? Prefetch templates of CDS Hooks: https://cds-hooks.hl7.org/2.0/#prefetch-template.

The templates are what `record` reads of a patient, as reads by id and searches by type (D3). A key that was not sent is fetched from the
client's own server, if the site allows that server; null says that the client looked and found nothing; an OperationOutcome that it could
not look, and then nobody asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NoReturn

import msgspec

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.client import FhirServer, offered, pages, read, resources_of
from adapter.fhir.hook_request import HookRequest
from adapter.fhir.outcome import Refusal
from adapter.fhir.outgoing import decode
from adapter.fhir.record import SEARCHED, Record, add_what_is_missing, is_searched_by_patient, keep, of_one_kind
from adapter.fhir.trouble import Trouble

PATIENT = "patient"
_COUNT = 1000
_ASKED_AND_EMPTY = b"null"
# Without these nothing can be said of a cancer; without the others it can, and the card says what is missing.
_NEEDED = frozenset({"Patient", "Condition", "Observation"})
_EMPTY = b'{"resourceType":"Bundle","type":"collection"}'


def key_of(kind: str) -> str:
    """The prefetch key for a resource type."""
    return kind[:1].lower() + kind[1:]


TEMPLATES: dict[str, str] = {PATIENT: "Patient/{{context.patientId}}"} | {
    key_of(kind): f"{kind}?patient={{{{context.patientId}}}}&_count={_COUNT}" for kind in SEARCHED
}


class _Link(msgspec.Struct, frozen=True):
    relation: str = ""
    url: str = ""


class _Sent(msgspec.Struct, frozen=True, rename={"resource_type": "resourceType"}):
    """As much of a prefetched resource as shows what it is, whose, and whether there is more of it."""

    resource_type: str = ""
    id: str = ""
    link: tuple[_Link, ...] = ()


@dataclass(slots=True)
class Gathered:
    """The patient's data as bytes to interpret, and an issue for each part of it that could not be had."""

    parts: list[bytes] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def say_unread(self, kind: str, why: str) -> None:
        """A part that is missing: the answer goes on without it and says so, or there will be none."""
        severity = Severity.ERROR if kind in _NEEDED else Severity.WARNING
        text = f"{kind} could not be read: {why}"
        self.issues.append(Issue(code="data-not-had", severity=severity, text=text, place=_place(kind)))

    def check(self) -> None:
        """Refuse with 412 where something is missing that every answer rests on."""
        if any(issue.severity is Severity.ERROR for issue in self.issues):
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, self.issues)


@dataclass(slots=True)
class _Gathering:
    """The work on one request: what came, what has to be fetched, and from where."""

    asked: HookRequest
    server: FhirServer | None
    canonical: str
    most: int
    found: Gathered = field(default_factory=Gathered)
    missing: list[str] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    def take_what_came(self) -> None:
        for kind in ("Patient", *SEARCHED):
            self._take(kind, bytes(self.asked.prefetch.get(key_of(kind), b"")))

    def _take(self, kind: str, raw: bytes) -> None:
        if not raw:
            self.missing.append(kind)
            return
        if raw == _ASKED_AND_EMPTY:
            if kind == "Patient":
                self.found.say_unread(kind, "prefetch.patient is null, so the client has no such patient")
            return
        sent = _read_sent(raw, kind)
        if sent.resource_type == "OperationOutcome":
            self.found.say_unread(kind, f"the client sent an OperationOutcome in prefetch.{key_of(kind)}")
        elif sent.resource_type != ("Patient" if kind == "Patient" else "Bundle"):
            _refuse("invalid-resource", f"prefetch.{key_of(kind)} answers the template {TEMPLATES[key_of(kind)]}", kind)
        else:
            self._keep(kind, sent, raw)
            if _holds_an_error(raw):
                self.found.say_unread(kind, f"the client put an OperationOutcome with an error into prefetch.{key_of(kind)}")

    def _keep(self, kind: str, sent: _Sent, raw: bytes) -> None:
        if kind == "Patient" and sent.id != self.asked.patient_id:
            _refuse("not-this-patient", "prefetch.patient is another patient than context.patientId", kind)
        self.found.parts.append(raw)
        following = next((link.url for link in sent.link if link.relation == "next"), "")
        if following:
            self.more[kind] = following

    def fetch_the_rest(self) -> None:
        """What was not sent, further pages, and what the resources point at; each trouble is that of one type."""
        if self.server is None:
            for kind in (*self.missing, *self.more):
                self.found.say_unread(kind, _how_to_send(kind, self.asked, is_page=kind in self.more))
            return
        came = {f"{one.get('resourceType')}/{one['id']}": one for one in self._sent_resources()}
        record = Record(f"Patient/{self.asked.patient_id}", self.server.base, dict(came))
        for kind in (*self.missing, *self.more):
            self._fetch(kind, record, self.server)
        self._follow(record, self.server)
        fetched = {name: one for name, one in record.sent.items() if name not in came}
        if fetched:
            self.found.parts.append(Record(record.patient, record.base, fetched).bundle())

    def _fetch(self, kind: str, record: Record, server: FhirServer) -> None:
        try:
            for resource in self._resources(kind, record.patient, server):
                keep(record, resource, self.canonical, self.most)
        except Trouble as trouble:
            self.found.say_unread(kind, f"{trouble.fault} at fhirServer. Send prefetch.{key_of(kind)}, or a token that may read it")

    def _resources(self, kind: str, patient: str, server: FhirServer) -> Iterator[dict[str, Any]]:
        if kind in self.more:
            for page in pages(server, "search", self.more[kind]):
                yield from resources_of(page)
        elif kind == "Patient":
            yield read(server, patient)
        elif is_searched_by_patient(offered(server).get(kind)):
            yield from of_one_kind(server, kind, patient)
        elif kind in _NEEDED:
            self.found.say_unread(kind, f"fhirServer has no search of {kind} by patient. Send prefetch.{key_of(kind)}")

    def _follow(self, record: Record, server: FhirServer) -> None:
        try:
            add_what_is_missing(server, record, self.canonical, self.most)
        except Trouble as trouble:
            self.found.say_unread("What the resources point at", f"{trouble.fault} at fhirServer")
        except RecursionError:
            self.found.say_unread("What the resources point at", "a resource is nested too deeply")

    def _sent_resources(self) -> Iterator[dict[str, Any]]:
        """What came, the draft orders too, to know what it points at; only what stands by its own id can be pointed at."""
        drafts = bytes(self.asked.context.draft_orders) if self.asked.context else b""
        for part in (*self.found.parts, *([drafts] if drafts else [])):
            yield from (one for one in _resources_in(part) if one.get("id"))


def gathered(asked: HookRequest, server: FhirServer | None, canonical: str, most: int) -> Gathered:
    """The patient's data from the prefetch and from the client's server; a Refusal with 412 where there is not enough of it (D3)."""
    work = _Gathering(asked, server, canonical, most)
    work.take_what_came()
    work.found.check()
    work.fetch_the_rest()
    work.found.check()
    if len(work.found.parts) < 2:
        work.found.parts.append(_EMPTY)
    return work.found


def _read_sent(raw: bytes, kind: str) -> _Sent:
    try:
        return msgspec.json.decode(raw, type=_Sent)
    except msgspec.ValidationError:
        _refuse(
            "invalid-resource", f"prefetch.{key_of(kind)} is no FHIR resource; send a {_expected(kind)}, null or leave the key out", kind
        )


def _resources_in(part: bytes) -> Iterator[dict[str, Any]]:
    """The resources of a part that can be read at all; the pipeline says what is wrong with the others."""
    try:
        whole = decode(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if not isinstance(whole, dict):
        return
    entries = whole.get("entry") if whole.get("resourceType") == "Bundle" else [{"resource": whole}]
    resources = (entry.get("resource") for entry in entries or () if isinstance(entry, dict)) if isinstance(entries, list) else ()
    yield from (one for one in resources if isinstance(one, dict))


def _holds_an_error(raw: bytes) -> bool:
    """Whether a search says inside its own Bundle that it did not find everything."""
    if b"OperationOutcome" not in raw:
        return False
    outcomes = (one for one in _resources_in(raw) if one.get("resourceType") == "OperationOutcome")
    issues = (issue for one in outcomes for issue in (one.get("issue") or ()) if isinstance(issue, dict))
    return any(issue.get("severity") in ("error", "fatal") for issue in issues)


def _expected(kind: str) -> str:
    return "Patient" if kind == "Patient" else "Bundle"


def _how_to_send(kind: str, asked: HookRequest, *, is_page: bool) -> str:
    """What the client can do about a part that is missing."""
    what = f"the further pages of prefetch.{key_of(kind)} are missing" if is_page else f"the key prefetch.{key_of(kind)} is missing"
    if not asked.fhir_server:
        return f"{what}, and there is no fhirServer with a token to read it from"
    return f"{what}, and fhirServer is not among ADAPTER_FHIR_SERVERS of this service"


def _place(kind: str) -> Place | None:
    return Place(reference="", path=f"prefetch.{key_of(kind)}") if kind in wire.READ_TYPES else None


def _refuse(code: str, text: str, kind: str) -> NoReturn:
    raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code=code, severity=Severity.ERROR, text=text, place=_place(kind)),))
