"""What does a server hold about one patient? Everything that we read, in the version that stands now, and what we wrote ourselves.

`Patient/$everything` where the server offers it, else a search by patient for each type that we read; then what the resources point at
and the server left out: results of reports, members of panels, specimens (requirements A16, R4 patient-operation-everything).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from adapter.fhir import wire
from adapter.fhir.client import PAGE_SIZE, FhirServer, encode, offered, pages, read, resources_of
from adapter.fhir.notification import our_identity
from adapter.fhir.trouble import Fault, Trouble

# A Medication belongs to nobody: it is fetched by the reference of whoever was given it.
_WITHOUT_PATIENT = frozenset({"Medication"})
# What is searched by patient: the CapabilityStatement says which of them a server has.
SEARCHED = tuple(sorted(wire.READ_TYPES - _WITHOUT_PATIENT - {"Patient"}))
_ROUNDS = 5
# Answers to an operation that a server does not carry out after all.
_NOT_OFFERED = frozenset({Fault.REFUSED, Fault.GONE})

Progress = Callable[[str], None]


@dataclass(slots=True)
class Record:
    """The resources about one patient by `Type/id`: what others wrote, and what we wrote."""

    patient: str
    base: str
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    ours: dict[str, dict[str, Any]] = field(default_factory=dict)

    def bundle(self) -> bytes:
        """What others wrote, as one Bundle to interpret."""
        entries = [{"fullUrl": f"{self.base}/{name}", "resource": resource} for name, resource in sorted(self.sent.items())]
        return encode({"resourceType": "Bundle", "type": "collection", "entry": entries})

    def version(self, reference: str) -> str | None:
        """The version in which a resource was read."""
        found = self.sent.get(reference) or self.ours.get(reference)
        return version_of(found) if found else None


def version_of(resource: Mapping[str, Any]) -> str | None:
    """The version that a resource says it is."""
    version = resource.get("meta", {}).get("versionId")
    return str(version) if version else None


def fetch(server: FhirServer, patient: str, canonical: str, most: int, progress: Progress = lambda _: None) -> Record:
    """The record of `Patient/id`; a trouble with the fault GONE where there is no such patient, and only there."""
    record = Record(patient, server.base)
    keep(record, read(server, patient), canonical, most)
    try:
        for resource in _everything(server, patient):
            keep(record, resource, canonical, most)
            progress(f"{len(record.sent)} resources read")
        add_what_is_missing(server, record, canonical, most, progress)
    except Trouble as trouble:
        if trouble.fault is not Fault.GONE:
            raise
        # A page of a search that the server has forgotten is no missing patient.
        raise Trouble(Fault.CUT_OFF, "a part of the record was gone before it was read", status=trouble.status) from trouble
    return record


def _everything(server: FhirServer, patient: str) -> Iterator[dict[str, Any]]:
    kinds = offered(server)
    if _offers_everything(kinds):
        found = _all_at_once(server, patient)
        if found is not None:
            yield from found
            return
    for kind in SEARCHED:
        if is_searched_by_patient(kinds.get(kind)):
            yield from of_one_kind(server, kind, patient)


def of_one_kind(server: FhirServer, kind: str, patient: str) -> Iterator[dict[str, Any]]:
    """Every resource of one type about the patient."""
    query = urlencode({"patient": patient, "_count": PAGE_SIZE})
    for page in pages(server, "search", f"{kind}?{query}"):
        yield from resources_of(page)


def is_searched_by_patient(kind: Mapping[str, Any] | None) -> bool:
    """Whether the server says so: one that passes over a parameter it does not know would answer with other patients."""
    return kind is not None and any(one.get("name") == "patient" for one in kind.get("searchParam", ()))


def _offers_everything(kinds: Mapping[str, Mapping[str, Any]]) -> bool:
    operations = kinds.get("Patient", {}).get("operation", ())
    return any(
        one.get("name", "").lstrip("$") == "everything" or str(one.get("definition", "")).endswith("-everything") for one in operations
    )


def _all_at_once(server: FhirServer, patient: str) -> list[dict[str, Any]] | None:
    """The answer of `$everything`, or None from a server that says that it offers it and does not."""
    query = urlencode({"_count": PAGE_SIZE, "_type": ",".join(sorted(wire.READ_TYPES))})
    try:
        return [resource for page in pages(server, "operation", f"{patient}/$everything?{query}") for resource in resources_of(page)]
    except Trouble as trouble:
        if trouble.fault in _NOT_OFFERED:
            return None
        raise


def keep(record: Record, resource: dict[str, Any], canonical: str, most: int) -> None:
    """Put a resource on the shelf that it belongs to."""
    name = f"{resource.get('resourceType')}/{resource.get('id')}"
    if resource.get("resourceType") not in wire.READ_TYPES:
        return
    shelf = record.ours if identity_of(resource, canonical) else record.sent
    shelf[name] = resource
    if len(record.sent) > most:
        raise Trouble(Fault.TOO_LARGE, f"the record of one patient has more than {most} resources (ADAPTER_MAX_ENTRIES)")


def identity_of(resource: Mapping[str, Any], canonical: str) -> str | None:
    """Our lasting identifier of a result or report as `system|value`; None for what others wrote."""
    return our_identity(resource, systems_of(canonical))


def systems_of(canonical: str) -> tuple[str, ...]:
    """The systems of the identifiers that we give."""
    return (f"{canonical}/NamingSystem/result", f"{canonical}/NamingSystem/report")


def add_what_is_missing(server: FhirServer, record: Record, canonical: str, most: int, progress: Progress = lambda _: None) -> None:
    """Fetch what the resources point at, and what that points at in turn; what is not there stays missing, and the reader says so."""
    asked: set[str] = set()
    for _ in range(_ROUNDS):
        wanted = {name for resource in record.sent.values() for name in pointed_at(resource, server.base)}
        missing = sorted(wanted - asked - record.sent.keys() - record.ours.keys())
        if not missing:
            return
        for name in missing:
            asked.add(name)
            found = _read_if_there(server, name)
            if found is not None:
                keep(record, found, canonical, most)
            progress(f"{len(record.sent)} resources read")


def _read_if_there(server: FhirServer, name: str) -> dict[str, Any] | None:
    try:
        return read(server, name)
    except Trouble as trouble:
        # One resource that we may not see, or that is gone, does not keep the others from being read.
        if trouble.fault in _NOT_OFFERED or trouble.status == HTTPStatus.FORBIDDEN:
            return None
        raise


def pointed_at(resource: Mapping[str, Any], base: str) -> Iterator[str]:
    """Every `Type/id` on this server that a resource points at, of the types that we read; no other patient."""
    for reference in _references(resource):
        kind, _, name = reference.removeprefix(f"{base}/").partition("/_history/")[0].partition("/")
        if kind in wire.READ_TYPES and kind != "Patient" and name and "/" not in name and "?" not in name:
            yield f"{kind}/{name}"


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str):
            yield reference
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
