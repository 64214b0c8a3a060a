"""Is the service alive, and can it answer? For whoever keeps it running; no FHIR, and nothing about patients."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import adapter
from adapter.web.described import JSON, Call, Reply, described
from adapter.web.desk import desk

health = Blueprint("health", __name__, url_prefix="/health")


@health.get("/live")
@described(
    GET=Call(summary="Whether the process answers", is_fhir=False, replies={200: Reply(words="It answers", shape="Health", types=(JSON,))})
)
def live() -> Response:
    """Whether the process answers at all."""
    return jsonify(status="ok")


@health.get("/ready")
@described(
    GET=Call(summary="Whether it can answer questions", is_fhir=False, replies={200: Reply(words="It can", shape="Health", types=(JSON,))})
)
def ready() -> Response:
    """Whether it can answer questions, and with which software and knowledge; broken knowledge never gets this far."""
    return jsonify(status="ok", software=adapter.__version__, knowledge=desk().knowledge.version)
