"""What does a code of theirs stand for here? R4's $translate over the code lists: https://hl7.org/fhir/R4/conceptmap-operation-translate.html."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, Response, abort, request

from adapter.fhir.concept_maps import TRANSLATE_INPUTS, Asked, translation
from adapter.fhir.parameters import Parameter, parameters_of, primitive, refuse
from adapter.fhir.wire import Coding
from adapter.terminology.systems import systems_of
from adapter.web.described import PARAMETERS, Call, Given, Reply, described
from adapter.web.desk import desk
from adapter.web.metadata import our_definitions
from adapter.web.negotiation import answer_type, body_of, fhir_response, is_pretty
from adapter.web.parameters import named_in_url, once

translating = Blueprint("translating", __name__, url_prefix="/fhir/ConceptMap")

_CODED = {"coding", "codeableConcept"}
# What names a map is not asked where the address names it.
_OF_MAP = {"url", "conceptMapVersion"}
_ANSWER = {200: Reply(words="Parameters: result, message, and each match", shape="Parameters")}
# By GET there is no other way to name what is to be translated.
_SOME = {"type": "string", "minLength": 1}
_QUERY = tuple(Given(name=name, words=TRANSLATE_INPUTS[name][1], schema=_SOME, required=True) for name in ("system", "code"))
_GET = Call(operation="translate", query=_QUERY, replies=_ANSWER, refusals=frozenset({HTTPStatus.NOT_FOUND}))
_POST = Call(operation="translate", body=PARAMETERS, replies=_ANSWER, refusals=frozenset({HTTPStatus.NOT_FOUND}))


@translating.route("/$translate", methods=["GET", "POST"])
@described(GET=_GET, POST=_POST)
def translate() -> Response:
    """What a code stands for, by every map that fits what was named."""
    return _translated(_maps(), set(TRANSLATE_INPUTS))


@translating.route("/<name>/$translate", methods=["GET", "POST"])
@described(GET=_GET.model_copy(update={"without": tuple(_OF_MAP)}), POST=_POST)
def translate_by(name: str) -> Response:
    """What a code stands for by one map."""
    found = [one for one in _maps() if one["id"] == name]
    return _translated(found, set(TRANSLATE_INPUTS) - _OF_MAP) if found else abort(HTTPStatus.NOT_FOUND)


def _translated(maps: list[dict[str, Any]], known: set[str]) -> Response:
    media = answer_type(request)
    asked = _from_body(known) if request.method == "POST" else _from_url(known - _CODED)
    if asked.url and all(one["url"] != asked.url for one in maps):
        abort(HTTPStatus.NOT_FOUND, "there is no ConceptMap with this url; GET /fhir/ConceptMap lists them all")
    return fhir_response(msgspec.json.encode(translation(asked, maps)), media, pretty=is_pretty(request))


def _maps() -> list[dict[str, Any]]:
    return [one for one in our_definitions() if one["resourceType"] == "ConceptMap"]


def _from_url(known: set[str]) -> Asked:
    return _asked(once(named_in_url(request), known), [])


def _from_body(known: set[str]) -> Asked:
    given = parameters_of(body_of(request, desk().settings.max_body_bytes), known)
    plain = once(((one.name, primitive(one)) for one in given if one.name not in _CODED), known)
    return _asked(plain, [_codings(one) for one in given if one.name in _CODED])


def _codings(given: Parameter) -> tuple[Coding, ...]:
    """The codings of one parameter: a Coding, or those of a CodeableConcept."""
    if given.name == "coding" and given.value_coding is not None:
        return (given.value_coding,)
    if given.name == "codeableConcept" and given.value_codeable_concept is not None:
        return given.value_codeable_concept.coding
    return refuse("unknown-value", f"the parameter {given.name} needs a value{given.name[0].upper()}{given.name[1:]}")


def _asked(plain: dict[str, str], coded: list[tuple[Coding, ...]]) -> Asked:
    sought = [*coded, *([(Coding(plain.get("system", ""), plain["code"]),)] if "code" in plain else [])]
    if len(sought) != 1:
        refuse("missing-element", "exactly one of code (with its system), coding and codeableConcept says what to translate")
    if not sought[0] or any(not (one.system and one.code) for one in sought[0]):
        refuse("missing-element", "each code needs its system beside it")
    return Asked(
        codings=_in_our_spelling(sought[0]),
        url=plain.get("url", ""),
        version=plain.get("conceptMapVersion", ""),
        source=plain.get("source", ""),
        target=plain.get("target", ""),
        target_system=plain.get("targetsystem", ""),
    )


def _in_our_spelling(codings: Iterable[Coding]) -> list[Coding]:
    """The codings with the one name of each system, as the maps have it."""
    systems = systems_of(desk().knowledge)
    return [Coding(systems.name(one.system), one.code) for one in codings]
