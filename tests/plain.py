"""The slow and plain way to the same answers: every entry read by itself with the standard library, and nothing remembered.

What is fast in the adapter (one pass over the bytes, a short cut where no copies can be, look-ups that are made once) is not used here.
"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import msgspec

from adapter import pipeline
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, received, without_version
from adapter.fhir.bundle import _add_contained, _add_unread
from adapter.fhir.copies import leave_out_copies
from adapter.knowledge.books import Knowledge

KINDS = {kind.__name__: kind for kind in get_args(wire.Resource)}
# Tables that are made from the books alone; everything that depends on what was sent is worked out each time.
TABLES = ("systems_of", "_any_name", "_patterns", "uptake_words", "_therapies", "_indication_genes", "_tracer_topic", "_checks")


class Forgetful(dict[str, dict[object, object]]):
    """A memory that keeps nothing of what was sent."""

    def get(self, name: str, *_: object) -> dict[object, object] | None:  # type: ignore[override]
        return super().get(name) if name.endswith(TABLES) else None


class Blank(dict[str, Forgetful]):
    """For each base of code systems, a memory that keeps nothing."""

    def setdefault(self, *_: object) -> Forgetful:
        return Forgetful()


def forgetful(books: Knowledge) -> Knowledge:
    """The same books, read anew for every question."""
    plain = replace(books, outputs=books.outputs.model_copy())
    object.__setattr__(plain, "memory", Forgetful())
    plain.outputs._written = Blank()
    return plain


def interpret(content: bytes, books: Knowledge, request: pipeline.Request) -> pipeline.Reply:
    """The answer to a Bundle that was read plainly; the books are to be forgetful ones."""
    found = Arrived()
    for number, entry in enumerate(json.loads(content, parse_float=Decimal)["entry"]):
        if "resource" not in entry:
            found.tell("missing-element", Severity.WARNING, "the entry has no resource", f"Bundle.entry[{number}]")
            continue
        _add(found, entry["resource"], without_version(entry.get("fullUrl", "")), f"Bundle.entry[{number}].resource")
    leave_out_copies(found)
    found.index()
    _add_contained(found)
    found.sort()
    return pipeline.replied(found, books, request)


def _add(found: Arrived, resource: dict[str, Any], url: str, where: str) -> None:
    raw = msgspec.Raw(json.dumps(resource, default=_as_sent).encode())
    try:
        found.add(received(_read(resource), raw, where, url))
    except msgspec.ValidationError as error:
        _add_unread(found, raw, url, where, error)


def _read(resource: dict[str, Any]) -> wire.Resource:
    """A resource made of dictionaries, and not of bytes."""
    kind = KINDS.get(resource.get("resourceType", ""))
    if kind is None:
        raise msgspec.ValidationError("a type that is not read")
    contained = tuple(msgspec.Raw(json.dumps(inner, default=_as_sent).encode()) for inner in resource.get("contained", ()))
    return msgspec.convert(resource | {"contained": contained}, kind)


def _as_sent(number: object) -> float:
    """A number inside what is passed on as bytes, where no digit is compared."""
    return float(str(number))
