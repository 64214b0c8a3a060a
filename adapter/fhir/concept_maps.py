"""Which codes of theirs stand for which words of ours, said in FHIR? ConceptMaps made from the books, and R4's $translate over them.

https://hl7.org/fhir/R4/conceptmap.html, https://hl7.org/fhir/R4/conceptmap-operation-translate.html. The books say that a code stands for a
word, and not how their meanings compare: the equivalence is therefore `relatedto`, or `unmatched` for a code that is left out on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from adapter.fhir.heads import code_system, head, published_by
from adapter.fhir.outcome import clean
from adapter.fhir.wire import Coding
from adapter.knowledge.outputs import Concept
from adapter.knowledge.rule_sets import Making

FACT, WORD = "fact", "word"
# How many of the codes that were asked for a message repeats.
_SHOWN = 20
RELATED, UNMATCHED = "relatedto", "unmatched"

# The inputs of our $translate: type, and what it says.
TRANSLATE_INPUTS = {
    "url": ("uri", "The ConceptMap to use; without it, every one that fits the other parameters"),
    "conceptMapVersion": ("string", "The version of the ConceptMap that has to be used"),
    "code": ("code", "The code to translate, with its system"),
    "system": ("uri", "The system of the code, in any spelling that is known"),
    "version": ("string", "The version of the system; our maps are not bound to one"),
    "source": ("uri", "The value set that the code is from: the source of a ConceptMap of ours"),
    "coding": ("Coding", "The code to translate as a Coding"),
    "codeableConcept": ("CodeableConcept", "The code to translate as a CodeableConcept: any of its codings may match"),
    "target": ("uri", "The value set to translate to: the target of a ConceptMap of ours"),
    "targetsystem": ("uri", "The code system to translate to"),
}


class Meaning(NamedTuple):
    """One code of theirs with one meaning of ours: the fact it answers, our word, what it says besides, and where that was read.

    Without `fact` it holds whatever was asked; without `word` the code is left out on purpose. `title` is how a person reads the word.
    """

    role: str
    topic: str
    system: str
    code: str
    display: str
    fact: str
    word: str
    besides: Mapping[str, str]
    note: str
    citation: str
    edition: str = ""
    title: str = ""


class MapHead(NamedTuple):
    """What a map is called."""

    id: str
    role: str
    topic: str


class Asked(NamedTuple):
    """What is to be translated, and by which of the maps."""

    codings: Sequence[Coding]
    url: str = ""
    version: str = ""
    source: str = ""
    target: str = ""
    target_system: str = ""


def target_of(role: str) -> str:
    """Which of our two code systems the words of a role are from."""
    return FACT if role == "observation" else WORD


def content(named: MapHead, meanings: Iterable[Meaning], canonical: str) -> dict[str, Any]:
    """What a ConceptMap says beyond its head: a group for each system, an element for each code."""
    target = target_of(named.role)
    systems: dict[str, dict[str, list[Meaning]]] = {}
    for one in meanings:
        systems.setdefault(one.system, {}).setdefault(one.code, []).append(one)
    ours = f"{canonical}/CodeSystem/{target}"
    groups = [
        {
            "source": system,
            **_edition(codes),
            "target": ours,
            "element": [_element(code, found, canonical) for code, found in codes.items()],
        }
        for system, codes in systems.items()
    ]
    words = f"The codes that are read as {named.role} ({named.topic}), and what they stand for. The comment of each target is its source."
    return {
        "description": words,
        "sourceUri": f"{canonical}/ValueSet/{named.id}",
        "targetUri": f"{canonical}/ValueSet/{target}",
        "group": groups,
    }


def _edition(codes: Mapping[str, Sequence[Meaning]]) -> dict[str, str]:
    """The edition of the code system that the codes were read in, where all that name one name the same."""
    named = {one.edition for meanings in codes.values() for one in meanings if one.edition}
    return {"sourceVersion": named.pop()} if len(named) == 1 else {}


def _element(code: str, meanings: Sequence[Meaning], canonical: str) -> dict[str, Any]:
    said = {"code": code, "display": meanings[0].display, "target": [_target(one, canonical) for one in meanings]}
    return {name: value for name, value in said.items() if value}


def _target(one: Meaning, canonical: str) -> dict[str, Any]:
    """The word; a value stands for it where it answers this fact (`dependsOn`), and says the rest besides (`product`)."""
    comment = " ".join(part for part in (one.note, f"Source: {one.citation}") if part)
    if not one.word:
        return {"equivalence": UNMATCHED, "comment": comment}
    property_ = f"{canonical}/CodeSystem/{FACT}"
    depends = [{"property": property_, "system": property_, "value": one.fact}] if one.fact else []
    said = {
        "code": one.word,
        "display": one.title,
        "equivalence": RELATED,
        "comment": comment,
        "dependsOn": depends,
        "product": [{"property": f"{canonical}/CodeSystem/{WORD}#{name}", "value": value} for name, value in one.besides.items()],
    }
    return {name: value for name, value in said.items() if value}


def codes_in(concept_map: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The codes of a map as the `include` of the value set that is its source."""
    return [{"system": group["source"], "concept": [{"code": one["code"]} for one in group["element"]]} for group in concept_map["group"]]


class Match(NamedTuple):
    """One target of one map."""

    map: Mapping[str, Any]
    system: str
    target: Mapping[str, Any]


def translation(asked: Asked, maps: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The out parameters of $translate (R4): result, message, and each match with its equivalence, concept and source."""
    chosen = [one for one in maps if _fits(one, asked)]
    matches = [match for one in chosen for match in _matches(one, asked)]
    is_translated = any(match.target["equivalence"] != UNMATCHED for match in matches)
    said: list[dict[str, Any]] = [{"name": "result", "valueBoolean": is_translated}]
    said.append({"name": "message", "valueString": _message(asked, chosen, matches)})
    return {"resourceType": "Parameters", "parameter": [*said, *map(_match, matches)]}


def _fits(one: Mapping[str, Any], asked: Asked) -> bool:
    wanted = {"url": asked.url, "version": asked.version, "sourceUri": asked.source, "targetUri": asked.target}
    return all(value in ("", one[name]) for name, value in wanted.items())


def _matches(one: Mapping[str, Any], asked: Asked) -> Iterator[Match]:
    sought = {(coding.system, coding.code) for coding in asked.codings}
    for group in one["group"]:
        if asked.target_system in ("", group["target"]):
            for element in group["element"]:
                if (group["source"], element["code"]) in sought:
                    yield from (Match(one, group["target"], target) for target in element["target"])


def _message(asked: Asked, chosen: Sequence[Mapping[str, Any]], matches: Sequence[Match]) -> str:
    """In words: where each match was read, or why there is none."""
    if matches:
        return " | ".join(dict.fromkeys(str(match.target["comment"]) for match in matches))
    if not chosen:
        return "No ConceptMap of ours fits the url, version, source and target that were named; GET ConceptMap lists them all."
    codes = clean(", ".join(f"{coding.system}|{coding.code}" for coding in asked.codings[:_SHOWN]))
    return f"No ConceptMap of ours maps {codes}; a hospital adds its own codes in a sender folder."


def _match(match: Match) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "equivalence", "valueCode": match.target["equivalence"]}]
    if "code" in match.target:
        shown = {name: match.target[name] for name in ("code", "display") if name in match.target}
        parts.append({"name": "concept", "valueCoding": {"system": match.system} | shown})
    parts += [_product(one) for one in (*match.target.get("dependsOn", ()), *match.target.get("product", ()))]
    parts.append({"name": "source", "valueUri": f"{match.map['url']}|{match.map['version']}"})
    return {"name": "match", "part": parts}


def _product(one: Mapping[str, str]) -> dict[str, Any]:
    coding = {"code": one["value"]} | ({"system": one["system"]} if "system" in one else {})
    return {"name": "product", "part": [{"name": "element", "valueUri": one["property"]}, {"name": "concept", "valueCoding": coding}]}


def map_definitions(
    maps: Mapping[MapHead, Sequence[Meaning]], facts: Iterable[Concept], canonical: str, version: str, made: Making
) -> list[dict[str, Any]]:
    """The ConceptMaps with the value sets between which they stand, and the code systems of our words."""
    by = published_by(made)
    ours = [
        code_system(canonical, version, FACT, "What a code asks for", facts),
        code_system(canonical, version, WORD, "What a code answers or names", _words(maps)),
    ]
    sets = [_set(canonical, one["id"], version, one["title"], [{"system": one["url"]}]) for one in ours]
    drawn = [_map(named, meanings, canonical, version) for named, meanings in maps.items()]
    sources = [_set(canonical, one["id"], version, one["title"], codes_in(one)) for one in drawn]
    return [one | by for one in (*ours, *sets, *sources, *drawn)]


def _words(maps: Mapping[MapHead, Sequence[Meaning]]) -> list[Concept]:
    used = dict.fromkeys(one.word for named, meanings in maps.items() if named.role != "observation" for one in meanings if one.word)
    return [Concept(code=word, display=word.replace("-", " "), definition="") for word in used]


def _map(named: MapHead, meanings: Sequence[Meaning], canonical: str, version: str) -> dict[str, Any]:
    title = f"Codes of {named.topic} that are read as {named.role}"
    return head("ConceptMap", canonical, named.id, version, _computable(named.id, "Map"), title) | content(named, meanings, canonical)


def _set(canonical: str, name: str, version: str, title: str, included: list[dict[str, Any]]) -> dict[str, Any]:
    return head("ValueSet", canonical, name, version, _computable(name, "Set"), title) | {"compose": {"include": included}}


def _computable(name: str, kind: str) -> str:
    words = "".join(part.capitalize() for part in re.split("[^A-Za-z0-9]+", name))
    return f"BreastCancerAdapter{words}{kind}"
