"""Who runs this service? Whoever knows the operators' secret of the site; without authorization, everyone on this machine."""

from __future__ import annotations

from hmac import compare_digest
from http import HTTPStatus

from flask import abort, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from adapter.web.desk import desk


def operators_only() -> None:
    """Nothing for an operator; 401 for anyone else, and 403 where the site has no operators' secret."""
    settings = desk().settings
    if settings.auth == "none":
        return
    if not settings.operator_secret:
        abort(HTTPStatus.FORBIDDEN, "these pages are for operators, and this site has set no ADAPTER_OPERATOR_SECRET_FILE")
    sent = request.authorization
    given = (sent.password or "") if sent is not None and sent.type == "basic" else ""
    if not compare_digest(given.encode(), settings.operator_secret.encode()):
        raise Unauthorized(
            "the operators' secret is asked for as a password", www_authenticate=WWWAuthenticate("basic", {"realm": "operations"})
        )
