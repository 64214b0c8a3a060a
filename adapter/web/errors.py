"""What went wrong, said in HTTP: every error is an OperationOutcome (https://hl7.org/fhir/R4/http.html#Status-Codes).

The only file that turns a trouble into a status. Nothing of the inside is shown, and nothing of a patient is logged.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from adapter.delivery.jobs import NotKept
from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.incident import incident
from adapter.fhir.outcome import Refusal, operation_outcome
from adapter.fhir.trouble import PASSING, Fault, Trouble
from adapter.web.desk import desk
from adapter.web.negotiation import FHIR_JSON, fhir_response
from adapter.web.pages.frame import is_page, trouble_page

LOG = logging.getLogger("adapter.web")

ISSUE_CODES = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not-acceptable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported-media-type",
    HTTPStatus.PRECONDITION_FAILED: "another-version",
}

_RETRY_SECONDS = 10

# Plain sentences where the framework's own would speak of typing a URL by hand.
SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address; GET /fhir/metadata lists what this service offers, "
    "and what works on a FHIR server is there once ADAPTER_FHIR_SERVERS names one",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take that method; the Allow header lists the ones it takes",
    HTTPStatus.PRECONDITION_FAILED: "this is not the version that If-Match names; read it again and use the ETag of that answer",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is larger, or holds more values, than this service accepts (ADAPTER_MAX_BODY_BYTES)",
}


def register(app: Flask) -> None:
    """Make every error of this application an OperationOutcome."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _known)
    app.register_error_handler(Trouble, _upstream)
    app.register_error_handler(NotKept, not_kept)
    app.register_error_handler(Exception, _unforeseen)


def _refused(refusal: Refusal) -> Response:
    return _answer(refusal.status, refusal.issues)


def _upstream(trouble: Trouble) -> Response:
    """The FHIR server behind us did not do what we need; what it said is not repeated."""
    if trouble.fault is Fault.GONE:
        return _answer(HTTPStatus.NOT_FOUND, (_issue("no-such-patient", "the FHIR server has no such patient"),))
    if trouble.fault in PASSING:
        text = f"the FHIR server cannot be read now ({trouble.fault}); try again later"
        answer = _answer(HTTPStatus.SERVICE_UNAVAILABLE, (_issue("server-unavailable", text),))
        answer.headers["Retry-After"] = str(round(trouble.retry_after or _RETRY_SECONDS))
        return answer
    return _answer(HTTPStatus.BAD_GATEWAY, (_issue("server-refused", f"the FHIR server did not allow it ({trouble.fault})"),))


def not_kept(error: NotKept) -> Response:
    """What was asked could not be kept, so it is not promised either: the caller has to ask again."""
    LOG.error("%s", error)
    answer = _answer(HTTPStatus.SERVICE_UNAVAILABLE, (_issue("not-kept", "nothing can be accepted now; send it again later"),))
    answer.headers["Retry-After"] = str(_RETRY_SECONDS)
    return answer


def job_failed(reason: str) -> Response:
    """What became of a job that is not tried again by itself."""
    text = f"the job was put away: {reason}. `onco-adapter jobs retry` asks for it again"
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, (_issue("job-failed", text),))


def _known(error: HTTPException) -> Response:
    """The answer to a request that HTTP itself can fault, with the headers that its status asks for (405: Allow)."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    is_own = error.description != type(error).description
    text = (error.description if is_own else SENTENCES.get(status)) or error.description or status.phrase
    answer = _answer(status, (_issue(ISSUE_CODES.get(status, "not-supported"), text),))
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def _unforeseen(error: Exception) -> Response:
    """A 500 with a number to find in the log."""
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, (incident(error, LOG),))


def _issue(code: str, text: str) -> Issue:
    return Issue(code=code, severity=Severity.ERROR, text=text)


def _answer(status: int, issues: tuple[Issue, ...]) -> Response:
    if is_page():
        return trouble_page(status, issues)
    outcome = operation_outcome(issues, canonical=desk().settings.canonical)
    return fhir_response(msgspec.json.encode(outcome), FHIR_JSON, status=status)
