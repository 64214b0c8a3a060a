"""Anatomic and prognostic stage (AJCC 8th edition, breast): one table each, and never a fallback from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from adapter.facts.answers import About, Answer, Undetermined
from adapter.facts.case import Case, Fact
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.knowledge.shapes import Hole, Row, Rule
from adapter.rules.answering import NOT_KNOWN, determined, flagged, from_cell, undetermined, value_of, with_asserted
from adapter.rules.operators import Chosen, Open, distinct, is_below, look_up
from adapter.rules.tnm import Tnm, categories_shown, operated_after_therapy

PROGNOSTIC = {Basis.CLINICAL: Result.CLINICAL_PROGNOSTIC_STAGE, Basis.PATHOLOGICAL: Result.PATHOLOGICAL_PROGNOSTIC_STAGE}
_AFTER_THERAPY = (Basis.POST_THERAPY_PATHOLOGICAL, Basis.POST_THERAPY_CLINICAL)
_LABELS = {
    "t": ("T category",),
    "n": ("N category",),
    "m": ("M category",),
    "grade": ("histologic grade (Nottingham)",),
    "her2": ("HER2 status",),
    "er": ("ER status",),
    "pr": ("PR status",),
}
_NOT_ASSESSED = {"t": "TX", "n": "NX"}


class StageInputs(NamedTuple):
    """What a stage table asks: groups of T, N, M and the biomarkers, each None when not known; and the recurrence score."""

    t: str | None
    n: str | None
    m: str | None
    grade: str | None = None
    her2: str | None = None
    er: str | None = None
    pr: str | None = None
    score: Interval | None = None

    @property
    def tnm(self) -> dict[str, str | None]:
        """The three axes by name."""
        return {"t": self.t, "n": self.n, "m": self.m}

    @property
    def markers(self) -> dict[str, str | None]:
        """The four biomarkers by name."""
        return {"grade": self.grade, "her2": self.her2, "er": self.er, "pr": self.pr}


def anatomic_stage(about: About, inputs: StageInputs, shown: str, used: Sequence[Fact], chosen: Chosen) -> Answer:
    """The anatomic stage of T, N and M, or what is missing and which stages are possible."""
    rule = chosen.rule("anatomic-stage")
    cell = look_up(chosen.table(rule.id), inputs.tnm)
    answer = from_cell(about, rule, cell, shown, used, labels=_LABELS)
    return _with_possible(answer, cell, _stages_open(rule, inputs, chosen))


def prognostic_stage(about: About, inputs: StageInputs, shown: str, used: Sequence[Fact], chosen: Chosen) -> Answer:
    """The clinical or pathological prognostic stage by its own table; a missing input leaves it open, never guessed."""
    rule = chosen.rule(about.result)
    if not chosen.prognostic_tables:
        because = "the prognostic tables are switched off at this site; the anatomic stage is answered"
        return undetermined(about, rule, Kind.NOT_ASSESSABLE, because, used)
    if about.result is Result.PATHOLOGICAL_PROGNOSTIC_STAGE and _low_score_decides(inputs, chosen):
        by_score = chosen.rule("oncotype-stage")
        because = f"{shown}, ER positive, HER2 negative and recurrence score {inputs.score}, below {by_score.numbers['below']}"
        return determined(about, by_score, by_score.words["says"][0], because, used, ["stage-by-recurrence-score"])
    group = look_up(chosen.table("prognostic-group"), inputs.tnm)
    if not isinstance(group, Row):
        answer = from_cell(about, rule, group, shown, used, labels=_LABELS)
        return _with_possible(_with_markers(answer, inputs), group, _stages_open(rule, inputs, chosen))
    cell = look_up(chosen.table(rule.id), {"group": group.says} | inputs.markers)
    answer = from_cell(about, rule, cell, f"{shown}{_markers_shown(inputs)}", used, labels=_LABELS)
    return _with_possible(answer, cell, _stages_open(rule, inputs, chosen))


def _with_markers(answer: Answer, inputs: StageInputs) -> Answer:
    """A stage whose group is open asks for the unknown biomarkers too: most groups need them."""
    if not isinstance(answer, Undetermined) or not answer.because.startswith(NOT_KNOWN):
        return answer
    markers = [label for name, value in inputs.markers.items() if value is None for label in _LABELS[name]]
    missing = distinct([*answer.missing, *markers])
    return answer.but(missing=missing, because=f"{NOT_KNOWN}{', '.join(missing)}")


def _markers_shown(inputs: StageInputs) -> str:
    """The known biomarkers behind the categories; none of them where the group needs none."""
    words = {"her2": "HER2", "er": "ER", "pr": "PR"}
    shown = [inputs.grade] if inputs.grade else []
    shown += [f"{words[name]} {value}" for name, value in inputs.markers.items() if name in words and value]
    return f", {', '.join(shown)}" if shown else ""


def _low_score_decides(inputs: StageInputs, chosen: Chosen) -> bool:
    rule = chosen.rule("oncotype-stage")
    fits = all(getattr(inputs, name) in rule.words[name] for name in ("t", "n", "m", "er", "her2"))
    return fits and inputs.score is not None and is_below(inputs.score, rule.numbers["below"])


def _stages_open(rule: Rule, inputs: StageInputs, chosen: Chosen) -> tuple[str, ...]:
    """Every stage that is still possible, a category that was not assessed (TX, NX) counting as not known."""
    tnm = {axis: (None if value == _NOT_ASSESSED.get(axis) else value) for axis, value in inputs.tnm.items()}
    if rule.id == "anatomic-stage":
        found = list(_said(chosen.table(rule.id).completions(tnm)))
    else:
        groups = _said(chosen.table("prognostic-group").completions(tnm))
        found = [stage for group in groups for stage in _said(chosen.table(rule.id).completions({"group": group} | inputs.markers))]
    order = chosen.books.outputs.results[Result.ANATOMIC_STAGE].answers
    return tuple(stage for stage in order if stage in found)


def _said(cells: Iterable[Row | Hole]) -> tuple[str, ...]:
    return distinct(cell.says for cell in cells if isinstance(cell, Row) and cell.kind is None)


def _with_possible(answer: Answer, cell: Row | Hole | Open, possible: tuple[str, ...]) -> Answer:
    """An open answer with the stages that remain; a combination that has no group keeps none."""
    if not isinstance(answer, Undetermined) or (isinstance(cell, Hole) and not _waits(cell)):
        return answer
    return answer.but(possible=possible)


def _waits(hole: Hole) -> bool:
    """True for the holes of TX and NX, which a later assessment can fill."""
    return hole.where.get("t") == ("TX",) or hole.where.get("n") == ("NX",)


class Markers(NamedTuple):
    """The biomarkers that stage a case, with what they rest on."""

    grade: str | None
    her2: str | None
    er: str | None
    pr: str | None
    used: tuple[Fact, ...]
    flags: tuple[str, ...]


def stages(case: Case, tnm: Tnm, markers: Markers, score: Interval | None, score_facts: Sequence[Fact], chosen: Chosen) -> list[Answer]:
    """The anatomic stage of one classification and, where AJCC has one, its prognostic stage."""
    inputs = StageInputs(tnm.t.group, tnm.n.group, tnm.m.group, markers.grade, markers.her2, markers.er, markers.pr, score)
    shown = categories_shown((("T", tnm.t), ("N", tnm.n), ("M", tnm.m)))
    flags = distinct([*tnm.t.flags, *tnm.n.flags, *tnm.m.flags, *case.flags])
    members = tuple(fact for axis in (tnm.t, tnm.n, tnm.m) for fact in axis.used if fact.word.endswith("-category"))
    anatomic = _anatomic_for(case, tnm, inputs, shown, chosen)
    answers = [flagged(anatomic, [*flags, *_member_flags(case, tnm.basis)])]
    if tnm.basis in PROGNOSTIC:
        prognostic = _prognostic_for(case, tnm, inputs, shown, [*tnm.used, *markers.used], score_facts, chosen)
        answers.append(flagged(prognostic, [*flags, *markers.flags] if value_of(prognostic) not in ("0", "IV") else flags))
    return [_beside_stated(answer.but(members=members), case, tnm.basis) for answer in answers]


def _anatomic_for(case: Case, tnm: Tnm, inputs: StageInputs, shown: str, chosen: Chosen) -> Answer:
    about = About(result=Result.ANATOMIC_STAGE, basis=tnm.basis)
    refused = _refused(case, tnm, about, chosen)
    return refused or anatomic_stage(about, inputs, shown, tnm.used, chosen)


def _prognostic_for(
    case: Case, tnm: Tnm, inputs: StageInputs, shown: str, used: Sequence[Fact], score_facts: Sequence[Fact], chosen: Chosen
) -> Answer:
    about = About(result=PROGNOSTIC[tnm.basis], basis=tnm.basis)
    refused = _refused(case, tnm, about, chosen)
    if refused is not None:
        return refused
    answer = prognostic_stage(about, inputs, shown, used, chosen)
    if answer.rule == "oncotype-stage":
        answer = answer.but(used=(*answer.used, *score_facts))
    if value_of(answer) in ("0", "IV"):
        # In situ and metastatic disease rest on T, N and M alone.
        answer = answer.but(used=tnm.used, because=shown)
    return answer


def _refused(case: Case, tnm: Tnm, about: About, chosen: Chosen) -> Answer | None:
    """No pathological group when systemic therapy came before the surgery (AJCC 8: surgery must be the first treatment)."""
    if tnm.basis is not Basis.PATHOLOGICAL:
        return None
    days = [fact.taken_on for fact in (*tnm.t.used, *tnm.n.used) if fact.taken_on and fact.basis is Basis.PATHOLOGICAL]
    late = operated_after_therapy(case, min(days, default=None))
    if late is None:
        return None
    because = f"systemic therapy began on {late[0]}, before the surgery of {late[1]}: AJCC 8 groups no pathological stage after it"
    return undetermined(about, chosen.rule(about.result), Kind.NOT_APPLICABLE, because, tnm.used, ["after-neoadjuvant-therapy"])


def after_therapy_stages(case: Case, chosen: Chosen) -> list[Answer]:
    """For yp and yc categories: no group in either system, and why."""
    answers: list[Answer] = []
    words = ("t-category", "n-category", "m-category")
    for basis in _AFTER_THERAPY:
        sent = tuple(fact for fact in case.about(*words) if fact.basis is basis)
        if not sent:
            continue
        shown = " ".join(fact.shown for word in words for fact in sent if fact.word == word)
        because = (
            f"{'yp' if basis is Basis.POST_THERAPY_PATHOLOGICAL else 'yc'} {shown}: AJCC 8 has no stage group after neoadjuvant therapy"
        )
        results = [Result.ANATOMIC_STAGE]
        if basis is Basis.POST_THERAPY_PATHOLOGICAL:
            results.append(Result.PATHOLOGICAL_PROGNOSTIC_STAGE)
        for result in results:
            about = About(result=result, basis=basis)
            answer = undetermined(about, chosen.rule(result), Kind.NOT_APPLICABLE, because, sent, ["after-neoadjuvant-therapy"])
            answers.append(answer.but(members=sent))
    return answers


def _beside_stated(answer: Answer, case: Case, basis: Basis) -> Answer:
    """The answer beside the stages that the sender states for it, never in their place."""
    special = "anatomic-stage-group" if answer.about.result is Result.ANATOMIC_STAGE else "prognostic-stage-group"
    stated = [fact for fact in case.about("stage-group", special) if fact.basis in (basis, Basis.UNSPECIFIED)]
    beside = with_asserted(answer, stated)
    plain = {(fact.value or "").rstrip("ABC") for fact in stated}
    letters = {fact.value for fact in stated if fact.value not in plain}
    disagree = len(plain) > 1 or len(letters) > 1
    return flagged(beside, ["stated-stages-disagree"] if disagree else [])


def _member_flags(case: Case, basis: Basis) -> list[str]:
    """A stated stage group whose members are of another classification, or are not the categories on file."""
    words = ("t-category", "n-category", "m-category")
    own = {fact.origin.reference for fact in case.about(*words) if fact.basis is basis}
    # M serves both classifications: a clinical M in a pathological group is what AJCC asks for.
    other = {fact.origin.reference for fact in case.about(*words[:2]) if fact.basis is not basis}
    flags = []
    for group in case.about("stage-group"):
        members = set(group.members)
        if group.basis is basis and members & other:
            flags.append("group-members-of-another-basis")
        elif group.basis is basis and members and own and not members & own:
            flags.append("group-members-not-those-sent")
    return flags
