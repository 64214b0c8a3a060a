"""Which faults must a validator find? Resources that are right, and the same with one thing wrong in each.

The layer says who can know: `core` is R4 itself, `profile` an mCODE profile, `term` a terminology.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition"
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"

Resource = dict[str, Any]


class Planted(NamedTuple):
    """One fault: the resource that is right, what is done to it, and whether R4 makes it an error or only a warning."""

    name: str
    base: str
    layer: str
    spoil: Callable[[Resource], object]
    is_error: bool = True


def concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def observed(words: str, **more: object) -> Resource:
    """An Observation of one patient with a narrative and a performer, so that no advice of the validator is in the way."""
    narrative = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{words}</p></div>'}
    head = {"resourceType": "Observation", "text": narrative, "status": "final", "category": [concept(CATEGORIES, "laboratory")]}
    return head | {"subject": {"reference": "Patient/p"}, "performer": [{"reference": "Practitioner/d"}]} | more


RIGHT: dict[str, Resource] = {
    "stage": observed(
        "Clinical stage IIB",
        meta={"profile": [f"{MCODE}/mcode-tnm-stage-group"]},
        code=concept(SNOMED, "399537006"),
        focus=[{"reference": "Condition/c"}],
        effectiveDateTime="2026-03-16",
        valueCodeableConcept=concept(SNOMED, "1222769001"),
        method=concept(SNOMED, "897275008"),
        hasMember=[{"reference": f"Observation/{axis}"} for axis in "tnm"],
    ),
    "ki67": observed(
        "Ki-67 22.5 %",
        code=concept(LOINC, "85330-1"),
        effectiveDateTime="2026-03-16T10:11:12+01:00",
        valueQuantity={"value": 22.5, "unit": "%", "system": UCUM, "code": "%"},
    ),
    "size": observed(
        "Size 23 mm",
        meta={"profile": [f"{MCODE}/mcode-tumor-size"]},
        code=concept(LOINC, "21889-1"),
        focus=[{"reference": "BodyStructure/b"}],
        effectiveDateTime="2026-03-16",
        method=concept(SNOMED, "787377000"),
        component=[{"code": concept(LOINC, "33728-7"), "valueQuantity": {"value": 23, "unit": "mm", "system": UCUM, "code": "mm"}}],
    ),
}


def setting(**said: object) -> Callable[[Resource], object]:
    """A fault that puts other content in the place of some elements."""
    return lambda one: one.update(said)


def without(name: str, **said: object) -> Callable[[Resource], object]:
    """A fault that takes an element away, and may put others there."""
    return lambda one: (one.pop(name), one.update(said))


FAULTS = [
    Planted("no-status", "ki67", "core", without("status")),
    Planted("code-system-of-another-name", "stage", "term", lambda one: one["code"]["coding"][0].update(system="http://snomed.com/sct")),
    # To this validator it is a system that it does not know; test_emitted.py makes it an error for what we emit.
    Planted("code-system-not-absolute", "ki67", "term", lambda one: one["code"]["coding"][0].update(system="LOINC"), is_error=False),
    Planted("category-system-unknown", "ki67", "term", setting(category=[concept(f"{CATEGORIES}X", "laboratory")]), is_error=False),
    Planted("code-twice", "ki67", "core", lambda one: one.update(code=[one["code"], one["code"]])),
    Planted("category-not-a-list", "ki67", "core", lambda one: one.update(category=one["category"][0])),
    Planted("focus-twice", "stage", "profile", lambda one: one["focus"].append({"reference": "Condition/d"})),
    Planted("month-13", "ki67", "core", setting(effectiveDateTime="2026-13-45")),
    Planted("time-without-zone", "ki67", "core", setting(effectiveDateTime="2026-03-16T10:11:12")),
    Planted("30-february", "ki67", "core", setting(effectiveDateTime="2026-02-30")),
    Planted("element-unknown", "ki67", "core", setting(stage="IIA")),
    Planted("element-unknown-inside", "ki67", "core", lambda one: one["valueQuantity"].update(uncertainty=1)),
    Planted(
        "obs-7",
        "ki67",
        "core",
        lambda one: one.update(component=[{"code": one["code"], "valueQuantity": {"value": 1, "code": "%", "system": UCUM}}]),
    ),
    Planted(
        "obs-6", "ki67", "core", setting(dataAbsentReason=concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown"))
    ),
    Planted("qty-3", "ki67", "core", lambda one: one["valueQuantity"].pop("system")),
    Planted("per-1", "ki67", "core", without("effectiveDateTime", effectivePeriod={"start": "2026-03-16", "end": "2026-03-01"})),
    Planted("ref-1", "ki67", "core", setting(specimen={"reference": "#x"})),
    Planted("subject-of-another-type", "ki67", "core", setting(subject={"reference": "Observation/o"})),
    Planted("focus-of-another-type", "stage", "profile", setting(focus=[{"reference": "Patient/p"}])),
    Planted("reference-no-address", "ki67", "core", setting(subject={"reference": "p 1 !!"})),
    Planted("value-of-no-such-type", "ki67", "core", without("valueQuantity", valueMoney={"value": 1, "currency": "EUR"})),
    Planted("value-not-of-the-profile", "stage", "profile", without("valueCodeableConcept", valueString="IIB")),
    Planted("two-values", "ki67", "core", setting(valueString="22")),
    Planted("number-as-text", "ki67", "core", lambda one: one["valueQuantity"].update(value="22.5")),
    Planted("no-method", "stage", "profile", without("method")),
    Planted("no-focus", "stage", "profile", without("focus")),
    Planted("no-subject", "stage", "profile", without("subject")),
    Planted("code-outside-the-maximum-set", "stage", "profile", setting(code=concept(LOINC, "48676-1"))),
    Planted("size-without-longest-dimension", "size", "profile", lambda one: one["component"][0].update(code=concept(LOINC, "33729-5"))),
    Planted("size-in-body-and-in-specimen", "size", "profile", setting(specimen={"reference": "Specimen/s"})),
    Planted("unit-no-ucum", "ki67", "term", lambda one: one["valueQuantity"].update(code="percentage")),
    Planted("size-in-inches", "size", "term", lambda one: one["component"][0]["valueQuantity"].update(code="[in_i]", unit="inch")),
    Planted("status-no-code", "ki67", "core", setting(status="done")),
    Planted("list-empty", "ki67", "core", setting(note=[])),
    Planted("value-null", "ki67", "core", setting(issued=None)),
    Planted("version-no-id", "ki67", "core", setting(meta={"versionId": "has space!"})),
]


def spoiled(fault: Planted) -> Resource:
    """A copy of what is right with the fault in it."""
    resource: Resource = json.loads(json.dumps(RIGHT[fault.base]))
    fault.spoil(resource)
    return resource


# The same for what we emit ourselves: the validator has our own definitions, and knows our codes and extensions by them.


def result_of(bundle: Resource, code: str) -> Resource:
    """The first result of a kind that has an answer."""
    found = (entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation")
    return next(one for one in found if one["code"]["coding"][0]["code"] == code and "valueCodeableConcept" in one)


def first(bundle: Resource, kind: str) -> Resource:
    resource: Resource = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind)
    return resource


def flagged(bundle: Resource) -> Resource:
    """The first flag of any result."""
    found = (part for entry in bundle["entry"] for part in entry["resource"].get("component", ()))
    flag: Resource = next(part for part in found if part["code"]["coding"][0]["code"] == "flag")
    return flag


STAGE = "anatomic-stage"
OWN_SCENARIO = "er-low"
OWN_FAULTS: dict[str, Callable[[Resource], object]] = {
    "answer-unknown": lambda bundle: result_of(bundle, STAGE)["valueCodeableConcept"]["coding"][0].update(code="IIZ"),
    "result-unknown": lambda bundle: result_of(bundle, STAGE)["code"]["coding"][0].update(code="no-such-result"),
    "flag-unknown": lambda bundle: flagged(bundle)["valueCodeableConcept"]["coding"][0].update(code="no-such-flag"),
    "component-unknown": lambda bundle: flagged(bundle)["code"]["coding"][0].update(code="no-such-component"),
    "extension-unknown": lambda bundle: result_of(bundle, STAGE)["extension"].append({"url": "https://no.example/x", "valueCode": "x"}),
    "stage-without-method": lambda bundle: result_of(bundle, STAGE).pop("method"),
    "stage-without-public-code": lambda bundle: result_of(bundle, STAGE)["code"]["coding"].__delitem__(slice(1, None)),
    "script-in-narrative": lambda bundle: result_of(bundle, STAGE)["text"].update(
        div='<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'
    ),
    "provenance-role": lambda bundle: first(bundle, "Provenance")["entity"][0].update(role="sauce"),
    "address-twice": lambda bundle: bundle["entry"][1].update(fullUrl=bundle["entry"][0]["fullUrl"]),
}
