"""SMART scopes, v1 and v2, and what they allow of our operations (C4). Expected values come from SMART App Launch 2.2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapter.web.scopes import OPERATIONS, Scope, granted, needed, scope_of


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("patient/Observation.rs", ("patient", "Observation", "rs")),
        ("user/*.cruds", ("user", "*", "cruds")),
        ("system/Observation.c", ("system", "Observation", "c")),
        ("system/*.cud", ("system", "*", "cud")),
        ("patient/Observation.read", ("patient", "Observation", "rs")),
        ("patient/Observation.write", ("patient", "Observation", "cud")),
        ("patient/Observation.*", ("patient", "Observation", "cruds")),
        ("user/*.*", ("user", "*", "cruds")),
    ],
)
def test_c4_scopes_of_both_versions_are_read(text: str, scope: tuple[str, str, str]) -> None:
    """C4: v1 `.read` = `.rs`, `.write` = `.cud`, `.*` = `.cruds`."""
    assert scope_of(text) == Scope(*scope)


@pytest.mark.parametrize(
    "text",
    [
        "openid",
        "fhirUser",
        "launch/patient",
        "offline_access",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/Observation",
        "patient/Observation.rsx",
        "patient/Observation.readx",
        "Patient/Observation.rs",
        "patient/observation.rs",
        "patient/.rs",
        "patient/*/x.rs",
        "practitioner/Observation.rs",
        " patient/Observation.rs",
        "patient/Observation.rs\n",
        "",
    ],
)
def test_c4_any_other_word_gives_no_right(text: str) -> None:
    """C4: letters in order; `.dus` may be rejected."""
    assert scope_of(text) is None


def test_c4_a_scope_that_a_query_narrows_allows_nothing_here() -> None:
    """C4: `[?param=value]`. An operation draws on the whole record, so a part of it is not enough."""
    narrowed = "system/*.cruds?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

    assert scope_of(narrowed) is None
    assert not any(granted(name, [narrowed]).allowed for name in OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("level", ["patient", "user", "system"])
def test_c4_exactly_the_scopes_that_are_asked_for_are_enough(operation: str, level: str) -> None:
    words = needed(operation, level).split()

    assert granted(operation, words).allowed
    for left_out in words:
        assert not granted(operation, [word for word in words if word != left_out]).allowed


@pytest.mark.parametrize("operation", OPERATIONS)
def test_c4_each_letter_counts(operation: str) -> None:
    for kind, letters in OPERATIONS[operation].needs.items():
        for letter in letters:
            rest = "".join(one for one in letters if one != letter)
            others = [f"system/{name}.{needs}" for name, needs in OPERATIONS[operation].needs.items() if name != kind]
            assert not granted(operation, [*others, *([f"system/{kind}.{rest}"] if rest else [])]).allowed


def test_reading_never_allows_writing() -> None:
    assert granted("interpret-patient", ["system/*.rs"]).allowed
    assert not granted("interpret-and-write", ["system/*.rs"]).allowed
    assert granted("interpret-and-write", ["system/*.cruds"]).allowed
    assert not granted("job-cancel", ["system/*.read"]).allowed


def test_whom_each_level_reaches() -> None:
    """Ours: we fetch in our own name, so a user's scope reaches only the patient in context there."""
    assert not granted("interpret-patient", ["system/*.rs"]).only_patient
    assert granted("interpret-patient", ["user/*.rs"]).only_patient
    assert granted("interpret-patient", ["patient/*.rs"]).only_patient
    assert not granted("interpret", ["user/*.rs"]).only_patient
    assert granted("interpret", ["patient/*.rs"]).only_patient
    assert granted(
        "interpret-patient", ["patient/Patient.r", "system/Condition.rs", "user/Observation.rs", "user/DiagnosticReport.rs"]
    ).only_patient
    assert not granted("interpret", ["patient/*.rs", "system/*.rs"]).only_patient


def test_every_operation_that_a_route_needs_is_in_the_table(root: Path) -> None:
    named = {found for path in (root / "adapter/web").rglob("*.py") for found in re.findall(r'bearer\("([a-z-]+)"\)', path.read_text())}

    assert named == OPERATIONS.keys()


def test_every_operation_stands_in_security_md(root: Path) -> None:
    words = (root / "SECURITY.md").read_text(encoding="utf-8")

    assert [name for name in OPERATIONS if not re.search(f"\\| `{name}` \\|.*\\| `{re.escape(needed(name))}` \\|", words)] == []
