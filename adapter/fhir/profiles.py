"""How do we want PET to be sent? The profile `pet-uptake` with its value sets: https://hl7.org/fhir/R4/profiling.html.

The codes come from the books, so the profile says exactly what the reader reads. What a sender cannot say in this way is read as well,
where the books have a line for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, NamedTuple

import msgspec

from adapter.facts.statements import Coding

NAME = "pet-uptake"
_KINDS, _DERIVATIONS, _TRACERS = "suv-kind", "suv-derivation", "pet-tracer"


# The numbers of the example: any would do.
_SUV = (5.1, "g/ml")
_BESIDE = {
    "injected-activity": (350, "MBq"),
    "uptake-time": (62, "min"),
    "fasting-time": (360, "min"),
    "blood-glucose": (95, "mg/dL"),
    "liver-mean": (2.1, "g/ml"),
    "liver-sd": (0.3, "g/ml"),
}


class Measure(NamedTuple):
    """Something that may stand beside an SUV as a component: its word, its codes, the preferred one first, and the type of its value."""

    word: str
    codings: tuple[Coding, ...]
    type: str


class PetWords(NamedTuple):
    """What the books read of PET: SUV codes, which value of the region, tracers, a lesion that is gone, and measures beside an SUV."""

    kinds: tuple[Coding, ...] = ()
    derivations: tuple[Coding, ...] = ()
    tracers: tuple[Coding, ...] = ()
    resolved: tuple[Coding, ...] = ()
    measures: tuple[Measure, ...] = ()


def pet_uptake(words: PetWords, canonical: str) -> dict[str, Any]:
    """What the profile adds to Observation; the head is added where all definitions get theirs."""
    return {
        "text": {"status": "additional", "div": _narrative(words)},
        "description": "One SUV of one lesion on one PET scan, or what the scan says of the lesion instead of a number.",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "derivation": "constraint",
        "differential": {"element": [*_of_observation(words, canonical), *_components(words, canonical)]},
    }


def examples(words: PetWords) -> list[dict[str, Any]]:
    """Whole Observations as the profile wants them: a lesion at baseline, and the same lesion gone on a later scan."""
    if not (words.kinds and words.derivations and words.tracers):
        return []
    components = [
        {"code": _concept(measure.codings[0]), "valueQuantity": _quantity(*_BESIDE[measure.word])}
        for measure in words.measures
        if measure.word in _BESIDE
    ]
    tracer = [
        {"code": _concept(measure.codings[0]), "valueCodeableConcept": _concept(words.tracers[0])}
        for measure in words.measures
        if measure.word == "radiopharmaceutical"
    ]
    both: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": _concept(_named(words.kinds)),
        "subject": {"reference": "Patient/example"},
        "focus": [{"reference": "Condition/left-breast-cancer"}, {"reference": "BodyStructure/lesion-a"}],
        "method": _concept(words.derivations[0]),
    }
    before = {"id": "baseline", "partOf": [{"reference": "ImagingStudy/baseline"}], "effectiveDateTime": "2026-01-10"}
    after = {"id": "day-15", "partOf": [{"reference": "ImagingStudy/day-15"}], "effectiveDateTime": "2026-01-25"}
    return [
        both | before | {"valueQuantity": _quantity(*_SUV), "component": [*tracer, *components]},
        both | after | {"valueCodeableConcept": {"coding": [_coding(one) for one in words.resolved]}, "component": tracer},
    ]


def _narrative(words: PetWords) -> str:
    """The examples for a reader, inside the definition itself."""
    shown = (escape(msgspec.json.format(msgspec.json.encode(one), indent=2).decode(), quote=False) for one in examples(words))
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>Examples:</p>{"".join(f"<pre>{one}</pre>" for one in shown)}</div>'


def _named(codings: tuple[Coding, ...]) -> Coding:
    """The second of several codings: the first SUV does not say what the uptake was divided by."""
    return codings[min(1, len(codings) - 1)]


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def _concept(coding: Coding) -> dict[str, Any]:
    return {"coding": [_coding(coding)]}


def _of_observation(words: PetWords, canonical: str) -> list[dict[str, Any]]:
    """The elements of the Observation itself, each with an example."""
    said = "value.exists() or dataAbsentReason.exists() or interpretation.exists() or component.value.ofType(Quantity).exists()"
    constraint = {"key": "pet-1", "severity": "error", "human": "A number, a state, or the reason for neither", "expression": said}
    days = [{"code": "dateTime"}]
    values = [{"code": "Quantity"}, {"code": "CodeableConcept"}]
    kinds = _binding(canonical, _KINDS, "extensible")
    derivations = _binding(canonical, _DERIVATIONS, "extensible")
    return [
        _element("Observation", constraint=[constraint]),
        _element("Observation.partOf", short="The imaging study or procedure: two scans on one day are told apart by it"),
        _element("Observation.code", short="What the uptake was divided by; never read from the unit", binding=kinds)
        | _shown("valueCodeableConcept", words.kinds),
        _element("Observation.subject", min=1),
        _element("Observation.focus", short="The cancer, and the lesion as a BodyStructure that is sent again with the next scan"),
        _element("Observation.effective[x]", short="The day of the scan", min=1, type=days),
        _element("Observation.value[x]", short="The SUV, or the state of the lesion: resolved, new-lesion", type=values)
        | {"example": [{"label": "An SUV", "valueQuantity": _quantity(*_SUV)}]},
        _element("Observation.dataAbsentReason", short="not-performed: the lesion lies outside the field of view"),
        _element("Observation.interpretation", short="POS or NEG: the avidity as the reader saw it; new-lesion"),
        _element("Observation.bodySite", short="Where the lesion lies; its text tells two lesions of one site apart"),
        _element("Observation.method", short="Maximum, mean or peak", binding=derivations)
        | _shown("valueCodeableConcept", words.derivations),
    ]


def _components(words: PetWords, canonical: str) -> Iterator[dict[str, Any]]:
    """One slice for each measure, told apart by its code."""
    slicing = {"discriminator": [{"type": "pattern", "path": "code"}], "rules": "open"}
    yield _element("Observation.component", short="What was measured beside the SUV", slicing=slicing)
    for measure in words.measures:
        path, sliced = "Observation.component", f"Observation.component:{measure.word}"
        pattern = {"coding": [{"system": measure.codings[0].system, "code": measure.codings[0].code}]}
        yield {"id": sliced, "path": path, "sliceName": measure.word, "short": measure.codings[0].display, "min": 0, "max": "1"}
        yield {"id": f"{sliced}.code", "path": f"{path}.code", "patternCodeableConcept": pattern}
        value: dict[str, Any] = {"id": f"{sliced}.value[x]", "path": f"{path}.value[x]", "type": [{"code": measure.type}]}
        if measure.word == "radiopharmaceutical":
            value |= {"binding": _binding(canonical, _TRACERS, "extensible")}
        yield value


def _element(path: str, **said: object) -> dict[str, Any]:
    return {"id": path, "path": path} | said


def _binding(canonical: str, name: str, strength: str) -> dict[str, Any]:
    return {"strength": strength, "valueSet": f"{canonical}/ValueSet/{name}"}


def _shown(element: str, codings: tuple[Coding, ...]) -> dict[str, Any]:
    """The second coding as an example, which for an SUV is the one by body weight; the first where there is one only."""
    if not codings:
        return {}
    one = _named(codings)
    return {"example": [{"label": one.display, element: {"coding": [_coding(one)]}}]}


def value_sets(words: PetWords) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """The value sets of the profile by name: the title, and what each includes."""
    return {
        _KINDS: ("Standardized uptake values", _included(words.kinds)),
        _DERIVATIONS: ("Which value of a region was taken", _included(words.derivations)),
        _TRACERS: ("Tracers of breast-cancer PET", _included(words.tracers)),
    }


def _included(codings: Iterable[Coding]) -> list[dict[str, Any]]:
    """The codes of each system, in the order of the books."""
    by_system: dict[str, list[dict[str, str]]] = {}
    for one in codings:
        by_system.setdefault(one.system, []).append({"code": one.code} | ({"display": one.display} if one.display else {}))
    return [{"system": system, "concept": concepts} for system, concepts in by_system.items()]


def _coding(one: Coding) -> dict[str, str]:
    return {name: part for name, part in one._asdict().items() if part}
