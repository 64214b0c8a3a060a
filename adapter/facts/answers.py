"""What a rule may say: a value with its basis, or no value with the reason; and what we could not use."""

from __future__ import annotations

from decimal import Decimal

from adapter.facts.case import Day, Fact
from adapter.facts.frozen import Plain
from adapter.facts.uptake import Lesion
from adapter.facts.vocabulary import Basis, Kind, Origin, Result


class About(Plain, frozen=True, kw_only=True):
    """What an answer speaks of inside one case; with the case and the kind it makes the answer's lasting identity.

    `basis` tells clinical from pathological, `specimen` is the key of the tissue, `scheme` the named rule set a site chose.
    What PET shows is told apart by `tracer`, by the keys of `lesion` and `scan` (the later of two), and by `measure`, the kind of value;
    what was found in a gene by `gene` and `origin`; published indications and recommended tests by `item`.
    """

    result: Result
    basis: Basis | None = None
    specimen: str | None = None
    scheme: str | None = None
    tracer: str | None = None
    lesion: str | None = None
    scan: str | None = None
    measure: str | None = None
    gene: str | None = None
    origin: Origin | None = None
    item: str | None = None


class Asserted(Plain, frozen=True, kw_only=True):
    """What the sender states for the same question, kept beside ours and never overwritten."""

    value: str
    fact: Fact


class Part(Plain, frozen=True, kw_only=True):
    """One piece of an answer, written as a component: an answer word, a number, a text, or none of them with the reason why."""

    name: str
    value: str | None = None
    number: Decimal | None = None
    text: str = ""
    because: str = ""


class Reasoning(Plain, frozen=True, kw_only=True):
    """The part that every answer has: which rule, where it was read, what it used, what a reader must know.

    Of an open answer `missing` is what to send, and `possible` the values that are left when they are known.
    """

    about: About
    rule: str
    source: str
    because: str
    used: tuple[Fact, ...] = ()
    flags: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    asserted: tuple[Asserted, ...] = ()
    members: tuple[Fact, ...] = ()
    lesion: Lesion | None = None
    parts: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()

    @property
    def effective(self) -> Day | None:
        """The day of the newest input that was used; never the day of the computation."""
        return max((fact.taken_on for fact in self.used if fact.taken_on), default=None)


class Determined(Reasoning, frozen=True, kw_only=True):
    """An answer with a value: an answer code, or a number with a UCUM unit.

    An `is_implication` is what a molecular finding means for therapy, with its `drugs`, which HL7 Genomics Reporting writes in its own way.
    """

    value: str
    row: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    is_implication: bool = False
    drugs: tuple[str, ...] = ()


class Undetermined(Reasoning, frozen=True, kw_only=True):
    """No value: why, what to send to get one, and the values that are still possible when they are known."""

    kind: Kind


class Composed(Reasoning, frozen=True, kw_only=True):
    """An answer whose values stand in its parts, such as one for each receptor; it has none of its own."""


Answer = Determined | Undetermined | Composed
