"""What can be asked of the adapter? The R4 operations framework: https://hl7.org/fhir/R4/operations.html."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from flask import Blueprint, Response, request

from adapter.fhir.conformance import STAGE_BASES, STAGE_INPUTS, stage_parameters
from adapter.pipeline import Request, StageQuery
from adapter.settings import schemes_from
from adapter.web.desk import desk
from adapter.web.guard import bearer, needs
from adapter.web.negotiation import answer_type, body_of, fhir_response, is_pretty
from adapter.web.parameters import interpretation_asked, once, primitives, refuse

operations = Blueprint("operations", __name__, url_prefix="/fhir")

# Parameters that R4 allows on every request; they are not inputs of an operation.
GENERAL = {"_format", "_pretty"}


@operations.post("/$interpret-breast-cancer")
@needs(bearer("interpret"))
def interpret() -> Response:
    """The result Bundle of a Bundle that was posted bare or inside Parameters (R4 operations: B2, B4)."""
    media = answer_type(request)
    sent = interpretation_asked(body_of(request, desk().settings.max_body_bytes))
    reply = desk().interpret([sent.bundle], desk().knowledge, wishes(sent.schemes))
    return fhir_response(reply.bundle, media, pretty=is_pretty(request))


@operations.route("/$stage-breast-cancer", methods=["GET", "POST"])
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
    pairs = ((name, value) for name, value in request.args.items(multi=True) if name not in GENERAL)
    return once(pairs, set(STAGE_INPUTS))


def wishes(schemes: list[str]) -> Request:
    """What this site and this caller chose; the caller's scheme counts before the site's."""
    settings = desk().settings
    try:
        chosen = schemes_from([*request.args.getlist("scheme"), *schemes])
    except ValueError as error:
        refuse("unknown-scheme", str(error))
    return Request(
        schemes=settings.schemes | chosen,
        trusted=settings.trusted,
        issued=datetime.now(UTC),
        prognostic_tables=settings.prognostic_tables,
        max_entries=settings.max_entries,
    )
