"""In which format is it said? Content negotiation of the FHIR R4 RESTful API: hl7.org/fhir/R4/http.html#mime-type.

Only JSON is spoken, in FHIR version 4.0. What a caller asks for in `_format` counts before Accept, and never changes what it sent.
"""

from __future__ import annotations

import zlib
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from flask import Request, Response
from werkzeug.exceptions import BadRequest, HTTPException, NotAcceptable, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_list_header, parse_options_header

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.bounds import is_crowded
from adapter.fhir.outcome import Refusal
from adapter.web.context import hold_body
from adapter.web.depth import shallow

FHIR_JSON = "application/fhir+json"
JSON_TYPES = (FHIR_JSON, "application/json", "text/json")
NDJSON = "application/fhir+ndjson"
NDJSON_TYPES = (NDJSON, "application/ndjson", "application/x-ndjson")
FORM = "application/x-www-form-urlencoded"
# A search has two or three parameters; canonical URLs are long, and there may be some dozens of them.
MOST_FORM_BYTES = 64 * 1024
MOST_FORM_FIELDS = 100
_ONLY_FORM = f"a search by POST takes {FORM}"
FORMATS = {"json", *JSON_TYPES}
NDJSON_FORMATS = {"ndjson", *NDJSON_TYPES}
VERSIONS = {"4.0", "4.0.1"}
GZIP_WINDOW = zlib.MAX_WBITS | 16
# How exactly a range of Accept names a media type: the most exact one decides (RFC 9110, 12.5.1).
_ANY, _ANY_OF_TYPE, _EXACT = 1, 2, 3


def answer_type(request: Request) -> str:
    """The media type of the answer, or 406 when the caller takes none that we speak (R4 http: A2, A3, A4, A6)."""
    return _negotiated(request, JSON_TYPES, FORMATS)


def lines_type(request: Request) -> str:
    """The media type of an answer in lines, which only who sends lines can get."""
    return _negotiated(request, NDJSON_TYPES, NDJSON_FORMATS)


def _negotiated(request: Request, spoken: tuple[str, ...], formats: set[str]) -> str:
    wanted = request.args.get("_format")
    if wanted:
        _check_format(wanted, formats)
        return spoken[0]
    header = request.headers.get("Accept", "")
    if not header.strip():
        return spoken[0]
    weights = {media: weight for media in spoken if (weight := _weight(media, header)) > (0.0, 0)}
    if not weights:
        raise NotAcceptable(f"this service answers {' or '.join(spoken)} in FHIR version 4.0; Accept allows none of them")
    return max(weights, key=lambda media: weights[media])


def _check_format(wanted: str, formats: set[str]) -> None:
    # A plus sign in a query is read as a space, and people forget to escape it.
    media, options = parse_options_header(wanted.strip().replace("fhir ", "fhir+"))
    if media.lower() not in formats or not _is_our_version(options):
        raise NotAcceptable(f"_format is {' or '.join(sorted(formats))} here, in FHIR version 4.0")


def _weight(media: str, header: str) -> tuple[float, int]:
    """How much this media type is wanted, and how early it stands among what is wanted as much."""
    found: list[tuple[int, float, int]] = []
    for place, part in enumerate(parse_list_header(header)):
        named, options = parse_options_header(part)
        exactness = _exactness(named.lower(), media)
        if exactness and _is_our_version(options):
            found.append((exactness, _quality(options.get("q", "1")), -place))
    _, quality, place = max(found, default=(0, 0.0, 0))
    return (quality, place) if quality > 0 else (0.0, 0)


def _exactness(named: str, media: str) -> int:
    if named == media:
        return _EXACT
    if named == f"{media.partition('/')[0]}/*":
        return _ANY_OF_TYPE
    return _ANY if named == "*/*" else 0


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


def _is_our_version(options: dict[str, str]) -> bool:
    named = {value for key, value in options.items() if key.lower() == "fhirversion"}
    return named <= VERSIONS


def body_of(request: Request, limit: int) -> bytes:
    """The JSON bytes that were sent, decompressed; 415 for another format, 413 for more bytes or values than the limit allows."""
    return _body(request, limit, JSON_TYPES)


def optional_body_of(request: Request, limit: int) -> bytes:
    """The same, or nothing where nothing was sent: whether that is so is told by the bytes, and then no Content-Type is asked for."""
    came = sent(request, limit)
    if not came:
        return b""
    _check_type(request, JSON_TYPES)
    return _opened(request, came, limit)


def lines_of(request: Request, limit: int, most: int) -> list[bytes]:
    """The lines of NDJSON that were sent, empty ones too, which count; 415 and 413 as for any body, and 413 for too many."""
    body = _body(request, limit, NDJSON_TYPES)
    if body.count(b"\n") > most:
        text = f"the body has more than {most} lines (ADAPTER_MAX_ENTRIES); send it in parts"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, (Issue(code="too-many-entries", severity=Severity.ERROR, text=text),))
    return body.split(b"\n")


def form_of(request: Request, limit: int) -> list[tuple[str, str]]:
    """The parameters of a form that was sent, in their order; 415 for what is none, 413 for one that no search needs."""
    media = parse_options_header(request.headers.get("Content-Type", ""))[0].lower()
    most = min(limit, MOST_FORM_BYTES)
    if media not in ("", FORM):
        raise UnsupportedMediaType(_ONLY_FORM)
    try:
        form = _decompressed(sent(request, most), _encoding(request), most)
    except RequestEntityTooLarge as error:
        raise _large_form(f"{most} bytes") from error
    if form and not media:
        raise UnsupportedMediaType(_ONLY_FORM)
    if form.count(b"&") >= MOST_FORM_FIELDS:
        raise _large_form(f"{MOST_FORM_FIELDS} parameters")
    return parse_qsl(form.decode(errors="replace"), keep_blank_values=True)


def _large_form(most: str) -> Refusal:
    text = f"the form of a search may have {most}, and this one has more; search in parts"
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, (Issue(code="too-large", severity=Severity.ERROR, text=text),))


def _encoding(request: Request) -> str:
    return request.headers.get("Content-Encoding", "identity").lower()


def is_lines(request: Request) -> bool:
    """Whether the body says that it is NDJSON."""
    return parse_options_header(request.headers.get("Content-Type", ""))[0].lower() in NDJSON_TYPES


def _body(request: Request, limit: int, spoken: tuple[str, ...]) -> bytes:
    _check_type(request, spoken)
    return _opened(request, sent(request, limit), limit)


def _check_type(request: Request, spoken: tuple[str, ...]) -> None:
    media, options = parse_options_header(request.headers.get("Content-Type", ""))
    if media.lower() not in spoken:
        raise UnsupportedMediaType(f"the body has to be {spoken[0]}; got {media or 'no Content-Type'}")
    if options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType("FHIR JSON is UTF-8; the Content-Type names another charset")
    if not _is_our_version(options):
        raise UnsupportedMediaType("this service reads FHIR version 4.0; the Content-Type names another fhirVersion")


def _opened(request: Request, came: bytes, limit: int) -> bytes:
    return vetted(_decompressed(came, _encoding(request), limit), limit)


def sent(request: Request, limit: int) -> bytes:
    """The bytes as they came, read by hand: the framework cuts a chunked body at its limit and says nothing."""
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge
    sent = bytearray()
    while piece := _piece(request, limit + 1 - len(sent)):
        sent += piece
        if len(sent) > limit:
            raise RequestEntityTooLarge
    return bytes(sent)


def _piece(request: Request, most: int) -> bytes:
    """The next bytes of the body; the server's own fault where its chunks cannot be read is the caller's."""
    try:
        return request.stream.read(most)
    except (TimeoutError, HTTPException):
        raise
    except Exception as error:
        raise BadRequest("the body broke off, or its chunks cannot be read") from error


def _decompressed(sent: bytes, encoding: str, limit: int) -> bytes:
    match encoding:
        case "identity" | "":
            return sent
        case "gzip" | "x-gzip":
            return _gunzip(sent, limit)
        case _:
            raise UnsupportedMediaType("the Content-Encoding has to be gzip or identity")


def vetted(body: bytes, limit: int) -> bytes:
    """What may be read: not crowded, not nested too deep, and about the patient in context where the caller's token is for one."""
    if is_crowded(body, limit):
        raise RequestEntityTooLarge
    hold_body(shallow(body))
    return body


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
    said = request.args.get("_pretty", "").lower()
    if said not in ("", "true", "false"):
        raise BadRequest("_pretty is true or false")
    return said == "true"


def prefers(request: Request, preference: str) -> bool:
    """Whether the caller stated this preference, such as `respond-async` or `handling=strict` (RFC 7240)."""
    stated = parse_list_header(request.headers.get("Prefer", ""))
    return preference in {one.partition(";")[0].replace(" ", "").replace('"', "").lower() for one in stated}
