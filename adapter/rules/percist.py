"""The metabolic response by PERCIST 1.0: SULpeak of the hottest lesion of each scan (Wahl 2009; Practical PERCIST)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Normalisation, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import determined, flagged, from_cell, undetermined
from adapter.rules.comparability import Gate, compared, joined, of_one_kind
from adapter.rules.glycolysis import with_glycolysis
from adapter.rules.lean_uptake import lean_pictures
from adapter.rules.operators import BOUNDARY, Chosen, bands_for, is_edge, look_up
from adapter.rules.patient_setting import PatientSetting
from adapter.rules.reference_tissue import kinds_of, tissue_gate, with_like_pool
from adapter.rules.scans import HUNDRED, Course, Pictures, facts_of, in_print, is_on_list, new_lesions, percent_change, plain, suited
from adapter.rules.uptake_change import silence


class Hot(NamedTuple):
    """The lesions of one scan that PERCIST looks at, and the hottest of them."""

    scan: Scan
    all: tuple[Uptake, ...]
    values: tuple[Uptake, ...]

    @property
    def hottest(self) -> Uptake | None:
        """The highest SULpeak of the scan; None when there is none or one is not exact."""
        known = [(one.value.exact, one) for one in self.values if one.value is not None and one.value.exact is not None]
        return max(known, key=lambda pair: pair[0])[1] if known and len(known) == len(self.values) else None


def percist_answer(course: Course, second: Scan, setting: PatientSetting, pictures: Pictures, chosen: Chosen) -> Answer | None:
    """The class of this scan against the baseline; None when the tracer is not FDG or nobody sent a SUVpeak."""
    rule = chosen.rule("percist")
    if not is_on_list(rule, course.tracer):
        return None
    lean = lean_pictures(pictures, setting.case.patient.sex, rule, chosen)
    about = About(result=Result.PERCIST_RESPONSE, tracer=course.tracer, scan=second.key)
    used = facts_of((course.baseline, second), (*pictures.on(course.baseline), *pictures.on(second)))
    refused = [lean.refused[scan.key] for scan in (course.baseline, second) if scan.key in lean.refused]
    if refused:
        missing = ["SUVpeak by lean body mass, or weight, height and sex"]
        return undetermined(about, rule, Kind.NOT_ASSESSABLE, f"no lean body mass: {refused[0]}", used, missing=missing)
    answer = _class(about, rule, course, second, used, lean.pictures, chosen)
    flags = [flag for scan in (course.baseline, second) for flag in lean.flags.get(scan.key, ())]
    return flagged(answer, flags) if answer is not None else None


def _class(
    about: About, rule: Rule, course: Course, second: Scan, used: Sequence[Fact], pictures: Pictures, chosen: Chosen
) -> Answer | None:
    """The class once every value is by lean body mass; None when the baseline has no SULpeak."""
    by_key = {scan.key: scan for scan in pictures.images.scans}
    first_hot, second_hot = (_hot(by_key[scan.key], pictures, rule) for scan in (course.baseline, second))
    if not first_hot.values:
        return None
    new = new_lesions(second_hot.all)
    if new:
        because = f"a new lesion on {second.day}: {pictures.lesion(new[0].lesion).name}"
        return determined(about, rule, "pmd", because, used, ["new-lesion"])
    gate = _gate(first_hot, second_hot, pictures, chosen)
    first_hot, second_hot = _with_like_pool(first_hot, first_hot), _with_like_pool(second_hot, first_hot)
    answer = _measured(about, rule, first_hot, second_hot, gate, used, pictures, chosen)
    if value_is_not_worse(answer):
        fell = first_hot.hottest is None or second_hot.hottest is None or _exact(second_hot.hottest) < _exact(first_hot.hottest)
        answer = with_glycolysis(answer, first_hot.all, second_hot.all, fell, chosen)
    if value_is_not_worse(answer):
        between = [by_key[scan.key] for scan in course.later if (scan.day or "") < (second.day or "")]
        answer = _against_nadir(answer, between, second_hot, pictures, chosen)
    if value_is_not_worse(answer):
        answer = _with_silence(answer, first_hot, second_hot, pictures)
    return answer.but(context=(*answer.context, gate.sentence))


def _hot(scan: Scan, pictures: Pictures, rule: Rule) -> Hot:
    uptakes = pictures.on(scan)
    return Hot(scan, uptakes, tuple(suited(uptakes, rule)))


def _gate(first: Hot, second: Hot, pictures: Pictures, chosen: Chosen) -> Gate:
    """Whether two scans may be compared: conditions, and liver and blood pool in the lesions' own kind of value."""
    tissues = [tissue_gate(hot.scan, _kinds(hot, first)) for hot in (first, second)]
    return joined(compared(first.scan, second.scan, pictures, chosen, "percist"), *tissues)


def _with_like_pool(hot: Hot, first: Hot) -> Hot:
    return hot._replace(scan=with_like_pool(hot.scan, _kinds(hot, first)))


def _kinds(hot: Hot, first: Hot) -> frozenset[Normalisation]:
    """What the lesions of a scan were divided by; of a scan without any uptake, what those of the first scan were."""
    return kinds_of(hot.values) or kinds_of(first.values)


def value_is_not_worse(answer: Answer) -> bool:
    """True for an answer that a rise since the lowest scan could still turn into progression."""
    return getattr(answer, "value", None) in ("pmr", "smd")


def _measured(
    about: About, rule: Rule, first: Hot, second: Hot, gate: Gate, used: Sequence[Fact], pictures: Pictures, chosen: Chosen
) -> Answer:
    """The class from the two scans, guard by guard: comparable, measurable, followed, complete, else by the numbers."""
    before = first.hottest
    if not gate.is_open:
        return undetermined(about, rule, gate.kind, gate.because, used, gate.flags, missing=gate.missing)
    if before is None:
        return undetermined(
            about, rule, Kind.INDETERMINATE, "the hottest lesion of the baseline is not exact", used, missing=["exact SULpeak"]
        )
    unfit = _not_measurable(about, first.scan, before, used, chosen)
    if unfit is not None:
        return flagged(unfit, gate.flags)
    open_lesion = _not_followed(about, rule, before, first, second, used)
    if open_lesion is not None:
        return flagged(open_lesion, gate.flags)
    complete = _complete(about, rule, second, used)
    if complete is not None:
        return flagged(_of_all_lesions(complete, rule, first, second, pictures), gate.flags)
    after = second.hottest
    if after is None:
        missing = [f"exact SULpeak of the hottest lesion on the scan of {second.scan.day}"]
        return undetermined(
            about, rule, Kind.INDETERMINATE, "the hottest lesion of the second scan is not known", used, gate.flags, missing=missing
        )
    kinds = of_one_kind(before, after)
    if not kinds.is_open:
        return undetermined(about, rule, kinds.kind, kinds.because, used, gate.flags, missing=kinds.missing)
    return flagged(_by_numbers(about, rule, before, after, used, chosen), [*joined(gate, kinds).flags, *_formula(before, rule)])


def _formula(before: Uptake, rule: Rule) -> list[str]:
    """The flag of a lean body mass by another formula than the one of PERCIST."""
    return [] if before.normalisation in rule.words["usual"] else ["lean-body-mass-not-james"]


def _not_measurable(about: About, scan: Scan, before: Uptake, used: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """Not applicable when the hottest lesion is too cold to be followed; open when its threshold is not known."""
    rule = chosen.rule("percist-measurable")
    threshold, basis = threshold_of(scan, rule)
    value = before.value.exact if before.value else None
    if threshold is None or value is None:
        missing = [f"mean and standard deviation of the liver (or of the blood pool) on the scan of {scan.day}"]
        return undetermined(about, rule, Kind.INDETERMINATE, "whether the baseline is measurable is not known", used, missing=missing)
    if value >= threshold:
        return None
    because = f"not measurable: SULpeak {value} is below {plain(threshold)} ({basis})"
    return undetermined(about, rule, Kind.NOT_APPLICABLE, because, used)


def threshold_of(scan: Scan, rule: Rule) -> tuple[Decimal | None, str]:
    """The lowest uptake that counts on this scan, from the liver, else from the blood pool where the rule allows it."""
    numbers = rule.numbers
    liver = _threshold(scan.liver_mean, scan.liver_sd, numbers["liver_times"], numbers["deviations"])
    if liver is not None:
        return liver, f"{numbers['liver_times']} times the liver mean and {numbers['deviations']} standard deviations"
    if "blood_pool_times" not in numbers:
        return None, ""
    pool = _threshold(scan.blood_pool_mean, scan.blood_pool_sd, numbers["blood_pool_times"], numbers["deviations"])
    return pool, f"{numbers['blood_pool_times']} times the blood pool mean and {numbers['deviations']} standard deviations"


def _threshold(mean: Interval | None, deviation: Interval | None, times: Decimal, deviations: Decimal) -> Decimal | None:
    if mean is None or deviation is None or mean.exact is None or deviation.exact is None:
        return None
    return times * mean.exact + deviations * deviation.exact


def _not_followed(about: About, rule: Rule, before: Uptake, first: Hot, second: Hot, used: Sequence[Fact]) -> Answer | None:
    """Open when the second scan says nothing of the lesion that was hottest: a colder one would be taken for it."""
    settled = {one.lesion for one in second.values} | {one.lesion for one in second.all if one.presence is Presence.RESOLVED}
    if before.lesion in settled:
        return None
    missing = [f"SULpeak of the lesion that was hottest on {first.scan.day}, or that it resolved"]
    because = f"the lesion that was hottest on {first.scan.day} has no SULpeak on {second.scan.day}"
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing)


def _complete(about: About, rule: Rule, second: Hot, used: Sequence[Fact]) -> Answer | None:
    """A complete response when every lesion resolved, or lies below the liver mean and not above the blood pool."""
    values = [one.value for one in second.values if one.value is not None]
    if not values:
        return determined(about, rule, "cmr", f"every lesion is stated as resolved on {second.scan.day}", used)
    liver, pool = second.scan.liver_mean, second.scan.blood_pool_mean
    if liver is None or liver.exact is None or not all(value.exact is not None and value.exact < liver.exact for value in values):
        return None
    if pool is None or pool.exact is None:
        because = f"every lesion lies below the liver mean on {second.scan.day}, and the blood pool is not known"
        return undetermined(
            about, rule, Kind.INDETERMINATE, because, used, missing=["mean of the blood pool"], possible=["cmr", "pmr", "smd"]
        )
    if any(value.exact is None or value.exact > pool.exact for value in values):
        return None
    return determined(about, rule, "cmr", f"every lesion lies below the liver mean and not above the blood pool on {second.scan.day}", used)


def _of_all_lesions(complete: Answer, rule: Rule, first: Hot, second: Hot, pictures: Pictures) -> Answer:
    """A complete response, or what keeps it open: it speaks of all lesions, so silence on one of them is not enough."""
    followed = {one.lesion for one in second.values}
    silent = {key: one for key, one in _lesions_with_uptake(first, second).items() if key not in followed}
    if not silent:
        return complete
    names = {key: pictures.lesion(key).name for key in silent}
    because = "; ".join(_without_peak(names[key], one, second.scan) for key, one in silent.items())
    asked = [f"SULpeak of {name} on the scan of {second.scan.day}, or that it resolved" for name in names.values()]
    missing = [*getattr(complete, "missing", ()), *asked]
    because = f"whether all uptake is gone on {second.scan.day} is not known: {because}"
    return undetermined(complete.about, rule, Kind.INDETERMINATE, because, complete.used, complete.flags, missing=missing)


def _lesions_with_uptake(first: Hot, second: Hot) -> dict[str, Uptake | None]:
    """The lesions that either scan shows and the second does not state as resolved, with what the second one says of them."""
    later = {one.lesion: one for one in reversed(second.all)}
    baseline = [one for one in first.all if one.avid is not False and one.presence not in (Presence.RESOLVED, Presence.NOT_COVERED)]
    appeared = [one for one in second.all if one.avid is not False and (one.value is not None or one.avid)]
    found = {one.lesion: later.get(one.lesion) for one in (*baseline, *appeared)}
    return {key: one for key, one in found.items() if one is None or one.presence is not Presence.RESOLVED}


def _without_peak(name: str, uptake: Uptake | None, scan: Scan) -> str:
    """In which way a scan gives no SULpeak of a lesion."""
    if uptake is None or uptake.value is None:
        return silence(name, uptake, scan)
    return f"{name} has no SULpeak on the scan of {scan.day} ({uptake.kind} {in_print(uptake.value)})"


def _with_silence(answer: Answer, first: Hot, second: Hot, pictures: Pictures) -> Answer:
    """The class of the hottest lesions, flagged where the second scan says nothing of another one: that one could be hotter now."""
    found = _lesions_with_uptake(first, second)
    silent = {key: one for key, one in found.items() if one is None or (one.value is None and one.avid is not False)}
    told = [silence(pictures.lesion(key).name, one, second.scan) for key, one in silent.items()]
    if not told:
        return answer
    return flagged(answer.but(context=(*answer.context, f"Not followed: {'; '.join(told)}")), ["lesion-not-followed"])


def _exact(uptake: Uptake) -> Decimal:
    """The exact value of a lesion that was chosen as the hottest; such a lesion always has one."""
    value = uptake.value.exact if uptake.value is not None else None
    assert value is not None
    return value


def _by_numbers(about: About, rule: Rule, before: Uptake, after: Uptake, used: Sequence[Fact], chosen: Chosen) -> Answer:
    """The class from the change in percent and in SUL."""
    first, second = _exact(before), _exact(after)
    percent = percent_change(exactly(first), exactly(second))
    if percent is None:
        return undetermined(
            about, rule, Kind.NOT_ASSESSABLE, "no percentage can be made of a baseline of zero", used, missing=["SULpeak above zero"]
        )
    parts = {"percent": (chosen.rule("percist-percent"), percent), "absolute": (chosen.rule("percist-absolute"), exactly(second - first))}
    known = {name: bands_for(part, number)[0].says for name, (part, number) in parts.items()}
    edge = any(is_edge(part, number) for part, number in parts.values())
    because = f"hottest lesion SULpeak {first} and {second}: {plain((second - first) * HUNDRED / first):+f} % and {second - first:+f} SUL"
    return from_cell(about, rule, look_up(chosen.table(rule.id), known), because, used, [BOUNDARY] if edge else [])


def _against_nadir(answer: Answer, scans: Sequence[Scan], second: Hot, pictures: Pictures, chosen: Chosen) -> Answer:
    """Progression when the hottest lesion rose far enough since the lowest scan in between."""
    rule = chosen.rule("percist")
    between = [_hot(scan, pictures, rule) for scan in scans]
    known = [
        (value, hot) for hot in between if hot.hottest is not None and (value := hot.hottest.value) is not None and value.exact is not None
    ]
    after = second.hottest
    if after is not None and any(not hot.values and hot.all for hot in between):
        # Nothing is a percentage of no uptake: what came back after a scan without any is for the reader.
        return flagged(answer, ["lowest-scan-not-comparable"])
    if not known or after is None:
        return answer
    _, lowest = min(known, key=lambda pair: pair[0].exact or Decimal(0))
    gate = _gate(lowest, second, pictures, chosen)
    before = lowest.hottest
    if before is None or not gate.is_open or not of_one_kind(before, after).is_open:
        return flagged(answer, ["lowest-scan-not-comparable"])
    since = _by_numbers(answer.about, rule, before, after, [*facts_of([lowest.scan], lowest.all), *answer.used], chosen)
    if getattr(since, "value", None) != "pmd":
        return answer
    return flagged(since.but(because=f"since the lowest scan of {lowest.scan.day}: {since.because}"), answer.flags)
