"""ER and PR status of one specimen, with the controls of the stain (ASCO/CAP 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Fact
from adapter.facts.vocabulary import Kind, Result
from adapter.rules.answering import conflicting, determined, flagged, from_bands, undetermined, with_asserted
from adapter.rules.operators import Chosen, Reading, is_up_to, reading

_CONTROLS = ("external-control", "internal-control")
_RESULTS = {"er": Result.ER_STATUS, "pr": Result.PR_STATUS}


def receptor_status(receptor: str, specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """The status of `er` or `pr` in this specimen, or None when nothing was sent for it."""
    percent, stated = reading(facts, f"{receptor}-percent"), reading(facts, f"{receptor}-status")
    if percent.fact is None and stated.fact is None:
        return None
    about = About(result=_RESULTS[receptor], specimen=specimen)
    spoiled = _uninterpretable(about, receptor, facts, chosen)
    if spoiled is not None:
        return with_asserted(spoiled, stated.used)
    if percent.fact is None:
        return _reported(about, receptor, stated, chosen)
    rule = chosen.rule(f"{receptor}-status")
    if percent.conflicting or percent.number is None:
        return with_asserted(conflicting(about, rule, percent.used), stated.used)
    controls = [fact for control in _CONTROLS for fact in _controls(receptor, facts, control).used]
    answer = from_bands(about, rule, percent.number, [*percent.used, *controls], " %")
    return with_asserted(flagged(answer, _remarks(receptor, percent, facts, chosen)), stated.used)


def _reported(about: About, receptor: str, stated: Reading, chosen: Chosen) -> Answer:
    """The laboratory's own status, where there is no percentage to compute one from."""
    rule = chosen.rule(f"{receptor}-status-reported")
    if stated.value is None:
        return conflicting(about, rule, stated.used)
    if stated.value not in chosen.books.outputs.results[about.result].answers:
        because = f"the laboratory reports {stated.value}, which is no status of the guideline"
        return undetermined(about, rule, Kind.INDETERMINATE, because, stated.used, missing=["percentage of stained nuclei"])
    flags = ["er-low"] if stated.value == "low-positive" else []
    return determined(about, rule, stated.value, f"the laboratory reports {stated.value}; no percentage was sent", stated.used, flags)


def _controls(receptor: str, facts: Sequence[Fact], control: str) -> Reading:
    """The control of this receptor's stain, or of the whole specimen when it names no receptor."""
    return reading([fact for fact in facts if fact.analyte in (None, receptor)], control)


def _uninterpretable(about: About, receptor: str, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """Indeterminate when a control says that the stain must not be reported."""
    rule = chosen.rule("ihc-controls")
    used = [fact for control in _CONTROLS for fact in _controls(receptor, facts, control).used]
    bad = [fact for fact in used if fact.value in rule.words["uninterpretable"]]
    if not bad:
        return None
    because = f"uninterpretable: {bad[0].word} {bad[0].value}"
    return undetermined(about, rule, Kind.INDETERMINATE, because, bad, missing=[f"{receptor.upper()} stain with working controls"])


def _remarks(receptor: str, percent: Reading, facts: Sequence[Fact], chosen: Chosen) -> list[str]:
    """What must be said beside a low result or a weak stain."""
    flags = []
    intensity = reading(facts, f"{receptor}-intensity")
    if intensity.value in chosen.rule(f"{receptor}-staining-intensity").words["confirm"]:
        flags.append("confirm-per-sop")
    rule = chosen.rule("ihc-controls")
    if percent.number is None or not is_up_to(percent.number, rule.numbers["reported_up_to"]):
        return flags
    internal = _controls(receptor, facts, "internal-control").value
    if internal in rule.words["absent"]:
        flags.append("no-internal-control")
    elif internal is None:
        flags.append("control-status-unknown")
    return flags
