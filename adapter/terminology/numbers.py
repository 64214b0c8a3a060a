"""Numbers that senders write as text: `<1`, `>= 95 %`, `1-10%`, `2.5:1` (HL7 v2 SN and ST values arrive in FHIR like this)."""

from __future__ import annotations

import re
from decimal import Decimal

from adapter.facts.measurements import Interval, exactly

_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_COMPARED = re.compile(rf"^(<=|>=|<|>|≤|≥)\s*({_NUMBER})$")
_RANGE = re.compile(rf"^({_NUMBER})\s*(?:-|–|to)\s*({_NUMBER})$")
_RATIO = re.compile(rf"^({_NUMBER})\s*[:/]\s*({_NUMBER})$")
_UNIT = re.compile(r"^(.*\d)\s*(\D*)$")
# Three figures after a comma could be thousands or a decimal fraction: not ours to guess.
_UNCLEAR = re.compile(r"\d,\d{3}(?!\d)")
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
    # A percent sign may stand behind each end of a range.
    parts = _UNIT.match(text.replace("%", "").strip())
    if parts is None or _UNCLEAR.search(text):
        return None
    body, unit = parts.group(1).strip(), "%" if "%" in text else parts.group(2).strip()
    found = _compared(body) or _range(body) or (_quotient(body) if ratios else None)
    return None if found is None else (found, unit)


def _compared(body: str) -> Interval | None:
    if re.fullmatch(_NUMBER, body):
        return exactly(_decimal(body))
    parts = _COMPARED.match(body)
    return compared(_SPELT.get(parts[1], parts[1]), _decimal(parts[2])) if parts else None


def _range(body: str) -> Interval | None:
    parts = _RANGE.match(body)
    if parts is None or _decimal(parts[1]) > _decimal(parts[2]):
        return None
    return Interval(low=_decimal(parts[1]), high=_decimal(parts[2]))


def _quotient(body: str) -> Interval | None:
    parts = _RATIO.match(body)
    if parts is None or _decimal(parts[2]) == 0:
        return None
    return exactly(_decimal(parts[1]) / _decimal(parts[2]))


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))
