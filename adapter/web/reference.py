"""Where does a developer read how the service is used? The OpenAPI document, and the same as a page for people."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request

from adapter.fhir.operation_definitions import operation_definitions
from adapter.web.described import JSON, Call, Reply, described
from adapter.web.desk import desk
from adapter.web.openapi import document

reference = Blueprint("reference", __name__, template_folder="templates")


@reference.get("/openapi.json")
@described(
    GET=Call(
        summary="The OpenAPI document",
        words="OpenAPI 3.1, made from the routes that are registered.",
        is_fhir=False,
        replies={
            200: Reply(words="The document", shape="OpenApi", types=(JSON,), headers=("ETag",)),
            304: Reply(words="The caller has it already", types=()),
        },
    )
)
def openapi() -> Response:
    """The OpenAPI document of this very application."""
    content = msgspec.json.encode(document(current_app, operations()))
    response = Response(content, content_type=JSON)
    response.set_etag(sha256(content).hexdigest()[:16], weak=True)
    response.make_conditional(request)
    return response


def operations() -> dict[str, dict[str, Any]]:
    """Our OperationDefinitions by id."""
    return {one["id"]: one for one in operation_definitions(desk().knowledge.canonical)}
