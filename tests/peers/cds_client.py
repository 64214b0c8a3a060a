"""A clinical record that calls CDS services: requests with our synthetic patients, and HL7's own description of what may come back.

The elements with their cardinalities and types are those of the logical models CDSHooksServices and CDSHooksResponse
(HL7/cds-hooks, input/resources, ballot of 3.0, which adds nothing that 2.0 forbids to cards); the limits on text are those of the
tables of CDS Hooks 2.0.1. The checker knows nothing of the adapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

from tests.peers.running import ROOT

Json = dict[str, Any]

SERVICES = """
services 0..* element
services.hook 1..1 string
services.title 0..1 string
services.id 1..1 code
services.description 1..1 string
services.usageRequirements 0..1 string
services.prefetch 0..1 map
"""

RESPONSE = """
cards 0..* element
cards.uuid 0..1 uuid
cards.summary 1..1 summary
cards.detail 0..1 markdown
cards.indicator 1..1 indicator
cards.source 1..1 element
cards.source.label 1..1 string
cards.source.url 0..1 url
cards.source.icon 0..1 url
cards.source.topic 0..1 coding
cards.source.topic.system 1..1 string
cards.source.topic.code 1..1 string
cards.source.topic.display 0..1 string
cards.suggestions 0..* element
cards.selectionBehavior 0..1 code
cards.overrideReasons 0..* coding
cards.overrideReasons.system 1..1 string
cards.overrideReasons.code 1..1 string
cards.overrideReasons.display 1..1 string
cards.links 0..* element
cards.links.label 1..1 string
cards.links.url 1..1 url
cards.links.type 1..1 link-type
cards.links.appContext 0..1 string
cards.links.autolaunchable 0..1 boolean
systemActions 0..* element
"""

_OBJECTS = {"element", "coding", "map"}
_MAY_BE_EMPTY = {"cards", "services"}
_URL = re.compile(r"https?://[^\s/]+/\S*")


def faults(said: Any, model: str) -> list[str]:  # noqa: ANN401 - whatever came.
    """Everything in a response that HL7's description does not allow; empty where all is well."""
    rows = {path: (often, kind) for path, often, kind in (line.split() for line in model.strip().splitlines())}
    return list(_object(said, "", rows))


def _object(said: Any, path: str, rows: Mapping[str, tuple[str, str]]) -> Iterator[str]:  # noqa: ANN401
    if not isinstance(said, dict) or (path and not said):
        yield f"{path} is no object, or an empty one"
        return
    known = {row.rpartition(".")[2]: row for row in rows if row.rpartition(".")[0] == path}
    yield from (f"{path}.{name} is not in the model" for name in said.keys() - known.keys())
    yield from (f"{row} is missing" for name, row in known.items() if rows[row][0].startswith("1") and name not in said)
    for name, row in known.items():
        if name in said:
            yield from _element(said[name], row, rows)


def _element(value: Any, row: str, rows: Mapping[str, tuple[str, str]]) -> Iterator[str]:  # noqa: ANN401
    often, kind = rows[row]
    if often.endswith("*"):
        if not isinstance(value, list) or (not value and row not in _MAY_BE_EMPTY):
            yield f"{row} is no list, or an empty one"
            return
        for one in value:
            yield from _one(one, row, kind, rows)
    else:
        yield from _one(value, row, kind, rows)


def _one(value: Any, row: str, kind: str, rows: Mapping[str, tuple[str, str]]) -> Iterator[str]:  # noqa: ANN401
    if kind == "map":
        if not isinstance(value, dict) or not value or not all(isinstance(one, str) and one for one in value.values()):
            yield f"{row} maps no keys to queries"
    elif kind in _OBJECTS:
        yield from _object(value, row, rows)
    elif not _fits(value, kind):
        yield f"{row} is no {kind}: {value!r}"


def _fits(value: Any, kind: str) -> bool:  # noqa: ANN401
    if kind == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str) or not value:
        return False
    match kind:
        case "summary":
            return len(value) < 140
        case "indicator":
            return value in ("info", "warning", "critical")
        case "link-type":
            return value in ("absolute", "smart")
        case "url":
            return _URL.fullmatch(value) is not None
        case "uuid":
            return str(UUID(value)) == value
    return True


def nothings(said: Any, path: str = "") -> list[str]:  # noqa: ANN401
    """Every null, empty text, list or object in a response, by its path (section Use of JSON)."""
    if said in (None, "", [], {}):
        return [path]
    inner = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    return [found for name, value in inner for found in nothings(value, f"{path}.{name}")]


def resources(scenario: str) -> list[Json]:
    """The resources of one of our synthetic patients."""
    sent = json.loads((ROOT / "fixtures" / scenario / "input.json").read_text(encoding="utf-8"))
    return [entry["resource"] for entry in sent["entry"] if "resource" in entry]


def searchset(found: list[Json], **more: object) -> Json:
    """The answer to a search, as R4 writes it."""
    entries = [{"resource": one, "search": {"mode": "match"}} for one in found]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries, **more}


def prefetched(templates: Mapping[str, str], found: list[Json]) -> Json:
    """What a client sends that carries out every template on these resources."""
    return {key: _answer(template, found) for key, template in templates.items()}


def _answer(template: str, found: list[Json]) -> Json | None:
    kind = re.split(r"[/?]", template)[0]
    mine = [one for one in found if one["resourceType"] == kind]
    if "?" in template:
        return searchset(mine)
    return mine[0] if mine else None


def call(templates: Mapping[str, str], scenario: str = "luminal-b-like-stage-iib", **changes: object) -> Json:
    """A whole call of patient-view with everything prefetched."""
    found = resources(scenario)
    patient = next(one["id"] for one in found if one["resourceType"] == "Patient")
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/example", "patientId": patient},
        "prefetch": prefetched(templates, found),
    } | changes


def order_call(templates: Mapping[str, str], scenario: str, *drugs: Json) -> Json:
    """A whole call of order-select: each drug is a MedicationRequest, and all of them were just selected."""
    asked = call(templates, scenario, hook="order-select")
    patient = {"reference": f"Patient/{asked['context']['patientId']}"}
    drafts = [
        {"resourceType": "MedicationRequest", "id": f"draft-{n}", "status": "draft", "intent": "order", "subject": patient, **drug}
        for n, drug in enumerate(drugs)
    ]
    selections = [f"MedicationRequest/{one['id']}" for one in drafts]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in drafts]}
    return asked | {"context": asked["context"] | {"selections": selections, "draftOrders": bundle}}
