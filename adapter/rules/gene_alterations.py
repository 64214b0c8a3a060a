"""What was found in each gene, inherited or the tumor's own? (classes of ClinVar; Jacene 2024 on the germline and PARP inhibitors)

Pathogenic and likely pathogenic count alike; a variant of uncertain significance or a benign one never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact
from adapter.facts.genomics import Finding, Genomics, Outcome, genomics_of
from adapter.facts.vocabulary import Kind, Origin, Result, Significance, SpecimenKind
from adapter.knowledge.shapes import Rule
from adapter.rules.answering import determined, undetermined
from adapter.rules.operators import Chosen, distinct

_RULE = "gene-alteration"
_HARMFUL, _UNCERTAIN, _NOTHING = "pathogenic", "uncertain", "not-found"


def gene_alteration_answers(case: Case, chosen: Chosen) -> list[Answer]:
    """One answer for each gene and origin that something was sent about."""
    known = genomics_of(case)
    answers = []
    for gene in known.genes:
        for origin, findings in _by_origin(gene, known).items():
            about = About(result=Result.GENE_ALTERATION, gene=gene, origin=origin)
            answers.append(_answer(about, findings, _flags(origin, findings, case), chosen.rule(_RULE)))
    return answers


def _by_origin(gene: str, known: Genomics) -> dict[Origin, list[Finding]]:
    """The findings of each origin; a panel that only lists the gene and names no origin goes with the origins that were reported."""
    by_origin = {origin: list(found) for origin in Origin if (found := known.of(gene, origin))}
    unnamed = by_origin.get(Origin.UNKNOWN, [])
    if len(by_origin) > 1 and all(one.outcome is Outcome.LISTED for one in unnamed):
        by_origin.pop(Origin.UNKNOWN, None)
        return {origin: [*found, *unnamed] for origin, found in by_origin.items()}
    return by_origin


def _flags(origin: Origin, findings: Sequence[Finding], case: Case) -> list[str]:
    """What a reader must know of the origin, and of a tumor that was looked at through blood."""
    kinds = [sample.kind for one in findings if (sample := case.specimen(one.specimen)) is not None]
    return [
        *(["origin-not-stated"] if origin is Origin.UNKNOWN else []),
        *(["from-blood"] if origin is not Origin.GERMLINE and SpecimenKind.BLOOD in kinds else []),
        *(["conflicting-classifications"] if any(one.conflicting for one in findings) else []),
    ]


def _answer(about: About, findings: Sequence[Finding], flags: Sequence[str], rule: Rule) -> Answer:
    used = _facts(findings)
    found = [one for one in findings if one.outcome is Outcome.FOUND]
    if _contradicted(findings):
        because = f"one result finds an alteration in {about.gene} and another one of the same specimen does not"
        missing = [f"the {about.gene} result that counts (mark the other as amended or entered-in-error)"]
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, [*flags, "conflicting-results"], missing=missing)
    if any(one.is_harmful for one in found):
        return _harmful(about, found, used, flags, rule)
    if any(one.significance is Significance.UNKNOWN for one in found):
        because = f"an alteration was found in {about.gene}, and nothing says what it means"
        missing = [f"clinical significance of the {about.gene} alteration", *_origin_missing(about, rule)]
        possible = [_HARMFUL, _UNCERTAIN, _NOTHING]
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, flags, missing=missing, possible=possible)
    if any(one.significance is Significance.VUS for one in found):
        because = f"the alteration in {about.gene} is of uncertain significance{_certainty(findings)}"
        return determined(about, rule, _UNCERTAIN, because, used, flags)
    return _nothing(about, findings, used, flags, rule)


def _facts(findings: Iterable[Finding]) -> tuple[Fact, ...]:
    return tuple({(fact.origin.reference, fact.origin.path, fact.word): fact for one in findings for fact in one.facts}.values())


def _contradicted(findings: Sequence[Finding]) -> bool:
    """True when the same question of the same specimen was answered both ways on one day; an alteration of another day stays one."""
    found = {(one.subject, one.taken_on) for one in findings if one.outcome is Outcome.FOUND}
    return any((one.subject, one.taken_on) in found for one in findings if one.outcome is Outcome.NEGATIVE)


def _harmful(about: About, found: Sequence[Finding], used: Sequence[Fact], flags: Sequence[str], rule: Rule) -> Answer:
    harmful = [one for one in found if one.is_harmful]
    classes = " and ".join(sorted({one.significance.replace("-", " ") for one in harmful}))
    because = f"the alteration in {about.gene} is {classes}{_certainty(harmful)}"
    missing = _origin_missing(about, rule)
    if missing:
        because += "; whether it is inherited is not known"
        return undetermined(about, rule, Kind.INDETERMINATE, because, used, flags, missing=missing, possible=[_HARMFUL])
    return determined(about, rule, _HARMFUL, because, used, flags)


def _origin_missing(about: About, rule: Rule) -> list[str]:
    """What to send where the use of a gene rests on its being inherited."""
    asks = about.origin is Origin.UNKNOWN and about.gene in rule.words["origin_matters"]
    return [f"whether the {about.gene} alteration is germline or somatic"] if asks else []


def _certainty(findings: Sequence[Finding]) -> str:
    stated = distinct(one.stated_origin.replace("-", " ") for one in findings if one.stated_origin)
    return f", reported as {' and '.join(stated)}" if stated else ""


def _nothing(about: About, findings: Sequence[Finding], used: Sequence[Fact], flags: Sequence[str], rule: Rule) -> Answer:
    outcomes = {one.outcome for one in findings}
    if Outcome.FOUND in outcomes:
        return determined(about, rule, _NOTHING, f"the alteration in {about.gene} is benign", used, flags)
    if Outcome.NEGATIVE in outcomes:
        return determined(about, rule, _NOTHING, f"no alteration was found in {about.gene}", used, flags)
    if Outcome.LISTED in outcomes:
        because = f"{about.gene} is among the genes that were studied, and no alteration of it was reported"
        return determined(about, rule, _NOTHING, because, used, flags)
    if Outcome.ONE_VARIANT_ABSENT in outcomes:
        because = f"one variant of {about.gene} was looked for and not found; nothing is known of the others"
    else:
        because = f"the test of {about.gene} gave no result"
    missing = [f"a result for the whole gene {about.gene}"]
    return undetermined(about, rule, Kind.INDETERMINATE, because, used, flags, missing=missing, possible=[_HARMFUL, _UNCERTAIN, _NOTHING])
