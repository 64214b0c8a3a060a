"""Units: the common ones by table, every other through a UCUM library that is loaded only when one is met."""

from __future__ import annotations

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


# No UCUM unit of ours is longer; the grammar of the library is not fed with anything else.
_LONGEST = 40
_OURS = {FactKind.LENGTH: "mm", FactKind.PERCENT: "%"}


def in_our_unit(interval: Interval, unit: str, kind: FactKind, units: Mapping[str, Unit]) -> Interval | None:
    """The interval in mm, percent or plain numbers, or None when the unit cannot be one of this kind."""
    known = units.get(unit)
    if known is not None:
        return interval.times(known.factor) if kind in known.kinds else None
    factor = _factor(unit, _OURS.get(kind, "1")) if len(unit) <= _LONGEST else None
    return None if factor is None else interval.times(factor)


@lru_cache(maxsize=1024)
def _factor(unit: str, ours: str) -> Decimal | None:
    """What one of this UCUM unit is in ours, or None when UCUM has no such unit or it measures something else."""
    import pint
    from lark.exceptions import LarkError

    registry = _registry()
    try:
        factor = Decimal(str(registry.from_ucum(unit).to(registry.from_ucum(ours)).magnitude))
    except (LarkError, pint.errors.PintError, ArithmeticError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return factor if factor.is_finite() and factor > 0 else None


@cache
def _registry() -> _Registry:
    """The UCUM registry: it takes most of a second to build, so it waits for the first unit that our table lacks."""
    from ucumvert import PintUcumRegistry

    return cast("_Registry", PintUcumRegistry())
