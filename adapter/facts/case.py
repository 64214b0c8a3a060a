"""One primary cancer of one patient, with every fact about it and where each fact was read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis, Sampling, Severity, Side, SpecimenKind, Timing

# A day as precisely as it was sent: YYYY, YYYY-MM or YYYY-MM-DD (R4 date). Text order is time order.
Day = str

_RANK = {"amended": 3, "corrected": 3, "final": 2, "preliminary": 0}
_USUAL_RANK = 1


class Place(Plain, frozen=True, kw_only=True):
    """Where something stands in what was sent: the resource, its version, and the path inside it (FHIRPath).

    `type` is that of the resource, or of the one that holds a contained one.
    """

    reference: str
    path: str
    version: str | None = None
    type: str | None = None


class Fact(Plain, frozen=True, kw_only=True):
    """One thing we know, in our word and our unit.

    `value` is an answer word (`positive`, `T2`, `2+`) or None; `number` is the measured interval or None; exactly one is set.
    `analyte` names the topic a control or recount belongs to; `basis` is set on T, N, M and stages.
    `body_site` and `method` are our words, where the sender's code is known. `lesion` is the lasting name of a lesion, `body_structure`
    the reference to it where one was sent, and `study` the imaging study, procedure or report that a scan belongs to. `within` is the word
    that the Observation around a component asks for, and `derived_from` what an Observation says it was derived from. Of what lasted,
    such as a drug, `began_on` is the first day and `taken_on` the last one; without the last day it goes on.
    """

    word: str
    value: str | None = None
    number: Interval | None = None
    basis: Basis = Basis.UNSPECIFIED
    analyte: str | None = None
    taken_on: Day | None = None
    began_on: Day | None = None
    status: str = "final"
    specimen: str | None = None
    focus: str | None = None
    side: Side | None = None
    body_site: str | None = None
    method: str | None = None
    lesion: str | None = None
    body_structure: str | None = None
    study: str | None = None
    suffixes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    within: str | None = None
    derived_from: tuple[str, ...] = ()
    as_sent: str = ""
    origin: Place

    @property
    def shown(self) -> str:
        """The value as a person reads it."""
        return self.value if self.value is not None else str(self.number)

    @property
    def rank(self) -> int:
        """How much it counts: a correction over a final result, a final one over a preliminary one."""
        return _RANK.get(self.status, _USUAL_RANK)


class Specimen(Plain, frozen=True, kw_only=True):
    """A piece of tissue, or the group of results that share one when the sender named none."""

    key: str
    reference: str | None = None
    kind: SpecimenKind = SpecimenKind.UNKNOWN
    sampling: Sampling = Sampling.UNKNOWN
    timing: Timing = Timing.UNKNOWN
    side: Side | None = None
    body_site: str | None = None
    collected_on: Day | None = None
    named: bool = True


class UnmappedCode(Plain, frozen=True, kw_only=True):
    """A code that our maps do not have, in its role (`observation` or `value`); `fact` is the word that a value should have answered."""

    role: str
    system: str
    code: str
    display: str = ""
    fact: str = ""


class Issue(Plain, frozen=True, kw_only=True):
    """Something that was sent and could not be used, or needs a look: where, what came, what to send instead."""

    code: str
    severity: Severity
    text: str
    place: Place | None = None
    unmapped: UnmappedCode | None = None


class Patient(Plain, frozen=True, kw_only=True):
    """The one patient of a request: a reference to answer to, a key for lasting identifiers, and the birth date for age rules."""

    reference: str
    key: str
    birth_date: Day | None = None
    sex: str | None = None


class Condition(Plain, frozen=True, kw_only=True):
    """A primary breast cancer as the sender records it."""

    reference: str
    key: str
    side: Side | None = None
    histology: str | None = None
    in_situ: bool = False
    recorded_on: Day | None = None
    origin: Place


def all_in_situ(conditions: Iterable[Condition]) -> bool:
    """True where there are Conditions, and all are of a cancer in situ: it has neither subtypes nor metastases."""
    known = [condition.in_situ for condition in conditions]
    return bool(known) and all(known)


class Treatment(Plain, frozen=True, kw_only=True):
    """A treatment of this cancer with the day it began, and its last where that was sent.

    The kind is `systemic`, `surgery`, or `supportive` for drugs that are given beside the therapy. A drug that is `still_taken` has no
    last day; of one that is `only_ordered` nobody says that it was given. `drugs` are our words for it, with the `classes` they belong to;
    both are empty where the drug is not known.
    """

    kind: str
    started_on: Day | None
    last_on: Day | None = None
    still_taken: bool = False
    only_ordered: bool = False
    focus: str | None = None
    side: Side | None = None
    drugs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    origin: Place


class Case(Plain, frozen=True, kw_only=True, dict=True, gc=True):
    """One primary cancer: left and right are two cases. Facts stand in an order of their own, whatever the order of arrival.

    `specimens` are of tissue; `samples` are of blood, which has no receptors. `primaries` is the number of cases that could have
    sent a metastasis: those in situ count only where no other is on file.
    """

    key: str
    patient: Patient
    conditions: tuple[Condition, ...] = ()
    side: Side | None = None
    specimens: tuple[Specimen, ...] = ()
    samples: tuple[Specimen, ...] = ()
    facts: tuple[Fact, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    flags: tuple[str, ...] = ()
    primaries: int = 1

    def about(self, *words: str) -> tuple[Fact, ...]:
        """Every fact with one of these words."""
        if len(words) == 1:
            return self.by_word.get(words[0], ())
        if not any(word in self.by_word for word in words):
            return ()
        return tuple(fact for fact in self.facts if fact.word in words)

    def specimen(self, key: str | None) -> Specimen | None:
        """The specimen with this key, or None."""
        return self.by_specimen.get(key, (None, ()))[0] if key else None

    def facts_of(self, key: str) -> tuple[Fact, ...]:
        """Every fact of the specimen with this key."""
        return self.by_specimen.get(key, (None, ()))[1]

    @cached_property
    def by_word(self) -> dict[str, tuple[Fact, ...]]:
        """The facts of each word, grouped once: every rule asks for its own."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(fact.word, []).append(fact)
        return {word: tuple(facts) for word, facts in found.items()}

    @cached_property
    def by_specimen(self) -> dict[str, tuple[Specimen | None, tuple[Fact, ...]]]:
        """Each specimen with its facts, grouped once: a case may hold thousands."""
        facts: dict[str, list[Fact]] = {specimen.key: [] for specimen in (*self.specimens, *self.samples)}
        for fact in self.facts:
            if fact.specimen is not None:
                facts.setdefault(fact.specimen, []).append(fact)
        specimens = {specimen.key: specimen for specimen in (*self.specimens, *self.samples)}
        return {key: (specimens.get(key), tuple(mine)) for key, mine in facts.items()}
