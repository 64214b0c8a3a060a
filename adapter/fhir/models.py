"""The one door to fhir.resources: is what was sent valid FHIR R4?

fhir.resources has no R4 package; its R4B package may read R4, because R4B changed other resources than these. For the types that we
read (Observation, DiagnosticReport, Condition, Specimen, Procedure, MedicationRequest, MedicationStatement, MedicationAdministration,
ImagingStudy, BodyStructure, Patient, Bundle, Parameters, Encounter) the elements at the top, their cardinality and their reference
targets were compared by program with the R4 4.0.1 definitions: the one difference is that `subject` of Observation and
DiagnosticReport may also be a Practitioner, Organization, Procedure, Medication or Substance in R4B. Our reader answers about a Patient.

What the package does not check is checked here: the required lists of `status`, and the invariants obs-6 and obs-7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

# The required binding of `status` by resource type: the name of its list in mappings/outputs/bindings.csv.
STATUS_BINDINGS = {"Observation": "observation-status", "DiagnosticReport": "diagnostic-report-status"}

# What the code of fhir.resources itself raises when an element is of another type than it took for granted; no message of it is repeated.
_STUMBLES = (AttributeError, KeyError, TypeError)


def check(resource: bytes, kind: str, *, bindings: Mapping[str, frozenset[str]] | None = None) -> list[str]:
    """What is wrong with one resource of this type, with the path of each fault and none of its values; empty when it is valid.

    Without `bindings` (Outputs.bindings) the lists of `status` are not checked.
    """
    try:
        content = msgspec.json.decode(resource)
    except msgspec.DecodeError as error:
        return [f"{kind}: the JSON is broken: {error}"]
    if not isinstance(content, dict) or content.get("resourceType") != kind:
        return [f"{kind}: resourceType is not {kind}"]
    faults = list(_faults(resource, kind))
    return faults or [*_status_faults(content, kind, bindings or {}), *_observation_faults(content, kind)]


@cache
def _model(kind: str) -> type[BaseModel]:
    """The class of a resource type, imported when it is first needed: the package takes a noticeable time to load.

    The reader knows which types it reads, so a name that R4B lacks is a mistake in our code and its ValueError is let through.
    """
    model: type[BaseModel] = import_module("fhir.resources.R4B").get_fhir_model_class(kind)
    return model


def _faults(resource: bytes, kind: str) -> Iterator[str]:
    try:
        _model(kind).model_validate_json(resource)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False, include_context=False):
            yield f"{_path(kind, fault['loc'])}: {fault['msg']}"
    except _STUMBLES:
        yield f"{kind}: an element has a shape that fhir.resources cannot read"


def _path(kind: str, location: tuple[int | str, ...]) -> str:
    return kind + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _status_faults(content: dict[str, Any], kind: str, bindings: Mapping[str, frozenset[str]]) -> Iterator[str]:
    allowed = bindings.get(STATUS_BINDINGS.get(kind, ""))
    if allowed is not None and content.get("status") not in allowed:
        yield f"{kind}.status: not one of {', '.join(sorted(allowed))}"


def _observation_faults(content: dict[str, Any], kind: str) -> Iterator[str]:
    if kind != "Observation":
        return
    has_value = any(name.startswith(("value", "_value")) for name in content)
    if has_value and "dataAbsentReason" in content:
        yield "Observation.dataAbsentReason: only allowed without a value (obs-6)"
    codings = _codings(content)
    for index, component in enumerate(content.get("component") or ()):
        if has_value and any(coding in codings for coding in _codings(component)):
            yield f"Observation.component[{index}].code: the same as Observation.code, so there must be no Observation.value (obs-7)"


def _codings(coded: object) -> list[Any]:
    """The codings of what an Observation or a component asks, none where there are none: fhir.resources lets a null pass everywhere."""
    concept = coded.get("code") if isinstance(coded, dict) else None
    codings = concept.get("coding") if isinstance(concept, dict) else None
    return codings if isinstance(codings, list) else []
