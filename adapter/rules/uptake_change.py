"""How far did the uptake of each lesion change between two scans of one tracer? A number only where the two may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Determined
from adapter.facts.case import Fact
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Lesion, Presence, Scan, Uptake
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule, Topic
from adapter.rules.answering import determined, flagged, undetermined
from adapter.rules.comparability import Finding, Gate, State, compared, joined, of_one_kind
from adapter.rules.operators import Chosen, bands_for, distinct, reading
from adapter.rules.scans import (
    Course,
    Pictures,
    facts_of,
    in_print,
    is_on_list,
    measure_of,
    new_lesions,
    percent_change,
    plain,
)

_VALUED = (Presence.MEASURED, Presence.NEW)


class Change(NamedTuple):
    """One lesion on two scans: its change in percent where both values are known, and whether they may be compared."""

    lesion: Lesion
    first: Scan
    second: Scan
    before: Uptake
    after: Uptake | None
    percent: Interval | None
    gate: Gate

    @property
    def used(self) -> list[Fact]:
        """Everything that was sent about the two scans and the lesion on them."""
        return facts_of((self.first, self.second), [one for one in (self.before, self.after) if one is not None])


def changes_on(course: Course, second: Scan, pictures: Pictures, chosen: Chosen) -> list[Change]:
    """The change of every value of every lesion from the baseline to this scan."""
    scans = compared(course.baseline, second, pictures, chosen)
    values = [one for one in pictures.on(course.baseline) if one.presence in _VALUED and one.value is not None]
    found = []
    for before in values:
        after = _same_lesion(before, pictures.on(second, before.lesion))
        percent, gate = _percent(before, after, chosen)
        found.append(Change(pictures.lesion(before.lesion), course.baseline, second, before, after, percent, joined(scans, gate)))
    return _of_common_kinds(found)


def _same_lesion(before: Uptake, uptakes: Sequence[Uptake]) -> Uptake | None:
    """What the second scan says of this lesion: the value of the same kind before any other value, a statement before nothing."""
    same = [one for one in uptakes if one.presence in _VALUED and measure_of(one) == measure_of(before)]
    return next(iter(same), None) or next(iter(uptakes), None)


def _percent(before: Uptake, after: Uptake | None, chosen: Chosen) -> tuple[Interval | None, Gate]:
    if after is None or after.presence in (Presence.NOT_COVERED, Presence.NOT_MEASURED):
        return None, Gate()
    if after.presence is Presence.RESOLVED:
        return exactly(chosen.rule("uptake-change").numbers["resolved"]), Gate()
    if after.value is None or before.value is None:
        return None, Gate()
    percent = percent_change(before.value, after.value)
    broken = Gate() if percent is not None else Gate((_no_quotient(before),))
    return percent, joined(of_one_kind(before, after), broken)


def _no_quotient(before: Uptake) -> Finding:
    return Finding(State.REFUSE, f"no percentage can be made of {before.value}", (), "exact values above zero")


def _of_common_kinds(changes: Sequence[Change]) -> list[Change]:
    """Without the values that only one scan has, where another kind of value stands on both."""
    common = {change.lesion.key for change in changes if change.after is not None and measure_of(change.after) == measure_of(change.before)}
    kept, first = [], set()
    for change in changes:
        like = change.after is None or change.after.value is None or measure_of(change.after) == measure_of(change.before)
        if like or (change.lesion.key not in common and change.lesion.key not in first):
            kept.append(change)
            first.add(change.lesion.key)
    return kept


def change_answers(course: Course, second: Scan, changes: Sequence[Change], pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """The change of each lesion from the baseline to this scan, and why there is none for a lesion that is new."""
    topic = chosen.books.tracer_topic(course.tracer)
    answers = [_answer(change, pictures, topic, chosen) for change in changes]
    known = {change.lesion.key for change in changes}
    return answers + [_without_baseline(course, second, one, pictures, chosen) for one in _only_later(pictures.on(second), known)]


def _only_later(uptakes: Sequence[Uptake], known: set[str]) -> list[Uptake]:
    """One uptake of each lesion that has a value or is called new on the second scan only."""
    found = [one for one in uptakes if one.lesion not in known and one.presence in _VALUED]
    return list({one.lesion: one for one in reversed(found)}.values())[::-1]


def _answer(change: Change, pictures: Pictures, topic: Topic | None, chosen: Chosen) -> Answer:
    rule, about = chosen.rule("uptake-change"), about_change(change)
    barred = _barred(change.lesion, topic)
    if barred:
        answer: Answer = undetermined(about, rule, Kind.NOT_ASSESSABLE, barred, change.used)
    elif not change.gate.is_open:
        answer = undetermined(
            about, rule, change.gate.kind, change.gate.because, change.used, change.gate.flags, missing=change.gate.missing
        )
    elif change.percent is None:
        because, missing = not_followed(change)
        answer = undetermined(about, rule, Kind.INDETERMINATE, because, change.used, missing=[missing])
    else:
        answer = _measured(about, rule, change, chosen)
    point = pictures.time_point(change.second, chosen)
    context = (change.gate.sentence, *((f"Time point: {point}",) if point else ()))
    return answer.but(lesion=change.lesion, context=context)


def about_change(change: Change) -> About:
    """What the change of one lesion is about; two kinds of value are two answers."""
    return About(
        result=Result.UPTAKE_CHANGE,
        tracer=change.first.tracer,
        lesion=change.lesion.key,
        scan=change.second.key,
        measure=measure_of(change.before),
    )


def _measured(about: About, rule: Rule, change: Change, chosen: Chosen) -> Answer:
    assert change.percent is not None
    because = in_words(change)
    if change.percent.exact is None:
        because = f"{because}: the change is {in_print(change.percent)} %"
        return undetermined(about, rule, Kind.INDETERMINATE, because, change.used, change.gate.flags, missing=["the exact values"])
    shown = plain(change.percent.exact, int(rule.numbers["decimals"]))
    flags = [*change.gate.flags, *_scatter(change, chosen)]
    answer: Determined = determined(about, rule, f"{shown:f}", because, change.used, flags)
    return answer.but(quantity=shown, unit="%")


def _scatter(change: Change, chosen: Chosen) -> list[str]:
    """The flag of a change that two measurements without any change could show as well."""
    rule = chosen.rule("fdg-repeatability")
    if change.percent is None or not is_on_list(rule, change.first.tracer):
        return []
    bands = bands_for(rule, change.percent)
    return list(bands[0].flags) if len(bands) == 1 else []


def in_words(change: Change) -> str:
    """The two values with their days."""
    kind = change.before.kind
    after = change.after
    later = "resolved" if after is None or after.presence is Presence.RESOLVED else f"{after.value}"
    return f"{kind} of {change.lesion.name} {change.before.value} on {change.first.day} and {later} on {change.second.day}"


def not_followed(change: Change) -> tuple[str, str]:
    """Why the second scan gives no value of this lesion, and what to send."""
    name, day = change.lesion.name, change.second.day
    return silence(name, change.after, change.second), f"{change.before.kind} of {name} on the scan of {day}, or that it resolved"


def silence(name: str, uptake: Uptake | None, scan: Scan) -> str:
    """In which way a scan gives no value of a lesion."""
    said = {Presence.NOT_COVERED: "was outside the field of view", Presence.NOT_MEASURED: "was not measured"}
    return f"{name} {said.get(uptake.presence, 'is not mentioned') if uptake else 'is not mentioned'} on the scan of {scan.day}"


def _barred(lesion: Lesion, topic: Topic | None) -> str:
    if topic is None or topic.tracer is None or lesion.site not in topic.tracer.barred_sites:
        return ""
    return f"normal uptake of {topic.title} in the {str(lesion.site).replace('-', ' ')} hides a lesion"


def _without_baseline(course: Course, second: Scan, uptake: Uptake, pictures: Pictures, chosen: Chosen) -> Answer:
    lesion = pictures.lesion(uptake.lesion)
    about = About(result=Result.UPTAKE_CHANGE, tracer=course.tracer, lesion=lesion.key, scan=second.key, measure=measure_of(uptake))
    rule, used = chosen.rule("uptake-change"), facts_of((), [uptake])
    if new_lesions([uptake]):
        because = f"{lesion.name} is new on the scan of {second.day}: there is nothing to compare it with"
        answer: Answer = undetermined(about, rule, Kind.NOT_APPLICABLE, because, used, ["new-lesion"])
    else:
        because = f"{lesion.name} has no value on the baseline scan of {course.baseline.day}"
        missing = [f"the uptake of {lesion.name} on the scan of {course.baseline.day}, or that the lesion is new"]
        answer = undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=missing)
    return answer.but(lesion=lesion)


def refused_answers(pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """Scans that look like a course and are none: of two tracers, without a tracer, or without an order."""
    scans, courses = pictures.images.scans, pictures.courses()
    answers = [_unordered(course, pictures, chosen) for course in courses if _has_no_order(course)]
    answers += [_no_tracer(scan, pictures, chosen) for scan in scans if scan.tracer is None and len(scans) > 1]
    lone = [course for course in courses if not course.later and not course.unordered]
    if len(courses) > 1 and len(lone) == len(courses):
        answers += _mixed(lone, pictures, chosen)
    return answers


def _has_no_order(course: Course) -> bool:
    """True when a scan of several has no place in time; a scan alone needs none."""
    return bool(course.unordered) and (len(course.unordered) > 1 or course.baseline not in course.unordered)


def _unordered(course: Course, pictures: Pictures, chosen: Chosen) -> Answer:
    days = ", ".join(distinct(f"{scan.day or 'an unknown day'}" for scan in course.unordered))
    because = f"the scans with {course.tracer} of {days} cannot be put in order"
    missing = ["one full date for each scan, and which of two scans on one day counts"]
    return _refusal(course.tracer, None, because, course.unordered, pictures, chosen, missing)


def _no_tracer(scan: Scan, pictures: Pictures, chosen: Chosen) -> Answer:
    because = f"the tracer of the scan of {scan.day} is not known, and uptake of unknown tracers is never compared"
    return _refusal(None, scan, because, [scan], pictures, chosen, [f"the tracer of the scan of {scan.day}"])


def _mixed(courses: Sequence[Course], pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """A refusal for each scan after treatment began that has no scan of its own tracer before."""
    first = min(courses, key=lambda course: course.baseline.day or "")
    later = [
        one for one in courses if one is not first and (_is_kin(first, one, chosen) or _follows(first.baseline, one.baseline, pictures))
    ]
    answers = []
    for course in later:
        gate = compared(first.baseline, course.baseline, pictures, chosen)
        scans = [first.baseline, course.baseline]
        answers.append(_refusal(course.tracer, course.baseline, gate.because, scans, pictures, chosen, gate.missing))
    return answers


def _is_kin(first: Course, second: Course, chosen: Chosen) -> bool:
    """True for two ligands or isotopes of one family, which look alike and are never compared."""
    topic = chosen.books.tracer_topic(first.tracer)
    return topic is not None and topic is chosen.books.tracer_topic(second.tracer)


def _follows(first: Scan, second: Scan, pictures: Pictures) -> bool:
    """True when treatment began between the two scans, so that they are no pair of one visit."""
    if first.day is None or second.day is None or pictures.started is None:
        return False
    return first.day <= pictures.started < second.day


def _refusal(
    tracer: str | None,
    scan: Scan | None,
    because: str,
    scans: Sequence[Scan],
    pictures: Pictures,
    chosen: Chosen,
    missing: Sequence[str],
) -> Answer:
    about = About(result=Result.UPTAKE_CHANGE, tracer=tracer, scan=scan.key if scan else None)
    used = facts_of(scans, [one for each in scans for one in pictures.on(each)])
    return undetermined(about, chosen.rule("uptake-change"), Kind.NOT_ASSESSABLE, because, used, missing=missing)


def background_answers(pictures: Pictures, chosen: Chosen) -> list[Answer]:
    """The ratio of a lesion to its background: computed from the two values, else as it was sent."""
    scans = {scan.key: scan for scan in pictures.images.scans}
    pairs = [(scans[one.scan], one) for one in pictures.images.uptakes if one.scan in scans]
    found = [answer for scan, one in pairs if (answer := _ratio(scan, one, pictures, chosen)) is not None]
    return list({answer.about: answer for answer in reversed(found)}.values())[::-1]


def _ratio(scan: Scan, uptake: Uptake, pictures: Pictures, chosen: Chosen) -> Answer | None:
    rule, lesion = chosen.rule("tumor-to-background-ratio"), pictures.lesion(uptake.lesion)
    about = About(result=Result.TUMOR_TO_BACKGROUND_RATIO, tracer=scan.tracer, lesion=lesion.key, scan=scan.key, measure=measure_of(uptake))
    used, where = facts_of([scan], [uptake]), uptake.background_site or "a background of unknown place"
    flags = [] if uptake.background_site else ["background-not-named"]
    sent = reading(uptake.facts, "lesion-to-background-ratio")
    above, below = (number.exact if number else None for number in (uptake.value, uptake.background))
    if above is not None and below:
        ratio, because = above / below, f"{lesion.name} {above} over {where} {below} on {scan.day}"
    elif uptake.background is None and sent.number is not None and sent.number.exact is not None:
        ratio, because = sent.number.exact, f"the ratio of {lesion.name} to {where} was sent for {scan.day}"
    elif uptake.background is None and sent.fact is None:
        return None
    else:
        missing = ["exact values of the lesion and of the background, the latter above zero"]
        because = "no quotient can be made of the values"
        closed = undetermined(about, rule, Kind.NOT_ASSESSABLE, because, used, missing=missing)
        return closed.but(lesion=lesion)
    shown = plain(ratio, int(rule.numbers["decimals"]))
    answer: Determined = determined(about, rule, f"{shown:f}", because, used, flags)
    return answer.but(quantity=shown, unit="1", lesion=lesion)


def with_flags_of(answer: Answer, changes: Sequence[Change]) -> Answer:
    """The answer with what the comparisons it rests on must say."""
    gate = joined(*(change.gate for change in changes))
    texts = distinct(change.gate.sentence for change in changes)
    return flagged(answer, gate.flags).but(context=(*answer.context, *texts))
