"""What does an early fall of FDG uptake say in HER2-positive disease? TBCRC026 for the primary, PHERGain for all target lesions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.measurements import Interval
from adapter.facts.uptake import Scan
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import determined, flagged, undetermined, value_of
from adapter.rules.comparability import worst
from adapter.rules.eortc import preferred
from adapter.rules.operators import BOUNDARY, Chosen, bands_for, distinct, is_edge, is_up_to
from adapter.rules.patient_setting import PatientSetting
from adapter.rules.percist import threshold_of
from adapter.rules.reference_tissue import are_unlike, kinds_of
from adapter.rules.scans import Course, Pictures, facts_of, in_print, is_on_list, new_lesions
from adapter.rules.uptake_change import Change, in_words, not_followed, with_flags_of

_POSITIVE, _NEGATIVE = "positive", "negative"


def early_answers(
    course: Course, second: Scan, changes: Sequence[Change], setting: PatientSetting, pictures: Pictures, chosen: Chosen
) -> list[Answer]:
    """The early response on day 15 and the PHERGain response later on, each where the scan stands at its time point."""
    rule, later = chosen.rule("tbcrc026-fall"), chosen.rule("phergain-fall")
    point = _point(course, second, pictures, chosen)
    answers: list[Answer] = []
    if is_on_list(rule, course.tracer) and point in rule.words["time_point"]:
        answers += [_day_15(one, second, setting, pictures, chosen) for one in preferred(changes, rule) if _may_be_primary(one, rule)]
    mine = preferred(changes, later)
    if is_on_list(later, course.tracer) and point in later.words["time_point"] and mine:
        answers.append(_phergain(course, second, mine, setting, pictures, chosen))
    return answers


def _point(course: Course, second: Scan, pictures: Pictures, chosen: Chosen) -> str | None:
    """The time point of the scan, counted from the baseline where the start of treatment is not known."""
    if pictures.started is not None:
        return pictures.time_point(second, chosen)
    return pictures._replace(started=course.baseline.day).time_point(second, chosen)


def _may_be_primary(change: Change, rule: Rule) -> bool:
    return change.lesion.site is None or change.lesion.site in rule.words["site"]


def _day_15(change: Change, second: Scan, setting: PatientSetting, pictures: Pictures, chosen: Chosen) -> Answer:
    """What the fall of the primary says about a pathologic complete response."""
    rule = chosen.rule("tbcrc026-fall")
    about = About(result=Result.FDG_EARLY_RESPONSE, tracer=change.first.tracer, lesion=change.lesion.key, scan=second.key)
    used = [*change.used, *setting.used]
    answer = _by_fall(about, rule, [change], used)
    answer = flagged(
        answer,
        [
            *_regimen(change.first, second, rule, pictures),
            *_remarks_on_kind(change, rule),
            *_remarks_on_er(setting),
            *_low_value(change, rule, chosen),
        ],
    )
    answer = _for_her2(answer, about, rule, used, setting, _unknown_of(change, rule, setting, pictures))
    return with_flags_of(answer, [change]).but(lesion=change.lesion)


def _by_fall(about: About, rule: Rule, changes: Sequence[Change], used: Sequence[Fact]) -> Answer:
    """The class of the smallest fall: every lesion must have fallen far enough."""
    gate = worst([change.gate for change in changes])
    said = {change.lesion.key: _bands(change, rule) for change in changes}
    shown = "; ".join(f"{in_words(change)}: {in_print(change.percent)} %" for change in changes if change.percent is not None)
    if not gate.is_open:
        return undetermined(about, rule, gate.kind, gate.because, used, gate.flags, missing=gate.missing)
    too_small, enough = rule.bands[-1].says, rule.bands[0].says
    flags = [BOUNDARY] if any(change.percent is not None and is_edge(rule, change.percent) for change in changes) else []
    if any(words == (too_small,) for words in said.values()):
        return determined(about, rule, too_small, shown, used, flags)
    unknown = [not_followed(change) for change in changes if change.percent is None]
    if unknown:
        because, missing = unknown[0][0], [text for _, text in unknown]
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, flags, missing=missing, possible=[enough, too_small])
    if all(words == (enough,) for words in said.values()):
        return determined(about, rule, enough, shown, used, flags)
    return undetermined(
        about,
        rule,
        Kind.INDETERMINATE,
        f"{shown}: the fall is not exact",
        used,
        flags,
        missing=["exact values"],
        possible=[enough, too_small],
    )


def _bands(change: Change, rule: Rule) -> tuple[str, ...]:
    return distinct(band.says for band in bands_for(rule, change.percent)) if change.percent is not None else ()


def _for_her2(answer: Answer, about: About, rule: Rule, used: Sequence[Fact], setting: PatientSetting, unknown: Sequence[str]) -> Answer:
    """The answer for HER2-positive disease only; open where that, or something else the trial asks for, is not known."""
    if setting.her2 == _NEGATIVE:
        because = "HER2 is negative: the trial was in HER2-positive disease; in triple-negative disease early FDG gave mixed results"
        return undetermined(about, rule, Kind.NOT_APPLICABLE, because, used)
    outside = _outside_stage(rule, setting)
    if outside:
        return undetermined(about, rule, Kind.NOT_APPLICABLE, outside, used)
    missing = [*([] if setting.her2 == _POSITIVE else ["HER2 status"]), *unknown]
    if not missing or getattr(answer, "kind", None) is Kind.NOT_ASSESSABLE:
        return answer
    possible = [value] if (value := value_of(answer)) else answer.possible
    because = f"not known whether it applies: {', '.join(missing)}"
    wanted = [*missing, *answer.missing]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, answer.flags, missing=wanted, possible=possible)


def _outside_stage(rule: Rule, setting: PatientSetting) -> str:
    stages = rule.words.get("stages")
    if stages is None or setting.stage is None or setting.stage in stages:
        return ""
    return f"stage {setting.stage} is outside the patients of the trial ({stages[0]} to {stages[-1]})"


def _unknown_of(change: Change, rule: Rule, setting: PatientSetting, pictures: Pictures) -> list[str]:
    unknown = [] if pictures.started is not None else ["the day systemic therapy began"]
    unknown += [] if setting.stage is not None else ["anatomic stage before treatment"]
    return unknown + ([] if change.lesion.site in rule.words["site"] else [f"whether {change.lesion.name} is the primary tumor"])


def _remarks_on_kind(change: Change, rule: Rule) -> list[str]:
    """The trial measured by lean body mass."""
    return [] if change.before.normalisation in rule.words["lean"] else ["suv-not-lean-body-mass"]


def _regimen(first: Scan, second: Scan, rule: Rule, pictures: Pictures) -> list[str]:
    """Whether the drugs that were given between the scans are those of the trial, and none that the trial held back."""
    given = pictures.given_between(first, second)
    drugs, classes = {drug for one in given for drug in one.drugs}, {name for one in given for name in one.classes}
    if not classes.isdisjoint(rule.words["without"]):
        return ["regimen-differs"]
    if drugs.issuperset(rule.words["regimen"]):
        return []
    # A drug that is not known may be the one that is missing.
    return ["regimen-differs"] if drugs and all(one.drugs for one in given) else ["regimen-not-checked"]


def _remarks_on_er(setting: PatientSetting) -> list[str]:
    return [] if setting.er == _NEGATIVE else ["extrapolated"]


def _low_value(change: Change, rule: Rule, chosen: Chosen) -> list[str]:
    """The remark on a low value on day 15; only by lean body mass."""
    limit = chosen.rule("tbcrc026-day-15-value")
    after = change.after
    if after is None or after.value is None or after.normalisation not in rule.words["lean"]:
        return []
    bands = bands_for(limit, after.value)
    return list(bands[0].flags) if len(bands) == 1 else []


def _phergain(
    course: Course, second: Scan, changes: Sequence[Change], setting: PatientSetting, pictures: Pictures, chosen: Chosen
) -> Answer:
    """Whether every target lesion fell as far as the trial asks."""
    rule = chosen.rule("phergain-fall")
    about = About(result=Result.PHERGAIN_RESPONSE, tracer=course.tracer, scan=second.key)
    targets, flags = _targets(course.baseline, changes, chosen)
    cycles, counted = setting.cycles_before(second)
    new = new_lesions(pictures.on(second))
    used = [*(fact for change in changes for fact in change.used), *facts_of((), new), *setting.used, *counted]
    if cycles is not None and cycles != rule.numbers["cycles"]:
        because = f"{cycles} cycles were given before the scan; the trial looked after {rule.numbers['cycles']}"
        return undetermined(about, rule, Kind.NOT_APPLICABLE, because, used)
    if not targets:
        return undetermined(about, rule, Kind.NOT_APPLICABLE, "no lesion of the baseline is hot enough for a target lesion", used)
    answer = flagged(
        _by_fall(about, rule, targets, used),
        [*flags, *([] if cycles is not None else ["cycles-not-known"]), *_regimen(course.baseline, second, rule, pictures)],
    )
    if new and value_of(answer) == rule.bands[0].says:
        because = f"a new lesion on {second.day}; the trial's criterion speaks of target lesions only"
        answer = undetermined(about, rule, Kind.INDETERMINATE, because, used, [*answer.flags, "new-lesion"])
    unknown = [] if pictures.started is not None else ["the day systemic therapy began"]
    return with_flags_of(_for_her2(answer, about, rule, used, setting, unknown), targets)


def _targets(baseline: Scan, changes: Sequence[Change], chosen: Chosen) -> tuple[list[Change], list[str]]:
    """The lesions hot enough to be targets; all of them, flagged, where the liver is not known or of another kind of value."""
    threshold, _ = threshold_of(baseline, chosen.rule("phergain-target"))
    if threshold is None:
        return list(changes), ["targets-not-verified"]
    unlike = [change for change in changes if are_unlike(baseline.liver_kinds, kinds_of([change.before]))]
    flags = ["targets-not-verified"] if unlike else []
    return [change for change in changes if change in unlike or not _is_colder(change.before.value, threshold)], flags


def _is_colder(value: Interval | None, threshold: Decimal) -> bool:
    """True when the whole value lies below the threshold."""
    return value is not None and is_up_to(value, threshold) and value.exact != threshold
