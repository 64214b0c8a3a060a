"""What did neoadjuvant therapy leave? Pathologic complete response by ypT and ypN, and the class of residual cancer burden as reported."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.vocabulary import Basis, Result
from adapter.knowledge.shapes import Row
from adapter.rules.answering import conflicting, determined, flagged, from_cell, value_of
from adapter.rules.operators import Chosen, look_up, reading
from adapter.rules.tnm import group_of, operated_after_therapy

_LABELS = {"t": ("ypT category",), "n": ("ypN category",)}


def pathologic_response_answers(case: Case, chosen: Chosen) -> list[Answer]:
    """The complete response and the class of residual cancer burden, each where something was sent for it."""
    burden = _burden(case, chosen)
    complete = _complete(case, burden, chosen)
    return [answer for answer in (complete, burden) if answer is not None]


def _burden(case: Case, chosen: Chosen) -> Answer | None:
    stated = reading(case.about("rcb-class"), "rcb-class")
    if stated.fact is None:
        return None
    about, rule = About(result=Result.RESIDUAL_CANCER_BURDEN), chosen.rule("rcb-reported")
    if stated.value is None:
        return conflicting(about, rule, stated.used)
    return determined(about, rule, stated.value, f"the laboratory reports {stated.value.upper()}", stated.used)


def _complete(case: Case, burden: Answer | None, chosen: Chosen) -> Answer | None:
    """By the categories after therapy; where there are none, by a reported class."""
    about, rule = About(result=Result.PATHOLOGIC_COMPLETE_RESPONSE), chosen.rule("pathologic-complete-response")
    facts, flags = _after_therapy(case)
    by_class = _by_class(burden, chosen)
    if not facts:
        if burden is None or by_class is None:
            return None
        return determined(about, chosen.rule("rcb-reported"), by_class, burden.because, burden.used)
    groups = {"t": _group(facts, "t", chosen), "n": _group(facts, "n", chosen)}
    shown = " ".join(f"yp{fact.value}" for fact in facts if fact.value)
    cell = look_up(chosen.table(rule.id), groups)
    answer = from_cell(about, rule, cell, shown, facts, flags, labels=_LABELS)
    if isinstance(cell, Row) and cell.kind is not None:
        answer = answer.but(possible=chosen.books.outputs.results[about.result].answers)
    differs = by_class is not None and value_of(answer) is not None and by_class != value_of(answer)
    return flagged(answer, ["rcb-differs"] if differs else [])


def _after_therapy(case: Case) -> tuple[list[Fact], list[str]]:
    """T and N after therapy, the newest of each; those of a surgery after therapy where the sender left out the y."""
    sent = case.about("t-category", "n-category")
    marked = [fact for fact in sent if fact.basis is Basis.POST_THERAPY_PATHOLOGICAL]
    if not marked and operated_after_therapy(case) is not None:
        unmarked = [fact for fact in sent if fact.basis is Basis.PATHOLOGICAL]
        return _newest(unmarked), ["after-neoadjuvant-therapy"]
    return _newest(marked), []


def _newest(facts: Sequence[Fact]) -> list[Fact]:
    kept = []
    for word in ("t-category", "n-category"):
        mine = [fact for fact in facts if fact.word == word]
        last = max((fact.taken_on or "" for fact in mine), default="")
        kept += [fact for fact in mine if (fact.taken_on or "") == last]
    return kept


def _group(facts: Sequence[Fact], axis: str, chosen: Chosen) -> str | None:
    """What an axis says of residual tumor, by the group of its category; two categories of one day that differ say nothing."""
    words = chosen.rule("residual-tumor-groups").words
    found = reading(facts, f"{axis}-category")
    if found.fact is None or found.value is None:
        return None
    group = group_of(found.fact, found.fact.basis, chosen)[0]
    if group is None or group in words["unknown"]:
        return None
    if axis == "n" and found.value in words["n_isolated"]:
        return "isolated-cells"
    if group in words[f"{axis}_none"]:
        return "none"
    return "invasive" if axis == "t" else "positive"


def _by_class(burden: Answer | None, chosen: Chosen) -> str | None:
    value = value_of(burden)
    if value is None:
        return None
    return "yes" if value in chosen.rule("rcb-reported").words["complete"] else "no"
