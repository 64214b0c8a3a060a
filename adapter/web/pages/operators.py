"""Who runs this service? Whoever knows the operators' secret of the site; without authorization, everyone on this machine."""

from __future__ import annotations

from hmac import compare_digest
from http import HTTPStatus

from flask import abort, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from adapter.settings import secret_in
from adapter.web.desk import desk
from adapter.web.guard import on_this_machine, own_check

OPERATORS = own_check("the operators' secret of ADAPTER_OPERATOR_SECRET_FILE; without authorization, whoever is on this machine")


def operators_only() -> None:
    """Nothing for an operator; 401 for anyone else, and 403 where the site has no operators' secret."""
    settings = desk().settings
    if settings.auth == "none":
        on_this_machine()
        return
    if settings.operator_secret_file is None:
        abort(HTTPStatus.FORBIDDEN, "this page is for operators, and this site has set no ADAPTER_OPERATOR_SECRET_FILE")
    sent = request.authorization
    given = (sent.password or "") if sent is not None and sent.type == "basic" else ""
    if not compare_digest(given.encode(), secret_in(settings.operator_secret_file).encode()):
        asked = WWWAuthenticate("basic", {"realm": "operators", "charset": "UTF-8"})
        raise Unauthorized("the operators' secret is asked for as a password, under any name", www_authenticate=asked)
