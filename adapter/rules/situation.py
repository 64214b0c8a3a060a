"""What is known of a case as a whole, in the words that cited sentences and published indications ask for?

Each word has the values that are still possible, so that a condition can hold, fail, or not be known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Case, Fact
from adapter.facts.vocabulary import Circumstance, Result
from adapter.rules.patient_setting import stage_of


class Known(NamedTuple):
    """What is known of one question: the values that are possible (none: nothing is known), what it rests on, and what to send for it."""

    values: tuple[str, ...] = ()
    used: tuple[Fact, ...] = ()
    label: str = ""

    @property
    def value(self) -> str | None:
        """The one value, or None while several are possible."""
        return self.values[0] if len(self.values) == 1 else None


class Truth(Enum):
    """Whether a condition holds, fails, or cannot be told."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


Situation = Mapping[Circumstance, Known]
Conditions = Mapping[Circumstance, Sequence[str]]


def truth(known: Known | None, wanted: Collection[str]) -> Truth:
    """Whether what is known is among what is wanted."""
    if known is None or not known.values:
        return Truth.UNKNOWN
    fits = [value in wanted for value in known.values]
    if all(fits):
        return Truth.HOLDS
    return Truth.UNKNOWN if any(fits) else Truth.FAILS


def holds(situation: Situation, conditions: Conditions) -> bool:
    """True when every condition is known to hold."""
    return all(truth(situation.get(name), wanted) is Truth.HOLDS for name, wanted in conditions.items())


def holds_any(situation: Situation, conditions: Conditions) -> bool:
    """True when one of the conditions is known to hold."""
    return any(truth(situation.get(name), wanted) is Truth.HOLDS for name, wanted in conditions.items())


def from_answer(answer: Answer | None, label: str) -> Known:
    """What an answer leaves possible."""
    if answer is None:
        return Known(label=label)
    values = (answer.value,) if isinstance(answer, Determined) else answer.possible
    return Known(values, answer.used, label)


def from_value(value: str | None, used: Iterable[Fact], label: str) -> Known:
    """A value that is known, or nothing."""
    return Known((value,) if value is not None else (), tuple(used), label)


# The answers of the governing specimen, and those of the cancer, that a circumstance is read from.
_OF_TISSUE = {
    Circumstance.ER: (Result.ER_STATUS, "ER status"),
    Circumstance.PR: (Result.PR_STATUS, "PR status"),
    Circumstance.HR: (Result.HORMONE_RECEPTOR_STATUS, "ER and PR status"),
    Circumstance.HER2: (Result.HER2_STATUS, "HER2 status"),
    Circumstance.SUBTYPE: (Result.RECEPTOR_SUBTYPE, "ER, PR and HER2 status"),
}
_OF_CANCER = {
    Circumstance.EXTENT: (Result.DISEASE_EXTENT, "T, N and M category, or the sites of metastases"),
    Circumstance.PRESENTATION: (Result.METASTATIC_PRESENTATION, "whether the disease was metastatic from the start"),
}
_SAME = {"low-positive": "positive"}


def situation_of(case: Case, answers: Sequence[Answer], governing: str | None, n: str | None) -> Situation:
    """Everything that is known of this case as a whole; tissue is that of the governing specimen."""
    tissue = {answer.about.result: answer for answer in answers if answer.about.specimen == governing}
    cancer = {answer.about.result: answer for answer in answers if answer.about.specimen is None}
    found = {name: _folded(from_answer(tissue.get(result), label)) for name, (result, label) in _OF_TISSUE.items()}
    found |= {name: from_answer(cancer.get(result), label) for name, (result, label) in _OF_CANCER.items()}
    extent = cancer.get(Result.DISEASE_EXTENT)
    in_bone = next((flag for flag in (extent.flags if extent else ()) if flag in ("bone-only", "bone-dominant")), None)
    return found | {
        Circumstance.STAGE: from_answer(stage_of(answers), "anatomic stage"),
        Circumstance.N: from_value(n, (), "N category"),
        Circumstance.HISTOLOGY: _histology(case),
        Circumstance.BONE_DISEASE: from_value(in_bone, (), "the sites of metastases"),
    }


def _folded(known: Known) -> Known:
    """A low positive receptor is a positive one."""
    return known._replace(values=tuple(dict.fromkeys(_SAME.get(value, value) for value in known.values)))


def _histology(case: Case) -> Known:
    """The one histologic type on file."""
    facts = case.about("histology")
    named = {one.histology for one in case.conditions if one.histology} | {fact.value for fact in facts if fact.value}
    return from_value(next(iter(named)) if len(named) == 1 else None, facts, "histologic type")
