"""Where does a FHIR server tell us of changes? The endpoint of the Subscriptions that we asked for: E2, E4."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort, request

from adapter.delivery.subscriptions import find, take
from adapter.fhir.notification import notification_of
from adapter.fhir.record import systems_of
from adapter.web.delivery import workplace
from adapter.web.desk import desk
from adapter.web.guard import needs_all, own_check
from adapter.web.negotiation import body_of

notifications = Blueprint("notifications", __name__, url_prefix="/fhir/subscription-notification")
needs_all(notifications, own_check("the secret that the Subscription was made with"))


@notifications.route("/<name>", methods=["POST", "PUT"])
@notifications.route("/<name>/<path:resource>", methods=["POST", "PUT", "DELETE"])
def take_in(name: str, resource: str = "") -> Response:
    """Keep what a notification asks for, and only then acknowledge it; the work itself is done by the workers."""
    place = workplace()
    known = find(place.engine, name)
    if known is None or not known.is_from(request.headers.get("Authorization", "")):
        # One answer for both, so that nobody learns which names there are.
        abort(HTTPStatus.NOT_FOUND)
    body = body_of(request, desk().settings.max_body_bytes) if request.content_type else b""
    told = notification_of(body, systems_of(place.canonical), resource)
    take(place.engine, name, told, place.clock(), place.patience.gather)
    return Response(status=HTTPStatus.OK)
