"""What does a typed cell of a staging table say when its category carries suffixes?"""

from __future__ import annotations

import pytest

from adapter.knowledge.books import Knowledge
from adapter.terminology.cells import UnreadableCell, read_cell


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("n", "pN1(mi)(sn)", "N1mi"),
        ("n", "1(mi)", "N1mi"),
        ("n", "0 (i+, sn)", "N0(i+)"),
        ("t", "is(LCIS)", "Tis(LCIS)"),
        ("t", "2(m)", "T2"),
    ],
)
def test_suffixes_are_read_as_in_a_message(column: str, text: str, value: str, knowledge: Knowledge) -> None:
    assert read_cell(column, text, knowledge).value == value


@pytest.mark.parametrize(("column", "text"), [("t", "cT2 (r/o T4)"), ("t", "2(doubtful)"), ("n", "N1a(mi)"), ("m", "0(oss)")])
def test_a_suffix_that_could_change_the_category_is_refused(column: str, text: str, knowledge: Knowledge) -> None:
    with pytest.raises(UnreadableCell):
        read_cell(column, text, knowledge)
