"""Grade, Ki-67, recurrence score and MammaPrint (Nottingham; IKWG 2021; TAILORx, RxPONDER; FDA K201902)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Day, Fact
from adapter.facts.measurements import exactly
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import conflicting, determined, flagged, from_bands, undetermined, value_of, with_asserted
from adapter.rules.operators import Chosen, Reading, is_above, is_up_to, reading

_PARTS = ("grade-tubules", "grade-nuclear", "grade-mitoses")


def grade_answer(specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """The grade of this specimen: from the three scores or their sum, else as reported; None when nothing was sent."""
    stated, total = reading(facts, "grade"), reading(facts, "nottingham-sum")
    parts = [reading(facts, word) for word in _PARTS]
    used = [fact for part in parts for fact in part.used]
    about = About(result=Result.GRADE, specimen=specimen)
    rule = chosen.rule("nottingham-grade")
    numbers = [part.number.exact for part in parts if part.number is not None and part.number.exact is not None]
    if len(numbers) == len(_PARTS):
        added = sum(numbers, Decimal(0))
        answer = from_bands(about, rule, exactly(added), used)
        clash = total.number is not None and total.number.exact != added
        return flagged(with_asserted(answer, stated.used), ["nottingham-sum-differs"] if clash else [])
    if total.number is not None:
        return with_asserted(from_bands(about, rule, total.number, total.used), stated.used)
    if stated.fact is None:
        return _incomplete(about, rule, used, parts) if used else None
    return _reported_grade(about, stated, chosen)


def _incomplete(about: About, rule: Rule, used: Sequence[Fact], parts: Sequence[Reading]) -> Answer:
    missing = [word for word, part in zip(_PARTS, parts, strict=True) if part.number is None]
    return undetermined(about, rule, Kind.INDETERMINATE, "not all three Nottingham scores were sent", used, missing=missing)


def _reported_grade(about: About, stated: Reading, chosen: Chosen) -> Answer:
    rule = chosen.rule("grade-reported")
    if stated.value is None:
        return conflicting(about, rule, stated.used)
    if stated.value in rule.words["unknown"]:
        return undetermined(about, rule, Kind.INDETERMINATE, "the grade is reported as not assessed (GX)", stated.used, missing=["grade"])
    return determined(about, rule, stated.value, f"the laboratory reports {stated.value}", stated.used)


class Setting:
    """What the rules on scores must know of the case: its T, N, M groups and receptor statuses, each None when not known.

    `er_low` names the statuses that are positive only because of a low estrogen receptor.
    """

    def __init__(
        self, groups: Mapping[str, str | None], signs: Mapping[str, str | None], used: Sequence[Fact], er_low: Iterable[str] = ()
    ) -> None:
        self.t, self.n, self.m = (groups.get(axis) for axis in ("t", "n", "m"))
        self.er, self.hr, self.her2 = (signs.get(name) for name in ("er", "hr", "her2"))
        self.used, self.er_low = tuple(used), frozenset(er_low)

    def outside(self, rule: Rule) -> list[str]:
        """Every property that is known and not among the words of the rule."""
        return [f"{name.upper()} is {value}" for name, value in self._asked(rule) if value is not None and value not in rule.words[name]]

    def unknown(self, rule: Rule) -> list[str]:
        """Every property that the rule asks for and that is not known."""
        labels = {
            "t": "T category",
            "n": "N category",
            "m": "M category",
            "er": "ER status",
            "hr": "ER or PR status",
            "her2": "HER2 status",
        }
        return [labels[name] for name, value in self._asked(rule) if value is None]

    def remarks(self, rule: Rule) -> list[str]:
        """What must be said beside an answer whose population rests on a low estrogen receptor."""
        return ["er-low"] if self.er_low & rule.words.keys() else []

    def _asked(self, rule: Rule) -> list[tuple[str, str | None]]:
        return [(name, getattr(self, name)) for name in rule.words]


def ki67_answer(specimen: str | None, facts: Sequence[Fact], setting: Setting, chosen: Chosen) -> Answer | None:
    """Whether Ki-67 is low or high enough to be used; only for the patients whom the working group names."""
    ki67 = reading(facts, "ki67-percent")
    if ki67.fact is None:
        return None
    about, rule = About(result=Result.KI67_CATEGORY, specimen=specimen), chosen.rule("ki67-ikwg")
    if ki67.number is None:
        return conflicting(about, rule, ki67.used)
    answer = from_bands(about, rule, ki67.number, ki67.used, " %")
    return _for_population(answer, about, chosen.rule("ki67-population"), ki67.used, setting)


def _for_population(
    answer: Answer, about: About, population: Rule, used: Sequence[Fact], setting: Setting, flags: Sequence[str] = ()
) -> Answer:
    """The answer when the patient is one for whom the ranges were found; else why it does not apply (flagged) or cannot be told."""
    outside, unknown = setting.outside(population), setting.unknown(population)
    if outside:
        because = f"outside the patients for whom it was found: {', '.join(outside)}"
        return undetermined(about, population, Kind.NOT_APPLICABLE, because, used, flags)
    if unknown:
        because = f"not known whether it applies: {', '.join(unknown)}"
        possible = [value] if (value := value_of(answer)) else []
        return undetermined(about, population, Kind.INDETERMINATE, because, used, missing=unknown, possible=possible)
    rested = answer.but(used=(*answer.used, *(fact for fact in setting.used if fact not in answer.used)))
    return flagged(rested, setting.remarks(population))


def recurrence_score_answer(case: Case, setting: Setting, chosen: Chosen) -> Answer | None:
    """The range of the recurrence score, for the patients of the trials only; None when no score was sent."""
    score = reading(case.about("oncotype-score"), "oncotype-score")
    if score.fact is None:
        return None
    scheme = chosen.scheme("recurrence-score")
    rule = chosen.rule(chosen.books.schemes["recurrence-score"][scheme])
    about = About(result=Result.RECURRENCE_SCORE_CATEGORY, scheme=scheme)
    if score.number is None:
        return conflicting(about, rule, score.used)
    answer = from_bands(about, rule, score.number, score.used)
    population = chosen.rule("recurrence-score-population")
    nodes = reading(case.about("nodes-positive"), "nodes-positive").number
    outside = ["score-outside-population"]
    if nodes is not None and is_above(nodes, population.numbers["most_nodes"]):
        because = f"outside the patients for whom it was found: more than {population.numbers['most_nodes']} positive nodes"
        return undetermined(about, population, Kind.NOT_APPLICABLE, because, score.used, outside)
    answer = _for_population(answer, about, population, score.used, setting, outside)
    return _with_trial_remarks(answer, case, score, setting, chosen)


def _with_trial_remarks(answer: Answer, case: Case, score: Reading, setting: Setting, chosen: Chosen) -> Answer:
    """What the trials add for younger patients and for one to three positive nodes."""
    if value_of(answer) is None or score.number is None or score.number.exact is None:
        return answer
    young = chosen.rule("recurrence-score-younger-patients").numbers
    age = _age(case.patient.birth_date, score.fact.taken_on if score.fact else None)
    in_range = young["score_at_least"] <= score.number.exact <= young["score_up_to"]
    flags = ["chemotherapy-benefit-by-age"] if age is not None and age <= young["age_up_to"] and in_range else []
    return flagged(answer, flags).but(context=_trial_context(case, score, setting, chosen))


def _trial_context(case: Case, score: Reading, setting: Setting, chosen: Chosen) -> tuple[str, ...]:
    rule = chosen.rule("recurrence-score-one-to-three-nodes")
    menopause = reading(case.about("menopausal-status"), "menopausal-status").value
    if setting.n not in rule.words["n"] or score.number is None or not is_up_to(score.number, rule.numbers["score_up_to"]):
        return ()
    rows = chosen.books.contexts.get(Result.RECURRENCE_SCORE_CATEGORY, ())
    return tuple(row.text for row in rows if row.value == menopause)


def _age(born: Day | None, on: Day | None) -> int | None:
    """Full years between two full dates, or None when either is not a full date."""
    if born is None or on is None or len(born) != len("YYYY-MM-DD") or len(on) != len(born):
        return None
    return int(on[:4]) - int(born[:4]) - (on[5:] < born[5:])


def mammaprint_answer(case: Case, chosen: Chosen) -> Answer | None:
    """The risk group as the laboratory reports it; None when none was sent."""
    stated = reading(case.about("mammaprint-category"), "mammaprint-category")
    if stated.fact is None:
        return None
    about, rule = About(result=Result.MAMMAPRINT_CATEGORY), chosen.rule("mammaprint-reported")
    if stated.value is None:
        return conflicting(about, rule, stated.used)
    return determined(about, rule, stated.value, f"the laboratory reports {stated.value}", stated.used)
