"""Does any lesion take up a tracer of HER2, and do lesions differ? Imaging never overrides tissue (Jacene 2024)."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.uptake import Scan
from adapter.facts.vocabulary import Kind, Result
from adapter.rules.answering import determined, flagged, undetermined, value_of
from adapter.rules.operators import Chosen
from adapter.rules.patient_setting import PatientSetting

_POSITIVE, _NEGATIVE = "positive", "negative"
_SEVERAL = 2


def her2_patient_answers(scan: Scan, lesions: Sequence[Answer], setting: PatientSetting, chosen: Chosen) -> list[Answer]:
    """The answers about the patient from the answers about the lesions of one scan; empty when there are none."""
    mine = [answer for answer in lesions if answer.about.result is Result.HER2_PET_UPTAKE]
    if not mine:
        return []
    used = list({id(fact): fact for answer in mine for fact in answer.used}.values())
    answers = [_patient(scan, mine, used, setting, chosen)]
    return answers + ([_heterogeneity(scan, mine, used, chosen)] if len(mine) >= _SEVERAL else [])


def with_tissue(answer: Answer, setting: PatientSetting) -> Answer:
    """The answer flagged for biopsy when imaging is positive and tissue is not."""
    differs = answer.about.result is Result.HER2_PET_UPTAKE and value_of(answer) == _POSITIVE and setting.her2 == _NEGATIVE
    return flagged(answer, ["biopsy-to-confirm"]) if differs else answer


def _values(lesions: Sequence[Answer]) -> tuple[int, int, int]:
    values = [value_of(answer) for answer in lesions]
    return values.count(_POSITIVE), values.count(_NEGATIVE), values.count(None)


def _patient(scan: Scan, lesions: Sequence[Answer], used: Sequence[Fact], setting: PatientSetting, chosen: Chosen) -> Answer:
    rule, about = chosen.rule("her2-pet-uptake"), About(result=Result.HER2_PET_UPTAKE, tracer=scan.tracer, scan=scan.key)
    positive, _, unknown = _values(lesions)
    because = f"on {scan.day} {positive} of {len(lesions)} lesions positive"
    flags = {flag for answer in lesions for flag in answer.flags if flag == "imaged-early"}
    if positive:
        return with_tissue(determined(about, rule, _POSITIVE, because, used, flags), setting)
    if not unknown:
        return determined(about, rule, _NEGATIVE, because, used, flags)
    missing = [text for answer in lesions for text in getattr(answer, "missing", ())]
    because = f"{because}, {unknown} not known"
    possible = [_POSITIVE, _NEGATIVE]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, flags, missing=missing, possible=possible)


def _heterogeneity(scan: Scan, lesions: Sequence[Answer], used: Sequence[Fact], chosen: Chosen) -> Answer:
    rule, about = chosen.rule("her2-heterogeneity"), About(result=Result.HER2_HETEROGENEITY, tracer=scan.tracer, scan=scan.key)
    positive, negative, unknown = _values(lesions)
    because = f"on {scan.day} {positive} lesions positive and {negative} negative"
    if positive and negative:
        return determined(about, rule, "true", because, used)
    if not unknown:
        return determined(about, rule, "false", because, used)
    missing = [text for answer in lesions for text in getattr(answer, "missing", ())]
    because = f"{because}, {unknown} not known"
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing, possible=["true", "false"])
