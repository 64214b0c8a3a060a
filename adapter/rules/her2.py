"""HER2 status, HER2-low and HER2-ultralow of one specimen (ASCO/CAP 2018 and 2023; ESMO 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.vocabulary import Result
from adapter.rules.answering import conflicting, determined, flagged, from_cell, value_of, with_asserted
from adapter.rules.operators import Chosen, Reading, bands_for, look_up, reading

_MEASURED = ("her2-ihc", "her2-ish", "her2-cep17-ratio", "her2-copies", "cep17-copies", "her2-faint-membrane-percent")
# Counts were sent, and their interval reaches into more than one group.
_UNCLEAR = "unclear"
_LABELS = {
    "status": ("HER2 status",),
    "ihc": ("HER2 immunohistochemistry score",),
    "faint": ("percentage of cells with faint, incomplete membrane staining",),
}
_RECOUNT, _SINGLE, _DUAL = "blinded-recount", "single-probe", "dual-probe"


def her2_answers(specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> list[Answer]:
    """Status, low and ultralow of this specimen; empty when nothing on HER2 was sent."""
    stated = reading(facts, "her2-status")
    measured = [fact for fact in facts if fact.word in _MEASURED]
    if not measured and stated.fact is None:
        return []
    status = _status(specimen, measured, stated, chosen)
    score = _score(measured, chosen)
    return [status, _low(specimen, status, score, chosen), _ultralow(specimen, status, score, measured, chosen)]


def _status(specimen: str | None, measured: Sequence[Fact], stated: Reading, chosen: Chosen) -> Answer:
    about = About(result=Result.HER2_STATUS, specimen=specimen)
    rule = chosen.rule("her2-status")
    if not measured:
        return _reported(about, stated, chosen)
    clash = next((found for word in _MEASURED if (found := reading(_first_count(measured), word)).conflicting), None)
    if clash is not None:
        return with_asserted(conflicting(about, rule, clash.used), stated.used)
    score = _score(measured, chosen)
    first, second = _ish(_first_count(measured), chosen), _ish(_recount(measured), chosen)
    # A recount without a ratio or without counts gives no group: it neither confirms nor contradicts the first.
    recount = None if second is None or not second.startswith("group-") else ("same" if second == first else "different")
    known = {"ihc": score[0], "ish": first, "recount": recount}
    cell = look_up(chosen.table("her2-status"), known)
    answer = from_cell(about, rule, cell, _because(score[0], first, recount), measured)
    return with_asserted(flagged(answer, _doubts(measured, first, chosen)), stated.used)


def _reported(about: About, stated: Reading, chosen: Chosen) -> Answer:
    rule = chosen.rule("her2-status-reported")
    if stated.value is None:
        return conflicting(about, rule, stated.used)
    return determined(about, rule, stated.value, f"the laboratory reports {stated.value}; no score, ratio or count was sent", stated.used)


def _first_count(facts: Sequence[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.method != _RECOUNT]


def _recount(facts: Sequence[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.method == _RECOUNT]


def _score(facts: Sequence[Fact], chosen: Chosen) -> tuple[str | None, tuple[Fact, ...]]:
    """The reported score; where none was sent, the one that faint incomplete staining gives by its share of cells."""
    reported = reading(facts, "her2-ihc")
    if reported.fact is not None:
        return reported.value, reported.used
    faint = reading(facts, "her2-faint-membrane-percent")
    if faint.number is None:
        return None, ()
    bands = bands_for(chosen.rule("her2-faint-staining"), faint.number)
    return (bands[0].says if len(bands) == 1 else None), faint.used


def _ish(facts: Sequence[Fact], chosen: Chosen) -> str | None:
    """The dual-probe group, the single-probe result, or the reported result; None when nothing of it was sent."""
    from_counts = _level_of_quotient(facts, chosen)
    ratios = (from_counts,) if from_counts else _levels(facts, "her2-cep17-ratio", "her2-ratio", chosen)
    methods = {fact.method for fact in facts if fact.word in ("her2-copies", "her2-cep17-ratio", "her2-ish")}
    probe = "single" if _SINGLE in methods else ("dual" if _DUAL in methods else None)
    # An interval may reach into two levels that are one group: at least 4 copies with a high ratio is group 1.
    levels = _levels(facts, "her2-copies", "her2-copies", chosen)
    groups = {_group(ratio, level, probe, chosen) for ratio in ratios for level in levels}
    group = groups.pop() if len(groups) == 1 else _by_ratio_alone(ratios, probe, chosen)
    stated = reading(facts, "her2-ish").value
    if group in (None, "unknown", _UNCLEAR) and stated:
        return f"reported-{stated}"
    return None if group in (None, "unknown") else group


def _by_ratio_alone(ratios: Sequence[str | None], probe: str | None, chosen: Chosen) -> str:
    """What a clear ratio says where the copies are not clear; without one nothing does."""
    group = _group(ratios[0], None, probe, chosen) if len(ratios) == 1 else None
    return _UNCLEAR if group in (None, "unknown") else group


def _group(ratio: str | None, copies: str | None, probe: str | None, chosen: Chosen) -> str | None:
    return getattr(look_up(chosen.table("her2-ish-group"), {"ratio": ratio, "copies": copies, "probe": probe}), "says", None)


def _levels(facts: Sequence[Fact], word: str, rule: str, chosen: Chosen) -> tuple[str | None, ...]:
    """Every level that the number may be at; the unknown one alone when there is no number."""
    number = reading(facts, word).number
    return (None,) if number is None else tuple(band.says for band in bands_for(chosen.rule(rule), number))


def _level(facts: Sequence[Fact], word: str, rule: str, chosen: Chosen) -> str | None:
    levels = _levels(facts, word, rule, chosen)
    return levels[0] if len(levels) == 1 else None


def _level_of_quotient(facts: Sequence[Fact], chosen: Chosen) -> str | None:
    """The level of HER2 / CEP17 from the two counts, where no ratio was sent."""
    her2, cep17 = _exact(facts, "her2-copies"), _exact(facts, "cep17-copies")
    if her2 is None or not cep17 or reading(facts, "her2-cep17-ratio").fact is not None:
        return None
    limit = chosen.rule("her2-ratio").bands[-1].at_least
    # Compared as a product, so that no division rounds a ratio on the limit.
    return None if limit is None else ("high" if her2 >= limit * cep17 else "low")


def _exact(facts: Sequence[Fact], word: str) -> Decimal | None:
    number = reading(facts, word).number
    return number.exact if number else None


def _doubts(facts: Sequence[Fact], ish: str | None, chosen: Chosen) -> list[str]:
    """Counts that do not give the stated ratio, and a reported result that does not fit the group."""
    flags = []
    first = _first_count(facts)
    ratio, her2, cep17 = (_exact(first, word) for word in ("her2-cep17-ratio", "her2-copies", "cep17-copies"))
    tolerance = chosen.rule("her2-ratio-consistency").numbers["tolerance"]
    if ratio is not None and her2 is not None and cep17 and abs(her2 / cep17 - ratio) > tolerance:
        flags.append("ratio-inconsistent")
    stated = reading(first, "her2-ish").value
    agrees = {"group-1": "positive", "group-5": "negative", "single-positive": "positive", "single-negative": "negative"}
    if stated and ish in agrees and agrees[ish] != stated:
        flags.append("asserted-vs-computed")
    if ish is not None and ish.startswith("reported-"):
        flags.append("ish-group-not-stated")
    return flags


def _because(score: str | None, ish: str | None, recount: str | None) -> str:
    parts = [f"immunohistochemistry {score}" if score else "no immunohistochemistry"]
    parts.append(f"in situ hybridization {ish.replace('-', ' ')}" if ish else "no in situ hybridization")
    if recount:
        parts.append(f"recount gives {'the same' if recount == 'same' else 'another'} group")
    return ", ".join(parts)


def _low(specimen: str | None, status: Answer, score: tuple[str | None, tuple[Fact, ...]], chosen: Chosen) -> Answer:
    about, rule = About(result=Result.HER2_LOW, specimen=specimen), chosen.rule("her2-low")
    known = {"status": value_of(status), "ihc": score[0]}
    cell = look_up(chosen.table(rule.id), known)
    because = f"HER2 {known['status']}" + (f" with score {score[0]}" if score[0] else "")
    return from_cell(about, rule, cell, because, status.used, labels=_LABELS)


def _ultralow(
    specimen: str | None, status: Answer, score: tuple[str | None, tuple[Fact, ...]], facts: Sequence[Fact], chosen: Chosen
) -> Answer:
    about, rule = About(result=Result.HER2_ULTRALOW, specimen=specimen), chosen.rule("her2-ultralow")
    faint = _level(facts, "her2-faint-membrane-percent", "her2-faint-amount", chosen)
    known = {"status": value_of(status), "ihc": score[0], "faint": faint}
    cell = look_up(chosen.table(rule.id), known)
    because = f"HER2 {known['status']}, score {score[0]}" + (f", {faint} of the cells with faint staining" if faint else "")
    return from_cell(about, rule, cell, because, status.used, labels=_LABELS)
