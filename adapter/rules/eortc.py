"""The metabolic response by the EORTC recommendations of 1999: the change of SUV by the number of cycles given."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.uptake import Presence, Scan
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import determined, undetermined
from adapter.rules.comparability import worst
from adapter.rules.operators import BOUNDARY, Chosen, bands_for, distinct, is_edge
from adapter.rules.patient_setting import PatientSetting
from adapter.rules.scans import Course, Pictures, in_print, is_on_list, measure_of, new_lesions
from adapter.rules.uptake_change import Change, in_words, not_followed, with_flags_of

_COMPLETE = "cmr"


def eortc_answer(
    course: Course, second: Scan, changes: Sequence[Change], setting: PatientSetting, pictures: Pictures, chosen: Chosen
) -> Answer | None:
    """The class of this scan against the baseline; None when the tracer is not FDG or no value of a fitting kind was sent."""
    rule = chosen.rule("eortc-first-cycle")
    mine = preferred(changes, rule)
    if not is_on_list(rule, course.tracer) or not mine:
        return None
    about = About(result=Result.EORTC_RESPONSE, tracer=course.tracer, scan=second.key)
    cycles, counted = setting.cycles_before(second)
    used = [*(fact for change in mine for fact in change.used), *counted]
    new = new_lesions(pictures.on(second))
    if new:
        because = f"a new lesion on {second.day}: {pictures.lesion(new[0].lesion).name}"
        facts = [*used, *(fact for one in new for fact in one.facts)]
        return determined(about, rule, "pmd", because, facts, ["new-lesion"])
    gate = worst([change.gate for change in mine])
    if not gate.is_open:
        return undetermined(about, rule, gate.kind, gate.because, used, gate.flags, missing=gate.missing)
    rules = _rules_for(cycles, chosen)
    return with_flags_of(_of_lesions(about, rules, mine, used, cycles), mine)


def preferred(changes: Sequence[Change], rule: Rule) -> list[Change]:
    """One change of each lesion: the kind of value that the rule names first."""
    kinds = [f"{normal} {derivation}" for derivation in rule.words["derivation"] for normal in rule.words["normalisation"]]
    fitting = [change for change in changes if measure_of(change.before) in kinds]
    ordered = sorted(fitting, key=lambda change: kinds.index(measure_of(change.before) or ""))
    return list({change.lesion.key: change for change in reversed(ordered)}.values())[::-1]


def _rules_for(cycles: Decimal | None, chosen: Chosen) -> list[Rule]:
    """The rule for this number of cycles, or both when it is not known."""
    first, later = chosen.rule("eortc-first-cycle"), chosen.rule("eortc-later-cycles")
    if cycles is None:
        return [first, later]
    return [first] if cycles <= first.numbers["cycles"] else [later]


def _of_lesions(about: About, rules: Sequence[Rule], changes: Sequence[Change], used: Sequence[Fact], cycles: Decimal | None) -> Answer:
    """One class for the patient where every lesion has the same one; progression of one lesion is progression."""
    classes = [_classes(change, rules) for change in changes]
    possible = distinct(word for words in classes for word in words)
    flags = [BOUNDARY] if any(_on_edge(change, rules) for change in changes) else []
    shown = "; ".join(f"{in_words(change)}: {in_print(change.percent)} %" for change in changes if change.percent is not None)
    if ("pmd",) in classes:
        return determined(about, rules[-1], "pmd", shown, used, flags)
    unknown = [not_followed(change) for change in changes if change.percent is None]
    if unknown:
        missing = [text for _, text in unknown]
        return undetermined(about, rules[0], Kind.INDETERMINATE, unknown[0][0], used, flags, missing=missing)
    if len(possible) == 1:
        return determined(about, rules[-1], possible[0], shown, used, flags)
    if cycles is None and any(len(words) > 1 for words in classes):
        because = f"{shown}: the class depends on the number of cycles, which is not known"
        return undetermined(
            about, rules[0], Kind.INDETERMINATE, because, used, flags, missing=["number of cycles before the scan"], possible=possible
        )
    because = f"{shown}: the lesions differ in class, and the source does not say how they add up"
    return undetermined(about, rules[0], Kind.INDETERMINATE, because, used, [*flags, "lesions-differ"], possible=possible)


def _classes(change: Change, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Every class that the rules allow for one lesion; none when its change is not known."""
    if change.after is not None and change.after.presence is Presence.RESOLVED:
        return (_COMPLETE,)
    if change.percent is None:
        return ()
    return distinct(band.says for rule in rules for band in bands_for(rule, change.percent))


def _on_edge(change: Change, rules: Sequence[Rule]) -> bool:
    """True when the change lies exactly on the border of two classes."""
    return change.percent is not None and any(is_edge(rule, change.percent) for rule in rules)
