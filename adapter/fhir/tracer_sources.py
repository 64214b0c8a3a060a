"""What may say which tracer was given, and which drug hides its target: reports, procedures, administrations, imaging studies."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapter.facts.statements import Coded, Coding, Measured, SentImaging, Statement
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received
from adapter.fhir.dates import date_in, day_of, start_of
from adapter.fhir.imaging import Imaging
from adapter.fhir.values import coded, value_of

Medicated = wire.MedicationRequest | wire.MedicationAdministration | wire.MedicationStatement

# What was not carried out names no tracer (R4 EventStatus, DiagnosticReportStatus, ImagingStudyStatus).
_DOES_NOT_STAND = frozenset({"entered-in-error", "cancelled", "not-done", "draft", "stopped-before-start", "unknown", "preparation"})


def series_statements(arrived: Arrived, one: Received, is_relevant: Callable[[Coded], bool]) -> Iterable[Statement]:
    """What extensions of an imaging study's series state: the URL of the extension and the name of its part stand for the code."""
    study = one.resource
    assert isinstance(study, wire.ImagingStudy)
    for number, series in enumerate(study.series):
        for outer in series.extension:
            for part in outer.extension:
                code = Coded(codings=(Coding(outer.url, part.url),))
                if is_relevant(code):
                    value = wire.Valued(value_quantity=part.value_quantity, value_codeable_concept=part.value_codeable_concept)
                    yield Statement(
                        code=code,
                        value=value_of(value),
                        status=study.status if study.status in _DOES_NOT_STAND else "final",
                        taken_on=day_of(arrived, study.started, one, "started"),
                        study=one.reference,
                        place=one.place.but(path=f"{one.where}.series[{number}].extension"),
                    )


def tracer_sources(arrived: Arrived) -> tuple[SentImaging, ...]:
    """Everything that may say which tracer was given; asked for only where there is a scan, as most reports are not of one."""
    return tuple(_imaging(arrived, Imaging(arrived)))


def _imaging(arrived: Arrived, imaging: Imaging) -> Iterable[SentImaging]:
    """Reports, procedures, administrations and imaging studies with their codes; one that does not stand has none."""
    for one in arrived.of(wire.DiagnosticReport, wire.Procedure, wire.ImagingStudy, wire.MedicationAdministration):
        match one.resource:
            case wire.DiagnosticReport(code=code, effective_date_time=at, effective_period=period):
                yield _tracer_source(imaging, one, (code,), at or start_of(period))
            case wire.Procedure(code=code, performed_date_time=at, performed_period=period):
                yield _tracer_source(imaging, one, (code,), at or start_of(period))
            case wire.ImagingStudy(procedure_code=codes, started=at):
                yield _tracer_source(imaging, one, codes, at)
            case wire.MedicationAdministration(effective_date_time=at, effective_period=period, dosage=dosage) as given:
                dose = value_of(wire.Valued(value_quantity=dosage.dose)) if dosage and dosage.dose else None
                source = _tracer_source(imaging, one, _medication(arrived, one, given), at or start_of(period))
                yield source.but(dose=dose if isinstance(dose, Measured) else None)


def _tracer_source(imaging: Imaging, one: Received, concepts: Iterable[wire.Concept | None], at: str | None) -> SentImaging:
    stands = getattr(one.resource, "status", "") not in _DOES_NOT_STAND
    return SentImaging(
        codes=tuple(coded(concept) for concept in concepts if concept is not None) if stands else (),
        taken_on=date_in(at),
        study=imaging.study(one),
        place=one.place,
    )


def drugs_of(arrived: Arrived, one: Received, given: Medicated) -> tuple[Coded, ...]:
    """The concepts of the drug: the product, and each of its ingredients."""
    return tuple(coded(concept) for concept in _medication(arrived, one, given))


def as_one(concepts: Iterable[Coded]) -> Coded:
    """Every code and the first text of a drug, as one concept."""
    kept = tuple(concepts)
    codes = tuple(coding for concept in kept for coding in concept.codings)
    return Coded(codings=codes, text=next((concept.text for concept in kept if concept.text), ""))


def _medication(arrived: Arrived, one: Received, given: Medicated) -> list[wire.Concept]:
    """The drug: as a concept, or through the Medication that is referred to, with its ingredients."""
    named = [given.medication_codeable_concept] if given.medication_codeable_concept else []
    found = arrived.find(given.medication_reference.reference, one) if given.medication_reference else None
    if found is not None and isinstance(found.resource, wire.Medication):
        named += [found.resource.code] if found.resource.code else []
        named += [part.item_codeable_concept for part in found.resource.ingredient if part.item_codeable_concept]
    return named
