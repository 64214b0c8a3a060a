"""In which format is it said? Content negotiation of the FHIR R4 RESTful API: hl7.org/fhir/R4/http.html#mime-type.

Only JSON is spoken, in FHIR version 4.0. What a caller asks for in `_format` counts before Accept, and never changes what it sent.
"""

from __future__ import annotations

import zlib

import msgspec
from flask import Request, Response
from werkzeug.exceptions import BadRequest, NotAcceptable, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_list_header, parse_options_header

from adapter.fhir.bounds import is_crowded

FHIR_JSON = "application/fhir+json"
JSON_TYPES = (FHIR_JSON, "application/json", "text/json")
WILDCARDS = {"*/*": FHIR_JSON, "application/*": FHIR_JSON, "text/*": "text/json"}
FORMATS = {"json", *JSON_TYPES}
VERSIONS = {"4.0", "4.0.1"}
GZIP_WINDOW = zlib.MAX_WBITS | 16


def answer_type(request: Request) -> str:
    """The media type of the answer, or 406 when the caller takes none that we speak (R4 http: A2, A3, A4, A6)."""
    wanted = request.args.get("_format")
    if wanted:
        return _from_format(wanted)
    header = request.headers.get("Accept", "")
    ranked = sorted(_acceptable(header), key=lambda choice: choice[0], reverse=True)
    if not header.strip():
        return FHIR_JSON
    if not ranked:
        raise NotAcceptable(f"this service answers {' or '.join(JSON_TYPES)} in FHIR version 4.0; Accept allows none of them")
    return ranked[0][1]


def _from_format(wanted: str) -> str:
    # A plus sign in a query is read as a space, and people forget to escape it.
    media, options = parse_options_header(wanted.strip().replace(" ", "+") if ";" not in wanted else wanted)
    if media.lower().replace(" ", "+") not in FORMATS or not _is_our_version(options):
        raise NotAcceptable("this service knows _format=json only, in FHIR version 4.0")
    return FHIR_JSON


def _acceptable(header: str) -> list[tuple[float, str]]:
    """Each media type of an Accept header that we can answer in, with its weight; the order of the header breaks ties."""
    choices = []
    for part in parse_list_header(header):
        media, options = parse_options_header(part)
        answer = WILDCARDS.get(media.lower(), media.lower())
        weight = _weight(options.get("q", "1"))
        if answer in JSON_TYPES and weight > 0 and _is_our_version(options):
            choices.append((weight, answer))
    return choices


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _is_our_version(options: dict[str, str]) -> bool:
    named = {value for key, value in options.items() if key.lower() == "fhirversion"}
    return named <= VERSIONS


def body_of(request: Request, limit: int) -> bytes:
    """The JSON bytes that were sent, decompressed; 415 for another format, 413 for more bytes or values than the limit allows."""
    media, options = parse_options_header(request.headers.get("Content-Type", ""))
    if media.lower() not in JSON_TYPES:
        raise UnsupportedMediaType(f"the body has to be {FHIR_JSON}; got {media or 'no Content-Type'}")
    if options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("FHIR JSON is UTF-8; the Content-Type names another charset")
    if not _is_our_version(options):
        raise UnsupportedMediaType("this service reads FHIR version 4.0; the Content-Type names another fhirVersion")
    body = _decompressed(_sent(request, limit), request.headers.get("Content-Encoding", "identity").lower(), limit)
    if is_crowded(body, limit):
        raise RequestEntityTooLarge
    return body


def _sent(request: Request, limit: int) -> bytes:
    """The bytes as they came, read by hand: the framework cuts a chunked body at its limit and says nothing."""
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge
    sent = bytearray()
    while piece := request.stream.read(limit + 1 - len(sent)):
        sent += piece
        if len(sent) > limit:
            raise RequestEntityTooLarge
    return bytes(sent)


def _decompressed(sent: bytes, encoding: str, limit: int) -> bytes:
    match encoding:
        case "identity" | "":
            return sent
        case "gzip" | "x-gzip":
            return _gunzip(sent, limit)
        case _:
            raise UnsupportedMediaType("the Content-Encoding has to be gzip or identity")


def _gunzip(sent: bytes, limit: int) -> bytes:
    """The unpacked bytes; never more than one byte over the limit is unpacked, however small the packed body is."""
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(sent, limit + 1)
    except zlib.error as error:
        raise BadRequest("the body says Content-Encoding: gzip and is not a gzip stream") from error
    if len(unpacked) > limit:
        raise RequestEntityTooLarge
    if not unpacker.eof or unpacker.unused_data:
        raise BadRequest("the gzip body ends too early, or something follows it")
    return unpacked


def fhir_response(content: bytes, media: str, *, status: int = 200, pretty: bool = False) -> Response:
    """FHIR JSON bytes as an HTTP answer; `_pretty` lays the text out and leaves every digit as it is."""
    body = msgspec.json.format(content, indent=2) if pretty else content
    return Response(body, status=status, content_type=f"{media}; charset=utf-8")


def is_pretty(request: Request) -> bool:
    """Whether the caller asked for a laid-out answer (R4 http: A5)."""
    return request.args.get("_pretty", "false").lower() == "true"
