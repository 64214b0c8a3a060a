"""Resources as a sender would write them, for tests that say what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Fact
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request, interpret

Resource = dict[str, Any]

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
PATIENT: Resource = {"resourceType": "Patient", "id": "p"}
ABOUT = {"reference": "Patient/p"}

_SAID = {"value", "kind", "flags", "possible", "missing", "because"}

# The codes that the tests ask by.
ER_PERCENT, ER_STATUS, PR_STATUS, KI67 = "85329-1", "85337-4", "85339-0", "85330-9"
HER2_IHC, HER2_STATUS, HER2_RATIO, HER2_COPIES = "85319-2", "48676-1", "49683-6", "74860-8"
GRADE, SIZE, MACROMETASTASES = "44648-4", "21889-1", "85343-2"
CLINICAL_T, PATHOLOGICAL_T, CLINICAL_N, CLINICAL_M, STAGE = "21905-5", "21899-0", "21906-3", "21907-1", "21908-9"
BREAST_CANCER = "254837009"
BREAST, LEFT_BREAST, RIGHT_BREAST, LEFT, RIGHT = "76752008", "80248007", "73056007", "7771000", "24028007"
POSITIVE, NEGATIVE = "LA6576-8", "LA6577-6"


def concept(*codes: str, system: str = LOINC, display: str = "", text: str = "") -> Resource:
    """A CodeableConcept with these codes of one system."""
    codings = [{"system": system, "code": code} | ({"display": display} if display else {}) for code in codes]
    return {"coding": codings} | ({"text": text} if text else {})


def snomed(code: str, display: str = "") -> Resource:
    return concept(code, system=SNOMED, display=display)


def observation(code: str | Resource, value: Resource | None = None, *, name: str = "o", **more: object) -> Resource:
    """A final Observation of the one patient."""
    asked = concept(code) if isinstance(code, str) else code
    return {"resourceType": "Observation", "id": name, "status": "final", "subject": ABOUT, "code": asked, **(value or {}), **more}


def percent(value: float | str, **more: object) -> Resource:
    return {"valueQuantity": {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%", **more}}


def text(value: str) -> Resource:
    return {"valueString": value}


def coded(*codes: str, system: str = LOINC, display: str = "") -> Resource:
    return {"valueCodeableConcept": concept(*codes, system=system, display=display)}


def condition(name: str = "c", *, code: str = BREAST_CANCER, side: str | None = None, **more: object) -> Resource:
    """A Condition of the one patient; breast cancer unless another code is given."""
    site = {"bodySite": [snomed(side)]} if side else {}
    return {"resourceType": "Condition", "id": name, "subject": ABOUT, "code": snomed(code), **site, **more}


def specimen(name: str = "s", *, site: str | None = None, day: str | None = None) -> Resource:
    collection = ({"bodySite": snomed(site)} if site else {}) | ({"collectedDateTime": day} if day else {})
    return {"resourceType": "Specimen", "id": name, "subject": ABOUT} | ({"collection": collection} if collection else {})


def reference(name: str) -> Resource:
    return {"reference": name}


def entry(resource: object, url: str = "") -> Resource:
    return {"resource": resource} | ({"fullUrl": url} if url else {})


def bundle(*resources: object, patient: Resource | None = PATIENT) -> bytes:
    """A Bundle of these resources with the one patient; an entry of `entry()` keeps its fullUrl."""
    everything = [*([patient] if patient else []), *resources]
    return bundle_of(one if isinstance(one, dict) and "resource" in one else entry(one) for one in everything)


def bundle_of(entries: Iterable[object]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": list(entries)}).encode()


def ask(books: Knowledge, *parts: bytes, trusted: bool = False) -> Reply:
    return interpret(parts, books, Request(issued=ISSUED, trusted=trusted))


def facts(reply: Reply) -> list[Fact]:
    return [fact for case in reply.cases for fact in case.facts]


def shown(reply: Reply) -> dict[str, str]:
    """Each fact word with its value as a person reads it; several values of one word stand side by side."""
    found: dict[str, str] = {}
    for fact in facts(reply):
        found[fact.word] = f"{found[fact.word]}, {fact.shown}" if fact.word in found else fact.shown
    return found


def codes(reply: Reply) -> list[str]:
    """The codes of the issues that matter: what no rule happens to use is left out."""
    return [issue.code for issue in reply.issues if issue.code not in ("not-used-by-a-rule", "not-relevant")]


def values(reply: Reply) -> dict[str, str]:
    """The answers that have a value, by kind."""
    return {answer.about.result: answer.value for answer in all_answers(reply) if isinstance(answer, Determined)}


def all_answers(reply: Reply) -> Sequence[Answer]:
    return [answer for _, answers in reply.answers for answer in answers]


def outcome(reply: Reply) -> list[tuple[str, ...]]:
    """Everything that was answered, in an order of its own, to compare two replies by."""
    return sorted(
        (
            case.key,
            str(case.side),
            str(answer.about),
            str([getattr(answer, name, None) for name in ("value", "kind", "flags", "possible", "because")]),
        )
        for case, answers in reply.answers
        for answer in answers
    )


def identifiers(reply: Reply) -> set[str]:
    """The lasting identifiers of every result that was written."""
    written = [one["resource"] for one in json.loads(reply.bundle)["entry"]]
    return {one["identifier"][0]["value"] for one in written if one["resourceType"] == "Observation"}
