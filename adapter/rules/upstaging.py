"""Did FDG PET/CT raise the stage? The anatomic stage before the first scan against the one with what the scan added (Jacene 2024, S66)."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Day, Fact
from adapter.facts.uptake import Images
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.rules.answering import determined, undetermined, value_of
from adapter.rules.operators import Chosen
from adapter.rules.stage import StageInputs, anatomic_stage
from adapter.rules.tnm import categories_shown, tnm_for

_WORDS = ("t-category", "n-category", "m-category")


def upstaging_answer(case: Case, images: Images, chosen: Chosen) -> Answer | None:
    """Whether categories of the day of the first FDG scan or later raise the clinical stage of before; None when either side is missing."""
    rule = chosen.rule("fdg-upstaging")
    days = [scan.day for scan in images.scans if scan.day and scan.tracer in rule.words["tracers"]]
    if not days:
        return None
    sent = [fact for fact in case.about(*_WORDS) if fact.basis is Basis.CLINICAL and fact.taken_on]
    before = [fact for fact in sent if (fact.taken_on or "") < min(days)]
    later = [fact for fact in sent if (fact.taken_on or "") >= min(days)]
    if not before or not later:
        return None
    renewed = {fact.word for fact in later}
    first = _stage(case, before, chosen)
    second = _stage(case, [*(fact for fact in before if fact.word not in renewed), *later], chosen)
    return _compared(About(result=Result.FDG_UPSTAGING), first, second, min(days), chosen)


def _stage(case: Case, facts: Sequence[Fact], chosen: Chosen) -> Answer:
    """The anatomic stage that these categories alone give."""
    # The scan parts what was before from what came with it; what treatment did meanwhile is not asked here.
    tnm = tnm_for(case.but(facts=tuple(facts), treatments=()), Basis.CLINICAL, chosen)
    shown = categories_shown((("T", tnm.t), ("N", tnm.n), ("M", tnm.m)))
    inputs = StageInputs(tnm.t.group, tnm.n.group, tnm.m.group)
    return anatomic_stage(About(result=Result.ANATOMIC_STAGE, basis=Basis.CLINICAL), inputs, shown, facts, chosen)


def _compared(about: About, first: Answer, second: Answer, day: Day, chosen: Chosen) -> Answer:
    rule = chosen.rule("fdg-upstaging")
    used = list({id(fact): fact for fact in (*first.used, *second.used)}.values())
    was, became = value_of(first), value_of(second)
    if was is None or became is None:
        side, answer = ("before", first) if was is None else ("with", second)
        because = f"the stage {side} the scan of {day} is not known: {answer.because}"
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, missing=answer.missing)
    order = chosen.books.outputs.results[Result.ANATOMIC_STAGE].answers
    is_higher = order.index(became) > order.index(was)
    flags = ["upstaged-to-metastatic"] if is_higher and became in rule.words["metastatic"] else []
    because = f"stage {was} ({first.because}) before the scan of {day}, stage {became} ({second.because}) with it"
    return determined(about, rule, "yes" if is_higher else "no", because, used, flags)
