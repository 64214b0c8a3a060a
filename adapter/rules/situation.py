"""What does it mean that something is known of a case? Values that are still possible, held against what a condition asks for.

A condition holds, fails, or cannot be told; cited sentences and published indications both ask in these words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Fact
from adapter.facts.vocabulary import Circumstance


class Known(NamedTuple):
    """What is known of one circumstance: the values that are possible (none: nothing is known), and what that rests on."""

    values: tuple[str, ...] = ()
    used: tuple[Fact, ...] = ()


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


def from_answer(answer: Answer | None) -> Known:
    """What an answer leaves possible."""
    if answer is None:
        return Known()
    return Known((answer.value,) if isinstance(answer, Determined) else answer.possible, answer.used)


def from_value(value: str | None, used: Iterable[Fact] = ()) -> Known:
    """A value that is known, or nothing."""
    return Known((value,) if value is not None else (), tuple(used))
