"""What does this service offer? CapabilityStatement and our definitions: https://hl7.org/fhir/R4/http.html#capabilities."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import msgspec
from flask import Blueprint, Response, abort, current_app, request

from adapter.facts.statements import Coding
from adapter.fhir.concept_maps import map_definitions
from adapter.fhir.conformance import OwnWords, capability_statement, definitions, searchset
from adapter.fhir.profiles import Measure, PetWords
from adapter.knowledge.books import Knowledge
from adapter.knowledge.outputs import Concept
from adapter.knowledge.rule_sets import published
from adapter.knowledge.shapes import FactKind, FactShape
from adapter.web.address import public_base
from adapter.web.code_maps import code_maps, fact_words
from adapter.web.described import Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.guard import PUBLIC, needs_all
from adapter.web.negotiation import FORM, answer_type, fhir_response, form_of, is_pretty, prefers
from adapter.web.searches import search_of
from adapter.web.smart_configuration import stated
from adapter.web.tags import tagged

metadata = Blueprint("metadata", __name__, url_prefix="/fhir")
needs_all(metadata, PUBLIC)

KINDS = "any(OperationDefinition, CodeSystem, StructureDefinition, ValueSet, Library, ConceptMap)"

_WHOLE = {"type": "integer", "minimum": 0, "maximum": 2147483647}
_SEARCHED = (
    Given(name="_id", words="The id; several with commas between"),
    Given(name="url", words="The canonical URL; several with commas between"),
    Given(name="_count", words="How many are shown at most; 0 for the total alone", schema=_WHOLE),
    Given(name="_offset", words="How many are left out before; it stands in the link `next`", schema=_WHOLE),
    Given(name="_summary", words="`count` for the total alone", schema={"type": "string", "enum": ["count", "false"]}),
)
_SAME = Reply(words="The caller has it already", types=())
_STALE = frozenset({HTTPStatus.PRECONDITION_FAILED})


@metadata.get("/metadata")
@described(
    GET=Call(
        summary="What this service offers",
        words="The CapabilityStatement of exactly what is registered.",
        replies={200: Reply(words="The statement", shape="CapabilityStatement", headers=("ETag",)), 304: _SAME},
        refusals=_STALE,
    )
)
def capabilities() -> Response:
    """The CapabilityStatement of exactly what is registered (R4 http: A17)."""
    routes = {rule.rule.removeprefix("/fhir/") for rule in current_app.url_map.iter_rules()}
    offered = [one for one in our_definitions() if one["resourceType"] != "OperationDefinition" or _route_of(one) in routes]
    books = desk().knowledge
    return _tagged(capability_statement(offered, books.publication.made, books.canonical, books.version, stated(desk().settings)))


def _route_of(operation: dict[str, Any]) -> str:
    if operation["system"]:
        return f"${operation['code']}"
    folder = operation["resource"][0] if operation["type"] else f"{operation['resource'][0]}/<patient>"
    return f"{folder}/${operation['code']}"


@metadata.get(f"/<{KINDS}:kind>/<name>")
@described(
    GET=Call(
        summary="One of our definitions by its id",
        replies={200: Reply(words="The definition", shape="Definition", headers=("ETag",)), 304: _SAME},
        refusals=_STALE,
    )
)
def read(kind: str, name: str) -> Response:
    """One of our definitions by its id."""
    found = [one for one in our_definitions() if one["resourceType"] == kind and one["id"] == name]
    return _tagged(found[0]) if found else abort(404)


@metadata.get(f"/<{KINDS}:kind>")
@metadata.post(f"/<{KINDS}:kind>/_search")
@described(
    GET=Call(
        summary="Our definitions of one type",
        words="The self link names the parameters that were really used; `next` is there where `_count` left something for later.",
        query=_SEARCHED,
        replies={200: Reply(words="What was found", shape="Searchset", headers=("ETag",)), 304: _SAME},
        refusals=_STALE,
    ),
    POST=Call(
        summary="Our definitions of one type, asked by a form",
        query=_SEARCHED,
        body={FORM: "SearchForm"},
        body_is_optional=True,
        replies={200: Reply(words="What was found", shape="Searchset", headers=("ETag",))},
    ),
)
def search(kind: str) -> Response:
    """Our definitions of one type, narrowed by `_id` and `url`; the self link names what was really used (R4 http: A16)."""
    form = form_of(request, desk().settings.max_body_bytes) if request.method == "POST" else []
    asked = search_of([*request.args.items(multi=True), *form], is_strict=prefers(request, "handling=strict"))
    found = asked.found(one for one in our_definitions() if one["resourceType"] == kind)
    links = asked.links(f"{public_base()}/fhir/{kind}", len(found))
    return _tagged(searchset(asked.shown(found), len(found), links))


def our_definitions() -> list[dict[str, Any]]:
    """Our definitions, made once for the application: its books do not change while it serves."""
    kept = current_app.extensions
    if "definitions" not in kept:
        books = desk().knowledge
        words = OwnWords(_inputs(books), _schemes(books), _pet(books))
        maps = map_definitions(code_maps(books), fact_words(books), books.canonical, books.version, books.publication.made)
        kept["definitions"] = [*definitions(books.outputs, words, published(books), books.canonical, books.version), *maps]
    return cast("list[dict[str, Any]]", kept["definitions"])


def _inputs(books: Knowledge) -> tuple[Concept, ...]:
    """Our own input codes, each once; the books know them as rows of code maps, like any sender's code."""
    ours = f"{books.canonical}/CodeSystem/input"
    rows = (row for codes in books.codes.values() for (system, _), found in codes.items() if system == ours for row in found)
    return tuple({row.code: Concept(code=row.code, display=row.display, definition=row.note) for row in rows}.values())


def _schemes(books: Knowledge) -> tuple[Concept, ...]:
    """Every scheme that a site can choose, with the question and the source of its rule."""
    rules = {scheme: books.rules[rule] for schemes in books.schemes.values() for scheme, rule in schemes.items()}
    return tuple(Concept(code=scheme, display=books.sources[rule.source].title, definition=rule.question) for scheme, rule in rules.items())


def _pet(books: Knowledge) -> PetWords:
    """How PET is read, from the code maps: an SUV is an uptake that has a state beside it, everything else a measure beside an SUV."""
    asked = _codings(books, "observation")
    shapes = [books.facts[word] for word in books.facts if word in books.lesion_words | books.scan_words and word in asked]
    values = _codings(books, "value")
    return PetWords(
        kinds=tuple(coding for shape in shapes if _is_suv(shape) for coding in asked[shape.word]),
        derivations=values.get("derivation", ()),
        # Public codes stand before our own.
        tracers=tuple(sorted(values.get("radiopharmaceutical", ()), key=lambda one: one.system.startswith(books.canonical))),
        resolved=_resolved(books),
        measures=tuple(Measure(shape.word, asked[shape.word], _value_type(shape)) for shape in shapes if not _is_suv(shape)),
    )


def _resolved(books: Knowledge) -> tuple[Coding, ...]:
    """The codes of a lesion that is gone."""
    rows = books.codes.get("value", {}).items()
    return tuple(Coding(*key, row.display) for key, found in rows for row in found if row.value == "resolved")


def _is_suv(shape: FactShape) -> bool:
    return shape.kind is FactKind.UPTAKE and shape.otherwise is not None


def _value_type(shape: FactShape) -> str:
    if shape.kind is not FactKind.CATEGORY:
        return "Quantity"
    return "CodeableConcept" if shape.values else "string"


def _codings(books: Knowledge, role: str) -> dict[str, tuple[Coding, ...]]:
    """The codes that stand for each fact in this role, in the order of the books."""
    found: dict[str, tuple[Coding, ...]] = {}
    for (system, code), rows in books.codes.get(role, {}).items():
        for row in rows:
            for word in row.fact.split():
                found[word] = (*found.get(word, ()), Coding(system, code, row.display))
    return found


def _tagged(resource: dict[str, Any]) -> Response:
    content = msgspec.json.encode(resource)
    return tagged(fhir_response(content, answer_type(request), pretty=is_pretty(request)), content, request)
