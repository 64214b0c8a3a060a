"""Percentages without floats, intervals without guesses."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.measurements import Interval, exactly
from adapter.rules.scans import days_between, in_print, percent_change, plain

TENTHS = [Decimal(tenths) / 10 for tenths in range(10, 301)]


def change(before: str, after: str) -> Decimal | None:
    found = percent_change(exactly(Decimal(before)), exactly(Decimal(after)))
    return found.exact if found else None


@pytest.mark.parametrize(("share", "expected"), [("0.6", "-40"), ("0.7", "-30"), ("0.85", "-15"), ("1.25", "25")])
def test_an_exact_share_is_an_exact_percentage_for_every_baseline(share: str, expected: str) -> None:
    for before in TENTHS:
        assert change(str(before), str(before * Decimal(share))) == Decimal(expected), before


@pytest.mark.parametrize(("before", "after"), [("5.1", "3.06"), ("8.1", "4.86"), ("9.7", "5.82"), ("4.1", "2.46")])
def test_the_pairs_that_floats_get_wrong_are_40_percent(before: str, after: str) -> None:
    assert change(before, after) == Decimal(-40)


def test_nothing_is_a_percentage_of_zero() -> None:
    assert change("0", "4") is None


def test_a_baseline_that_may_be_zero_has_no_percentage() -> None:
    assert percent_change(Interval(high=Decimal(4)), exactly(Decimal(2))) is None


def test_an_interval_keeps_its_ends_open() -> None:
    found = percent_change(exactly(Decimal(8)), Interval(low=Decimal(2), high=Decimal(4), high_included=False))
    assert found == Interval(low=Decimal(-75), high=Decimal(-50), high_included=False)


def test_a_value_below_something_may_have_vanished() -> None:
    found = percent_change(exactly(Decimal(8)), Interval(high=Decimal(4), high_included=False))
    assert found == Interval(low=Decimal(-100), high=Decimal(-50), high_included=False)


def test_a_value_above_something_has_no_end() -> None:
    found = percent_change(exactly(Decimal(8)), Interval(low=Decimal(12), low_included=False))
    assert found == Interval(low=Decimal(50), high=None, low_included=False)


@pytest.mark.parametrize(("number", "shown"), [("-40.00", "-40"), ("-33.33333", "-33.333"), ("100", "100"), ("0.5", "0.5")])
def test_a_number_is_printed_without_needless_digits(number: str, shown: str) -> None:
    assert f"{plain(Decimal(number)):f}" == shown
    assert in_print(exactly(Decimal(number))) == shown


def test_an_interval_is_printed_as_it_was_sent() -> None:
    assert in_print(Interval(high=Decimal(4), high_included=False)) == "<4"


@pytest.mark.parametrize(("first", "second"), [(None, "2026-01-01"), ("2026-01", "2026-01-01"), ("2026-01-01", None)])
def test_days_are_counted_between_full_dates_only(first: str | None, second: str | None) -> None:
    assert days_between(first, second) is None


def test_days_before_are_negative() -> None:
    assert days_between("2026-01-10", "2026-01-05") == -5
