"""Is what was sent about the patient in context? Asked only of a token whose scopes are for this patient: C4.

Such a caller may post a Bundle only if it is about the patient in context and nobody else: each Patient in it has that id, and each subject
is that patient by `Patient/[id]`, by an address on a server of the site, or by the fullUrl of that Patient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import NoReturn

import msgspec
from flask import g

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal
from adapter.web.desk import desk
from adapter.web.guard import caller

_OTHER_TYPE = re.compile(r"(?:.*/)?(?:Group|Device|Location)/[A-Za-z0-9.-]{1,64}(?:/_history/.*)?")


def hold_to(reference: str) -> None:
    """Let a caller go on only if this reference is to the patient in context, or the token is for every patient."""
    g.subject = reference
    if caller().only_patient and reference not in _names(caller().patient):
        not_this_patient()


def hold_body(body: bytes) -> None:
    """The same for everything that a body is about; one that names nobody is refused where an interpretation is asked for."""
    if not caller().only_patient:
        return
    try:
        found = [one for line in _values(body) for one in _people(line)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Whoever reads the body says what is wrong with it; nothing of it is answered.
        return
    names = _names(caller().patient)
    aliases = {url for kind, url, name in found if kind == "patient" and url and name in names}
    for kind, url, name in found:
        if name not in names and not (kind == "subject" and name in aliases):
            not_this_patient()
        if kind == "patient" and url and "/Patient/" in url and url not in names:
            not_this_patient()
    if not found and g.get("operation") == "interpret":
        not_this_patient()


def not_this_patient() -> NoReturn:
    """Refuse what is about another patient than the one in context; the answer does not tell whether there is such a patient."""
    text = "the token is for the patient in context, and this names another one or does not say whom it is about"
    raise Refusal(HTTPStatus.FORBIDDEN, (Issue(code="not-this-patient", severity=Severity.ERROR, text=text),))


def _names(patient: str) -> frozenset[str]:
    """How the patient in context may be written."""
    settings = desk().settings
    return frozenset({f"Patient/{patient}", *(f"{base}/Patient/{patient}" for base in (*settings.fhir_servers, settings.audience) if base)})


def _values(body: bytes) -> Iterable[object]:
    """One JSON value, or those of NDJSON."""
    try:
        return [msgspec.json.decode(body)]
    except msgspec.DecodeError:
        return [msgspec.json.decode(line) for line in body.splitlines() if line.strip()]


def _people(value: object, url: str = "") -> Iterator[tuple[str, str, str]]:
    """Every Patient (with its fullUrl and name) and every subject (with its reference) in a JSON value, however deep."""
    if isinstance(value, list):
        for one in value:
            yield from _people(one)
    if not isinstance(value, dict):
        return
    if value.get("resourceType") == "Patient":
        yield "patient", url, f"Patient/{value.get('id', '')}"
    for name, one in value.items():
        if name in ("subject", "patient") and (subject := _subject(one)):
            yield "subject", "", subject
        yield from _people(one, str(value.get("fullUrl", "")) if name == "resource" else "")


def _subject(value: object) -> str:
    """The reference of a subject; a word that is nobody's name where only an identifier is given, nothing for a Group or a Device."""
    if not isinstance(value, dict):
        return ""
    reference = value.get("reference")
    if not isinstance(reference, str):
        return "somebody" if value else ""
    return "" if _OTHER_TYPE.fullmatch(reference) else reference.partition("/_history/")[0]
