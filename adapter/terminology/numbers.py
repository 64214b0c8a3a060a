"""Numbers that senders write as text: `<1`, `>= 95 %`, `1-10%`, `2.5:1` (HL7 v2 SN and ST values arrive in FHIR like this)."""

from __future__ import annotations

import re
from decimal import Decimal

from adapter.facts.measurements import Interval, exactly

_NUMBER = r"[+-]?[0-9]+(?:[.,][0-9]+)?"
_ONE = re.compile(rf"(<=|>=|<|>|≤|≥)? ?({_NUMBER}) ?(%?)(\D*)")
# A percent sign may stand behind each end of a range.
_RANGE = re.compile(rf"({_NUMBER}) ?%? ?(?:-|–|to) ?({_NUMBER}) ?(%?)(\D*)")
_RATIO = re.compile(rf"({_NUMBER}) ?[:/] ?({_NUMBER})")
# Three figures after a comma could be thousands or a decimal fraction: not ours to guess.
_UNCLEAR = re.compile(r"[0-9],[0-9]{3}(?![0-9])")
# No typed number is longer.
_LONGEST = 60
_SPELT = {"≤": "<=", "≥": ">="}


def compared(comparator: str, value: Decimal) -> Interval:
    """The interval of a number with a comparator; an empty comparator means the number itself."""
    match comparator:
        case "":
            return exactly(value)
        case "<":
            return Interval(high=value, high_included=False)
        case "<=":
            return Interval(high=value)
        case ">":
            return Interval(low=value, low_included=False)
        case ">=":
            return Interval(low=value)
    raise ValueError(f"comparator {comparator!r} is none of <, <=, >, >=")


def interval_in(text: str, *, ratios: bool = False) -> tuple[Interval, str] | None:
    """The interval a text states and the unit behind it, or None when the text is not a number.

    With `ratios`, `a:b` is the quotient a / b; otherwise `1:8` is a titre and not a number of ours.
    """
    body = " ".join(text.split()) if len(text) <= _LONGEST else ""
    if not body or _UNCLEAR.search(body):
        return None
    return _one(body) or _range(body) or (_quotient(body) if ratios else None)


def _one(body: str) -> tuple[Interval, str] | None:
    parts = _ONE.fullmatch(body)
    unit = _unit(parts[3], parts[4]) if parts else None
    if parts is None or unit is None:
        return None
    comparator = parts[1] or ""
    return compared(_SPELT.get(comparator, comparator), _decimal(parts[2])), unit


def _range(body: str) -> tuple[Interval, str] | None:
    parts = _RANGE.fullmatch(body)
    unit = _unit("%" if "%" in body else "", parts[4]) if parts else None
    if parts is None or unit is None or _decimal(parts[1]) > _decimal(parts[2]):
        return None
    return Interval(low=_decimal(parts[1]), high=_decimal(parts[2])), unit


def _quotient(body: str) -> tuple[Interval, str] | None:
    parts = _RATIO.fullmatch(body)
    if parts is None or _decimal(parts[2]) == 0:
        return None
    return exactly(_decimal(parts[1]) / _decimal(parts[2])), ""


def _unit(percent: str, rest: str) -> str | None:
    """The unit; None where words follow a percentage, because they may take it back (`5 % cytoplasmic`)."""
    if not percent:
        return rest.strip()
    return None if rest.strip() else "%"


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))
