"""What do we offer, said in FHIR? CapabilityStatement, definitions of operations, codes and profiles: https://hl7.org/fhir/R4/conformance-module.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import adapter
from adapter.fhir.heads import code_system, head, published_by
from adapter.fhir.libraries import NAME as SOURCE_ATTRIBUTE
from adapter.fhir.libraries import Named, items, libraries, source_attribute
from adapter.fhir.operation_definitions import operation_definitions
from adapter.fhir.outcome import ISSUE_TYPES
from adapter.fhir.profiles import NAME, PetWords, pet_uptake, value_sets
from adapter.knowledge.outputs import Concept, Outputs
from adapter.knowledge.rule_sets import Making, Published

SOFTWARE = "Breast-cancer FHIR adapter"

# What a search may narrow by, and the element it looks at.
SEARCHABLE = {"_id": "id", "url": "url"}


class OwnWords(NamedTuple):
    """The words that stand in the books outside the outputs: what may be sent, what a site may choose, and how PET is read."""

    inputs: tuple[Concept, ...]
    schemes: tuple[Concept, ...]
    pet: PetWords = PetWords()


def definitions(outputs: Outputs, words: OwnWords, published: Published, canonical: str, version: str) -> list[dict[str, Any]]:
    """Every definition that this service publishes; `version` is the one of the knowledge."""
    operations, codes = operation_definitions(canonical), code_systems(outputs, words, canonical, version)
    ours = [*operations, *codes, *pet_definitions(words.pet, canonical, version)]
    ours += [*attribute_definitions(published, canonical, version), input_versions(canonical)]
    by = published_by(published.publication.made)
    return [*(one | by for one in ours), *libraries(published, Named(canonical, version))]


def attribute_definitions(published: Published, canonical: str, version: str) -> list[dict[str, Any]]:
    """The extension that holds the source attributes of a rule set, with its codes and the value set it binds to."""
    title = "Source attribute of a rule set"
    extension = head("StructureDefinition", canonical, SOURCE_ATTRIBUTE, version, "SourceAttribute", title)
    codes = code_system(canonical, version, SOURCE_ATTRIBUTE, title, items(published))
    bound = head("ValueSet", canonical, SOURCE_ATTRIBUTE, version, "BreastCancerAdapterSourceAttribute", title)
    return [extension | source_attribute(canonical), codes, bound | {"compose": {"include": [{"system": codes["url"]}]}}]


def input_versions(canonical: str) -> dict[str, Any]:
    """The extension of a report that was written back: a fingerprint of the versions of everything that it rests on."""
    shared = head("StructureDefinition", canonical, "input-versions", adapter.__version__, "InputVersions", "Versions of the inputs")
    words = "A fingerprint that changes with the version of any input. A computation from older inputs can so be told from this one."
    return shared | {
        "description": words,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": "DiagnosticReport"}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Extension", "path": "Extension", "short": "Fingerprint of the versions of all inputs", "min": 0, "max": "1"},
                {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
                {"id": "Extension.url", "path": "Extension.url", "fixedUri": f"{canonical}/StructureDefinition/input-versions"},
                {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "type": [{"code": "string"}]},
            ]
        },
    }


def pet_definitions(words: PetWords, canonical: str, version: str) -> list[dict[str, Any]]:
    """The profile for PET values with the value sets that it binds to."""
    profile = head("StructureDefinition", canonical, NAME, version, "PetUptake", "Uptake of a lesion on PET")
    sets = [
        head("ValueSet", canonical, name, version, f"BreastCancerAdapter{name.title().replace('-', '')}", title)
        | {"compose": {"include": included}}
        for name, (title, included) in value_sets(words).items()
        if included
    ]
    return [profile | pet_uptake(words, canonical), *sets]


def code_systems(outputs: Outputs, words: OwnWords, canonical: str, version: str) -> list[dict[str, Any]]:
    """The words of our own that stand in what we read and write, each with its meaning."""
    flags = (Concept(code=flag.flag, display=flag.display, definition=flag.sentence) for flag in outputs.flags.values())
    results = (Concept(code=shape.code, display=shape.display, definition=shape.definition) for shape in outputs.results.values())
    return [
        code_system(canonical, version, "result", "The kind of an answer", results),
        code_system(canonical, version, "answer", "The value of an answer", outputs.answer_concepts()),
        code_system(canonical, version, "flag", "What a reader has to know beside an answer", flags),
        code_system(
            canonical,
            version,
            "component",
            "What a component of a result holds",
            [*outputs.components.values(), *outputs.coded_components.values()],
        ),
        code_system(canonical, version, "absence", "Why there is no answer", outputs.absences.values()),
        code_system(canonical, version, "report", "What a report of ours is", [outputs.report]),
        code_system(canonical, version, "scheme", "Which published rule set was followed", words.schemes),
        code_system(canonical, version, "input", "What may be sent where no standard code exists", words.inputs),
        code_system(canonical, version, "card-topic", "What a card is about", outputs.cards.topics),
        code_system(canonical, version, "override-reason", "Why a card was set aside", outputs.cards.override_reasons),
        code_system(canonical, version, "issue", "What was wrong with something that was sent", _issues()),
    ]


def _issues() -> list[Concept]:
    return [Concept(code=code, display=code.replace("-", " ").capitalize(), definition="") for code in ISSUE_TYPES]


def capability_statement(
    offered: Iterable[dict[str, Any]], made: Making, canonical: str, knowledge_version: str, security: dict[str, Any]
) -> dict[str, Any]:
    """What this instance supports, from the definitions that are really served (R4 http: A17, A23)."""
    served = list(offered)
    operations = [one for one in served if one["resourceType"] == "OperationDefinition"]
    kinds = dict.fromkeys(one["resourceType"] for one in served)
    others = {kind: {"type": kind} for one in operations for kind in one.get("resource", ()) if kind not in kinds}
    resources = [*(_served(kind) for kind in kinds), *others.values()]
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{canonical}/CapabilityStatement/adapter",
        "version": f"{adapter.__version__}+{knowledge_version}",
        "name": "BreastCancerFhirAdapter",
        "status": "active",
        "experimental": True,
        **published_by(made),
        "kind": "instance",
        "software": {"name": SOFTWARE, "version": adapter.__version__},
        "implementation": {"description": f"{SOFTWARE} with knowledge {knowledge_version}"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": security,
                "resource": [one | _operations_on(one["type"], operations) for one in resources],
                "operation": [_offered(one) for one in operations if one["system"]],
            }
        ],
    }


def _operations_on(kind: str, operations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    offered = [_offered(one) for one in operations if kind in one.get("resource", ())]
    return {"operation": offered} if offered else {}


def _offered(operation: dict[str, Any]) -> dict[str, str]:
    return {"name": operation["code"], "definition": operation["url"]}


def _served(kind: str) -> dict[str, Any]:
    search = [{"name": "_id", "type": "token"}, {"name": "url", "type": "uri"}]
    return {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}], "versioning": "no-version", "searchParam": search}


def searchset(shown: list[dict[str, Any]], total: int, links: Mapping[str, str]) -> dict[str, Any]:
    """What is shown of a search that found `total`; without any there is no entry, because FHIR JSON has no empty arrays."""
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": address} for relation, address in links.items()],
    }
    entries = [{"fullUrl": one["url"], "resource": one, "search": {"mode": "match"}} for one in shown]
    return bundle | ({"entry": entries} if entries else {})
