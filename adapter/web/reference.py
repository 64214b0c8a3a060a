"""Where does a developer read how the service is used? The OpenAPI document, and the same as a page for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, render_template, request

import adapter
from adapter.fhir.conformance import SOFTWARE
from adapter.fhir.operation_definitions import EXAMPLES, operation_definitions
from adapter.web.address import public_base
from adapter.web.described import CSS, HTML, JSON, Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all
from adapter.web.openapi import Route, all_replies, asked, document, path_parameters, routes
from adapter.web.tags import tagged

reference = Blueprint("reference", __name__, template_folder="templates")
needs_all(reference, PUBLIC)

# Nothing but our own stylesheet may be loaded by the page.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = Path(__file__).parent / "static" / "reference.css"
_TITLES = {
    "operations": "Interpret and stage",
    "delivery": "Patients on the FHIR server",
    "jobs": "What was asked for later",
    "metadata": "What is offered: our definitions",
    "translating": "Translate codes",
    "notifications": "Notifications of the FHIR server",
    "jwks": "Our keys",
    "health": "Is it alive?",
    "reference": "This reference",
}


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
        refusals=frozenset({HTTPStatus.PRECONDITION_FAILED}),
    )
)
def openapi() -> Response:
    """The OpenAPI document of this very application."""
    return _tagged(msgspec.json.encode(document(current_app, operations())), JSON)


@reference.get("/docs")
@described(GET=Call(summary="This reference as a page", is_fhir=False, replies={200: Reply(words="A page", types=(HTML,))}))
def page() -> Response:
    """The same for people: laid out here, without any script."""
    settings, defined = desk().settings, operations()
    order = list(_TITLES)
    found = sorted(routes(current_app), key=lambda one: (order.index(one.group) if one.group in order else len(order), one.group))
    groups = [_group(name, list(inside), defined) for name, inside in groupby(found, key=lambda one: one.group)]
    told = {
        "title": SOFTWARE,
        "version": adapter.__version__,
        "keeps_jobs": settings.keeps_jobs,
        "hours": f"{settings.keep_answers_hours:g}",
    }
    response = Response(render_template("reference.html", groups=groups, **told), content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@reference.get("/docs/reference.css")
@described(
    GET=Call(
        summary="The stylesheet of this reference",
        is_fhir=False,
        replies={
            200: Reply(words="CSS", types=(CSS,), headers=("ETag",)),
            304: Reply(words="The caller has it already", types=()),
        },
    )
)
def style() -> Response:
    """The stylesheet of the page."""
    return _tagged(_STYLE.read_bytes(), f"{CSS}; charset=utf-8")


def operations() -> dict[str, dict[str, Any]]:
    """Our OperationDefinitions by id."""
    return {one["id"]: one for one in operation_definitions(desk().knowledge.canonical)}


def _tagged(content: bytes, media: str) -> Response:
    return tagged(Response(content, content_type=media), content, request)


def _group(name: str, found: list[Route], defined: dict[str, Any]) -> dict[str, Any]:
    places = [_place(path, list(inside), defined) for path, inside in groupby(found, key=lambda one: one.path)]
    return {"name": name, "title": _TITLES.get(name, name.replace("_", " ").capitalize()), "places": places}


def _place(path: str, found: list[Route], defined: dict[str, Any]) -> dict[str, Any]:
    calls = [_call(route, route.call, defined.get(route.call.operation, {})) for route in found if route.call and route.method != "HEAD"]
    return {"path": path, "anchor": "".join(one if one.isalnum() else "-" for one in path).strip("-"), "calls": calls}


def _call(route: Route, call: Call, defined: dict[str, Any]) -> dict[str, Any]:
    words = call.words or defined.get("description", "")
    bodies = [_sent("body", media, shape, required=not call.body_is_optional) for media, shape in call.body.items()]
    return {
        "methods": "GET, HEAD" if route.method == "GET" else route.method,
        "summary": call.summary or defined.get("title", ""),
        "words": words,
        "example": _example(route, call),
        "given": [*_in_path(route), *(_shown(one) for one in asked(route.method, call, defined)), *bodies],
        "replies": [_reply(status, reply) for status, reply in all_replies(route, call).items()],
    }


def _example(route: Route, call: Call) -> str:
    base = public_base()
    if call.operation:
        return EXAMPLES.get((call.operation, route.method), "").replace("[base]", f"{base}/fhir")
    return f"curl '{base}{route.path}'" if route.method == "GET" and not route.rule.arguments else ""


def _in_path(route: Route) -> Iterator[dict[str, Any]]:
    for one in path_parameters(route.rule):
        yield _sent("path", one["name"], "", one["schema"].get("enum", ()), required=True)


def _shown(one: Given) -> dict[str, Any]:
    return _sent(one.place, one.name, one.words, one.schema_.get("enum", ()), required=one.required, repeats=one.repeats)


def _sent(place: str, name: str, words: str, choices: Iterable[str] = (), *, required: bool, repeats: bool = False) -> dict[str, Any]:
    """One line of what may be sent."""
    told = {"name": name, "place": place, "words": words, "choices": ", ".join(choices)}
    return told | {"required": required, "repeats": repeats}


def _reply(status: int, reply: Reply) -> dict[str, Any]:
    return {"status": status, "words": reply.words, "types": ", ".join(reply.types), "headers": ", ".join(reply.headers)}
