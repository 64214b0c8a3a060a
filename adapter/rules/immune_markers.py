"""TMB, mismatch repair and PD-L1: is there what the label of pembrolizumab asks for? (rule notes B-15 to B-17 in mappings/biomarkers)

Each answer is of one specimen, or of the newest results where no specimen was named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.vocabulary import Kind, Result, SpecimenKind
from adapter.rules.answering import conflicting, determined, flagged, from_bands, undetermined, with_asserted
from adapter.rules.operators import Chosen, Reading, reading

_TMB = ("tmb", "tmb-status")
_MSI, _STAIN = "msi-status", "msi-ihc"
_PROTEINS = {"mlh1-ihc": "MLH1", "msh2-ihc": "MSH2", "msh6-ihc": "MSH6", "pms2-ihc": "PMS2"}
_CPS = "pd-l1-cps"
_OTHER_SCORES = {
    "pd-l1-tps": "tumor proportion score",
    "pd-l1-ic": "immune cell score",
    "pd-l1-22c3-presence": "positive or negative by clone 22C3",
    "pd-l1-sp142-presence": "positive or negative by clone SP142",
}
_UNSTABLE, _STABLE = "msi-high-or-dmmr", "stable"


def immune_marker_answers(case: Case, chosen: Chosen) -> list[Answer]:
    """TMB, MSI and PD-L1 of each specimen that something was sent about."""
    answers: list[Answer] = []
    for specimen, facts in _by_specimen(case, (*_TMB, _MSI, _STAIN, *_PROTEINS, _CPS, *_OTHER_SCORES)):
        found = (_tmb(specimen, facts, chosen), _msi(specimen, facts, chosen), _pd_l1(specimen, facts, chosen))
        sample = case.specimen(specimen)
        flags = ["from-blood"] if sample is not None and sample.kind is SpecimenKind.BLOOD else []
        answers += [flagged(answer, flags) for answer in found if answer is not None]
    return answers


def _by_specimen(case: Case, words: Sequence[str]) -> Iterable[tuple[str | None, list[Fact]]]:
    """The facts of each specimen; of those without one the newest of each word, because they may be of several."""
    groups: dict[str | None, list[Fact]] = {}
    for fact in case.about(*words):
        groups.setdefault(fact.specimen, []).append(fact)
    newest: dict[str, str] = {}
    for fact in groups.get(None, []):
        newest[fact.word] = max(newest.get(fact.word, ""), fact.taken_on or "")
    for specimen, facts in groups.items():
        yield specimen, [fact for fact in facts if specimen is not None or (fact.taken_on or "") == newest[fact.word]]


def _tmb(specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """By the number where there is one, else as reported."""
    number, stated = (reading(facts, word) for word in _TMB)
    if number.fact is None and stated.fact is None:
        return None
    about, rule = About(result=Result.TMB_CATEGORY, specimen=specimen), chosen.rule("tmb-high")
    reported = chosen.rule("tmb-reported")
    flags = _assay_flags([*number.used, *stated.used], reported.words["assay"], "assay-dependent")
    if number.fact is None:
        if stated.value is None:
            return conflicting(about, reported, stated.used)
        value = _tmb_word(stated.value, reported.words["not_high"])
        return determined(about, reported, value, f"the laboratory reports {stated.value}", stated.used, flags)
    if number.number is None:
        return conflicting(about, rule, number.used)
    answer = from_bands(about, rule, number.number, number.used, " mutations per megabase", flags)
    ours = [fact.but(value=_tmb_word(fact.value, reported.words["not_high"])) for fact in stated.used]
    return with_asserted(answer, ours)


def _tmb_word(stated: str | None, not_high: Sequence[str]) -> str:
    return "not-high" if stated in not_high else str(stated)


def _assay_flags(used: Iterable[Fact], known: Sequence[str], flag: str) -> list[str]:
    """The flag, unless every result names the assay that the cut-off was found with."""
    return [] if all(fact.method in known or fact.within in known for fact in used) else [flag]


def _msi(specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """Unstable when either the instability test or the stain of one of the four proteins says so."""
    tests = [reading(facts, word) for word in (_MSI, _STAIN, *_PROTEINS)]
    used = [fact for test in tests for fact in test.used]
    if not used:
        return None
    about, rule = About(result=Result.MSI_CATEGORY, specimen=specimen), chosen.rule("msi-or-mmr")
    torn = next((test for test in tests if test.conflicting), None)
    if torn is not None:
        return conflicting(about, rule, torn.used)
    unstable = None if tests[0].value is None else tests[0].value == "msi-high"
    lost, there = _repair(tests[1], tests[2:])
    flags = ["msi-mmr-discordant"] if (lost and (there or unstable is False)) or (there and unstable) else []
    flags += ["msi-low"] if tests[0].value == "msi-low" else []
    because = _shown(tests)
    if unstable or lost:
        return determined(about, rule, _UNSTABLE, because, used, flags)
    if there or unstable is False:
        return determined(about, rule, _STABLE, because, used, flags)
    missing = [f"{name} by immunohistochemistry" for name, test in zip(_PROTEINS.values(), tests[2:], strict=True) if test.value is None]
    return undetermined(
        about,
        rule,
        Kind.INDETERMINATE,
        f"{because}; the other proteins are not known",
        used,
        flags,
        missing=[*missing, "or a microsatellite instability result"],
        possible=[_UNSTABLE, _STABLE],
    )


def _repair(stain: Reading, proteins: Sequence[Reading]) -> tuple[bool, bool]:
    """Whether a repair protein is lost, and whether all are there, by the four stains or by their reported sum; both when they disagree."""
    lost = stain.value == "positive" or any(protein.value == "negative" for protein in proteins)
    there = stain.value == "negative" or all(protein.value == "positive" for protein in proteins)
    return lost, there


def _shown(tests: Sequence[Reading]) -> str:
    """Every result in words."""
    names = ("microsatellites", "instability by immunohistochemistry", *_PROTEINS.values())
    words = {"positive": "present", "negative": "lost"}
    values = [test.value if number < len(tests) - len(_PROTEINS) else words.get(test.value or "") for number, test in enumerate(tests)]
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True) if value is not None)


def _pd_l1(specimen: str | None, facts: Sequence[Fact], chosen: Chosen) -> Answer | None:
    """By the combined positive score alone: no other score or clone stands for it."""
    score = reading(facts, _CPS)
    others = [fact for fact in facts if fact.word in _OTHER_SCORES]
    about, rule = About(result=Result.PD_L1_CATEGORY, specimen=specimen), chosen.rule("pd-l1-cps")
    if score.fact is None:
        return _without_score(about, others, chosen) if others else None
    if score.number is None:
        return conflicting(about, rule, score.used)
    flags = [
        *_assay_flags(score.used, rule.words["assay"], "assay-unknown"),
        *dict.fromkeys(word for fact in score.used for word in fact.suffixes),
    ]
    return from_bands(about, rule, score.number, score.used, "", flags)


def _without_score(about: About, others: Sequence[Fact], chosen: Chosen) -> Answer:
    rule = chosen.rule("pd-l1-other-scores")
    sent = " and ".join(dict.fromkeys(_OTHER_SCORES[fact.word] for fact in others))
    because = f"PD-L1 was sent as {sent}, which does not stand for the combined positive score"
    return undetermined(about, rule, Kind.INDETERMINATE, because, others, missing=["PD-L1 combined positive score (clone 22C3)"])
