"""The door to fhir.resources: what it refuses, what we add, and that no value of a patient stands in a problem."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.fhir.models import check

CODE = {"coding": [{"system": "http://loinc.org", "code": "16112-5"}]}
BINDINGS = {"observation-status": frozenset({"final"}), "diagnostic-report-status": frozenset({"final", "appended"})}


def problems(kind: str = "Observation", **changes: object) -> list[str]:
    resource = {"resourceType": kind, "status": "final", "code": CODE} | changes
    return check(json.dumps(resource).encode(), kind, bindings=BINDINGS)


def test_a_valid_observation_has_no_problem() -> None:
    assert problems(valueString="positive") == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"status": "secret"}, "Observation.status"),
        ({"effectiveDateTime": "secret"}, "Observation.effectiveDateTime"),
        ({"valueQuantity": {"value": "secret"}}, "Observation.valueQuantity.value"),
        ({"component": [{"valueString": "secret"}]}, "Observation.component[0].code"),
        ({"valueString": "secret", "valueInteger": 3}, "Observation"),
        ({"valueString": "secret", "dataAbsentReason": {"text": "secret"}}, "Observation.dataAbsentReason"),
        ({"valueString": "secret", "component": [{"code": CODE}]}, "Observation.component[0].code"),
    ],
)
def test_a_problem_names_the_path_and_never_the_value(changes: dict[str, Any], path: str) -> None:
    (problem,) = problems(**changes)
    assert problem.startswith(f"{path}: ")
    assert "secret" not in problem


def test_obs_7_allows_the_same_code_where_there_is_no_value() -> None:
    assert problems(component=[{"code": CODE, "valueString": "x"}]) == []


def test_each_type_has_its_own_list_of_statuses() -> None:
    assert problems("DiagnosticReport", status="appended") == []
    assert problems("Observation", status="appended") == ["Observation.status: not one of final"]


def test_without_lists_the_status_is_not_checked() -> None:
    assert check(json.dumps({"resourceType": "Observation", "status": "x", "code": CODE}).encode(), "Observation") == []


@pytest.mark.parametrize("resource", [b"{", b"[]", b'{"resourceType":"Patient"}', b'{"resourceType":"Observation","code":"x"}'])
def test_what_is_not_such_a_resource_is_a_problem_and_no_exception(resource: bytes) -> None:
    assert check(resource, "Observation")


@pytest.mark.parametrize(
    "odd",
    [
        {"_status": "secret"},
        {"_status": 7},
        {"component": None},
        {"component": [{"code": None, "valueString": "x"}], "valueString": "x"},
        {"code": {"coding": None}, "valueString": "x", "component": [{"code": CODE}]},
        {"code": "{}", "valueString": "x"},
        {"extension": "secret"},
    ],
)
def test_no_shape_makes_the_check_itself_fail(odd: dict[str, Any]) -> None:
    assert all("secret" not in problem for problem in problems(**odd))


def test_an_element_that_the_package_stumbles_over_is_a_problem() -> None:
    """fhir.resources raises an AttributeError of its own where text that is JSON, but no object, extends a primitive."""
    assert problems(_status="7") == ["Observation: an element has a shape that fhir.resources cannot read"]
