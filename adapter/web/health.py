"""Is the service alive, and can it answer? For whoever keeps it running; no FHIR, and nothing about patients."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify

import adapter
from adapter.delivery.database import is_reachable
from adapter.web.described import JSON, Call, Reply, described
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all

health = Blueprint("health", __name__, url_prefix="/health")
needs_all(health, PUBLIC)


@health.get("/live")
@described(
    GET=Call(summary="Whether the process answers", is_fhir=False, replies={200: Reply(words="It answers", shape="Health", types=(JSON,))})
)
def live() -> Response:
    """Whether the process answers at all."""
    return jsonify(status="ok")


@health.get("/ready")
@described(
    GET=Call(
        summary="Whether it can answer questions",
        is_fhir=False,
        replies={
            200: Reply(words="It can", shape="Health", types=(JSON,)),
            503: Reply(words="It cannot, and says what failed", shape="Health", types=(JSON,)),
        },
    )
)
def ready() -> Response:
    """Whether it can answer questions, with which software and knowledge, and whether its database answers; 503 where it does not."""
    place = desk().workplace
    checks = {"knowledge": bool(desk().knowledge.rules)} | ({"database": is_reachable(place.engine)} if place else {})
    named = {name: "ok" if is_good else "failed" for name, is_good in checks.items()}
    status = HTTPStatus.OK if all(checks.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    word = "ok" if status is HTTPStatus.OK else "failed"
    said = jsonify(status=word, software=adapter.__version__, knowledge=desk().knowledge.version, checks=named)
    said.status_code = status
    return said
