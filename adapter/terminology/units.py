"""Units: the common ones by table, every other length through a UCUM library that is loaded only when one is met.

Only lengths: to UCUM a decibel, a mole, a degree and an arbitrary unit are all numbers, and none of them is a count or a percentage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Protocol, cast

from adapter.facts.measurements import Interval
from adapter.knowledge.books import Unit
from adapter.knowledge.shapes import FactKind


class _Amount(Protocol):
    """A UCUM unit as the library holds it."""

    magnitude: float | int

    def to(self, other: _Amount) -> _Amount: ...


class _Registry(Protocol):
    """As much of the library as is used here."""

    def from_ucum(self, unit: str) -> _Amount: ...


# What stands in braces says what is counted and has no meaning in UCUM (https://ucum.org/ucum, section 6).
_ANNOTATION = re.compile(r"\{[^{}]*\}")
# No unit of length is longer, and none has such an exponent: the library would compute it for hours.
_LONGEST, _ENDLESS = 40, re.compile(r"[0-9]{3}")
_UNITLESS = frozenset({FactKind.COUNT, FactKind.SCORE, FactKind.RATIO})


def in_our_unit(interval: Interval, unit: str, kind: FactKind, units: Mapping[str, Unit]) -> Interval | None:
    """The interval in our unit of this kind (mm, percent, minutes ...), or None when the unit cannot be one of it."""
    if len(unit) > _LONGEST:
        return None
    bare = _ANNOTATION.sub("", unit)
    known = units.get(unit) or units.get(bare)
    if known is not None:
        factor, divisor = known.factors.get(kind, (None, None))
        return None if factor is None or divisor is None else interval.times(factor).over(divisor)
    if kind in _UNITLESS and not bare.strip("1./"):
        return interval
    millimetres = _millimetres(bare) if kind is FactKind.LENGTH and bare and not _ENDLESS.search(bare) else None
    return None if millimetres is None else interval.times(millimetres)


@lru_cache(maxsize=1024)
def _millimetres(unit: str) -> Decimal | None:
    """How many mm one of this UCUM unit is, or None when UCUM has no such unit or it is no length."""
    import pint
    from lark.exceptions import LarkError

    registry = _registry()
    try:
        factor = registry.from_ucum(unit).to(registry.from_ucum("mm")).magnitude
    except (LarkError, pint.errors.PintError, ArithmeticError, ValueError, KeyError, AttributeError, TypeError):
        return None
    # The library computes with floats; twelve figures are more than any unit of length has, and less than its noise.
    exact = Decimal(f"{factor:.12g}")
    return exact if exact.is_finite() and exact > 0 else None


@cache
def _registry() -> _Registry:
    """The UCUM registry: it takes most of a second to build, so it waits for the first unit that our table lacks."""
    from ucumvert import PintUcumRegistry

    return cast("_Registry", PintUcumRegistry())
