"""Where does a person begin? The front page, the page of a Bundle that is tried, and the page of an example."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

from flask import Response, abort, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal
from adapter.page.examples import example, examples
from adapter.page.faults import told
from adapter.page.patient import patient_page
from adapter.web.described import Reply, described, page_call
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs, needs_all
from adapter.web.negotiation import sent, vetted
from adapter.web.operations import wishes
from adapter.web.pages.frame import page, page_blueprint
from adapter.web.pages.operators import OPERATORS, operators_only
from adapter.web.parameters import interpretation_asked
from adapter.web.tags import tagged

pages = page_blueprint("pages")
needs_all(pages, PUBLIC)

_STATIC = Path(__file__).parent / "static"
_SECONDS_KEPT = 3600

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
# A text longer than this is not put back into the form with its faults.
_SHOWN_AGAIN = 300_000
_MEGABYTE = 1024 * 1024


class Posted(NamedTuple):
    """What a form held: the Bundle, and the schemes that were chosen."""

    bundle: bytes
    schemes: list[str]


@pages.get("/")
@described(GET=page_call("What this is, and where to go"))
def start() -> Response:
    """What this is, and where to go."""
    return page("start.html", examples=examples())


@pages.route("/try", methods=["GET", "POST"])
@described(
    GET=page_call("A form for a Bundle"),
    POST=page_call("The page of the patient of a Bundle", refusals=frozenset({HTTPStatus.UNPROCESSABLE_ENTITY})).model_copy(
        update={"body": dict.fromkeys(_FORMS, "TryForm")}
    ),
)
@needs(OPERATORS)
def try_it() -> Response:
    """The form, or the page of the Bundle that was dropped or pasted into it; nothing of it is kept."""
    operators_only()
    if request.method != "POST":
        return _form()
    posted = None
    try:
        posted = _posted()
        asked = interpretation_asked(posted.bundle)
        return shown(asked.bundle, [*asked.schemes, *posted.schemes])
    except Refusal as refusal:
        return _form(refusal, posted)


@pages.get("/try/<name>")
@described(GET=page_call("The page of an example patient"))
def try_example(name: str) -> Response:
    """The page of an example patient."""
    bundle = example(name)
    return abort(HTTPStatus.NOT_FOUND) if bundle is None else shown(bundle, [], is_example=True)


@pages.get("/static/<filename>")
@described(
    GET=page_call("What pages look like: stylesheet, script, font and picture").model_copy(
        update={
            "replies": {
                200: Reply(words="The file", types=("*/*",), headers=("ETag",)),
                304: Reply(words="The caller has it already", types=()),
            }
        }
    )
)
def static(filename: str) -> Response:
    """A file of the pages, which may be kept for an hour."""
    found = next((path for path in _STATIC.iterdir() if path.name == filename), None)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    content = found.read_bytes()
    response = Response(content, mimetype=guess_type(filename)[0] or "application/octet-stream")
    response.headers["Cache-Control"] = f"public, max-age={_SECONDS_KEPT}"
    tagged(response, content, request)
    return response


def shown(bundle: bytes, schemes: list[str], *, is_example: bool = False, is_launched: bool = False) -> Response:
    """The page of the patient of a Bundle; a Refusal where it cannot be read."""
    reply = desk().interpret([bundle], desk().knowledge, wishes(schemes))
    made = patient_page(reply, desk().knowledge, bundle.decode("utf-8", errors="replace"))
    return page("patient.html", patient=made, is_example=is_example, is_launched=is_launched)


def _form(refusal: Refusal | None = None, posted: Posted | None = None) -> Response:
    text = posted.bundle.decode("utf-8", errors="replace") if posted else ""
    books = desk().knowledge
    return page(
        "try.html",
        status=refusal.status if refusal else HTTPStatus.OK,
        issues=told(refusal.issues, text) if refusal else (),
        text=text if len(text) <= _SHOWN_AGAIN else "",
        examples=examples(),
        schemes={choice: list(known) for choice, known in books.schemes.items()},
        chosen=dict(books.defaults) | desk().settings.schemes | _named(posted.schemes if posted else []),
        limit=_size(desk().settings.max_body_bytes),
    )


def _size(limit: int) -> str:
    return f"{limit // _MEGABYTE} MB" if limit >= _MEGABYTE else f"{limit} bytes"


def _named(schemes: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in schemes if "=" in word)


def _in_memory(
    total_content_length: int | None,  # noqa: ARG001 - The parser names all four.
    content_type: str | None,  # noqa: ARG001
    filename: str | None,  # noqa: ARG001
    content_length: int | None = None,  # noqa: ARG001
) -> BytesIO:
    """Where a file of a form is put, whatever its size: the framework would put a large one on the disk."""
    return BytesIO()


def _posted() -> Posted:
    """The file or the text of the form, read into memory and nowhere else."""
    media, options = parse_options_header(request.headers.get("Content-Type", ""))
    if media not in _FORMS:
        raise UnsupportedMediaType("this page takes its own form; programs send FHIR JSON to /fhir/$interpret-breast-cancer")
    limit = desk().settings.max_body_bytes
    body = sent(request, limit)
    parser = FormDataParser(stream_factory=_in_memory, max_form_memory_size=limit, silent=False)
    try:
        _, form, files = parser.parse(BytesIO(body), media, len(body), options)
    except ValueError as error:
        raise BadRequest("the form cannot be read: it breaks off or has no boundary") from error
    file = files["file"].read() if "file" in files else b""
    bundle = file or form.get("bundle", "").encode()
    if not bundle.strip():
        text = "no Bundle was sent; choose a file, paste the text, or open an example"
        raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code="missing-element", severity=Severity.ERROR, text=text),))
    return Posted(vetted(bundle, limit), [word for word in form.getlist("scheme") if word])
