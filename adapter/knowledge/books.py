"""The compiled books: what the loader makes of mappings/, and what it raises when they do not hold together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Circumstance, Result
from adapter.knowledge.indications import CircumstanceShape, RecommendedTest
from adapter.knowledge.outputs import Outputs
from adapter.knowledge.remembered import Memory, remembered
from adapter.knowledge.shapes import CodeRow, Context, Drug, FactKind, FactShape, Name, Publication, Rule, Source, Topic, WorkedCase
from adapter.knowledge.tables import Table

_BETWEEN_WORDS = re.compile(r"[\W_]+")


class BrokenKnowledge(Exception):
    """The books do not hold together; `problems` names every fault with its file."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Unit(Frozen):
    """A unit as senders write it, and its factor to our unit of each kind; with `facts`, the only facts that may be measured in it.

    A gram is a thousandth of our unit of body mass, and the very unit of glycolysis: a factor is a number and its divisor.
    """

    factors: Mapping[FactKind, tuple[Decimal, Decimal]]
    facts: tuple[str, ...] = ()


class WrongCode(Frozen):
    """A code that real senders use for something else, with what it really is."""

    system: str
    code: str
    sent_as: str = ""
    really: str
    source: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything the books say, compiled: built once, shared by all requests; only `memory`, what was looked up already, grows."""

    version: str
    canonical: str
    sources: Mapping[str, Source]
    topics: Mapping[str, Topic]
    facts: Mapping[str, FactShape]
    fact_topic: Mapping[str, str]
    rules: Mapping[str, Rule]
    rule_topic: Mapping[str, str]
    publication: Publication
    tables: Mapping[str, Table]
    schemes: Mapping[str, Mapping[str, str]]
    defaults: Mapping[str, str]
    contexts: Mapping[Result, tuple[Context, ...]]
    circumstances: Mapping[Circumstance, CircumstanceShape]
    hints: tuple[Rule, ...]
    tests: tuple[RecommendedTest, ...]
    described_by: Mapping[Result, str]
    codes: Mapping[str, Mapping[tuple[str, str], tuple[CodeRow, ...]]]
    systems: tuple[tuple[str, str], ...]
    words: Mapping[str, str]
    units: Mapping[str, Unit]
    names: tuple[Name, ...]
    foreign_names: tuple[str, ...]
    tissue_words: frozenset[str]
    lesion_words: frozenset[str]
    scan_words: frozenset[str]
    shared_words: frozenset[str]
    wrong_codes: Mapping[tuple[str, str], tuple[WrongCode, ...]]
    drugs: Mapping[str, Drug]
    drug_names: Mapping[tuple[str, ...], frozenset[str]]
    cases: tuple[WorkedCase, ...]
    outputs: Outputs
    memory: Memory = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    @remembered
    def uptake_words(self) -> frozenset[str]:
        """The facts that show that there was a scan: the SUVs, and what a reader says of a lesion instead of one."""
        shapes = [self.facts[word] for word in self.lesion_words]
        suvs = {shape.word: shape.otherwise for shape in shapes if shape.kind is FactKind.UPTAKE and shape.otherwise}
        return frozenset((*suvs, *(word for word in suvs.values() if word)))

    def unit_of(self, kind: FactKind) -> str:
        """How our unit of a kind is written: the first of the list that needs no factor; empty for a bare number."""
        ours = (unit for unit, one in self.units.items() if kind in one.factors and one.factors[kind][0] == one.factors[kind][1])
        first = next(ours, "")
        return "" if first.startswith(("1", "{")) else first

    def tracer_topic(self, word: str | None) -> Topic | None:
        """The folder of the tracer that has this word, or None."""
        return None if word is None else _tracer_topic(word, self)

    def drug_classes(self, drugs: Iterable[str]) -> tuple[str, ...]:
        """Every class that one of these drugs belongs to."""
        return tuple(dict.fromkeys(name for drug in drugs for name in self.drugs[drug].classes))

    def is_therapy(self, drugs: Iterable[str]) -> bool:
        """False where every drug is given beside the therapy only (bone, nausea, blood count); True where none is known."""
        beside = set(self.rules["systemic-therapy"].words["no_therapy"]) if self.drugs else set()
        known = tuple(drugs)
        return not known or any(not beside & set(self.drugs[drug].classes) for drug in known)

    def citation(self, source: str) -> str:
        """The citation of a source, as printed beside an answer."""
        return self.sources[source].citation


@remembered
def _tracer_topic(word: str, books: Knowledge) -> Topic | None:
    return next((topic for topic in books.topics.values() if topic.tracer is not None and word in topic.tracer.words), None)


def drug_tokens(text: str) -> tuple[str, ...]:
    """The words of a drug's name, in lower case, whatever stands between them."""
    return tuple(word for word in _BETWEEN_WORDS.split(text.lower()) if word)


def names_of(drugs: Iterable[Drug]) -> dict[tuple[str, ...], frozenset[str]]:
    """For each name of a drug, its word among them, the drugs it stands for: a product of two drugs stands in both rows."""
    found: dict[tuple[str, ...], frozenset[str]] = {}
    for drug in drugs:
        for name in (drug.drug, *drug.names):
            tokens = drug_tokens(name)
            found[tokens] = found.get(tokens, frozenset()) | {drug.drug}
    return found
