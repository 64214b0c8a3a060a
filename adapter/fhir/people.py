"""Who is the one patient of a request? None, or more than one, cannot be answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from adapter.facts.case import Issue, Place
from adapter.facts.statements import SentPatient
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received
from adapter.fhir.dates import day_of
from adapter.fhir.outcome import Refusal


class People(NamedTuple):
    """The patient, and the resources whose subject is no person (R4 allows a Group, Device or Location)."""

    patient: SentPatient
    without_person: frozenset[str]


def people(arrived: Arrived) -> People:
    """The one patient; raises Refusal for none or for several."""
    patients = arrived.of(wire.Patient)
    holders = _holders(patients)
    names = {_canonical(one, holders) for one in patients}
    without_person = set()
    for subject, about in _by_subject(arrived.received).values():
        name = _subject(arrived, subject, about[0], holders)
        if name is None:
            without_person |= {one.reference for one in about}
        elif name:
            names.add(name)
    if not names:
        raise _refusal("no-patient", "no patient: send one Patient resource, or a subject reference on every resource")
    if len(names) > 1:
        raise _refusal("several-patients", f"{len(names)} patients in one request; send one Bundle for each patient")
    return People(_patient(arrived, names.pop(), patients), frozenset(without_person))


def lasting_name(identifiers: Iterable[wire.Identifier]) -> str:
    """The first identifier that has a value."""
    return next((f"{one.system}|{one.value}" for one in identifiers if one.value), "")


def _holders(patients: Iterable[Received]) -> dict[str, str]:
    """Which Patient an identifier names; one that stands by itself before one that is contained."""
    holders: dict[str, str] = {}
    for one in sorted(patients, key=lambda one: one.outer is not None):
        for name in _identifiers(one):
            holders.setdefault(name, one.reference)
    return holders


def _identifiers(one: Received) -> list[str]:
    return [f"{identifier.system}|{identifier.value}" for identifier in getattr(one.resource, "identifier", ()) if identifier.value]


def _canonical(one: Received, holders: Mapping[str, str]) -> str:
    """The name of a Patient; copies contained in several resources are one person when they share an identifier."""
    if one.outer is None:
        return one.reference
    return next((holders[name] for name in _identifiers(one) if name in holders), one.reference)


def _by_subject(received: Iterable[Received]) -> dict[tuple[wire.Reference, str | Received | None], tuple[wire.Reference, list[Received]]]:
    """The resources with one subject together, so that a chart asks once who that is: the same words, said from the same place."""
    groups: dict[tuple[wire.Reference, str | Received | None], tuple[wire.Reference, list[Received]]] = {}
    for one in received:
        subject = one.resource.subject
        if subject is not None:
            holder = one.outer or one
            said = (subject, holder if subject.reference.startswith("#") else holder.server)
            group = groups.get(said)
            if group is None:
                groups[said] = (subject, [one])
            else:
                group[1].append(one)
    return groups


def _subject(arrived: Arrived, subject: wire.Reference, one: Received, holders: Mapping[str, str]) -> str | None:
    """The person a subject is: empty when it names nobody, None when it is no person."""
    if not subject.reference:
        named = lasting_name([subject.identifier] if subject.identifier else [])
        return holders.get(named, named)
    found = arrived.find(subject.reference, one)
    if found is not None:
        return _canonical(found, holders) if isinstance(found.resource, wire.Patient) else None
    return subject.reference if arrived.type_of(subject.reference, one) in ("", "Patient") else None


def _patient(arrived: Arrived, name: str, patients: Iterable[Received]) -> SentPatient:
    one = next((one for one in patients if one.reference == name), None)
    if one is None or not isinstance(one.resource, wire.Patient):
        is_identifier = "|" in name
        return SentPatient(reference=name.partition("|")[2] if is_identifier else name, key=name)
    identifier = lasting_name(one.resource.identifier)
    is_lasting = bool(one.resource.id) and one.outer is None and not one.shares_id
    # A contained Patient has no address of its own: an answer can only point at it in words.
    reference = one.reference if one.outer is None else (identifier.partition("|")[2] or "the patient")
    return SentPatient(
        reference=reference,
        key=one.resource.id if is_lasting else (identifier or one.reference),
        birth_date=day_of(arrived, one.resource.birth_date, one, "birthDate"),
        sex=one.resource.gender,
    )


def _refusal(code: str, text: str) -> Refusal:
    return Refusal(422, [Issue(code=code, severity=Severity.ERROR, text=text, place=Place(reference="", path="Bundle.entry"))])
