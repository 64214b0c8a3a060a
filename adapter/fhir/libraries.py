"""The rule sets as R4 Libraries with their source attributes (45 CFR 170.315(b)(11), H2): https://hl7.org/fhir/R4/library.html.

Where R4 has an element it holds the attribute: `publisher` the developer, `relatedArtifact` the citations, `date` the revision and
`lastReviewDate` the review. The funding, the release and the use of each attribute of a patient stand in our extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from adapter.fhir.narrative import short
from adapter.knowledge.outputs import Concept
from adapter.knowledge.rule_sets import Published, RuleSet

NAME = "source-attribute"
_FUNDING = Concept(code="funding", display="Funding", definition="Funding source of the development of the rule set")
_RELEASE = Concept(code="release-date", display="Release date", definition="The day on which the rule set was first released")
_TYPES = "http://terminology.hl7.org/CodeSystem/library-type"


class Named(NamedTuple):
    """What the address and the version of a definition are made of."""

    canonical: str
    version: str

    def rule_set(self, topic: str) -> str:
        """The canonical reference to the Library of a topic, in the version that answers."""
        return f"{self.canonical}/Library/{topic}|{self.version}"


def items(published: Published) -> list[Concept]:
    """Everything that our extension can say of a rule set."""
    return [_FUNDING, _RELEASE, *_of_patients(published)]


def _of_patients(published: Published) -> list[Concept]:
    asked = ((one, f"Whether the rule set uses this of a patient: {one.title.lower()}") for one in published.publication.attributes)
    return [Concept(code=one.word, display=one.title, definition=text) for one, text in asked]


def libraries(published: Published, named: Named) -> list[dict[str, Any]]:
    """One Library for each rule set, and the one that is composed of them all."""
    whole = _library(published.whole, "asset-collection", published, named)
    parts = [{"type": "composed-of", "resource": named.rule_set(one.id)} for one in published.sets]
    return [whole | {"relatedArtifact": parts}, *(_library(one, "logic-library", published, named) for one in published.sets)]


def _library(one: RuleSet, kind: str, published: Published, named: Named) -> dict[str, Any]:
    said = {
        "resourceType": "Library",
        "id": one.id,
        "text": short(_paragraphs(one, published)),
        "extension": [*_made(one, named), *_uses(one, published, named)],
        "url": f"{named.canonical}/Library/{one.id}",
        "version": named.version,
        "name": f"RuleSet{''.join(part.capitalize() for part in one.id.replace('.', '-').split('-'))}",
        "title": one.title,
        "status": "active",
        "experimental": True,
        "type": {"coding": [{"system": _TYPES, "code": kind}]},
        "date": one.made.revised_on.isoformat(),
        "publisher": one.made.developer,
        "description": _description(one),
        "purpose": published.publication.purpose,
        "usage": published.publication.usage,
        "copyright": "\n\n".join(one.licences),
        "lastReviewDate": one.reviewed_on.isoformat(),
        "relatedArtifact": [_citation(source.title, source.citation, source.url) for source in one.sources],
    }
    return {name: value for name, value in said.items() if value not in ("", [])}


def _paragraphs(one: RuleSet, published: Published) -> Iterable[str]:
    """The whole for a reader, inside the resource itself."""
    unused = [attribute.title.lower() for attribute in published.publication.attributes if attribute.word not in one.uses]
    yield f"{one.title}. Developer: {one.made.developer}. Funding: {one.made.funding}. {_released(one)}; revised on {one.made.revised_on}."
    yield from one.questions
    titles = {attribute.word: attribute.title for attribute in published.publication.attributes}
    yield from (f"{titles[word]} is used: {how}" for word, how in one.uses.items())
    yield f"Not used: {', '.join(unused)}."
    yield from (f"{source.title}: {source.citation}" for source in one.sources)
    yield f"{published.publication.purpose} {published.publication.usage}"


def _released(one: RuleSet) -> str:
    return f"Released on {one.made.released_on}" if one.made.released_on else "Not released"


def _description(one: RuleSet) -> str:
    """The questions that it answers, and what is known of its state."""
    lines = [f"- {question}" for question in one.questions]
    return "\n".join([f"{one.title}.", *(["", *lines] if lines else []), *(["", one.status] if one.status else [])])


def _citation(title: str, citation: str, url: str) -> dict[str, str]:
    return {"type": "citation", "display": title, "citation": citation} | ({"url": url} if url else {})


def _made(one: RuleSet, named: Named) -> list[dict[str, Any]]:
    day = one.made.released_on
    released = {"url": "date", "valueDate": day.isoformat()} if day else {"url": "text", "valueString": _released(one)}
    funding = {"url": "text", "valueString": one.made.funding}
    return [_attribute(_FUNDING, [funding], named), _attribute(_RELEASE, [released], named)]


def _uses(one: RuleSet, published: Published, named: Named) -> list[dict[str, Any]]:
    """Each attribute of a patient with whether it is used; nothing is left unsaid."""
    return [_attribute(concept, _use(concept.code, one.uses), named) for concept in _of_patients(published)]


def _use(word: str, uses: Mapping[str, str]) -> list[dict[str, Any]]:
    used = {"url": "used", "valueBoolean": word in uses}
    return [used, {"url": "text", "valueString": uses[word]}] if word in uses else [used]


def _attribute(concept: Concept, said: Iterable[dict[str, Any]], named: Named) -> dict[str, Any]:
    coding = {"system": f"{named.canonical}/CodeSystem/{NAME}", "code": concept.code, "display": concept.display}
    return {"url": f"{named.canonical}/StructureDefinition/{NAME}", "extension": [{"url": "item", "valueCoding": coding}, *said]}


def source_attribute(canonical: str) -> dict[str, Any]:
    """What the definition of our extension says beyond its head."""
    return {
        "description": "One source attribute of a rule set that Library has no element for: which one, and what holds for it.",
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": "Library"}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {"element": [*_elements(canonical)]},
    }


def _elements(canonical: str) -> Iterable[dict[str, Any]]:
    binding = {"strength": "required", "valueSet": f"{canonical}/ValueSet/{NAME}"}
    yield {"id": "Extension", "path": "Extension", "short": "A source attribute of the rule set", "min": 0, "max": "*"}
    yield from _part("item", "Which attribute", "Coding", {"min": 1, "max": "1"}, {"binding": binding})
    yield from _part("used", "Whether the rules use this of a patient", "boolean", {"min": 0, "max": "1"}, {})
    yield from _part("date", "The day, where the attribute is one", "date", {"min": 0, "max": "1"}, {})
    yield from _part("text", "How it is used, or the attribute in words", "string", {"min": 0, "max": "1"}, {})
    yield {"id": "Extension.url", "path": "Extension.url", "fixedUri": f"{canonical}/StructureDefinition/{NAME}"}
    yield {"id": "Extension.value[x]", "path": "Extension.value[x]", "max": "0"}


def _part(name: str, short: str, kind: str, often: dict[str, Any], bound: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """One part of a complex extension: R4 slices `extension` by its url, and each part is an extension of its own."""
    inside, path = f"Extension.extension:{name}", "Extension.extension"
    yield {"id": inside, "path": path, "sliceName": name, "short": short} | often
    yield {"id": f"{inside}.extension", "path": f"{path}.extension", "max": "0"}
    yield {"id": f"{inside}.url", "path": f"{path}.url", "fixedUri": name}
    yield {"id": f"{inside}.value[x]", "path": f"{path}.value[x]", "min": 1, "type": [{"code": kind}]} | bound
