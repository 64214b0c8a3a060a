"""How are the answers handed over? One collection Bundle: the results, a report, who gave them from what, and what could not be used.

Requirements B5 (a collection without ids), F1 (Provenance), G2 and G3 (mCODE stage and TNM). The same input and the same version give the
same bytes but for `issued`; where no input has a date, `Provenance.recorded` has to be the moment of issue too, because R4 requires it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Case, Issue, Patient, Place
from adapter.fhir.identifiers import device_identifier, entry_url, full_url, pointer, report_identifier, result_identifier
from adapter.fhir.libraries import Named
from adapter.fhir.narrative import Answered, conclusion, place_of, report_text, told, value_text
from adapter.fhir.observation import Setting, derived_categories, distinct, filled, instant, observation, public
from adapter.fhir.outcome import operation_outcome
from adapter.knowledge.outputs import Outputs
from adapter.knowledge.rule_sets import WHOLE

_ENCODER = msgspec.json.Encoder(decimal_format="number")

Entry = dict[str, Any]


def result_bundle(
    patient: Patient,
    answered: Sequence[tuple[Case, Sequence[Answer]]],
    issues: Sequence[Issue],
    *,
    outputs: Outputs,
    canonical: str,
    software_version: str,
    knowledge_version: str,
    issued: datetime,
    citations: Mapping[str, str],
    rule_topic: Mapping[str, str],
) -> bytes:
    """The Bundle that answers one patient, as JSON; without any answer the OperationOutcome alone, for a Provenance needs a target."""
    named = device_identifier(canonical, software_version, knowledge_version)
    setting = Setting(
        outputs=outputs,
        canonical=canonical,
        instant=instant(issued),
        citations=citations,
        device_url=full_url(named),
        published=Named(canonical, knowledge_version),
        rule_topic=rule_topic,
        memory=outputs.written_for(canonical),
    )
    said = [(case, [told(case, answer, outputs, citations) for answer in answers]) for case, answers in answered]
    results = list(_results(said, setting))
    entries = [*results]
    if results:
        report = _entry(_report(patient, said, results, setting))
        targets = [entry["fullUrl"] for entry in [*results, report]]
        provenance = _provenance(targets, said, setting)
        device = device_resource(named, software_version, knowledge_version, outputs)
        entries += [report, _entry(device), _entry(provenance, entry_url(canonical, "provenance", patient.key))]
    entries.append(_entry(operation_outcome(issues, canonical=canonical), entry_url(canonical, "issues", patient.key)))
    return _ENCODER.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _results(answered: Answered, setting: Setting) -> Iterator[Entry]:
    """One entry for each answer; two answers with one identity would overwrite each other at the receiver."""
    seen: set[str] = set()
    for case, answers in answered:
        named = [(one, result_identifier(setting.canonical, case, one.answer.about)) for one in answers]
        derived = derived_categories(named)
        for one, identifier in named:
            entry = _entry(observation(one, identifier, derived, setting))
            if entry["fullUrl"] in seen:
                raise ValueError(f"two answers have the identity of {one.answer.about.result} in one case")
            seen.add(entry["fullUrl"])
            yield entry


def _entry(resource: dict[str, Any], url: str | None = None) -> Entry:
    return {"fullUrl": url or full_url(resource["identifier"][0]), "resource": resource}


def _report(patient: Patient, answered: Answered, results: Sequence[Entry], setting: Setting) -> dict[str, Any]:
    report = setting.outputs.report
    return filled(
        {
            "resourceType": "DiagnosticReport",
            "text": report_text(report.display, answered, setting.outputs),
            "identifier": [report_identifier(setting.canonical, patient.key)],
            "status": "final",
            "category": [{"coding": [public(report.category)]}],
            "code": {"coding": [setting.ours("report", report.code, report.display)], "text": report.display},
            "subject": pointer(patient.reference),
            "effectiveDateTime": _newest(answered),
            "issued": setting.instant,
            "result": [{"reference": entry["fullUrl"]} for entry in results],
            "conclusion": conclusion(answered),
            "conclusionCode": list(_conclusion_codes(answered, setting.outputs)),
        }
    )


def _conclusion_codes(answered: Answered, outputs: Outputs) -> Iterator[dict[str, Any]]:
    """The public codes of determined answers that keep their meaning outside their Observation."""
    for case, answers in answered:
        for answer in (one.answer for one in answers):
            if not isinstance(answer, Determined) or answer.quantity is not None:
                continue
            word = outputs.answers[answer.about.result][answer.value]
            codings = [public(code) for code in word.codes_for(answer.about.basis) if code.stands_alone]
            if codings:
                title = outputs.results[answer.about.result].display
                yield {"coding": codings, "text": f"{place_of(case)}: {title}: {value_text(answer, outputs)}"}


def _provenance(targets: Iterable[str], answered: Answered, setting: Setting) -> dict[str, Any]:
    agent = {"type": {"coding": [public(setting.outputs.agent)]}, "who": {"reference": setting.device_url}}
    return filled(
        {
            "resourceType": "Provenance",
            "target": [{"reference": target} for target in targets],
            "recorded": _recorded(answered, setting),
            "policy": [setting.published.rule_set(WHOLE)],
            "agent": [agent],
            "entity": [{"role": "source", "what": what} for what in distinct(_inputs(answered))],
        }
    )


def _inputs(answered: Answered) -> Iterator[dict[str, str]]:
    """Everything that any answer rests on, in its version."""
    for case, answers in answered:
        places = _places(case, [one.answer for one in answers])
        yield from (pointer(*named) for named in dict.fromkeys((place.reference, place.version) for place in places))
        yield from (pointer(specimen.reference) for specimen in (*case.specimens, *case.samples) if specimen.reference)


def _places(case: Case, answers: Iterable[Answer]) -> Iterator[Place]:
    """The facts, what the sender stated, and the conditions and treatments of the case."""
    for answer in answers:
        yield from (fact.origin for fact in (*answer.used, *answer.members))
        yield from (asserted.fact.origin for asserted in answer.asserted)
    yield from (condition.origin for condition in case.conditions)
    yield from (treatment.origin for treatment in case.treatments)


def _recorded(answered: Answered, setting: Setting) -> str:
    """The first moment of the newest input's day, so that the same input gives the same bytes; without a date, the moment of issue."""
    newest = _newest(answered)
    if newest is None:
        return setting.instant
    year, month, day = (*newest.split("-"), "01", "01")[:3]
    return f"{year}-{month}-{day}T00:00:00.000Z"


def _newest(answered: Answered) -> str | None:
    return max((one.day for _, answers in answered for one in answers if one.day), default=None)


def device_resource(named: dict[str, str], software_version: str, knowledge_version: str, outputs: Outputs) -> dict[str, Any]:
    """The software with its rules, at one version."""
    return {
        "resourceType": "Device",
        "identifier": [named],
        "status": "active",
        "deviceName": [{"name": outputs.device.display, "type": "user-friendly-name"}],
        "version": [
            {"type": {"text": "software"}, "value": software_version},
            {"type": {"text": "knowledge"}, "value": knowledge_version},
        ],
    }
