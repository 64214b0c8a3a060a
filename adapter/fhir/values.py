"""What value was sent, of whichever type? (R4 Observation.value[x], https://hl7.org/fhir/R4/observation.html)"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from adapter.facts.measurements import Interval, exactly
from adapter.facts.statements import Absent, Coded, Coding, Measured, Text, Value
from adapter.fhir import wire

# No measurement has more figures, or stands further from 1: such a number is a slip or an attack, and arithmetic with it is costly.
_MOST_FIGURES = 28


def value_of(valued: wire.Valued) -> Value:
    """The value of whatever type was sent; a type that holds neither a code nor a number is told as text, so that it gets an issue."""
    if valued.value_quantity is not None:
        return _quantity(valued.value_quantity)
    if valued.value_codeable_concept is not None:
        return coded(valued.value_codeable_concept)
    if valued.value_boolean is not None:
        return Text(text="positive" if valued.value_boolean else "negative")
    if valued.value_integer is not None:
        return _exactly(Decimal(valued.value_integer))
    if valued.value_range is not None:
        return _range(valued.value_range)
    if valued.value_ratio is not None:
        return _ratio(valued.value_ratio)
    return _words(valued)


def _words(valued: wire.Valued) -> Value:
    for text in (valued.value_string, valued.value_date_time, valued.value_time):
        if text is not None:
            return Text(text=text)
    if valued.value_period is not None or valued.value_sampled_data is not None:
        return Text(text="a period or a series of samples")
    return Absent(reason=coded(valued.data_absent_reason))


def _exactly(number: Decimal, unit: str = "") -> Value:
    return Measured(interval=exactly(number), unit=unit) if _is_usable(number) else Text(text="a number out of range")


def _is_usable(number: Decimal | None) -> bool:
    """True for no number, and for one of a size and length that a measurement can have."""
    if number is None:
        return True
    return number.is_finite() and abs(number.adjusted()) <= _MOST_FIGURES and len(number.as_tuple().digits) <= _MOST_FIGURES


def _quantity(quantity: wire.Quantity) -> Value:
    value, unit = quantity.value, quantity.code or quantity.unit
    if value is None:
        return Absent()
    if not _is_usable(value):
        return Text(text="a number out of range")
    match quantity.comparator:
        case "":
            interval = exactly(value)
        case "<":
            interval = Interval(high=value, high_included=False)
        case "<=":
            interval = Interval(high=value)
        case ">":
            interval = Interval(low=value, low_included=False)
        case ">=":
            interval = Interval(low=value)
        case _:
            # An unknown comparator stays in the text, so that nobody takes the number for the value.
            return Text(text=f"{quantity.comparator}{value}")
    return Measured(interval=interval, unit=unit)


def _range(sent: wire.Range) -> Value:
    """From low to high, both included; ends that cannot be put on one scale stay text."""
    low, high = sent.low or wire.Quantity(), sent.high or wire.Quantity()
    if low.value is None and high.value is None:
        return Absent()
    units = {quantity.code or quantity.unit for quantity in (low, high) if quantity.value is not None}
    is_upside_down = low.value is not None and high.value is not None and _is_usable(low.value) and low.value > high.value
    if len(units) > 1 or is_upside_down or _is_odd(low) or _is_odd(high):
        return Text(text=f"{_shown(low)} to {_shown(high)}")
    return Measured(interval=Interval(low=low.value, high=high.value), unit=units.pop())


def _ratio(ratio: wire.Ratio) -> Value:
    """As a person writes it, `2.5:1`: only a question that asks for a ratio reads it as a number."""
    above, below = ratio.numerator or wire.Quantity(), ratio.denominator or wire.Quantity()
    if above.value is None or below.value is None:
        return Absent()
    if _is_odd(above) or _is_odd(below) or (above.code or above.unit) != (below.code or below.unit):
        return Text(text=f"{_shown(above)} : {_shown(below)}")
    return Text(text=f"{above.value:f}:{below.value:f}")


def _is_odd(quantity: wire.Quantity) -> bool:
    """True for an end of a range or ratio that is no plain number (R4 SimpleQuantity has no comparator)."""
    return bool(quantity.comparator) or not _is_usable(quantity.value)


def _shown(quantity: wire.Quantity) -> str:
    value = f"{quantity.value}" if _is_usable(quantity.value) else "a number out of range"
    return f"{quantity.comparator}{value} {quantity.code or quantity.unit}".strip()


def coded(concept: wire.Concept | None) -> Coded:
    """A CodeableConcept; none has no codes and no text."""
    if concept is None:
        return Coded()
    return Coded(codings=_codings(concept), text=concept.text)


def coded_or_none(concept: wire.Concept | None) -> Coded | None:
    """A CodeableConcept, or None when it was not sent."""
    return None if concept is None else coded(concept)


def codings(concepts: Iterable[wire.Concept]) -> tuple[Coding, ...]:
    """Every coding of these concepts."""
    return tuple([coding for concept in concepts for coding in _codings(concept)]) if concepts else ()


def _codings(concept: wire.Concept) -> tuple[Coding, ...]:
    return tuple([Coding(one.system, one.code, one.display) for one in concept.coding])


def sited(concept: wire.Concept | None) -> Coded | None:
    """A body site with the codings of its extensions: mCODE puts the laterality there."""
    if concept is None:
        return None
    extended = codings(one.value_codeable_concept for one in concept.extension if one.value_codeable_concept)
    return Coded(codings=_codings(concept) + extended, text=concept.text)
