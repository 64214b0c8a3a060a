"""From arrived resources to statements: shape only, no judgement (R4 Observation, DiagnosticReport, Condition, Specimen, Procedure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from adapter.facts.case import Day
from adapter.facts.statements import Absent, Coded, Coding, Sent, SentCondition, SentSpecimen, SentTreatment, Statement
from adapter.facts.vocabulary import Severity
from adapter.fhir import wire
from adapter.fhir.arrival import Arrived, Received, references
from adapter.fhir.dates import date_in, day_of, end_of, start_of
from adapter.fhir.imaging import Imaging
from adapter.fhir.people import lasting_name, people
from adapter.fhir.tracer_sources import Medicated, as_one, drugs_of, series_statements
from adapter.fhir.values import coded, coded_or_none, codings, sited, value_of

_HISTOLOGY = "/StructureDefinition/mcode-histology-morphology-behavior"
_PRIMARY_CANCER = "primary-cancer-condition"
_SECONDARY_CANCER = "secondary-cancer-condition"
# How mCODE has named the extension that leads from a secondary cancer to its primary: STU4, STU2 and STU1.
_ORIGIN = ("condition-related", "mcode-related-primary-cancer-condition", "onco-core-RelatedPrimaryCancerCondition-extension")
# R4 condition-ver-status: a diagnosis that is still a question.
_UNCONFIRMED = frozenset({"unconfirmed", "provisional", "differential"})
_CANCER_TREATMENT = "cancer-related-"
_CANCER_SURGERY = "cancer-related-surgical-procedure"
_NOT_GIVEN = frozenset(
    {"entered-in-error", "cancelled", "not-done", "draft", "stopped-before-start", "unknown", "preparation", "intended", "not-taken"}
)
# Orders that were carried out, at least for a time. Any other says what was planned.
_ACTED_ON = frozenset({"completed", "stopped"})
_TREATMENTS = (wire.Procedure, wire.MedicationRequest, wire.MedicationAdministration, wire.MedicationStatement)
# A report with one of these statuses has been withdrawn (R4 DiagnosticReportStatus).
_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})

IsRelevant = Callable[[Coded], bool]


class Lent(NamedTuple):
    """What a report says for all its results: itself, its one specimen and its day."""

    report: str | None = None
    specimen: str | None = None
    day: Day | None = None


_NOTHING_LENT = Lent()


def sent(arrived: Arrived, is_relevant: IsRelevant) -> Sent:
    """Everything that was said about the one patient; problems are added to `arrived.issues`."""
    patient, without_person = people(arrived)
    lent = _lent(arrived, is_relevant)
    relevant, other_codes = _parted(arrived.of(wire.Observation), is_relevant)
    imaging = Imaging(arrived)
    statements: list[Statement] = []
    for one, observation, code in relevant:
        if one.reference in without_person:
            text = "its subject is no person, so it is not used"
            arrived.tell("not-this-patient", Severity.INFORMATION, text, f"{one.where}.subject", one.reference)
        else:
            statements += _statements(arrived, one, observation, code, lent.get(one.reference, _NOTHING_LENT), imaging)
    statements += [statement for one in arrived.of(wire.ImagingStudy) for statement in series_statements(arrived, one, is_relevant)]
    return Sent(
        patient=patient,
        statements=tuple(statements),
        conditions=tuple(_condition(arrived, one) for one in arrived.of(wire.Condition)),
        specimens=tuple(_specimen(arrived, one) for one in arrived.of(wire.Specimen)),
        treatments=tuple(_treatments(arrived)),
        other_codes=other_codes,
        counts=dict(arrived.counts),
    )


@dataclass(slots=True)
class _Asked:
    """What Observations ask for by one CodeableConcept, and how many of them were passed by."""

    code: Coded
    matters: bool
    passed_by: int = 0


def _parted(
    observations: Iterable[Received], is_relevant: IsRelevant
) -> tuple[list[tuple[Received, wire.Observation, Coded]], dict[str, int]]:
    """The Observations that ask for something, with their code, and how often each other code came; each code is looked at once for all."""
    known: dict[wire.Concept | None, _Asked] = {}

    def asked(concept: wire.Concept | None) -> _Asked:
        found = known.get(concept)
        if found is None:
            code = coded(concept)
            found = known[concept] = _Asked(code, is_relevant(code))
        return found

    relevant: list[tuple[Received, wire.Observation, Coded]] = []
    for one in observations:
        observation = one.resource
        assert isinstance(observation, wire.Observation)
        mine = known.get(observation.code) or asked(observation.code)
        if mine.matters or any(asked(component.code).matters for component in observation.component):
            relevant.append((one, observation, mine.code))
        else:
            mine.passed_by += 1
    return relevant, _counted(known)


def _counted(known: Mapping[wire.Concept | None, _Asked]) -> dict[str, int]:
    """How many Observations were passed by under each code, by the first coding of its concept."""
    counts: dict[str, int] = {}
    for concept, asked in known.items():
        if asked.passed_by:
            name = _first_code(concept)
            counts[name] = counts.get(name, 0) + asked.passed_by
    return counts


def _first_code(concept: wire.Concept | None) -> str:
    first = concept.coding[0] if concept and concept.coding else wire.Coding(code="no code")
    return f"{first.system}|{first.code}"


def _known_as(arrived: Arrived, name: str, one: Received) -> str:
    found = arrived.find(name, one)
    return found.reference if found else name


def _lent(arrived: Arrived, is_relevant: IsRelevant) -> dict[str, Lent]:
    """For each result of a report what the report says for it; two reports that differ say nothing."""
    lent: dict[str, Lent] = {}
    for one in arrived.of(wire.DiagnosticReport):
        report = one.resource
        assert isinstance(report, wire.DiagnosticReport)
        names = references(report.result)
        if not names:
            text = "it lists no results; what stands in its conclusion or attachments is not read"
            severity = Severity.WARNING if is_relevant(coded(report.code)) else Severity.INFORMATION
            arrived.tell("no-value", severity, text, f"{one.where}.result", one.reference)
        mine = _of_report(arrived, one, report)
        for number, name in enumerate(names):
            result = arrived.find(name, one)
            if result is None:
                _tell_missing(arrived, one, name, f"result[{number}]")
            if _is_of_another_type(arrived, one, name):
                text = "it is no Observation, so the report says nothing through it"
                arrived.tell("not-used", Severity.INFORMATION, text, f"{one.where}.result[{number}]", one.reference)
            elif result:
                lent[result.reference] = _both(lent.get(result.reference), mine)
    return lent


def _is_of_another_type(arrived: Arrived, one: Received, name: str) -> bool:
    """Whether what a report names as its result arrived, read or not, and is no Observation."""
    found = arrived.find(name, one)
    if found is not None:
        return not isinstance(found.resource, wire.Observation)
    return arrived.holds(name, one) and arrived.type_of(name, one) != "Observation"


def _of_report(arrived: Arrived, one: Received, report: wire.DiagnosticReport) -> Lent:
    if report.status in _WITHDRAWN:
        text = f"its status is {report.status}; each of its results counts by its own status, without the specimen and date of the report"
        arrived.tell("withdrawn", Severity.WARNING, text, f"{one.where}.status", one.reference)
        return Lent(report=one.reference)
    specimens = references(report.specimen)
    return Lent(
        report=one.reference,
        specimen=_known_as(arrived, specimens[0], one) if len(specimens) == 1 else None,
        day=day_of(arrived, report.effective_date_time or end_of(report.effective_period), one, "effective"),
    )


def _both(first: Lent | None, second: Lent) -> Lent:
    """What two reports of one result agree on."""
    if first is None:
        return second
    return Lent(*(one if one == other else None for one, other in zip(first, second, strict=True)))


def _tell_missing(arrived: Arrived, one: Received, name: str, element: str) -> None:
    if not arrived.holds(name, one):
        text = f"{one.reference} refers to {name[:200]}, which was not sent; send it to have it used"
        arrived.tell("member-not-sent", Severity.WARNING, text, f"{one.where}.{element}", one.reference)


def _statements(
    arrived: Arrived, one: Received, observation: wire.Observation, code: Coded, lent: Lent, imaging: Imaging
) -> Iterable[Statement]:
    """The statements of an Observation and of its components."""
    for number, name in enumerate(references(observation.has_member)):
        _tell_missing(arrived, one, name, f"hasMember[{number}]")
    base = _statement(arrived, one, observation, code, lent, imaging)
    if not observation.component or not isinstance(base.value, Absent) or observation.data_absent_reason or observation.interpretation:
        yield base
    for number, component in enumerate(observation.component):
        yield base.but(
            code=coded(component.code),
            value=value_of(component),
            qualifiers=_qualifiers(component),
            parent=code,
            interpretation=codings(component.interpretation),
            members=(),
            place=one.place.but(path=f"{one.where}.component[{number}]"),
        )


def _statement(arrived: Arrived, one: Received, observation: wire.Observation, code: Coded, lent: Lent, imaging: Imaging) -> Statement:
    specimen = observation.specimen.reference if observation.specimen else ""
    when = observation.effective_date_time or observation.effective_instant or end_of(observation.effective_period)
    study = imaging.study(one)
    return Statement(
        code=code,
        value=value_of(observation),
        qualifiers=_qualifiers(observation),
        status=observation.status,
        taken_on=day_of(arrived, when, one, "effective") if when else lent.day or date_in(imaging.started(study)),
        focus=_focus(arrived, one, observation, imaging),
        specimen=_known_as(arrived, specimen, one) if specimen else lent.specimen,
        report=lent.report,
        body_site=sited(observation.body_site or imaging.site(one)),
        lesion=imaging.lesion(one),
        study=study,
        method=coded_or_none(observation.method),
        interpretation=codings(observation.interpretation),
        members=tuple(_known_as(arrived, name, one) for name in references(observation.has_member)),
        derived_from=tuple(_known_as(arrived, name, one) for name in references(observation.derived_from)),
        place=one.place,
    )


def _focus(arrived: Arrived, one: Received, observation: wire.Observation, imaging: Imaging) -> tuple[str, ...]:
    """The condition it is about, a Condition before anything else; a lesion is no condition and is read apart."""
    if not observation.focus:
        return ()
    found = [(arrived.find(name, one), name) for name in references(observation.focus) if not imaging.is_lesion(name, one)]
    conditions = [resource.reference for resource, _ in found if resource and isinstance(resource.resource, wire.Condition)]
    others = [resource.reference if resource else name for resource, name in found]
    return tuple(dict.fromkeys([*conditions, *others]))


def _qualifiers(valued: wire.Valued) -> tuple[Coding, ...]:
    """The codings in extensions of the code and of the value."""
    extensions = [
        extension for concept in (valued.code, valued.value_codeable_concept) if concept is not None for extension in concept.extension
    ]
    return codings(extension.value_codeable_concept for extension in extensions if extension.value_codeable_concept) if extensions else ()


def _lasting_key(one: Received, identifiers: Iterable[wire.Identifier]) -> str:
    """The id, where it names one thing only; else an identifier, else the reference."""
    is_lasting = bool(one.resource.id) and one.outer is None and not one.shares_id
    return one.resource.id if is_lasting else (lasting_name(identifiers) or one.reference)


def _condition(arrived: Arrived, one: Received) -> SentCondition:
    condition = one.resource
    assert isinstance(condition, wire.Condition)
    onset = condition.onset_date_time or start_of(condition.onset_period)
    recorded_on = day_of(arrived, onset, one, "onset") or day_of(arrived, condition.recorded_date, one, "recordedDate")
    verification = codings([condition.verification_status] if condition.verification_status else [])
    return SentCondition(
        reference=one.reference,
        key=_lasting_key(one, condition.identifier),
        code=coded(condition.code),
        body_sites=tuple(coded(site) for site in condition.body_site) + tuple(_extended(condition.extension, condition.body_site)),
        histology=next((coded_or_none(one.value_codeable_concept) for one in condition.extension if one.url.endswith(_HISTOLOGY)), None),
        stages=tuple(coded(stage.summary) for stage in condition.stage if stage.summary),
        recorded_on=recorded_on,
        withdrawn=any(coding.code in ("entered-in-error", "refuted") for coding in verification),
        unconfirmed=any(coding.code in _UNCONFIRMED for coding in verification),
        claims_primary_cancer=_claims(condition.meta, _PRIMARY_CANCER),
        claims_secondary_cancer=_claims(condition.meta, _SECONDARY_CANCER),
        related=tuple(_known_as(arrived, name, one) for name in references(_related(condition.extension))),
        place=one.place,
    )


def _related(extensions: Iterable[wire.Extension]) -> Iterable[wire.Reference]:
    """The Conditions that this one is said to come from."""
    return (one.value_reference for one in extensions if one.value_reference and one.url.endswith(_ORIGIN))


def _extended(extensions: Iterable[wire.Extension], sites: Iterable[wire.Concept]) -> Iterable[Coded]:
    """Concepts in extensions of a Condition and of its body sites: mCODE puts the laterality there."""
    everything = [*extensions, *(extension for site in sites for extension in site.extension)]
    return (coded(one.value_codeable_concept) for one in everything if one.value_codeable_concept and not one.url.endswith(_HISTOLOGY))


def _claims(meta: wire.ResourceMeta | None, name: str) -> bool:
    return any(name in profile for profile in (meta.profile if meta else ()))


def _specimen(arrived: Arrived, one: Received) -> SentSpecimen:
    specimen = one.resource
    assert isinstance(specimen, wire.Specimen)
    collection = specimen.collection or wire.Collection()
    collected = collection.collected_date_time or start_of(collection.collected_period)
    received_on = None if collected else day_of(arrived, specimen.received_time, one, "receivedTime")
    return SentSpecimen(
        reference=one.reference,
        key=_lasting_key(one, [specimen.accession_identifier] if specimen.accession_identifier else specimen.identifier),
        type=coded_or_none(specimen.type),
        method=coded_or_none(collection.method),
        body_site=sited(collection.body_site),
        collected_on=day_of(arrived, collected, one, "collection.collected") or received_on,
        place=one.place,
    )


def _treatments(arrived: Arrived) -> Iterable[SentTreatment]:
    for one in arrived.of(*_TREATMENTS):
        match one.resource:
            case wire.Procedure(status=status) as procedure if status not in _NOT_GIVEN:
                start = procedure.performed_date_time or start_of(procedure.performed_period)
                kind = "surgery" if _claims(procedure.meta, _CANCER_SURGERY) else "procedure"
                yield _treatment(arrived, one, kind, start, coded_or_none(procedure.code), procedure.body_site)
            case wire.MedicationRequest(status=status) as order if status not in _NOT_GIVEN:
                ordered = _medicated(arrived, one, order, order.authored_on, still_taken=status == "active")
                yield ordered.but(only_ordered=status not in _ACTED_ON)
            case wire.MedicationAdministration(status=status) as given if status not in _NOT_GIVEN:
                start = given.effective_date_time or start_of(given.effective_period)
                yield _medicated(arrived, one, given, start, date_in(given.effective_date_time or end_of(given.effective_period)))
            case wire.MedicationStatement(status=status) as said if status not in _NOT_GIVEN:
                start = said.effective_date_time or start_of(said.effective_period)
                yield _medicated(arrived, one, said, start, _last_day(said), still_taken=status == "active" and _last_day(said) is None)


def _last_day(said: wire.MedicationStatement) -> Day | None:
    """The end of its period; the one day that was sent, unless the drug goes on: then that day is not its last."""
    if said.effective_period is not None:
        return date_in(said.effective_period.end or None)
    return None if said.status == "active" else date_in(said.effective_date_time)


def _medicated(
    arrived: Arrived, one: Received, given: Medicated, start: str | None, last_on: Day | None = None, *, still_taken: bool = False
) -> SentTreatment:
    """A medication with the concepts of its drug and its last day."""
    drugs = drugs_of(arrived, one, given)
    taken = _treatment(arrived, one, "medication", start, as_one(drugs))
    return taken.but(drugs=drugs, last_on=last_on, still_taken=still_taken)


def _treatment(
    arrived: Arrived, one: Received, kind: str, start: str | None, code: Coded | None = None, sites: tuple[wire.Concept, ...] = ()
) -> SentTreatment:
    reasons: tuple[wire.Reference, ...] = getattr(one.resource, "reason_reference", ())
    codes: tuple[wire.Concept, ...] = getattr(one.resource, "reason_code", ())
    return SentTreatment(
        kind=kind,
        code=code,
        reason_codes=tuple(coded(reason) for reason in codes),
        started_on=day_of(arrived, start, one, "date"),
        reasons=tuple(_known_as(arrived, name, one) for name in references(reasons)),
        body_sites=tuple(place for site in sites if (place := sited(site))),
        claims_cancer=_claims(one.resource.meta, _CANCER_TREATMENT),
        place=one.place,
    )
