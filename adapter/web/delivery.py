"""What may be asked that outlives the request? Interpretation of a patient on the FHIR server, writing back, and how that went."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import msgspec
from flask import Blueprint, Response, abort, jsonify, request

from adapter.delivery import outbox
from adapter.delivery.audit import Witness
from adapter.delivery.jobs import Job, State, Work
from adapter.delivery.worker import take_up
from adapter.fhir.client import FhirServer
from adapter.fhir.job_status import manifest, rehearsal, written_parameters
from adapter.fhir.record import fetch
from adapter.web.context import hold_to
from adapter.web.desk import desk
from adapter.web.errors import job_failed
from adapter.web.guard import bearer, needs
from adapter.web.negotiation import answer_type, body_of, fhir_response, is_pretty
from adapter.web.parameters import primitives, refuse

if TYPE_CHECKING:
    from adapter.delivery.workplace import Workplace

delivery = Blueprint("delivery", __name__, url_prefix="/fhir")

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_POLL_SECONDS = 5


@delivery.route("/Patient/<patient>/$interpret-breast-cancer", methods=["GET", "POST"])
@needs(bearer("interpret-patient"))
def interpret(patient: str) -> Response:
    """The result Bundle of what the FHIR server holds about a patient; nothing is stored or changed there."""
    media = answer_type(request)
    return fhir_response(workplace().interpret(fetched(patient)), media, pretty=is_pretty(request))


def fetched(patient: str) -> bytes:
    """What the FHIR server holds about a patient, as one Bundle; every read of it is witnessed."""
    place, reference = workplace(), _patient(patient)
    witness = Witness(place.engine, _server(), reference)
    server: FhirServer = place.connect(_server(), witness)
    try:
        return fetch(server, reference, place.canonical, place.max_entries).bundle()
    finally:
        witness.keep_reads()


@delivery.post("/Patient/<patient>/$interpret-and-write")
@needs(bearer("interpret-and-write"))
def interpret_and_write(patient: str) -> Response:
    """Interpret a patient and write the difference to the FHIR server: at once where that is possible, else later, but surely."""
    media, place, reference = answer_type(request), workplace(), _patient(patient)
    kind = Work.REHEARSE if _is_dry_run() else Work.WRITE
    job = outbox.enqueue(place.engine, _server(), kind, reference, "request", place.clock())
    if "respond-async" not in request.headers.get("Prefer", ""):
        job = _latest(take_up(place, job))
    if not job.is_final:
        return _accepted(job)
    if job.state is not State.DONE:
        return job_failed(job.reason or str(job.state))
    said = (
        rehearsal(job.difference or ())
        if kind is Work.REHEARSE
        else written_parameters(_address(job), str(job.outcome), job.counts or {}, job.addresses or (), job.server)
    )
    return fhir_response(msgspec.json.encode(said), media, pretty=is_pretty(request))


@delivery.get("/jobs/<job>")
@needs(bearer("job-status"))
def status(job: str) -> Response:
    """How a job stands: 202 while it waits or runs, the manifest when it is done, the reason when it died (R4 async: B9)."""
    found = _found(job)
    if not found.is_final:
        return _accepted(found)
    if found.state is State.CANCELLED:
        abort(HTTPStatus.NOT_FOUND)
    if found.state is not State.DONE:
        return job_failed(found.reason or str(found.state))
    finished = found.finished or found.created
    asked = f"{found.server}/{found.subject}/$interpret-and-write"
    moment = finished.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return jsonify(manifest(asked, moment, found.server, found.addresses or (), str(found.outcome), found.counts or {}))


@delivery.delete("/jobs/<job>")
@needs(bearer("job-cancel"))
def cancel(job: str) -> Response:
    """Take back a job that has not begun; one that runs is let run (R4 async)."""
    _found(job)
    outbox.cancel(workplace().engine, job, workplace().clock())
    return Response(status=HTTPStatus.ACCEPTED)


def _is_dry_run() -> bool:
    """The one parameter, in the URL or in Parameters; a body that is not there has none (R4 operations: B6)."""
    asked = {"dryRun": request.args["dryRun"]} if "dryRun" in request.args else {}
    if request.content_type:
        asked |= primitives(body_of(request, desk().settings.max_body_bytes), {"dryRun"})
    said = asked.get("dryRun", "false")
    if said not in ("true", "false"):
        refuse("unknown-value", "dryRun is true or false")
    return said == "true"


def workplace() -> Workplace:
    """What the work behind this service is done with."""
    return cast("Workplace", desk().workplace)


def _server() -> str:
    return desk().settings.fhir_servers[0]


def _patient(name: str) -> str:
    if not _ID.fullmatch(name):
        refuse("invalid-resource", "the id of the patient is no FHIR id")
    return f"Patient/{name}"


def _found(name: str) -> Job:
    found = outbox.show(workplace().engine, name)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    hold_to(found.subject)
    return _latest(found)


def _latest(job: Job) -> Job:
    """The job that does the work of this one, where another took it over."""
    seen = {job.id}
    while job.state is State.MERGED and job.follows and job.follows not in seen:
        following = outbox.show(workplace().engine, job.follows)
        if following is None:
            break
        seen.add(following.id)
        job = following
    return job


def _address(job: Job) -> str:
    base = desk().settings.public_url or request.host_url.rstrip("/")
    return f"{base}/fhir/jobs/{job.id}"


def _accepted(job: Job) -> Response:
    progress = job.progress if job.state is State.RUNNING else f"waiting, attempt {job.attempts}"
    headers = {"Content-Location": _address(job), "X-Progress": progress or "", "Retry-After": str(_POLL_SECONDS)}
    return Response(status=HTTPStatus.ACCEPTED, headers=headers)
