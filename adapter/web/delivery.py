"""What may be asked that outlives the request? Interpretation of a patient on the FHIR server, and writing back."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, request

from adapter.delivery import outbox
from adapter.delivery.audit import Witness
from adapter.delivery.jobs import State, Work
from adapter.delivery.worker import take_up
from adapter.fhir.client import FhirServer
from adapter.fhir.job_status import rehearsed, written_parameters
from adapter.fhir.record import fetch
from adapter.web.described import ACCEPTED, PARAMETERS, PREFER, TRUE_OR_FALSE, Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.errors import job_failed
from adapter.web.guard import bearer, needs
from adapter.web.jobs import accepted, address_of, latest, wants_async, workplace
from adapter.web.negotiation import answer_type, fhir_response, is_pretty, optional_body_of
from adapter.web.parameters import named_in_url, once, primitives, refuse

delivery = Blueprint("delivery", __name__, url_prefix="/fhir")

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_UPSTREAM = frozenset({HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE})
_INTERPRETED = Call(
    operation="patient-interpret-breast-cancer",
    replies={200: Reply(words="A collection Bundle of results with their basis", shape="Bundle")},
    refusals=_UPSTREAM,
)


@delivery.route("/Patient/<patient>/$interpret-breast-cancer", methods=["GET", "POST"])
@described(GET=_INTERPRETED, POST=_INTERPRETED.model_copy(update={"body": PARAMETERS, "body_is_optional": True}))
@needs(bearer("interpret-patient"))
def interpret(patient: str) -> Response:
    """The result Bundle of what the FHIR server holds about a patient; nothing is stored or changed there."""
    media = answer_type(request)
    _asked(set())
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
@described(
    POST=Call(
        operation="interpret-and-write",
        query=(Given(name="dryRun", words="Only work out what would be written", schema=TRUE_OR_FALSE), PREFER),
        body=PARAMETERS,
        body_is_optional=True,
        replies={200: Reply(words="What came of it", shape="Parameters"), 202: ACCEPTED},
        refusals=_UPSTREAM,
    )
)
@needs(bearer("interpret-and-write"))
def interpret_and_write(patient: str) -> Response:
    """Interpret a patient and write the difference to the FHIR server: at once where that is possible, else later, but surely."""
    media, place, reference = answer_type(request), workplace(), _patient(patient)
    kind = Work.REHEARSE if _is_dry_run() else Work.WRITE
    job = outbox.enqueue(place.engine, _server(), kind, reference, "request", place.clock())
    if not wants_async(request):
        job = latest(take_up(place, job))
    if not job.is_final:
        return accepted(job)
    if job.state is not State.DONE:
        return job_failed(job.reason or str(job.state))
    said = written_parameters(address_of(job), str(job.outcome), job.counts or {}, job.addresses or (), job.server)
    if kind is Work.REHEARSE:
        said["parameter"].append(rehearsed(job.difference or ()))
    return fhir_response(msgspec.json.encode(said), media, pretty=is_pretty(request))


def _is_dry_run() -> bool:
    """The one parameter, in the URL or in Parameters; a body that is not there has none (R4 operations: B6)."""
    said = _asked({"dryRun"}).get("dryRun", "false")
    if said not in ("true", "false"):
        refuse("unknown-value", "dryRun is true or false")
    return said == "true"


def _asked(known: set[str]) -> dict[str, str]:
    """The inputs of an operation in the URL and in Parameters, each once; a body that is empty has none (R4 operations: B6)."""
    asked = named_in_url(request)
    content = optional_body_of(request, desk().settings.max_body_bytes)
    return once([*asked, *(primitives(content, known).items() if content else ())], known)


def _server() -> str:
    return desk().settings.fhir_servers[0]


def _patient(name: str) -> str:
    if not _ID.fullmatch(name):
        refuse("invalid-resource", "the id of the patient is no FHIR id")
    return f"Patient/{name}"
