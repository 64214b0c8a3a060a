"""Does the OpenAPI document say what the service really does? It is held against the routes, its own specification and real answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient

from adapter.web.openapi import BY_ITSELF, routes

METHODS = {"get", "head", "post", "put", "delete", "patch"}


@pytest.fixture(params=["alone", "with a FHIR server"])
def app(request: pytest.FixtureRequest, service: Callable[..., Flask], tmp_path: Path) -> Flask:
    """Each kind of service that has other routes."""
    if request.param == "alone":
        return service()
    return service(fhir_servers=("http://localhost:9/fhir",), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}")


@pytest.fixture
def document(app: Flask) -> dict[str, object]:
    return app.test_client().get("/openapi.json").json


def test_every_route_is_described_beside_itself(app: Flask) -> None:
    missing = [f"{route.method} {route.path} ({route.rule.endpoint})" for route in routes(app) if route.call is None]

    assert missing == [], f"put @described(...) of adapter/web/described.py below the route of: {', '.join(missing)}"


def test_the_document_has_every_route_of_the_application_and_nothing_else(app: Flask, document: dict[str, object]) -> None:
    rules = list(app.url_map.iter_rules())
    registered = {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method) for rule in rules for method in (rule.methods or set()) - BY_ITSELF
    }
    written = {(path, method.upper()) for path, item in document["paths"].items() for method in item if method in METHODS}

    assert written == registered


def test_the_document_is_openapi_and_each_operation_has_a_name_of_its_own(document: dict[str, object]) -> None:
    schemathesis.openapi.from_dict(document).validate()
    names = [item[method]["operationId"] for item in document["paths"].values() for method in item]

    assert document["openapi"].startswith("3.1")
    assert len(names) == len(set(names))


def test_every_shape_that_is_named_is_there(document: dict[str, object]) -> None:
    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))

    assert named <= document["components"]["schemas"].keys()


def test_a22_head_stands_where_get_stands(document: dict[str, object]) -> None:
    """A22: HEAD where GET is."""
    for path, item in document["paths"].items():
        assert ("head" in item) == ("get" in item), path


def test_b3_the_primitives_of_an_operation_are_its_query(client: FlaskClient) -> None:
    """B3: what may be asked by GET is what the OperationDefinition lists."""
    defined = client.get("/fhir/OperationDefinition/stage-breast-cancer").json
    asked = client.get("/openapi.json").json["paths"]["/fhir/$stage-breast-cancer"]["get"]["parameters"]

    assert {one["name"] for one in asked} - {"_format", "_pretty"} == {one["name"] for one in defined["parameter"] if one["use"] == "in"}
    assert [one["name"] for one in asked if one["required"]] == ["basis"]


def test_the_document_may_be_kept_by_its_tag(client: FlaskClient) -> None:
    first = client.get("/openapi.json")

    assert client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_an_undescribed_route_is_named() -> None:
    app = Flask("planted")
    app.add_url_rule("/planted", "planted", lambda: "")

    assert [(route.path, route.call) for route in routes(app) if route.path == "/planted" and route.method == "GET"] == [("/planted", None)]
