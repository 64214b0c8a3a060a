"""How is a measured value written that is no single number? By the bound that was sent, not by the limit of what there can be."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from adapter.facts.measurements import Interval
from adapter.facts.uptake import Uptake
from adapter.knowledge.books import Knowledge


class Bounds(NamedTuple):
    """The ends that were sent, as a person writes them; one that is None was not sent."""

    low: Decimal | None
    high: Decimal | None
    text: str


def sent_bounds(one: Uptake, knowledge: Knowledge) -> Bounds | None:
    """The ends of an uptake without those of the books, which say only what is plausible; None where there is no value."""
    number = one.value
    if number is None:
        return None
    shapes = [knowledge.facts[fact.word] for fact in one.facts if fact.number == number and fact.word in knowledge.facts]
    least, most = (shapes[0].at_least, shapes[0].up_to) if shapes else (None, None)
    low = None if number.low == least and number.low != number.high else number.low
    high = None if number.high == most and number.low != number.high else number.high
    return Bounds(low, high, _written(number, low, high))


def _written(number: Interval, low: Decimal | None, high: Decimal | None) -> str:
    if low is None and high is not None:
        return f"{'≤' if number.high_included else '<'} {high:f}"
    if high is None and low is not None:
        return f"{'≥' if number.low_included else '>'} {low:f}"
    return str(number)
