"""Has the caller got this already? Weak ETags, as R4 asks for them (https://hl7.org/fhir/R4/http.html#read, A7 to A9)."""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus

from flask import Request, Response, abort


def tagged(response: Response, content: bytes, request: Request) -> Response:
    """The answer with an ETag that changes with this content; 304 for who has it, 412 for who wants another.

    R4 compares the weak tags of If-Match too, which HTTP by itself never finds equal.
    """
    tag = sha256(content).hexdigest()[:16]
    response.set_etag(tag, weak=True)
    if request.if_match and not request.if_match.contains_weak(tag):
        abort(HTTPStatus.PRECONDITION_FAILED)
    response.make_conditional({name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"})
    return response
