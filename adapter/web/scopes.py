"""Which SMART scopes allow which of our operations? SMART App Launch 2.2, scopes v1 and v2: C4.

SMART defines no scope for operations of one's own, so the table below is ours. It follows what an operation lets a caller learn or change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Letters stand in this order; `.dus` or `.sr` is no scope. A query narrows a scope to some resources.
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(\?.*)?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}


class Operation(NamedTuple):
    """What an operation is, and the rights that it takes: letters for each type of resource. All of them are needed."""

    says: str
    needs: Mapping[str, str]
    # Whether it tells of a patient whom the caller only names, so that the rights have to cover this patient.
    fetches: bool = False


_READ = {"Patient": "r", "Condition": "rs", "DiagnosticReport": "rs", "Observation": "rs"}
_WRITE = {"Patient": "r", "Condition": "rs", "DiagnosticReport": "crus", "Observation": "crus", "Provenance": "c"}

OPERATIONS: dict[str, Operation] = {
    "stage": Operation("$stage-breast-cancer: primitives in, a stage out; no patient", {"Observation": "r"}),
    "interpret": Operation("$interpret-breast-cancer on a Bundle that the caller has", {"Observation": "r", "DiagnosticReport": "r"}),
    "interpret-patient": Operation("Patient/[id]/$interpret-breast-cancer: fetches the patient", _READ, fetches=True),
    "interpret-and-write": Operation("Patient/[id]/$interpret-and-write: fetches and writes", _WRITE, fetches=True),
    "job-status": Operation("GET jobs/[id]: how a write went", _READ, fetches=True),
    "job-cancel": Operation("DELETE jobs/[id]: take a write back", _WRITE, fetches=True),
}


class Scope(NamedTuple):
    """One scope: whose data, which type, and the letters of what may be done."""

    level: str
    kind: str
    letters: str


class Grant(NamedTuple):
    """What a set of scopes allows an operation: nothing, the patient in context only, or every patient."""

    allowed: bool
    only_patient: bool = True


def scope_of(text: str) -> Scope | None:
    """The scope as v2 writes it; None for any other word, such as openid, and for one that a query narrows.

    A narrowed scope allows part of a type. An operation here draws on a whole record, so such a scope cannot allow it.
    """
    found = _SCOPE.fullmatch(text)
    if found is None or found.group(4):
        return None
    level, kind, letters, _ = found.groups()
    return Scope(level, kind, _V1.get(letters, letters))


def granted(operation: str, scopes: Iterable[str]) -> Grant:
    """What these scopes allow this operation. A `user/` scope counts for what a caller brings; whom a user may see else, only the FHIR
    server knows, and we ask it in our own name. So it opens the patient in context and no other."""
    wanted = OPERATIONS[operation]
    known = [scope for text in scopes if (scope := scope_of(text)) is not None]
    wide = {"system"} if wanted.fetches else {"system", "user"}
    if _covers(wanted, [scope for scope in known if scope.level in wide]):
        return Grant(allowed=True, only_patient=False)
    return Grant(allowed=_covers(wanted, known))


def needed(operation: str, level: str = "patient") -> str:
    """The smallest scopes that allow an operation, as a caller may ask for them."""
    return " ".join(f"{level}/{kind}.{letters}" for kind, letters in OPERATIONS[operation].needs.items())


def _covers(wanted: Operation, scopes: list[Scope]) -> bool:
    return all(
        set(letters) <= {letter for scope in scopes if scope.kind in (kind, "*") for letter in scope.letters}
        for kind, letters in wanted.needs.items()
    )
