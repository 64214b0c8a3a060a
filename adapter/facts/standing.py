"""How does a published indication stand for one patient? Each of its conditions: met, not met, or not known."""

from __future__ import annotations

from enum import StrEnum

from adapter.facts.frozen import Plain


class Verdict(StrEnum):
    """What the conditions of an indication come to; none of them is a recommendation."""

    MATCHES = "matches"
    POSSIBLE = "possible"
    OPEN = "open"
    NOT_MET = "not-met"


class Standing(Plain, frozen=True, kw_only=True):
    """One indication with its conditions, each as a person reads it, and where it was published."""

    rule: str
    indication: str
    source: str
    source_date: str
    drugs: tuple[str, ...]
    verdict: Verdict
    met: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
