"""Where does a FHIR server tell us of changes? The endpoint of the Subscriptions that we asked for: E2, E4."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort, request

from adapter.delivery.subscriptions import find, take
from adapter.fhir.notification import notification_of
from adapter.fhir.record import systems_of
from adapter.web.described import Call, Reply, described
from adapter.web.desk import desk
from adapter.web.jobs import workplace
from adapter.web.negotiation import JSON_TYPES, body_of

notifications = Blueprint("notifications", __name__, url_prefix="/fhir/subscription-notification")


_TOLD = Call(
    summary="A notification of a Subscription",
    words="For the FHIR server that we asked to tell us of changes, with the secret of the Subscription as bearer token.",
    is_fhir=False,
    body=dict.fromkeys(JSON_TYPES, "Resource"),
    body_is_optional=True,
    replies={200: Reply(words="It is kept", types=())},
    refusals=frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY}),
)


@notifications.route("/<name>", methods=["POST", "PUT"])
@notifications.route("/<name>/<path:resource>", methods=["POST", "PUT", "DELETE"])
@described(POST=_TOLD, PUT=_TOLD, DELETE=_TOLD.model_copy(update={"body": {}}))
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
