"""What does the whole service take and give? One OpenAPI 3.1 document, made from the routes that are registered: https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

import adapter
from adapter.fhir.conformance import SOFTWARE
from adapter.web.described import GENERAL, Call, Given, Reply, call_of
from adapter.web.negotiation import FHIR_JSON, NDJSON_TYPES
from adapter.web.shapes import SHAPES

# What any route may refuse, and what one with a body may refuse besides.
ALWAYS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR})
WITH_BODY = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE})
# The methods that the framework answers by itself.
BY_ITSELF = frozenset({"OPTIONS"})
PRIMITIVES = frozenset({"string", "code", "uri", "integer", "decimal", "boolean"})

WORDS = """\
FHIR R4 (4.0.1) in JSON. Every error is an OperationOutcome that says what to send instead. This document is made from the routes that this
very service has registered; `/fhir/metadata` says the same in FHIR.
"""

HEADERS = {
    "Content-Location": "The absolute address at which to ask how the work stands",
    "ETag": "A weak tag that changes with the content; send it back in If-None-Match",
    "Retry-After": "Seconds after which to ask again",
    "X-Progress": "How far the work is, in at most 100 characters",
    "X-Request-Id": "The number of this request in the log; one that was sent is kept",
    "Expires": "Until when the result is kept",
}

_ARGUMENT = re.compile(r"<(?:(?P<kind>[a-z]+)(?:\((?P<words>[^)]*)\))?:)?(?P<name>\w+)>")


class Route(NamedTuple):
    """One method of one rule, with its description where there is one."""

    path: str
    method: str
    rule: Rule
    call: Call | None

    @property
    def group(self) -> str:
        """The blueprint that has it."""
        return self.rule.endpoint.rpartition(".")[0] or "service"


def routes(app: Flask) -> Iterator[Route]:
    """Everything that the application answers, in the order of the addresses."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        path = _ARGUMENT.sub(r"{\g<name>}", rule.rule)
        for method in sorted((rule.methods or set()) - BY_ITSELF):
            yield Route(path, method, rule, call_of(app.view_functions[rule.endpoint], method))


def document(app: Flask, operations: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI document of this application; `operations` are the OperationDefinitions by id."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes(app):
        if route.call is not None:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, route.call, operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": SOFTWARE,
            "version": adapter.__version__,
            "description": WORDS,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": SHAPES, "headers": {name: _header(words) for name, words in HEADERS.items()}},
    }


def _header(words: str) -> dict[str, Any]:
    return {"description": words, "schema": {"type": "string"}}


def _operation(route: Route, call: Call, operations: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    defined = operations.get(call.operation, {})
    body = _body(call)
    said: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub('[^A-Za-z0-9]+', '_', route.path)}".rstrip("_"),
        "tags": [route.group],
        "summary": call.summary or defined.get("title", ""),
        "description": call.words or defined.get("description", ""),
        "parameters": [*path_parameters(route.rule), *(_given(one) for one in asked(route.method, call, defined))],
        "responses": _responses(route, call),
    }
    return said | ({"requestBody": body} if body else {})


def asked(method: str, call: Call, defined: Mapping[str, Any]) -> Iterator[Given]:
    """What may stand in the query and the headers: what the route names, for GET the primitives of the operation, and what R4 allows."""
    named = {*call.without, *(one.name for one in call.query)}
    yield from call.query
    if method in ("GET", "HEAD"):
        for one in defined.get("parameter", []):
            if one["use"] == "in" and one["type"] in PRIMITIVES and one["name"] not in named:
                yield Given(name=one["name"], words=one["documentation"], required=one["min"] > 0, repeats=one["max"] == "*")
    if call.is_fhir:
        yield from (one for one in GENERAL if one.name not in named)


def _given(one: Given) -> dict[str, Any]:
    schema = {"type": "array", "items": dict(one.schema_)} if one.repeats else dict(one.schema_)
    return {"name": one.name, "in": one.place, "required": one.required, "description": one.words, "schema": schema}


def path_parameters(rule: Rule) -> Iterator[dict[str, Any]]:
    """The parameters of the address; a fixed list of words is all that its parameter may be."""
    for found in _ARGUMENT.finditer(rule.rule):
        words = [word.strip() for word in (found["words"] or "").split(",") if word.strip()]
        schema = {"type": "string"} | ({"enum": words} if found["kind"] == "any" else {"minLength": 1})
        yield {"name": found["name"], "in": "path", "required": True, "schema": schema}


def _body(call: Call) -> dict[str, Any]:
    if not call.body:
        return {}
    content = {media: {"schema": {"$ref": f"#/components/schemas/{shape}"}} for media, shape in call.body.items()}
    return {"required": not call.body_is_optional, "content": content}


def _responses(route: Route, call: Call) -> dict[str, Any]:
    return {str(status): _response(reply, is_head=route.method == "HEAD") for status, reply in all_replies(route, call).items()}


def all_replies(route: Route, call: Call) -> dict[int, Reply]:
    """Everything that may come back, by status: what is described, and every refusal."""
    return dict(sorted((dict(call.replies) | {status: _refusal(status) for status in refused(route, call)}).items()))


def refused(route: Route, call: Call) -> frozenset[int]:
    """Every status under which this route may refuse."""
    negotiated = {HTTPStatus.NOT_ACCEPTABLE} if call.is_fhir else set()
    missing = {HTTPStatus.NOT_FOUND} if route.rule.arguments else set()
    return frozenset({*ALWAYS, *call.refusals, *negotiated, *missing, *(WITH_BODY if call.body else ())} - call.replies.keys())


def _refusal(status: int) -> Reply:
    return Reply(words=HTTPStatus(status).phrase, shape="OperationOutcome", types=(FHIR_JSON,))


def _response(reply: Reply, *, is_head: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"description": reply.words}
    said["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *reply.headers)}
    if reply.types and not is_head:
        said["content"] = {media: {"schema": _schema(reply.shape)} for media in reply.types}
        said["content"] |= {media: {"schema": _schema("Lines")} for media in NDJSON_TYPES if reply.lines}
    return said


def _schema(shape: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{shape}"} if shape else {"type": "string"}
