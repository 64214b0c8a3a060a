"""Which published indications concern the drugs of an order? Each with its conditions, for each cancer of the patient; never what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from adapter.facts.case import Case, Issue, Place
from adapter.facts.frozen import Plain
from adapter.facts.standing import Standing
from adapter.facts.statements import Coded
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received, without_version
from adapter.fhir.bundle import arrived
from adapter.fhir.outcome import Refusal
from adapter.fhir.tracer_sources import drugs_of as concepts_of
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request
from adapter.rules.decide import decided
from adapter.rules.hints import standings
from adapter.rules.operators import Chosen
from adapter.terminology.drugs import Drugs, drugs_of


class Order(NamedTuple):
    """What a clinician is ordering: for whom, the Bundle of drafts, and which of them were just selected."""

    patient: str
    drafts: bytes
    selections: Sequence[str]


class _Printed(msgspec.Struct, frozen=True):
    display: str = ""


class _Shown(msgspec.Struct, frozen=True, rename="camel"):
    """What an order prints for the Medication that it points at."""

    medication_reference: _Printed = _Printed()


class Concerned(Plain, frozen=True, kw_only=True):
    """One cancer, one drug of the order, and every indication that is about it."""

    case: Case
    drug: str
    standings: tuple[Standing, ...]


class Ordered(Plain, frozen=True, kw_only=True):
    """The drugs that were just selected, and an issue for each order whose drug cannot be told."""

    drugs: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def is_idle(self) -> bool:
        """Whether every selected order can be read and none is for a drug against this cancer."""
        return not self.drugs and not self.issues

    def check(self) -> None:
        """Refuse with 412 where no selected order shows its drug."""
        if self.issues and not self.drugs:
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, self.issues)


def ordered(order: Order, parts: Sequence[bytes], books: Knowledge, max_entries: int) -> Ordered:
    """The drugs of the selected orders; `parts` are where a Medication may stand that a draft points at.

    A Refusal where the drafts are broken or of another patient.
    """
    drafts = arrived((order.drafts,), max_entries)
    names = _selected(order.selections, drafts)
    found = arrived((order.drafts, *parts), max_entries)
    drugs: list[str] = []
    issues = [issue for issue in drafts.issues if issue.severity is Severity.ERROR]
    for one in found.received:
        if one.name in names and isinstance(one.resource, wire.MedicationRequest):
            _check_subject(one, one.resource, order.patient)
            concepts = _concepts(one, one.resource, found)
            named = drugs_of(concepts, books)
            drugs += named.words
            issues += _issues(one, concepts, named)
    return Ordered(drugs=tuple(dict.fromkeys(drugs)), issues=tuple(issues))


def concerned(drugs: Collection[str], reply: Reply, books: Knowledge, request: Request) -> list[Concerned]:
    """Each drug with the indications that are about it, as they stand for each cancer; drugs without any are left out."""
    chosen = Chosen(books, request.schemes, request.prognostic_tables, request.issued.date().isoformat())
    return [
        Concerned(case=case, drug=drug, standings=tuple(found))
        for case in reply.cases
        for drug in drugs
        if (found := _standings(drug, case, reply.cases, chosen))
    ]


def _standings(drug: str, case: Case, cases: Sequence[Case], chosen: Chosen) -> list[Standing]:
    _, situation = decided(case, chosen, others=[other for other in cases if other is not case])
    return standings([drug], situation, chosen)


def _selected(selections: Sequence[str], drafts: Arrived) -> set[str]:
    """The `Type/id` of each selected order, however it is named; one that is not among the drafts refuses the request."""
    known = {one.name: one.name for one in drafts.received} | {name: name for name in drafts.other_names}
    short = {name.rpartition("/")[2]: name for name in known}
    found = {name: known.get(name) or short.get(name.removeprefix("urn:uuid:").rpartition("/")[2]) for name in selections}
    missing = sum(name is None for name in found.values())
    if missing:
        text = f"{missing} of context.selections are not in context.draftOrders; send every selected order there"
        place = Place(reference="", path="context.selections")
        raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code="member-not-sent", severity=Severity.ERROR, text=text, place=place),))
    return {name for name in found.values() if name}


def _check_subject(one: Received, order: wire.MedicationRequest, patient: str) -> None:
    subject = order.subject.reference if order.subject else ""
    if subject and without_version(subject).rpartition("/")[2].removeprefix("urn:uuid:") != patient:
        text = "the selected order is for another patient than context.patientId"
        raise Refusal(HTTPStatus.BAD_REQUEST, (Issue(code="not-this-patient", severity=Severity.ERROR, text=text, place=one.place),))


def _concepts(one: Received, order: wire.MedicationRequest, found: Arrived) -> tuple[Coded, ...]:
    """What names the drug: its codes, else what the order prints for the Medication that it points at."""
    concepts = concepts_of(found, one, order)
    if concepts:
        return concepts
    shown = msgspec.json.decode(found.bytes_of(one), type=_Shown).medication_reference.display
    return (Coded(text=shown),) if shown else ()


def _issues(one: Received, concepts: Sequence[Coded], named: Drugs) -> Iterator[Issue]:
    # A drug that is not on our list is no drug against this cancer, and nothing to speak of.
    if named.code and named.code != "unmapped-code":
        text = f"the drug of the selected order cannot be told: {named.because}"
        yield Issue(code=named.code, severity=Severity.WARNING, text=text, place=one.place)
    if not concepts:
        text = "the selected order does not show its drug; send its code, or the Medication that it points at"
        yield Issue(code="data-not-had", severity=Severity.WARNING, text=text, place=one.place)
