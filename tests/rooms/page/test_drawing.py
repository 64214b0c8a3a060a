"""Is a drawing right where it is easily wrong: one value, none, and labels that would meet?"""

from __future__ import annotations

import pytest

from adapter.page.drawing import Scale, day_number, rows_for, spread, ticks


def test_one_number_stands_in_the_middle() -> None:
    assert Scale(5, 5, 0, 100).at(5) == 50


@pytest.mark.parametrize("high", [0.03, 0.9, 1.5, 2, 7.95, 12.5, 100, 4300, 9e20])
def test_marks_of_an_axis_begin_at_nought_and_reach_the_highest_value(high: float) -> None:
    found = ticks(high)

    assert (found[0], found[-1] >= high, len(found) <= 8) == (0, True, True)


@pytest.mark.parametrize("day", [None, "", "soon", "2026-13-01", "2026-02-30"])
def test_what_is_no_day_has_no_place(day: str | None) -> None:
    assert day_number(day) is None


def test_a_time_of_day_does_not_move_a_day() -> None:
    assert day_number("2026-02-03T08:00:00Z") == day_number("2026-02-03")


def test_words_that_would_meet_go_to_another_row() -> None:
    assert rows_for([(0, 100), (50, 150), (130, 200)]) == [0, 1, 0]


def test_names_are_moved_apart_in_their_order() -> None:
    assert spread([10, 100, 12], 15) == [10, 100, 25]
