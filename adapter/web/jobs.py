"""How does a caller learn what became of its request? The asynchronous pattern of R4: https://hl7.org/fhir/R4/async.html (B9).

What was posted to be answered later is readable only under the name of its job, which nobody can guess, and only by the caller who posted
it. Everything else that a job says names no patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, cast

from flask import Blueprint, Request, Response, abort, g, jsonify, request
from werkzeug.http import http_date

from adapter.delivery import outbox, posted
from adapter.delivery.jobs import Job, State, Work
from adapter.delivery.posted import Posted
from adapter.fhir.job_status import answered_manifest, manifest
from adapter.fhir.lines import with_line
from adapter.web.address import public_base
from adapter.web.context import hold_to
from adapter.web.described import ACCEPTED, JSON, Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.errors import job_failed
from adapter.web.guard import allow, needs_all, own_check
from adapter.web.negotiation import FHIR_JSON, NDJSON_FORMATS, NDJSON_TYPES, answer_type, fhir_response, is_pretty, lines_type, prefers

if TYPE_CHECKING:
    from adapter.delivery.workplace import Workplace

jobs = Blueprint("jobs", __name__, url_prefix="/fhir/jobs")
needs_all(jobs, own_check("the scopes of what the job does; what was posted is there only for the caller who posted it"))

_POLL_SECONDS = 5
_PATIENCE = timedelta(minutes=1)
_NOBODY = "waiting: no worker has taken it up; `onco-adapter deliver` starts one"


class _Asked(NamedTuple):
    """A job, and the request behind it where one was posted."""

    job: Job
    posted: Posted | None


@jobs.get("/<job>")
@described(
    GET=Call(
        summary="How a job stands",
        words="202 while it waits or runs; then the manifest; or the OperationOutcome that a posted request got, under its own status.",
        is_fhir=False,
        replies={
            200: Reply(words="The manifest of a job that is done", shape="Manifest", types=(JSON,), headers=("Expires",)),
            202: ACCEPTED,
        },
        refusals=frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE}),
    )
)
def status(job: str) -> Response:
    """How a job stands: 202 while it waits or runs, the manifest when it is done, the reason when it died."""
    found = _found(job)
    if not found.job.is_final:
        return accepted(found.job)
    if found.job.state is State.CANCELLED:
        abort(HTTPStatus.NOT_FOUND)
    if found.job.state is not State.DONE:
        return job_failed(found.job.reason or str(found.job.state))
    return _answered(found.job, found.posted) if found.posted else jsonify(_written(found.job))


@jobs.get("/<job>/result")
@described(
    GET=Call(
        summary="The answer to a posted request",
        words="A result Bundle, or for NDJSON a line with one for each line that could be answered, in the order that was sent.",
        replies={200: Reply(words="The answer", shape="Bundle", headers=("Expires",), lines=True)},
        refusals=frozenset({HTTPStatus.SERVICE_UNAVAILABLE}),
    )
)
def result(job: str) -> Response:
    """What a posted request was answered with."""
    behind = _with_file(job, "answered")
    given = (content for _, content in posted.answers(workplace().engine, behind.name, is_refused=False))
    response = _lines(given) if behind.is_lines else fhir_response(next(given), answer_type(request), pretty=is_pretty(request))
    return _until(behind, response)


@jobs.get("/<job>/errors")
@described(
    GET=Call(
        summary="The refused lines of a posted request",
        words="NDJSON with an OperationOutcome for each line that could not be answered; `diagnostics` begins with the number of the line.",
        query=(
            Given(name="_format", words="NDJSON is all that this address has", schema={"type": "string", "enum": sorted(NDJSON_FORMATS)}),
        ),
        without=("_pretty",),
        replies={200: Reply(words="An OperationOutcome in each line", shape="Lines", types=NDJSON_TYPES, headers=("Expires",))},
        refusals=frozenset({HTTPStatus.SERVICE_UNAVAILABLE}),
    )
)
def errors(job: str) -> Response:
    """Why lines of a posted request could not be answered, and which they are."""
    behind = _with_file(job, "refused")
    refused = posted.answers(workplace().engine, behind.name, is_refused=True)
    return _until(behind, _lines(with_line(content, number) for number, content in refused))


@jobs.delete("/<job>")
@described(
    DELETE=Call(
        summary="Take back a job, or remove a posted request with its answer",
        words="Work on a patient of the FHIR server is taken back where it has not begun. What was posted is removed in any case.",
        is_fhir=False,
        replies={202: Reply(words="It is gone, or is let run", types=())},
        refusals=frozenset({HTTPStatus.SERVICE_UNAVAILABLE}),
    )
)
def cancel(job: str) -> Response:
    """Take back a job that has not begun; remove what was posted, whatever became of it."""
    found = _found(job, "job-cancel")
    if found.posted is not None:
        posted.withdraw(workplace().engine, found.posted.name)
    else:
        outbox.cancel(workplace().engine, job, workplace().clock())
    return _empty()


def accept(body: bytes, schemes: Sequence[str], *, is_lines: bool) -> Response:
    """Keep what was posted, and say where its answer will be."""
    asked = f"{public_base()}{request.full_path.rstrip('?')}"
    return accepted(posted.accept(workplace(), body, is_lines=is_lines, schemes=schemes, address=asked, asker=asker()))


def wants_async(request: Request) -> bool:
    """Whether the caller would rather ask again later (RFC 7240: a preference, so who cannot follow it answers at once)."""
    return prefers(request, "respond-async")


def asker() -> str:
    """Who asks, in words that are the same with each token: issuer, client, user and patient of the caller that was authenticated.

    Without authentication everybody is the same, and the name of a job is what protects it.
    """
    caller = g.get("caller")
    return "\0".join(str(getattr(caller, name, "")) for name in ("issuer", "client", "user", "patient")) if caller else ""


def workplace() -> Workplace:
    """What the work behind this service is done with."""
    return cast("Workplace", desk().workplace)


def latest(job: Job) -> Job:
    """The job that does the work of this one, where another took it over."""
    seen = {job.id}
    while job.state is State.MERGED and job.follows and job.follows not in seen:
        following = outbox.show(workplace().engine, job.follows)
        if following is None:
            break
        seen.add(following.id)
        job = following
    return job


def accepted(job: Job) -> Response:
    """It is kept; where to ask how it stands, and when."""
    headers = {"Content-Location": address_of(job), "X-Progress": _progress(job), "Retry-After": str(_POLL_SECONDS)}
    return _empty(headers)


def address_of(job: Job) -> str:
    """Where to ask how a job stands."""
    return f"{public_base()}/fhir/jobs/{job.id}"


def _progress(job: Job) -> str:
    if job.state is State.RUNNING:
        return job.progress or ""
    is_forgotten = job.attempts == 0 and workplace().clock() - job.created > _PATIENCE
    return _NOBODY if is_forgotten else f"waiting, attempt {job.attempts}"


def _empty(headers: dict[str, str] | None = None) -> Response:
    response = Response(status=HTTPStatus.ACCEPTED, headers=headers)
    del response.headers["Content-Type"]
    return response


def _found(name: str, to_do: str = "job-status") -> _Asked:
    found = outbox.show(workplace().engine, name)
    # Who may post may ask for the answer; work on a patient of the FHIR server asks for the scopes of that patient.
    allow("interpret" if found is not None and found.kind is Work.INTERPRET else to_do)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    if found.kind is not Work.INTERPRET:
        hold_to(found.subject)
    job = latest(found)
    behind = posted.find(workplace(), job, asker()) if job.kind is Work.INTERPRET else None
    if job.kind is Work.INTERPRET and behind is None:
        # One answer for what is not there, what is over and what is somebody else's.
        abort(HTTPStatus.NOT_FOUND)
    return _Asked(job, behind)


def _with_file(name: str, counted: str) -> Posted:
    """The request behind a job, if the manifest of the job names a file with what is counted under this word."""
    found = _found(name)
    if found.posted is None or found.job.state is not State.DONE or found.posted.status != HTTPStatus.OK:
        abort(HTTPStatus.NOT_FOUND)
    return found.posted if (found.job.counts or {}).get(counted) else abort(HTTPStatus.NOT_FOUND)


def _until(behind: Posted, response: Response) -> Response:
    """The answer, with the moment until which it is kept."""
    response.headers["Expires"] = http_date(behind.expires)
    return response


def _finished(job: Job) -> str:
    return (job.finished or job.created).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(job: Job) -> dict[str, object]:
    asked = f"{public_base()}/fhir/{job.subject}/$interpret-and-write"
    return manifest(asked, _finished(job), job.server, job.addresses or (), str(job.outcome), job.counts or {})


def _answered(job: Job, behind: Posted) -> Response:
    """The manifest, or the refusal that the request would have got at once."""
    if behind.status != HTTPStatus.OK:
        refusal = b"".join(content for _, content in posted.answers(workplace().engine, behind.name, is_refused=True))
        return fhir_response(refusal, FHIR_JSON, status=behind.status)
    guarded = desk().settings.auth != "none"
    told = answered_manifest(behind.address, _finished(job), address_of(job), job.counts or {}, guarded=guarded)
    return _until(behind, jsonify(told))


def _lines(given: Iterator[bytes]) -> Response:
    return Response((line + b"\n" for line in given), content_type=lines_type(request))
