"""Whom does a change concern? From a resource that was named to its patient, and from a gap to everything that changed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from adapter.delivery import ledger, outbox, subscriptions
from adapter.delivery.jobs import Job, Outcome, Work
from adapter.delivery.workplace import Workplace
from adapter.fhir.client import PAGE_SIZE, FhirServer, offered, pages, read, resources_of, update
from adapter.fhir.notification import patient_of, reference_in
from adapter.fhir.record import identity_of, version_of
from adapter.fhir.trouble import Fault, Trouble

# Clocks differ and a server may take a while to show what it has: we look back a little further than needed.
_SKEW = timedelta(minutes=5)


def find(place: Workplace, job: Job, server: FhirServer) -> None:
    """Queue the patient of one resource; of a deleted one, the patient of its last version."""
    resource = _now_or_before(server, job.subject)
    patient = patient_of(resource) if resource and not _is_our_own(place, job, resource) else None
    then = [(Work.WRITE, patient)] if patient else []
    outcome = Outcome.QUEUED_OTHERS if patient else Outcome.NO_SUCH_PATIENT
    outbox.finish(place.engine, job, outcome, place.clock(), counts={"queued": len(then)}, then=then)


def recover(place: Workplace, job: Job, server: FhirServer) -> None:
    """Queue the patient of everything that changed since the last time we looked, and wake the Subscription if the server gave it up."""
    name = job.subject.partition("/")[2]
    known = subscriptions.find(place.engine, name)
    began = place.clock()
    if known is None:
        outbox.finish(place.engine, job, Outcome.NO_SUCH_PATIENT, began)
        return
    if not subscriptions.missing(place.engine, known):
        outbox.finish(
            place.engine,
            job,
            Outcome.NOTHING_MISSED,
            began,
            record=lambda kept: subscriptions.checked(kept, known, known.checked, known.status),
        )
        return
    since = known.checked - _SKEW
    found: set[tuple[Work, str]] = set()
    hold = place.holding(job)
    for criteria in known.criteria:
        for resource in _changed_since(server, criteria, since):
            patient = patient_of(resource)
            if patient and not _is_our_own(place, job, resource):
                found.add((Work.WRITE, patient))
            hold(f"{len(found)} patients found")
        found |= {(Work.FIND, reference) for reference in _deleted_since(server, criteria.partition("?")[0], since)}
    status = _woken(server, known.reference)
    outbox.finish(
        place.engine,
        job,
        Outcome.QUEUED_OTHERS,
        place.clock(),
        counts={"queued": len(found)},
        then=sorted(found),
        record=lambda kept: subscriptions.checked(kept, known, began, status),
    )


def _now_or_before(server: FhirServer, reference: str) -> dict[str, Any] | None:
    try:
        return read(server, reference)
    except Trouble as trouble:
        if trouble.fault is not Fault.GONE:
            raise
    try:
        versions = [resource for page in pages(server, "history", f"{reference}/_history") for resource in resources_of(page)]
    except Trouble as trouble:
        if trouble.fault in (Fault.GONE, Fault.REFUSED):
            return None
        raise
    return versions[0] if versions else None


def _changed_since(server: FhirServer, criteria: str, since: datetime) -> Iterator[dict[str, Any]]:
    kind, _, query = criteria.partition("?")
    asked = [*parse_qsl(query), ("_lastUpdated", f"ge{_instant(since)}"), ("_count", str(PAGE_SIZE))]
    for page in pages(server, "search", f"{kind}?{urlencode(asked)}"):
        yield from resources_of(page)


def _deleted_since(server: FhirServer, kind: str, since: datetime) -> Iterator[str]:
    """What was deleted, from a server that tells; a search never shows it."""
    if not any(one.get("code") == "history-type" for one in offered(server).get(kind, {}).get("interaction", ())):
        return
    for page in pages(server, "history", f"{kind}/_history?{urlencode({'_since': _instant(since), '_count': PAGE_SIZE})}"):
        for entry in page.get("entry", ()):
            request = entry.get("request", {})
            reference = reference_in(str(request.get("url", "")))
            if request.get("method") == "DELETE" and reference:
                yield reference


def _woken(server: FhirServer, reference: str) -> str:
    """The status of the Subscription; one in error is asked to go on, now that everything it missed is queued."""
    if not reference:
        return "unknown"
    try:
        standing = read(server, reference)
        if standing.get("status") == "error":
            asked = {name: value for name, value in standing.items() if name not in ("meta", "error")} | {"status": "requested"}
            profiles = standing.get("meta", {}).get("profile")
            update(server, asked | ({"meta": {"profile": profiles}} if profiles else {}), version=version_of(standing))
            return "requested"
    except Trouble as trouble:
        if trouble.fault not in (Fault.GONE, Fault.CONFLICT, Fault.REFUSED):
            raise
        return "gone" if trouble.fault is Fault.GONE else "error"
    return str(standing.get("status", ""))


def _is_our_own(place: Workplace, job: Job, resource: dict[str, Any]) -> bool:
    """Whether this is what we wrote ourselves, in the version that we wrote."""
    identity = identity_of(resource, place.canonical)
    if identity is None:
        return False
    before = ledger.lookup(place.engine, job.server, identity)
    return before is not None and before.version == version_of(resource)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
