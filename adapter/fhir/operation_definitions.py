"""What can be asked, said in FHIR? Our OperationDefinitions, and the shape of their answers: https://hl7.org/fhir/R4/operationdefinition.html."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import adapter
from adapter.facts.answers import Answer, Composed, Determined, Undetermined
from adapter.fhir.concept_maps import TRANSLATE_INPUTS
from adapter.fhir.heads import head

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

# How each operation is asked at a terminal, by its id and method; [base] is the FHIR base.
_SEND = "curl -H 'Content-Type: application/fhir+json' -d"
EXAMPLES = {
    ("interpret-breast-cancer", "POST"): f"{_SEND} @fixtures/missing-grade/input.json '[base]/$interpret-breast-cancer?_pretty=true'",
    ("stage-breast-cancer", "GET"): "curl '[base]/$stage-breast-cancer?basis=anatomic&t=T2&n=N1&m=M0&_pretty=true'",
    ("translate", "GET"): "curl '[base]/ConceptMap/$translate?system=http://loinc.org&code=85337-4&_pretty=true'",
    ("patient-interpret-breast-cancer", "GET"): "curl '[base]/Patient/123/$interpret-breast-cancer?_pretty=true'",
    ("interpret-and-write", "POST"): "curl -X POST '[base]/Patient/123/$interpret-and-write?dryRun=true'",
}

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


def operation_definitions(canonical: str) -> list[dict[str, Any]]:
    """The operations; only $interpret-and-write changes anything, and what takes primitives may be asked by GET (B3, B7)."""
    return [_interpret(canonical), _stage(canonical), _translate(canonical), _interpret_patient(canonical), _interpret_and_write(canonical)]


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
    defined = _operation(canonical, "interpret-breast-cancer", name, title, words, parameters, id_="patient-interpret-breast-cancer")
    return defined | ON_PATIENT


def _interpret_and_write(canonical: str) -> dict[str, Any]:
    parameters = [
        _parameter("dryRun", "in", 0, "1", "Only work out what would be written", "boolean"),
        _parameter("outcome", "out", 1, "1", "What came of it, such as written or nothing-to-write", "code"),
        _parameter("job", "out", 1, "1", "Where to ask how it went", "uri"),
        *(_parameter(name, "out", 0, "1", words, "integer") for name, words in WRITE_COUNTS.items()),
        _parameter("written", "out", 0, "*", "Each result that was created, updated or retracted", "Reference"),
        _parameter("difference", "out", 0, "1", "After a dry run: what would be written", "Bundle"),
    ]
    words = (
        "Interpret a patient and write the difference to the FHIR server. With Prefer: respond-async, or where it cannot be done now, 202."
    )
    defined = _operation(canonical, "interpret-and-write", "InterpretAndWrite", "Interpret a patient and write it back", words, parameters)
    return defined | ON_PATIENT | {"affectsState": True}


def _stage(canonical: str) -> dict[str, Any]:
    # Only the basis has to be sent: an unknown input leaves a set of possible stages and is never an error.
    given = [_parameter(name, "in", int(name == "basis"), "1", words, "string") for name, words in STAGE_INPUTS.items()]
    said = [_parameter(name, "out", 0, most, words, kind) for name, (kind, most, words) in STAGE_OUTPUTS.items()]
    words = "The stage group of one tumor from its categories and markers, with the reason, or what is missing and what is still possible."
    return _operation(canonical, "stage-breast-cancer", "StageBreastCancer", "Stage a breast cancer", words, [*given, *said])


def _translate(canonical: str) -> dict[str, Any]:
    """R4's own operation, with the parameters of it that we know."""
    given = [_parameter(name, "in", 0, "1", words, kind) for name, (kind, words) in TRANSLATE_INPUTS.items()]
    product = {
        "name": "product",
        "use": "out",
        "min": 0,
        "max": "*",
        "documentation": "A fact that it is about, or what it says besides",
    }
    product["part"] = [
        _parameter("element", "out", 0, "1", "What the product is of", "uri"),
        _parameter("concept", "out", 0, "1", "The fact, or the value", "Coding"),
    ]
    match = {"name": "match", "use": "out", "min": 0, "max": "*", "documentation": "One word of ours that the code stands for"}
    match["part"] = [
        _parameter("equivalence", "out", 0, "1", "relatedto, or unmatched for a code that is left out on purpose", "code"),
        _parameter("concept", "out", 0, "1", "The word, from our CodeSystem fact or word", "Coding"),
        product,
        _parameter("source", "out", 0, "1", "The ConceptMap with its version", "uri"),
    ]
    said = [
        _parameter("result", "out", 1, "1", "Whether there is a word for the code", "boolean"),
        _parameter("message", "out", 0, "1", "The note and the citation of each match, or why there is none", "string"),
        match,
    ]
    words = "What a code of a sender stands for here, with the citation of where that was read."
    defined = _operation(canonical, "translate", "TranslateToOurWords", "Translate a code to our words", words, [*given, *said])
    base = "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate"
    return defined | {"base": base, "system": False, "type": True, "instance": True, "resource": ["ConceptMap"]}


def _operation(
    canonical: str, code: str, name: str, title: str, words: str, parameters: list[dict[str, Any]], id_: str = ""
) -> dict[str, Any]:
    shared = head("OperationDefinition", canonical, id_ or code, adapter.__version__, name, title)
    return shared | {
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
