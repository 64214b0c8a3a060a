"""What may a clinical record ask while a clinician works in it? CDS Hooks 2.0.1: https://cds-hooks.hl7.org/2.0/ (D1 to D10).

A service that cannot answer says so by its status and an OperationOutcome; an empty list of cards means that there is nothing to show.
The token that a client lends us lives as long as the request: it is handed to the connection with the client's server and kept nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from time import monotonic
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, g, request, url_for
from flask.blueprints import BlueprintSetupState

from adapter.cards.card import Card
from adapter.cards.indications import indications
from adapter.cards.overview import overview
from adapter.cards.scene import Addresses, Scene
from adapter.delivery.audit import Witness
from adapter.delivery.feedback import Feedback, FeedbackBook
from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.hook_feedback import hook_feedback
from adapter.fhir.hook_request import ORDER_SELECT, PATIENT_VIEW, HookRequest, hook_request
from adapter.fhir.outcome import Refusal
from adapter.fhir.outgoing import Limits
from adapter.fhir.prefetch import TEMPLATES, Gathered, gathered
from adapter.fhir.tokens import Trust
from adapter.knowledge.outputs import CardService
from adapter.orders import Order, concerned, ordered
from adapter.pipeline import Request
from adapter.web.address import public_base
from adapter.web.cds_clients import client_of, trusted_clients
from adapter.web.described import JSON, Call, Reply, described
from adapter.web.desk import desk
from adapter.web.guard import Caller, caller, needs_all, on_this_machine, own_check
from adapter.web.negotiation import body_of

LOG = logging.getLogger("adapter.access")

cds_hooks = Blueprint("cds_hooks", __name__, url_prefix="/cds-services")
needs_all(cds_hooks, own_check("a JWT of a registered CDS client; without authorization and clients, anybody on this machine"))

# The endpoint of the page that shows what the first FHIR server holds of a patient.
_PATIENT_PAGE = "patient_pages.show"
# A clinician is waiting: a server that takes longer than this is as good as away.
_LIMITS = Limits(connect=2.0, read=5.0, whole=8.0)
# What a server offers is asked again after so many seconds, and not in each call.
_CAPABILITIES_SECONDS = 600


class _Kept:
    """What the calls of one process share: which clients are registered, where feedback is kept, and what servers say they offer."""

    def __init__(self, trusted: Mapping[str, Trust], book: FeedbackBook) -> None:
        self.trusted = trusted
        self.book = book
        self._offered: dict[str, tuple[float, dict[str, Any]]] = {}

    def offered_by(self, base: str) -> dict[str, Any]:
        """What is known of a server, for a while; nothing of a patient is in it."""
        until, known = self._offered.get(base, (0.0, {}))
        if monotonic() > until:
            known = {}
            self._offered[base] = (monotonic() + _CAPABILITIES_SECONDS, known)
        return known


@cds_hooks.record_once
def _prepare(state: BlueprintSetupState) -> None:
    settings = state.app.extensions["desk"].settings
    state.app.extensions["cds_hooks"] = _Kept(trusted_clients(settings), FeedbackBook(settings.database))


_UNAVAILABLE = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})


@cds_hooks.get("")
@described(
    GET=Call(
        summary="The CDS Hooks services",
        words="Every service with its hook and the data that it wants prefetched (CDS Hooks 2.0.1).",
        is_fhir=False,
        replies={200: Reply(words="The services", shape="CdsServices", types=(JSON,))},
        refusals=_UNAVAILABLE,
    )
)
def discovery() -> Response:
    """Every service with its hook and the data that it wants prefetched (D1)."""
    _client("")
    return _json({"services": [_announced(one) for one in desk().knowledge.outputs.cards.services]})


@cds_hooks.post("/<name>")
@described(
    POST=Call(
        summary="The cards of a service",
        words="What follows for the patient whose record is open. 412 where the data of the patient cannot be had.",
        is_fhir=False,
        body={JSON: "CdsRequest"},
        replies={200: Reply(words="Cards; an empty list means that there is nothing to show", shape="CdsCards", types=(JSON,))},
        refusals=_UNAVAILABLE | {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.UNPROCESSABLE_ENTITY},
    )
)
def call(name: str) -> Response:
    """The cards of a service for the patient whose record is open (D2, D4)."""
    _client(f"/{name}")
    service = _service(name)
    # From here on the trail of the service keeps who asked, whatever comes of it.
    g.operation = f"cds-hooks-{service.hook}"
    asked = hook_request(body_of(request, desk().settings.max_body_bytes), service.hook)
    assert asked.context is not None
    g.subject = f"Patient/{asked.patient_id}"
    g.caller = caller().model_copy(update={"user": asked.context.user_id})
    cards = _CARDS[service.hook](asked)
    for card in cards:
        LOG.info("card=%s service=%s indicator=%s", card.uuid, service.id, card.indicator)
    return _json({"cards": [card.said() for card in cards]})


@cds_hooks.post("/<name>/feedback")
@described(
    POST=Call(
        summary="What users did with cards",
        is_fhir=False,
        body={JSON: "CdsFeedback"},
        replies={200: Reply(words="It is kept", types=())},
        refusals=_UNAVAILABLE | {HTTPStatus.UNPROCESSABLE_ENTITY},
    )
)
def feedback(name: str) -> Response:
    """Keep what users did with cards of this service; only when it is kept is it acknowledged (D7)."""
    client = _client(f"/{name}/feedback")
    service = _service(name)
    told = hook_feedback(body_of(request, desk().settings.max_body_bytes))
    _kept().book.keep(service.id, client, [Feedback(**one._asdict()) for one in told], datetime.now(UTC))
    return Response(status=HTTPStatus.OK)


def _overview(asked: HookRequest) -> list[Card]:
    return overview(_scene(_data(asked), asked))


def _indications(asked: HookRequest) -> list[Card]:
    assert asked.context is not None
    books, most = desk().knowledge, desk().settings.max_entries
    drafts = Order(asked.patient_id, bytes(asked.context.draft_orders), asked.context.selections or ())
    if ordered(drafts, (), books, most).is_idle:
        # Most orders are for something else: nothing is fetched for them.
        return []
    data = _data(asked)
    order = ordered(drafts, data.parts, books, most)
    order.check()
    scene = _scene(data, asked)
    return indications(scene, order, concerned(order.drugs, scene.reply, books, scene.request))


_CARDS: dict[str, Callable[[HookRequest], list[Card]]] = {PATIENT_VIEW: _overview, ORDER_SELECT: _indications}


def _data(asked: HookRequest) -> Gathered:
    """The patient's data; what is read with the lent token is audited like every other reading."""
    base = asked.fhir_server.rstrip("/")
    place, settings = desk().workplace, desk().settings
    if not base or base not in settings.fhir_servers or place is None:
        return gathered(asked, None, desk().knowledge.canonical, settings.max_entries)
    witness = Witness(place.engine, base, f"Patient/{asked.patient_id}")
    server = place.connect_as(base, asked.token, witness)
    server.limits, server.known = _LIMITS._replace(max_bytes=settings.max_body_bytes), _kept().offered_by(base)
    try:
        return gathered(asked, server, desk().knowledge.canonical, settings.max_entries)
    finally:
        witness.keep_reads()
        server.session.close()


def _addresses(asked: HookRequest) -> Addresses:
    """Where links lead; to the page of the patient only where the client speaks of the server that this page shows."""
    shown = next(iter(desk().settings.fhir_servers), "")
    has_page = _PATIENT_PAGE in current_app.view_functions and bool(shown) and asked.fhir_server.rstrip("/") == shown
    return Addresses(public_base(), f"{public_base()}{url_for(_PATIENT_PAGE, patient=asked.patient_id)}" if has_page else "")


def _scene(data: Gathered, asked: HookRequest) -> Scene:
    settings, books = desk().settings, desk().knowledge
    wanted = Request(
        schemes=settings.schemes,
        trusted=settings.trusted,
        issued=datetime.now(UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )
    return Scene(desk().interpret(data.parts, books, wanted), books, wanted, data.issues, _addresses(asked))


def _service(name: str) -> CardService:
    services = desk().knowledge.outputs.cards.services
    found = next((one for one in services if one.id == name), None)
    if found is None:
        text = f"there is no such service; the services are {' and '.join(one.id for one in services)} (GET /cds-services)"
        raise Refusal(HTTPStatus.NOT_FOUND, (Issue(code="not-found", severity=Severity.ERROR, text=text),))
    return found


def _announced(service: CardService) -> dict[str, Any]:
    said = {"hook": service.hook, "title": service.title, "description": service.description, "id": service.id}
    return said | {"prefetch": TEMPLATES, "usageRequirements": service.usage}


def _client(path: str) -> str:
    """Who calls; nobody in particular where the site asks nobody who he is (which it may on loopback only) and has registered no client."""
    trusted = _kept().trusted
    if not trusted and desk().settings.auth == "none":
        on_this_machine()
        return ""
    issuer = client_of(request, f"{public_base()}/cds-services{path}", trusted)
    g.caller = Caller(client=issuer, issuer=issuer)
    return issuer


def _kept() -> _Kept:
    found: _Kept = current_app.extensions["cds_hooks"]
    return found


def _json(said: Mapping[str, Sequence[object]]) -> Response:
    return Response(msgspec.json.encode(said), content_type="application/json; charset=utf-8")
