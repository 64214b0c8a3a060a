"""What do we offer, said in FHIR? CapabilityStatement, definitions of operations, codes and profiles: https://hl7.org/fhir/R4/conformance-module.html."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import adapter
from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.fhir.libraries import NAME as SOURCE_ATTRIBUTE
from adapter.fhir.libraries import Named, items, libraries, source_attribute
from adapter.fhir.outcome import ISSUE_TYPES
from adapter.fhir.profiles import NAME, PetWords, pet_uptake, value_sets
from adapter.knowledge.outputs import Concept, Outputs
from adapter.knowledge.rule_sets import Making, Published

SOFTWARE = "Breast-cancer FHIR adapter"

# What a search may narrow by, and the element it looks at.
SEARCHABLE = {"_id": "id", "url": "url"}

# The inputs of $stage-breast-cancer: name, cardinality, and what may stand in it.
STAGE_INPUTS = {
    "t": "T category, such as T2",
    "n": "N category, such as N1 or N0(i+)",
    "m": "M category, such as M0",
    "grade": "Nottingham grade: G1, G2 or G3",
    "her2": "HER2 status: positive or negative",
    "er": "Estrogen receptor status: positive or negative",
    "pr": "Progesterone receptor status: positive or negative",
    "oncotype": "Oncotype DX recurrence score, where one is known",
    "basis": "Which stage: clinical, pathological or anatomic",
}

# The stages that can be asked for.
STAGE_BASES = ("clinical", "pathological", "anatomic")

# What makes an operation one of a single Patient.
ON_PATIENT = {"system": False, "instance": True, "resource": ["Patient"]}

# The counts that $interpret-and-write gives.
WRITE_COUNTS = {
    "create": "How many results were created",
    "update": "How many were updated",
    "retract": "How many were entered in error because they no longer follow",
    "unchanged": "How many stand as they were",
}

# The outputs of $stage-breast-cancer: type, highest number, and what it says.
STAGE_OUTPUTS = {
    "result": ("code", "1", "The kind of stage, from our CodeSystem result"),
    "stage": ("code", "1", "The stage group; absent where there is none"),
    "kind": ("code", "1", "Why there is no stage: not-applicable, indeterminate or not-assessable"),
    "why": ("string", "1", "The reason in one sentence"),
    "missing": ("string", "*", "What to send to get a stage"),
    "possible": ("code", "*", "Each stage that is still possible"),
    "flag": ("code", "*", "What a reader has to know, from our CodeSystem flag"),
    "rule": ("string", "1", "The rule that decided"),
    "source": ("string", "1", "The citation of that rule"),
}


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
    by = _published_by(published.publication.made)
    return [*(one | by for one in ours), *libraries(published, Named(canonical, version))]


def attribute_definitions(published: Published, canonical: str, version: str) -> list[dict[str, Any]]:
    """The extension that holds the source attributes of a rule set, with its codes and the value set it binds to."""
    title = "Source attribute of a rule set"
    extension = _head("StructureDefinition", canonical, SOURCE_ATTRIBUTE, version, "SourceAttribute", title)
    codes = _code_system(canonical, version, SOURCE_ATTRIBUTE, title, items(published))
    bound = _head("ValueSet", canonical, SOURCE_ATTRIBUTE, version, "BreastCancerAdapterSourceAttribute", title)
    return [extension | source_attribute(canonical), codes, bound | {"compose": {"include": [{"system": codes["url"]}]}}]


def _published_by(made: Making) -> dict[str, str]:
    """Who made the content, and the day on which it last changed: R4 wants that of the content and not of the request."""
    return {"date": made.revised_on.isoformat(), "publisher": made.developer}


def input_versions(canonical: str) -> dict[str, Any]:
    """The extension of a report that was written back: a fingerprint of the versions of everything that it rests on."""
    head = _head("StructureDefinition", canonical, "input-versions", adapter.__version__, "InputVersions", "Versions of the inputs")
    words = "A fingerprint that changes with the version of any input. A computation from older inputs can so be told from this one."
    return head | {
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
    profile = _head("StructureDefinition", canonical, NAME, version, "PetUptake", "Uptake of a lesion on PET")
    sets = [
        _head("ValueSet", canonical, name, version, f"BreastCancerAdapter{name.title().replace('-', '')}", title)
        | {"compose": {"include": included}}
        for name, (title, included) in value_sets(words).items()
        if included
    ]
    return [profile | pet_uptake(words, canonical), *sets]


def operation_definitions(canonical: str) -> list[dict[str, Any]]:
    """The operations; only $interpret-and-write changes anything, and $stage-breast-cancer may be asked by GET (R4 operations: B3, B7)."""
    return [_interpret(canonical), _stage(canonical), _interpret_patient(canonical), _interpret_and_write(canonical)]


def _interpret(canonical: str) -> dict[str, Any]:
    scheme = "A chosen scheme written family=scheme, such as subtype=stgallen2011. With a bare Bundle it may stand in the URL"
    parameters = [
        _parameter("bundle", "in", 1, "1", "What is known about one patient: observations, reports, conditions, specimens", "Bundle"),
        _parameter("scheme", "in", 0, "*", scheme, "string"),
        _parameter("return", "out", 1, "1", "A collection Bundle of results with their basis, and an OperationOutcome", "Bundle"),
    ]
    words = "What follows, by published rules, from the breast-cancer results in a Bundle. Pure: nothing is stored and nothing is changed."
    return _operation(canonical, "interpret-breast-cancer", "InterpretBreastCancer", "Interpret breast-cancer results", words, parameters)


def _interpret_patient(canonical: str) -> dict[str, Any]:
    parameters = [_parameter("return", "out", 1, "1", "A collection Bundle of results with their basis, and an OperationOutcome", "Bundle")]
    words = "What follows, by published rules, from what the FHIR server behind this service holds about one patient. Nothing is changed."
    name, title = "InterpretPatientBreastCancer", "Interpret a patient on the FHIR server"
    head = _operation(canonical, "interpret-breast-cancer", name, title, words, parameters, id_="patient-interpret-breast-cancer")
    return head | ON_PATIENT


def _interpret_and_write(canonical: str) -> dict[str, Any]:
    parameters = [
        _parameter("dryRun", "in", 0, "1", "Only work out what would be written", "boolean"),
        _parameter("outcome", "out", 1, "1", "What came of it, such as written or nothing-to-write", "code"),
        _parameter("job", "out", 1, "1", "Where to ask how it went", "uri"),
        *(_parameter(name, "out", 0, "1", words, "integer") for name, words in WRITE_COUNTS.items()),
        _parameter("written", "out", 0, "*", "Each result that was created, updated or retracted", "Reference"),
    ]
    words = (
        "Interpret a patient and write the difference to the FHIR server. With Prefer: respond-async, or where it cannot be done now, 202."
    )
    head = _operation(canonical, "interpret-and-write", "InterpretAndWrite", "Interpret a patient and write it back", words, parameters)
    return head | ON_PATIENT | {"affectsState": True}


def _stage(canonical: str) -> dict[str, Any]:
    # Only the basis has to be sent: an unknown input leaves a set of possible stages and is never an error.
    given = [_parameter(name, "in", int(name == "basis"), "1", words, "string") for name, words in STAGE_INPUTS.items()]
    said = [_parameter(name, "out", 0, most, words, kind) for name, (kind, most, words) in STAGE_OUTPUTS.items()]
    words = "The stage group of one tumor from its categories and markers, with the reason, or what is missing and what is still possible."
    return _operation(canonical, "stage-breast-cancer", "StageBreastCancer", "Stage a breast cancer", words, [*given, *said])


def _operation(
    canonical: str, code: str, name: str, title: str, words: str, parameters: list[dict[str, Any]], id_: str = ""
) -> dict[str, Any]:
    head = _head("OperationDefinition", canonical, id_ or code, adapter.__version__, name, title)
    return head | {
        "kind": "operation",
        "description": words,
        "affectsState": False,
        "code": code,
        "system": True,
        "type": False,
        "instance": False,
        "parameter": parameters,
    }


def _parameter(name: str, use: str, least: int, most: str, words: str, kind: str) -> dict[str, Any]:
    return {"name": name, "use": use, "min": least, "max": most, "documentation": words, "type": kind}


def code_systems(outputs: Outputs, words: OwnWords, canonical: str, version: str) -> list[dict[str, Any]]:
    """The words of our own that stand in what we read and write, each with its meaning."""
    flags = (Concept(code=flag.flag, display=flag.display, definition=flag.sentence) for flag in outputs.flags.values())
    results = (Concept(code=shape.code, display=shape.display, definition=shape.definition) for shape in outputs.results.values())
    return [
        _code_system(canonical, version, "result", "The kind of an answer", results),
        _code_system(canonical, version, "answer", "The value of an answer", outputs.answer_concepts()),
        _code_system(canonical, version, "flag", "What a reader has to know beside an answer", flags),
        _code_system(
            canonical,
            version,
            "component",
            "What a component of a result holds",
            [*outputs.components.values(), *outputs.coded_components.values()],
        ),
        _code_system(canonical, version, "absence", "Why there is no answer", outputs.absences.values()),
        _code_system(canonical, version, "report", "What a report of ours is", [outputs.report]),
        _code_system(canonical, version, "scheme", "Which published rule set was followed", words.schemes),
        _code_system(canonical, version, "input", "What may be sent where no standard code exists", words.inputs),
        _code_system(canonical, version, "issue", "What was wrong with something that was sent", _issues()),
    ]


def _issues() -> list[Concept]:
    return [Concept(code=code, display=code.replace("-", " ").capitalize(), definition="") for code in ISSUE_TYPES]


def _code_system(canonical: str, version: str, name: str, title: str, concepts: Iterable[Concept]) -> dict[str, Any]:
    said = ({"code": str(one.code), "display": one.display, "definition": one.definition} for one in concepts)
    listed = [{name: text for name, text in concept.items() if text} for concept in said]
    head = _head("CodeSystem", canonical, name, version, f"BreastCancerAdapter{name.title().replace('-', '')}", title)
    return head | {"caseSensitive": True, "content": "complete", "count": len(listed), "concept": listed}


def _head(kind: str, canonical: str, name: str, version: str, computable: str, title: str) -> dict[str, Any]:
    """What every canonical resource says about itself."""
    return {
        "resourceType": kind,
        "id": name,
        "url": f"{canonical}/{kind}/{name}",
        "version": version,
        "name": computable,
        "title": title,
        "status": "active",
        "experimental": True,
    }


def capability_statement(
    offered: Iterable[dict[str, Any]], made: Making, canonical: str, knowledge_version: str, security: dict[str, Any]
) -> dict[str, Any]:
    """What this instance supports, from the definitions that are really served (R4 http: A17, A23)."""
    served = list(offered)
    operations = [one for one in served if one["resourceType"] == "OperationDefinition"]
    on_patients = [_offered(one) for one in operations if one["instance"]]
    kinds = dict.fromkeys(one["resourceType"] for one in served)
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{canonical}/CapabilityStatement/adapter",
        "version": f"{adapter.__version__}+{knowledge_version}",
        "name": "BreastCancerFhirAdapter",
        "status": "active",
        "experimental": True,
        **_published_by(made),
        "kind": "instance",
        "software": {"name": SOFTWARE, "version": adapter.__version__},
        "implementation": {"description": f"{SOFTWARE} with knowledge {knowledge_version}"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": security,
                "resource": [*(_served(kind) for kind in kinds), *([{"type": "Patient", "operation": on_patients}] if on_patients else [])],
                "operation": [_offered(one) for one in operations if one["system"]],
            }
        ],
    }


def _offered(operation: dict[str, Any]) -> dict[str, str]:
    return {"name": operation["code"], "definition": operation["url"]}


def _served(kind: str) -> dict[str, Any]:
    search = [{"name": "_id", "type": "token"}, {"name": "url", "type": "uri"}]
    return {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}], "versioning": "no-version", "searchParam": search}


def searchset(found: list[dict[str, Any]], address: str) -> dict[str, Any]:
    """The answer to a search: an empty one has no entry, because FHIR JSON has no empty arrays."""
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": address}],
    }
    entries = [{"fullUrl": one["url"], "resource": one, "search": {"mode": "match"}} for one in found]
    return bundle | ({"entry": entries} if entries else {})


def stage_parameters(answer: Answer, citation: Callable[[str], str]) -> dict[str, Any]:
    """The answer of $stage-breast-cancer as Parameters, without the ones that have nothing to say."""
    source = citation(answer.source) if answer.source else ""
    tail = [*(("flag", flag) for flag in answer.flags), ("rule", answer.rule), ("source", source)]
    said = [("result", answer.about.result), *_verdict(answer), *tail]
    listed = [{"name": name, f"value{STAGE_OUTPUTS[name][0].capitalize()}": str(value)} for name, value in said if value]
    return {"resourceType": "Parameters", "parameter": listed}


def _verdict(answer: Answer) -> list[tuple[str, str]]:
    match answer:
        case Determined():
            return [("stage", answer.value), ("why", answer.because)]
        case Undetermined():
            open_ends = [("missing", word) for word in answer.missing] + [("possible", word) for word in answer.possible]
            return [("kind", answer.kind), ("why", answer.because), *open_ends]
        case Composed():
            return [("why", answer.because)]
