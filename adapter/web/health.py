"""Is the service alive, and can it answer? For whoever keeps it running; no FHIR, and nothing about patients."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

import adapter
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all

health = Blueprint("health", __name__, url_prefix="/health")
needs_all(health, PUBLIC)


@health.get("/live")
def live() -> Response:
    """Whether the process answers at all."""
    return jsonify(status="ok")


@health.get("/ready")
def ready() -> Response:
    """Whether it can answer questions, and with which software and knowledge; broken knowledge never gets this far."""
    return jsonify(status="ok", software=adapter.__version__, knowledge=desk().knowledge.version)
