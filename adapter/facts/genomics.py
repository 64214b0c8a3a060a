"""What was found in which gene, inherited or the tumor's own (HL7 Genomics Reporting: variant, region studied, implications).

The facts of one variant are the components of one Observation; an implication that says what it means names it in `derivedFrom`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from adapter.facts.case import Case, Day, Fact
from adapter.facts.frozen import Plain
from adapter.facts.vocabulary import Origin, Significance

_VARIANT, _GENE, _SOURCE, _MEANING, _REGION = "variant", "gene-studied", "genomic-source", "clinical-significance", "region-studied"
# What tells one variant of a gene from another.
_EXPRESSIONS = ("hgvs-genomic", "hgvs-coding", "hgvs-protein", "variation-code")
_WORDS = frozenset({_VARIANT, _GENE, _SOURCE, _MEANING, _REGION, *_EXPRESSIONS, "allelic-state", "allelic-frequency", "copy-number"})
# How the word of a single-gene result ends: brca1-result.
GENE_RESULT = "-result"
_OTHER_GENE, _FETAL = "other", "fetal"
_MEANINGS = {
    "pathogenic": Significance.PATHOGENIC,
    "likely-pathogenic": Significance.LIKELY_PATHOGENIC,
    "uncertain": Significance.VUS,
    "likely-benign": Significance.BENIGN,
    "benign": Significance.BENIGN,
    "conflicting": Significance.UNKNOWN,
}
_HARMFUL = frozenset({Significance.PATHOGENIC, Significance.LIKELY_PATHOGENIC})


class Outcome(StrEnum):
    """What one Observation says of one gene.

    `listed` by a panel that was studied; `one-variant-absent` says nothing of the other variants of the gene.
    """

    FOUND = "found"
    NEGATIVE = "negative"
    LISTED = "listed"
    ONE_VARIANT_ABSENT = "one-variant-absent"
    NO_RESULT = "no-result"


class Finding(Plain, frozen=True, kw_only=True):
    """One gene in one Observation; `stated_origin` is the sender's word where it is not certain (`likely-germline`).

    `conflicting` is true where several classifications of one day contradict each other; the significance is then unknown.
    """

    gene: str
    origin: Origin
    outcome: Outcome
    significance: Significance = Significance.UNKNOWN
    conflicting: bool = False
    stated_origin: str | None = None
    taken_on: Day | None = None
    rank: int
    specimen: str | None = None
    expression: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def is_harmful(self) -> bool:
        """True for an alteration that is pathogenic or likely pathogenic."""
        return self.outcome is Outcome.FOUND and self.significance in _HARMFUL

    @property
    def is_test(self) -> bool:
        """True when the gene as a whole was looked at."""
        return self.outcome in (Outcome.FOUND, Outcome.NEGATIVE, Outcome.LISTED)

    @property
    def subject(self) -> tuple[str, Origin, str | None, tuple[str, ...]]:
        """What must be the same for two results to be of one question."""
        return self.gene, self.origin, self.specimen, self.expression


class Genomics(Plain, frozen=True, kw_only=True):
    """Every finding of one case, in an order of its own."""

    findings: tuple[Finding, ...] = ()

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene that something is known of, by its symbol."""
        return tuple(sorted({finding.gene for finding in self.findings}))

    def of(self, gene: str, origin: Origin | None = None) -> tuple[Finding, ...]:
        """What was sent about this gene, of one origin or of any."""
        return tuple(one for one in self.findings if one.gene == gene and origin in (None, one.origin))

    def alterations(self, gene: str, origin: Origin | None = None) -> tuple[Finding, ...]:
        """The alterations that were found in this gene."""
        return tuple(one for one in self.of(gene, origin) if one.outcome is Outcome.FOUND)

    def was_tested(self, gene: str, origin: Origin | None = None) -> bool:
        """True when this gene was looked at as a whole, for alterations of this origin where one is given."""
        return any(one.is_test for one in self.of(gene, origin))


def genomics_of(case: Case) -> Genomics:
    """What the facts of a case say of genes; a result that a later status supersedes does not count."""
    groups = _by_observation(case.facts)
    if not groups:
        return Genomics()
    implied = _implications(groups)
    found = [one for reference, facts in groups.items() for one in _findings(facts, implied.get(reference, ()))]
    best: dict[object, int] = defaultdict(int)
    for one in found:
        best[_test(one)] = max(best[_test(one)], one.rank)
    kept = [one for one in found if one.rank == best[_test(one)]]
    return Genomics(findings=tuple(sorted(kept, key=_order)))


def inherited_references(facts: Iterable[Fact]) -> frozenset[str]:
    """The Observations that speak of the germline: they are about the patient, and so about every cancer of the patient."""
    groups = _by_observation(facts)
    germline = {reference for reference, mine in groups.items() if _origin(mine)[0] is Origin.GERMLINE}
    implied = _implications(groups) if germline else {}
    return frozenset(germline | {fact.origin.reference for reference in germline for fact in implied.get(reference, ())})


def _by_observation(facts: Iterable[Fact]) -> dict[str, tuple[Fact, ...]]:
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.word in _WORDS or fact.word.endswith(GENE_RESULT):
            groups[fact.origin.reference].append(fact)
    return {reference: tuple(mine) for reference, mine in groups.items()}


def _implications(groups: Mapping[str, Sequence[Fact]]) -> dict[str, tuple[Fact, ...]]:
    """For each variant the facts of the implications that were derived from it alone; several variants share a meaning of their own."""
    implied: dict[str, tuple[Fact, ...]] = {}
    for facts in groups.values():
        variants = {name for fact in facts if fact.word == _MEANING for name in fact.derived_from if name in groups}
        if len(variants) == 1 and not _genes(facts):
            name = variants.pop()
            implied[name] = (*implied.get(name, ()), *facts)
    return implied


def _findings(facts: Sequence[Fact], implied: Sequence[Fact]) -> Iterable[Finding]:
    """One finding for each gene of an Observation; fetal variants are not the patient's."""
    origin, stated = _origin(facts)
    if stated == _FETAL:
        return
    for gene in _genes(facts):
        outcome = _outcome(facts, gene)
        if outcome is None:
            continue
        significance, conflicting = _significance([*facts, *implied], gene)
        yield Finding(
            gene=gene,
            origin=origin,
            outcome=outcome,
            significance=significance if outcome is Outcome.FOUND else Significance.UNKNOWN,
            conflicting=conflicting,
            stated_origin=stated,
            rank=max(fact.rank for fact in facts),
            taken_on=max((fact.taken_on for fact in facts if fact.taken_on), default=None),
            specimen=facts[0].specimen,
            expression=_expression(facts),
            facts=(*facts, *implied),
        )


def _genes(facts: Sequence[Fact]) -> tuple[str, ...]:
    """The genes that an Observation names, or that its result is of."""
    named = {gene for fact in facts if fact.word == _GENE for gene in (fact.value or "").split()}
    named |= {_gene_of(fact) for fact in facts if fact.word.endswith(GENE_RESULT)}
    return tuple(sorted(named - {_OTHER_GENE}))


def _gene_of(fact: Fact) -> str:
    return fact.word.removesuffix(GENE_RESULT).upper()


def _origin(facts: Sequence[Fact]) -> tuple[Origin, str | None]:
    """The origin, and the sender's word where that is not certain."""
    stated = {fact.value for fact in facts if fact.word == _SOURCE}
    word = stated.pop() if len(stated) == 1 else None
    return (Origin(word), None) if word in (Origin.GERMLINE, Origin.SOMATIC) else (Origin.UNKNOWN, word)


def _outcome(facts: Sequence[Fact], gene: str) -> Outcome | None:
    """What the Observation says of the gene; None when it is of something else and only names the gene (a HER2 stain names ERBB2)."""
    results = {_presence(fact) for fact in facts if fact.word == _VARIANT or (fact.word.endswith(GENE_RESULT) and _gene_of(fact) == gene)}
    within = {fact.within for fact in facts if fact.word == _GENE}
    if not results:
        return {_REGION: Outcome.LISTED, _VARIANT: Outcome.NO_RESULT}.get(next(iter(within)) or "") if len(within) == 1 else None
    if len(results) > 1:
        return Outcome.NO_RESULT
    result = results.pop()
    return Outcome.ONE_VARIANT_ABSENT if result is Outcome.NEGATIVE and _expression(facts) else result


def _presence(fact: Fact) -> Outcome:
    if fact.value == "negative":
        return Outcome.NEGATIVE
    return Outcome.FOUND if fact.value == "positive" or fact.value in _MEANINGS else Outcome.NO_RESULT


def _expression(facts: Sequence[Fact]) -> tuple[str, ...]:
    return tuple(sorted(fact.value or "" for fact in facts if fact.word in _EXPRESSIONS))


def _significance(facts: Sequence[Fact], gene: str) -> tuple[Significance, bool]:
    """The classification that counts: by status, then the newest; two harmful ones of one day give the weaker one."""
    own = f"{gene.lower()}{GENE_RESULT}"
    stated = [fact for fact in facts if fact.word in (_MEANING, own) and fact.value in _MEANINGS]
    if not stated:
        return Significance.UNKNOWN, False
    first = max((fact.rank, fact.taken_on or "") for fact in stated)
    values = {_MEANINGS[fact.value or ""] for fact in stated if (fact.rank, fact.taken_on or "") == first}
    if values == _HARMFUL:
        return Significance.LIKELY_PATHOGENIC, False
    return (values.pop(), False) if len(values) == 1 else (Significance.UNKNOWN, True)


def _test(finding: Finding) -> tuple[object, Day | None]:
    """What makes two results those of one test: one specimen, or one day where none is named."""
    return finding.subject, finding.taken_on if finding.specimen is None else None


def _order(finding: Finding) -> tuple[str, str, str, str, tuple[str, ...]]:
    return finding.gene, finding.origin, finding.taken_on or "", finding.outcome, finding.expression
