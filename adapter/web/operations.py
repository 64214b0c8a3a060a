"""What can be asked of the adapter? The R4 operations framework: https://hl7.org/fhir/R4/operations.html."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, request, stream_with_context

from adapter.fhir.lines import answered
from adapter.fhir.operation_definitions import STAGE_BASES, STAGE_INPUTS, stage_parameters
from adapter.fhir.parameters import interpretation_asked, refuse, refuse_unknown
from adapter.pipeline import Request, StageQuery
from adapter.settings import Settings, schemes_from
from adapter.web.described import ACCEPTED, LINES, PARAMETERS, PREFER, Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.guard import bearer, needs
from adapter.web.jobs import accept, wants_async
from adapter.web.negotiation import JSON_TYPES, answer_type, body_of, fhir_response, is_lines, is_pretty, lines_of, lines_type
from adapter.web.parameters import named_in_url, once, primitives

operations = Blueprint("operations", __name__, url_prefix="/fhir")

_SCHEME = Given(name="scheme", words="A chosen scheme written family=scheme, beside a bare Bundle", repeats=True)
_BASIS = Given(name="basis", words=STAGE_INPUTS["basis"], required=True, schema={"type": "string", "enum": list(STAGE_BASES)})
_LINES_TOO = (
    "What follows, by published rules, from the results in a Bundle; pure, nothing is stored or changed. NDJSON with a Bundle in "
    "each line gives NDJSON with a result Bundle, or an OperationOutcome, in each line. With `Prefer: respond-async` the request and then "
    "its answer are kept for a while at the address of the job; a service without a database answers at once."
)
_UNREADABLE = frozenset({HTTPStatus.UNPROCESSABLE_ENTITY})
_ANSWER = {200: Reply(words="Parameters with the answer", shape="Parameters")}


@operations.post("/$interpret-breast-cancer")
@described(
    POST=Call(
        operation="interpret-breast-cancer",
        words=_LINES_TOO,
        query=(_SCHEME, PREFER),
        body=dict.fromkeys(JSON_TYPES, "BundleOrParameters") | LINES,
        replies={200: Reply(words="A collection Bundle of results with their basis", shape="Bundle", lines=True), 202: ACCEPTED},
        refusals=_UNREADABLE | {HTTPStatus.SERVICE_UNAVAILABLE},
    )
)
@needs(bearer("interpret"))
def interpret() -> Response:
    """The result Bundle of a Bundle that was posted bare or inside Parameters (B2, B4), or a line for each line of NDJSON."""
    schemes = _schemes_in_url()
    limit, later = desk().settings.max_body_bytes, wants_async(request) and desk().workplace is not None
    if is_lines(request):
        media, lines = lines_type(request), lines_of(request, limit, desk().settings.max_entries)
        return accept(b"\n".join(lines), schemes, is_lines=True) if later else _lines(lines, schemes, media)
    media, body = answer_type(request), body_of(request, limit)
    sent = interpretation_asked(body)
    if later:
        return accept(body, schemes, is_lines=False)
    reply = desk().interpret([sent.bundle], desk().knowledge, wishes([*schemes, *sent.schemes]))
    return fhir_response(reply.bundle, media, pretty=is_pretty(request))


def _lines(lines: list[bytes], schemes: list[str], media: str) -> Response:
    """Each line is answered when the one before it has been sent, so that never more than one result is in memory."""
    here, wished = desk(), partial(_wishes_of, desk().settings)

    def interpret(bundle: bytes, more: Sequence[str]) -> bytes:
        return here.interpret([bundle], here.knowledge, wished([*schemes, *more])).bundle

    given = answered(lines, interpret, here.knowledge.canonical)
    # Who asks is looked up for every line, and a line is answered after the request itself is over.
    return Response(stream_with_context(line.content + b"\n" for line in given), content_type=media)


def _schemes_in_url() -> list[str]:
    """The schemes that stand beside a bare Bundle; anything else there would be dropped in silence, so it is refused."""
    named = named_in_url(request)
    refuse_unknown((name for name, _ in named), {"scheme"})
    schemes = [value for _, value in named]
    wishes(schemes)
    return schemes


@operations.route("/$stage-breast-cancer", methods=["GET", "POST"])
@described(
    GET=Call(operation="stage-breast-cancer", query=(_BASIS,), replies=_ANSWER, refusals=_UNREADABLE),
    POST=Call(operation="stage-breast-cancer", body=PARAMETERS, replies=_ANSWER, refusals=_UNREADABLE),
)
@needs(bearer("stage"))
def stage() -> Response:
    """The stage of one row of primitives, asked in the URL or in Parameters (R4 operations: B3)."""
    media = answer_type(request)
    cells = _from_url() if request.method != "POST" else primitives(body_of(request, desk().settings.max_body_bytes), set(STAGE_INPUTS))
    basis = cells.pop("basis", "")
    if basis not in STAGE_BASES:
        refuse("missing-element", f"the parameter basis is needed, one of {', '.join(STAGE_BASES)}")
    answer = desk().stage(StageQuery(**cells), desk().knowledge, basis)
    return fhir_response(msgspec.json.encode(stage_parameters(answer, desk().knowledge.citation)), media, pretty=is_pretty(request))


def _from_url() -> dict[str, str]:
    return once(named_in_url(request), set(STAGE_INPUTS))


def wishes(schemes: list[str]) -> Request:
    """What this site and this caller chose; the caller's scheme counts before the site's."""
    return _wishes_of(desk().settings, schemes)


def _wishes_of(settings: Settings, schemes: list[str]) -> Request:
    try:
        chosen = schemes_from(schemes)
    except ValueError as error:
        refuse("unknown-scheme", str(error))
    return Request(
        schemes=settings.schemes | chosen,
        trusted=settings.trusted,
        issued=datetime.now(UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )
