"""Numbers as they were sent: exact, or an interval when the sender wrote a comparator or a range (R4 Quantity.comparator)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from adapter.facts.frozen import Plain


class Interval(Plain, frozen=True, kw_only=True):
    """All values that the sender's words allow; an exact value is an interval of one point.

    `<1` is [.., 1) and not 1. A missing end is unbounded.
    """

    low: Decimal | None = None
    high: Decimal | None = None
    low_included: bool = True
    high_included: bool = True

    @property
    def exact(self) -> Decimal | None:
        """The one value, or None when several are possible."""
        return self.low if self.low is not None and self.low == self.high else None

    def within(self, low: Decimal | None, high: Decimal | None) -> Interval:
        """This interval cut down to a closed domain, such as 0 to 100 for a percentage."""
        new_low, low_in = self.low, self.low_included
        if low is not None and (new_low is None or new_low < low):
            new_low, low_in = low, True
        new_high, high_in = self.high, self.high_included
        if high is not None and (new_high is None or new_high > high):
            new_high, high_in = high, True
        return Interval(low=new_low, high=new_high, low_included=low_in, high_included=high_in)

    def in_whole_numbers(self) -> Interval:
        """The same interval where only whole numbers exist: under 11 is up to 10."""
        low, high = self.low, self.high
        if low is not None:
            low = low.to_integral_value(ROUND_CEILING) if self.low_included else low.to_integral_value(ROUND_FLOOR) + 1
        if high is not None:
            high = high.to_integral_value(ROUND_FLOOR) if self.high_included else high.to_integral_value(ROUND_CEILING) - 1
        return Interval(low=low, high=high)

    def times(self, factor: Decimal) -> Interval:
        """The same interval in another unit; the factor is positive."""
        return Interval(
            low=None if self.low is None else self.low * factor,
            high=None if self.high is None else self.high * factor,
            low_included=self.low_included,
            high_included=self.high_included,
        )

    def over(self, divisor: Decimal) -> Interval:
        """The same interval in a larger unit; the divisor is positive."""
        return self.but(low=None if self.low is None else self.low / divisor, high=None if self.high is None else self.high / divisor)

    def __str__(self) -> str:
        """As a person writes it: `10`, `<1`, `>=20`, `1 to 10`."""
        if self.exact is not None:
            return f"{self.exact:f}"
        if self.low is None and self.high is not None:
            return f"{'<=' if self.high_included else '<'}{self.high:f}"
        if self.high is None and self.low is not None:
            return f"{'>=' if self.low_included else '>'}{self.low:f}"
        if self.low is None or self.high is None:
            return "any value"
        start = f"{self.low:f}" if self.low_included else f"over {self.low:f}"
        end = f"{self.high:f}" if self.high_included else f"under {self.high:f}"
        return f"{start} to {end}"


def exactly(value: Decimal) -> Interval:
    """The interval that holds this value alone."""
    return Interval(low=value, high=value)
