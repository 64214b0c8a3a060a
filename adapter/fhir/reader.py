"""From arrived resources to statements: shape only, no judgement (R4 Observation, DiagnosticReport, Condition, Specimen, Procedure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from adapter.facts.case import Day, Issue, Place
from adapter.facts.measurements import Interval, exactly
from adapter.facts.statements import (
    Absent,
    Coded,
    Coding,
    Measured,
    Sent,
    SentCondition,
    SentImaging,
    SentPatient,
    SentSpecimen,
    SentTreatment,
    Statement,
    Text,
    Value,
)
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.bundle import Arrived, Received, references
from adapter.fhir.imaging import Imaging
from adapter.fhir.outcome import Refusal

_DATE = re.compile(r"^(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01]))?)?(?:T.*)?$")
_HISTOLOGY = "/StructureDefinition/mcode-histology-morphology-behavior"
_PRIMARY_CANCER = "primary-cancer-condition"
_CANCER_TREATMENT = "cancer-related-"
_CANCER_SURGERY = "cancer-related-surgical-procedure"
_NOT_GIVEN = frozenset({"entered-in-error", "cancelled", "not-done", "draft", "stopped-before-start", "unknown", "preparation"})


def sent(arrived: Arrived, is_relevant: Callable[[Coded], bool]) -> Sent:
    """Everything that was said about the one patient; problems are added to `arrived.issues`."""
    reports = _report_of_each_result(arrived)
    imaging = Imaging(arrived)
    return Sent(
        patient=_patient(arrived),
        statements=tuple(
            statement
            for one in arrived.received
            for statement in (*_observation(arrived, one, reports, imaging, is_relevant), *_series(arrived, one, is_relevant))
        ),
        conditions=tuple(_condition(arrived, one) for one in _of(arrived, wire.Condition)),
        specimens=tuple(_specimen(arrived, one) for one in _of(arrived, wire.Specimen)),
        treatments=tuple(_treatments(arrived)),
        other_codes=_other_codes(arrived, is_relevant),
        counts=dict(arrived.counts),
    )


def _of(arrived: Arrived, kind: type[wire.Part]) -> Iterable[Received]:
    return (one for one in arrived.received if isinstance(one.resource, kind))


def _patient(arrived: Arrived) -> SentPatient:
    """The one patient, or a refusal: none, or more than one, cannot be answered."""
    patients = list(_of(arrived, wire.Patient))
    subjects = {_known_as(arrived, name) for one in arrived.received if (name := _subject(one))}
    names = {one.reference for one in patients} | subjects
    if not names:
        raise _refusal("no-patient", "no patient: send one Patient resource, or a subject reference on every resource", "Bundle.entry")
    if len(names) > 1:
        raise _refusal("several-patients", f"{len(names)} patients in one request; send one Bundle for each patient", "Bundle.entry")
    if not patients:
        name = names.pop()
        return SentPatient(reference=name, key=name)
    patient = patients[0].resource
    assert isinstance(patient, wire.Patient)
    return SentPatient(
        reference=patients[0].reference,
        key=patient.id or _identifier(patient.identifier) or patients[0].reference,
        birth_date=_day(arrived, patient.birth_date, patients[0], "birthDate"),
        sex=patient.gender,
    )


def _refusal(code: str, text: str, path: str) -> Refusal:
    return Refusal(422, [Issue(code=code, severity=Severity.ERROR, text=text, place=Place(reference="", path=path))])


def _subject(one: Received) -> str:
    subject: wire.Reference | None = getattr(one.resource, "subject", None)
    return subject.reference if subject else ""


def _known_as(arrived: Arrived, name: str) -> str:
    found = arrived.find(name)
    return found.reference if found else name


def _identifier(identifiers: Iterable[wire.Identifier]) -> str:
    return next((f"{one.system}|{one.value}" for one in identifiers if one.value), "")


def _report_of_each_result(arrived: Arrived) -> dict[str, tuple[Received, str | None]]:
    """For each result of a report: the report and its one specimen; a result that did not arrive is an issue."""
    reports: dict[str, tuple[Received, str | None]] = {}
    for one in _of(arrived, wire.DiagnosticReport):
        report = one.resource
        assert isinstance(report, wire.DiagnosticReport)
        specimens = references(report.specimen)
        for number, name in enumerate(references(report.result)):
            result = arrived.find(name, one)
            if result is None:
                _missing(arrived, one, name, f"result[{number}]")
            else:
                reports.setdefault(result.reference, (one, specimens[0] if len(specimens) == 1 else None))
    return reports


def _missing(arrived: Arrived, one: Received, name: str, element: str) -> None:
    if arrived.holds(name):
        return
    text = f"{one.reference} refers to {name}, which was not sent; send it to have it used"
    arrived.issues.append(_issue(one, "member-not-sent", Severity.WARNING, text, element))


def _observation(
    arrived: Arrived,
    one: Received,
    reports: dict[str, tuple[Received, str | None]],
    imaging: Imaging,
    is_relevant: Callable[[Coded], bool],
) -> Iterable[Statement]:
    """The statements of an Observation and of its components, or none when no code of it can matter."""
    observation = one.resource
    if not isinstance(observation, wire.Observation):
        return
    codes = [_coded(observation.code)] + [_coded(component.code) for component in observation.component]
    if not any(is_relevant(code) for code in codes):
        return
    for number, name in enumerate(references(observation.has_member)):
        if arrived.find(name, one) is None:
            _missing(arrived, one, name, f"hasMember[{number}]")
    report, report_specimen = reports.get(one.reference, (None, None))
    study = imaging.study(one)
    base = Statement(
        code=codes[0],
        value=_value(observation),
        qualifiers=_qualifiers(observation),
        status=observation.status,
        taken_on=_day(arrived, _when(observation), one, "effective") or _date(imaging.started(study)),
        focus=tuple(_known_as(arrived, name) for name in references(observation.focus) if not imaging.is_lesion(name, one)),
        specimen=_specimen_name(arrived, one, observation.specimen.reference if observation.specimen else report_specimen),
        report=report.reference if report else None,
        body_site=_optional(observation.body_site or imaging.site(one)),
        method=_optional(observation.method),
        lesion=imaging.lesion(one),
        study=study,
        interpretation=tuple(_coding(coding) for concept in observation.interpretation for coding in concept.coding),
        members=tuple(_known_as(arrived, name) for name in references(observation.has_member)),
        place=one.place,
    )
    if not observation.component or not isinstance(base.value, Absent) or observation.data_absent_reason or observation.interpretation:
        yield base
    for number, component in enumerate(observation.component):
        yield base.model_copy(
            update={
                "code": codes[number + 1],
                "value": _value(component),
                "qualifiers": _qualifiers(component),
                "parent": codes[0],
                "interpretation": tuple(_coding(coding) for concept in component.interpretation for coding in concept.coding),
                "members": (),
                "place": one.place.model_copy(update={"path": f"{one.where}.component[{number}]"}),
            }
        )


def _series(arrived: Arrived, one: Received, is_relevant: Callable[[Coded], bool]) -> Iterable[Statement]:
    """What extensions of an imaging study's series state: the URL of the extension and the name of its part stand for the code."""
    study = one.resource
    if not isinstance(study, wire.ImagingStudy):
        return
    for number, series in enumerate(study.series):
        for outer in series.extension:
            for part in outer.extension:
                code = Coded(codings=(Coding(outer.url, part.url),))
                if is_relevant(code):
                    value = wire.Valued(value_quantity=part.value_quantity, value_codeable_concept=part.value_codeable_concept)
                    yield Statement(
                        code=code,
                        value=_value(value),
                        status=study.status,
                        taken_on=_day(arrived, study.started, one, "started"),
                        study=one.reference,
                        place=one.place.model_copy(update={"path": f"{one.where}.series[{number}].extension"}),
                    )


def tracer_sources(arrived: Arrived) -> tuple[SentImaging, ...]:
    """Everything that may say which tracer was given; asked for only where there is a scan, as most reports are not of one."""
    return tuple(_imaging(arrived, Imaging(arrived)))


def _imaging(arrived: Arrived, imaging: Imaging) -> Iterable[SentImaging]:
    """Reports, procedures, administrations and imaging studies with their codes; one that does not stand has none."""
    for one in arrived.received:
        match one.resource:
            case wire.DiagnosticReport(code=code, effective_date_time=at, effective_period=period):
                yield _tracer_source(imaging, one, (code,), at or (period.start if period else None))
            case wire.Procedure(code=code, performed_date_time=at, performed_period=period):
                yield _tracer_source(imaging, one, (code,), at or (period.start if period else None))
            case wire.ImagingStudy(procedure_code=codes, started=at):
                yield _tracer_source(imaging, one, codes, at)
            case wire.MedicationAdministration(effective_date_time=at, effective_period=period, dosage=dosage) as given:
                sent_dose = _quantity(dosage.dose) if dosage and dosage.dose else None
                source = _tracer_source(imaging, one, _medication(arrived, one, given), at or (period.start if period else None))
                yield source.model_copy(update={"dose": sent_dose if isinstance(sent_dose, Measured) else None})


def _tracer_source(imaging: Imaging, one: Received, codes: Iterable[wire.Concept | None], at: str | None) -> SentImaging:
    withdrawn = getattr(one.resource, "status", "") in _NOT_GIVEN
    return SentImaging(
        codes=() if withdrawn else tuple(_coded(code) for code in codes if code is not None),
        taken_on=_date(at),
        study=imaging.study(one),
        place=one.place,
    )


def _medication(arrived: Arrived, one: Received, given: wire.MedicationRequest | wire.MedicationAdministration) -> list[wire.Concept]:
    """The drug: as a concept, or through the Medication that is referred to, with its ingredients."""
    named = [given.medication_codeable_concept] if given.medication_codeable_concept else []
    found = arrived.find(given.medication_reference.reference, one) if given.medication_reference else None
    if found is not None and isinstance(found.resource, wire.Medication):
        named += [found.resource.code] if found.resource.code else []
        named += [part.item_codeable_concept for part in found.resource.ingredient if part.item_codeable_concept]
    return named


def _specimen_name(arrived: Arrived, one: Received, name: str | None) -> str | None:
    if not name:
        return None
    found = arrived.find(name, one)
    return found.reference if found else name


def _when(observation: wire.Observation) -> str | None:
    period = observation.effective_period
    return observation.effective_date_time or observation.effective_instant or (period.end or period.start if period else None)


def _day(arrived: Arrived, text: str | None, one: Received, element: str) -> Day | None:
    """The day of a FHIR date or dateTime, as precise as it was sent; a text that is no date is an issue."""
    if not text:
        return None
    day = _date(text)
    if day is None:
        arrived.issues.append(_issue(one, "bad-date", Severity.WARNING, f'"{text[:40]}" is no FHIR date; expected YYYY-MM-DD', element))
    return day


def _date(text: str | None) -> Day | None:
    parts = _DATE.match(text or "")
    return "-".join(part for part in parts.groups() if part) if parts else None


def _issue(one: Received, code: str, severity: Severity, text: str, element: str) -> Issue:
    place = one.place.model_copy(update={"path": f"{one.where}.{element}"})
    return Issue(code=code, severity=severity, text=text, place=place)


def _value(valued: wire.Valued) -> Value:
    """The value of whatever type was sent; a CodeableConcept that holds only a reason for no value is no value."""
    if valued.value_quantity is not None:
        return _quantity(valued.value_quantity)
    if valued.value_codeable_concept is not None:
        return _coded(valued.value_codeable_concept)
    if valued.value_string is not None:
        return Text(text=valued.value_string)
    if valued.value_boolean is not None:
        return Text(text="positive" if valued.value_boolean else "negative")
    if valued.value_integer is not None:
        return Measured(interval=exactly(Decimal(valued.value_integer)))
    if valued.value_range is not None:
        return _range(valued.value_range)
    if valued.value_ratio is not None:
        return _ratio(valued.value_ratio)
    return Absent(reason=_coded(valued.data_absent_reason))


def _quantity(quantity: wire.Quantity) -> Value:
    unit = quantity.code or quantity.unit
    if quantity.value is None:
        return Absent()
    match quantity.comparator:
        case "<":
            interval = Interval(high=quantity.value, high_included=False)
        case "<=":
            interval = Interval(high=quantity.value)
        case ">":
            interval = Interval(low=quantity.value, low_included=False)
        case ">=":
            interval = Interval(low=quantity.value)
        case "":
            interval = exactly(quantity.value)
        case _:
            # An unknown comparator stays in the text, so that nobody takes the number for the value.
            return Text(text=f"{quantity.comparator}{quantity.value}")
    return Measured(interval=interval, unit=unit)


def _range(sent_range: wire.Range) -> Value:
    low, high = sent_range.low or wire.Quantity(), sent_range.high or wire.Quantity()
    if low.value is None and high.value is None:
        return Absent()
    return Measured(interval=Interval(low=low.value, high=high.value), unit=low.code or low.unit or high.code or high.unit)


def _ratio(ratio: wire.Ratio) -> Value:
    above, below = ratio.numerator or wire.Quantity(), ratio.denominator or wire.Quantity()
    if above.value is None or not below.value:
        return Absent()
    return Measured(interval=exactly(above.value / below.value))


def _coded(concept: wire.Concept | None) -> Coded:
    if concept is None:
        return Coded()
    return Coded(codings=tuple(_coding(coding) for coding in concept.coding), text=concept.text)


def _optional(concept: wire.Concept | None) -> Coded | None:
    return None if concept is None else _coded(concept)


def _coding(coding: wire.Coding) -> Coding:
    return Coding(coding.system, coding.code, coding.display)


def _qualifiers(valued: wire.Valued) -> tuple[Coding, ...]:
    """The codings in extensions of the code and of the value."""
    concepts = [concept for concept in (valued.code, valued.value_codeable_concept) if concept is not None]
    extensions = [extension.value_codeable_concept for concept in concepts for extension in concept.extension]
    return tuple(_coding(coding) for concept in extensions if concept for coding in concept.coding)


def _other_codes(arrived: Arrived, is_relevant: Callable[[Coded], bool]) -> dict[str, int]:
    """How often each code came that none of our questions asks for."""
    counts: dict[str, int] = {}
    for one in _of(arrived, wire.Observation):
        observation = one.resource
        assert isinstance(observation, wire.Observation)
        codes = [_coded(observation.code)] + [_coded(component.code) for component in observation.component]
        if not any(is_relevant(code) for code in codes):
            first = codes[0].codings[0] if codes[0].codings else Coding("", "no code")
            name = f"{first.system}|{first.code}"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _condition(arrived: Arrived, one: Received) -> SentCondition:
    condition = one.resource
    assert isinstance(condition, wire.Condition)
    onset = condition.onset_date_time or (condition.onset_period.start if condition.onset_period else None)
    verification = _coded(condition.verification_status)
    return SentCondition(
        reference=one.reference,
        key=condition.id or _identifier(condition.identifier) or one.reference,
        code=_coded(condition.code),
        body_sites=tuple(_coded(site) for site in condition.body_site) + tuple(_extended(condition.extension, condition.body_site)),
        histology=next((_optional(one.value_codeable_concept) for one in condition.extension if one.url.endswith(_HISTOLOGY)), None),
        stages=tuple(_coded(stage.summary) for stage in condition.stage if stage.summary),
        recorded_on=_day(arrived, onset or condition.recorded_date, one, "onset"),
        withdrawn=any(coding.code in ("entered-in-error", "refuted") for coding in verification.codings),
        claims_primary_cancer=_claims(condition.meta, _PRIMARY_CANCER),
        place=one.place,
    )


def _extended(extensions: Iterable[wire.Extension], sites: Iterable[wire.Concept]) -> Iterable[Coded]:
    """Concepts in extensions of a Condition and of its body sites: mCODE puts the laterality there."""
    everything = [*extensions, *(extension for site in sites for extension in site.extension)]
    return (_coded(one.value_codeable_concept) for one in everything if one.value_codeable_concept and not one.url.endswith(_HISTOLOGY))


def _claims(meta: wire.ResourceMeta | None, name: str) -> bool:
    return any(name in profile for profile in (meta.profile if meta else ()))


def _specimen(arrived: Arrived, one: Received) -> SentSpecimen:
    specimen = one.resource
    assert isinstance(specimen, wire.Specimen)
    collection = specimen.collection or wire.Collection()
    period = collection.collected_period
    collected = collection.collected_date_time or (period.start if period else None) or specimen.received_time
    return SentSpecimen(
        reference=one.reference,
        key=specimen.id
        or _identifier([specimen.accession_identifier] if specimen.accession_identifier else specimen.identifier)
        or one.reference,
        type=_optional(specimen.type),
        method=_optional(collection.method),
        body_site=_optional(collection.body_site),
        collected_on=_day(arrived, collected, one, "collection.collected"),
        place=one.place,
    )


def _treatments(arrived: Arrived) -> Iterable[SentTreatment]:
    for one in arrived.received:
        match one.resource:
            case wire.Procedure(status=status) as procedure if status not in _NOT_GIVEN:
                period = procedure.performed_period
                start = procedure.performed_date_time or (period.start if period else None)
                kind = "surgery" if _claims(procedure.meta, _CANCER_SURGERY) else "procedure"
                yield _treatment(arrived, one, kind, start, _optional(procedure.code), procedure.body_site)
            case wire.MedicationRequest(status=status) as order if status not in _NOT_GIVEN:
                ordered = _treatment(arrived, one, "medication", order.authored_on, _drug(arrived, one, order))
                yield ordered.model_copy(update={"still_taken": status == "active"})
            case wire.MedicationAdministration(status=status) as given if status not in _NOT_GIVEN:
                start = given.effective_date_time or (given.effective_period.start if given.effective_period else None)
                last = given.effective_date_time or (given.effective_period.end if given.effective_period else None)
                taken = _treatment(arrived, one, "medication", start, _drug(arrived, one, given))
                yield taken.model_copy(update={"last_on": _date(last or start)})


def _drug(arrived: Arrived, one: Received, given: wire.MedicationRequest | wire.MedicationAdministration) -> Coded:
    """Every code and the first text of the drug, as one concept."""
    concepts = _medication(arrived, one, given)
    codings = tuple(_coding(coding) for concept in concepts for coding in concept.coding)
    return Coded(codings=codings, text=next((concept.text for concept in concepts if concept.text), ""))


def _treatment(
    arrived: Arrived, one: Received, kind: str, start: str | None, code: Coded | None = None, sites: tuple[wire.Concept, ...] = ()
) -> SentTreatment:
    reasons: tuple[wire.Reference, ...] = getattr(one.resource, "reason_reference", ())
    return SentTreatment(
        kind=kind,
        code=code,
        started_on=_day(arrived, start, one, "date"),
        reasons=tuple(_known_as(arrived, name) for name in references(reasons)),
        body_sites=tuple(_coded(site) for site in sites),
        claims_cancer=_claims(one.resource.meta, _CANCER_TREATMENT),
        place=one.place,
    )
