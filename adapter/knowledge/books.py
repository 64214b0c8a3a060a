"""The compiled books: what the loader makes of mappings/, and what it raises when they do not hold together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Result
from adapter.knowledge.outputs import Outputs
from adapter.knowledge.shapes import CodeRow, Context, FactKind, FactShape, Name, Rule, Source, Topic, WorkedCase
from adapter.knowledge.tables import Table


class BrokenKnowledge(Exception):
    """The books do not hold together; `problems` names every fault with its file."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Unit(Frozen):
    """A unit as senders write it, and the factor to our unit of that kind; with `facts`, the only facts that may be measured in it."""

    kinds: tuple[str, ...]
    factor: Decimal
    divisor: Decimal = Decimal(1)
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
    """Everything the books say, compiled: built once, shared by all requests, never changed."""

    version: str
    canonical: str
    sources: Mapping[str, Source]
    topics: Mapping[str, Topic]
    facts: Mapping[str, FactShape]
    fact_topic: Mapping[str, str]
    rules: Mapping[str, Rule]
    tables: Mapping[str, Table]
    schemes: Mapping[str, Mapping[str, str]]
    defaults: Mapping[str, str]
    contexts: Mapping[Result, tuple[Context, ...]]
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
    cases: tuple[WorkedCase, ...]
    outputs: Outputs

    @property
    def uptake_words(self) -> frozenset[str]:
        """The facts that show that there was a scan: the SUVs, and what a reader says of a lesion instead of one."""
        shapes = [self.facts[word] for word in self.lesion_words]
        suvs = {shape.word: shape.otherwise for shape in shapes if shape.kind is FactKind.UPTAKE and shape.otherwise}
        return frozenset((*suvs, *(word for word in suvs.values() if word)))

    def tracer_topic(self, word: str | None) -> Topic | None:
        """The folder of the tracer that has this word, or None."""
        if word is None:
            return None
        return next((topic for topic in self.topics.values() if topic.tracer is not None and word in topic.tracer.words), None)

    def citation(self, source: str) -> str:
        """The citation of a source, as printed beside an answer."""
        return self.sources[source].citation
