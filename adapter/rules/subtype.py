"""Hormone receptor status, receptor subtype and surrogate intrinsic subtype of one specimen (Jacene 2024, Table 1; St Gallen family)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Kind, Result
from adapter.rules.answering import flagged, from_cell, receptor_sign, undetermined, value_of
from adapter.rules.operators import Chosen, Open, bands_for, look_up, reading

_ER_LOW = "er-low"
_LABELS = {"er": "ER status", "pr": "PR status", "ki67": "Ki-67 percentage", "pr_level": "PR percentage"}


def subtype_answers(specimen: str | None, facts: Sequence[Fact], found: Mapping[Result, Answer], chosen: Chosen) -> list[Answer]:
    """The three answers that follow from the statuses already found for this specimen; empty when there are none."""
    er, pr, her2 = (found.get(result) for result in (Result.ER_STATUS, Result.PR_STATUS, Result.HER2_STATUS))
    if er is None and pr is None:
        return []
    hormone = _hormone_receptor(specimen, er, pr, chosen)
    subtype = _receptor_subtype(specimen, hormone, her2, chosen)
    return [hormone, subtype, _surrogate(specimen, facts, er, pr, her2, chosen)]


def _hormone_receptor(specimen: str | None, er: Answer | None, pr: Answer | None, chosen: Chosen) -> Answer:
    rule = chosen.rule("hormone-receptor-status")
    known = {"er": receptor_sign(er), "pr": receptor_sign(pr)}
    cell = look_up(chosen.table(rule.id), known)
    because = f"ER {known['er'] or 'not known'}, PR {known['pr'] or 'not known'}"
    answer = from_cell(About(result=Result.HORMONE_RECEPTOR_STATUS, specimen=specimen), rule, cell, because, _used(er, pr))
    # A positive PR carries the status by itself; only an ER-low one without it rests on the few cells.
    rests_on_er_low = value_of(answer) == "positive" and _is_er_low(er) and known["pr"] != "positive"
    return flagged(answer, [_ER_LOW] if rests_on_er_low else [])


def _receptor_subtype(specimen: str | None, hormone: Answer, her2: Answer | None, chosen: Chosen) -> Answer:
    rule = chosen.rule("receptor-subtype")
    known = {"hr": value_of(hormone), "her2": _her2_sign(her2)}
    cell = look_up(chosen.table(rule.id), known)
    labels = {"hr": _missing_of(hormone, "ER or PR status"), "her2": _her2_missing(her2)}
    because = f"hormone receptor {known['hr']}, HER2 {known['her2']}"
    about = About(result=Result.RECEPTOR_SUBTYPE, specimen=specimen)
    answer = from_cell(about, rule, cell, because, _used(hormone, her2), labels=labels)
    if _ER_LOW not in hormone.flags:
        return answer
    return flagged(answer, [_ER_LOW, *(["tnbc-by-other-definition"] if known["her2"] == "negative" else [])])


def _surrogate(
    specimen: str | None, facts: Sequence[Fact], er: Answer | None, pr: Answer | None, her2: Answer | None, chosen: Chosen
) -> Answer:
    scheme = chosen.scheme("subtype")
    rule = chosen.rule(chosen.books.schemes["subtype"][scheme])
    about = About(result=Result.SURROGATE_SUBTYPE, specimen=specimen, scheme=scheme)
    ki67 = reading(facts, "ki67-percent")
    number = _ki67_as_asked(ki67.number, rule.id, chosen)
    used = [*_used(er, pr, her2), *ki67.used]
    known = {
        "er": receptor_sign(er),
        "pr": receptor_sign(pr),
        "her2": _her2_sign(her2),
        "ki67": _band(f"{rule.id}-ki67", number, chosen),
        "pr_level": _pr_level(facts, pr, chosen),
    }
    cell = look_up(chosen.table(rule.id), known)
    if isinstance(cell, Open) and ki67.number is not None and number is None:
        because = "the laboratory's median Ki-67 is not configured (see the rule's numbers)"
        return undetermined(
            about, rule, Kind.NOT_ASSESSABLE, because, used, missing=["the laboratory's median Ki-67"], possible=cell.possible
        )
    labels = {name: [label] for name, label in _LABELS.items()} | {"her2": _her2_missing(her2)}
    shown = f", Ki-67 {ki67.number} %" if ki67.number is not None else ""
    because = ", ".join(f"{name.upper()} {known[name] or 'not known'}" for name in ("er", "pr", "her2")) + shown
    return flagged(from_cell(about, rule, cell, because, used, labels=labels), [_ER_LOW] if _is_er_low(er) else [])


def _ki67_as_asked(number: Interval | None, rule: str, chosen: Chosen) -> Interval | None:
    """The Ki-67 as the scheme's bands want it: itself, or its distance to the laboratory's median."""
    bands = chosen.rule(f"{rule}-ki67")
    if number is None or bands.fact == "ki67-percent":
        return number
    median = bands.numbers.get("median")
    if median is None:
        return None
    ends = {"low": number.low, "high": number.high}
    return number.but(**{name: None if end is None else end - median for name, end in ends.items()})


def _band(rule: str, number: Interval | None, chosen: Chosen) -> str | None:
    if number is None:
        return None
    bands = bands_for(chosen.rule(rule), number)
    return bands[0].says if len(bands) == 1 else None


def _pr_level(facts: Sequence[Fact], pr: Answer | None, chosen: Chosen) -> str | None:
    """High or low PR by its percentage; a negative PR is low without one."""
    level = _band("surrogate-pr-level", reading(facts, "pr-percent").number, chosen)
    return level or ("low" if receptor_sign(pr) == "negative" else None)


def _her2_sign(her2: Answer | None) -> str | None:
    value = value_of(her2)
    return value if value in ("positive", "negative") else None


def _her2_missing(her2: Answer | None) -> list[str]:
    if her2 is None:
        return ["HER2 status"]
    if value_of(her2) == "equivocal":
        return ["HER2 in situ hybridization of the same specimen"]
    return _missing_of(her2, "HER2 status")


def _missing_of(answer: Answer, name: str) -> list[str]:
    """What an open answer itself misses, so that the reader is told what to send and not which step failed."""
    if value_of(answer) is not None:
        return []
    return list(answer.missing) or [name]


def _is_er_low(er: Answer | None) -> bool:
    return er is not None and _ER_LOW in er.flags


def _used(*answers: Answer | None) -> list[Fact]:
    """Every fact that these answers used, once."""
    return list({id(fact): fact for answer in answers if answer is not None for fact in answer.used}.values())
