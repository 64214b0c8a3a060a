"""Bands, tables and readings: what an exact number, an interval and a missing input come to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.facts.case import Fact, Place
from adapter.facts.measurements import Interval, exactly
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from adapter.knowledge.shapes import UNKNOWN, Band, Hole, Row, Rule
from adapter.knowledge.tables import Table, compile_table
from adapter.rules.operators import Chosen, Open, bands_for, is_above, is_below, is_up_to, look_up, reading

CUTOFFS = [rule for rule in load().rules.values() if rule.operator == "cutoff"]
DECIMALS = st.decimals(min_value=-200, max_value=200, places=2)
PLACE = Place(reference="Observation/x", path="x")


def cutoff(*ends: dict[str, object]) -> Rule:
    bands = [Band.model_validate({"says": str(number)} | end) for number, end in enumerate(ends)]
    return Rule(id="x", question="?", operator="cutoff", source="x", checked_on=date(2026, 11, 22), bands=tuple(bands))


THREE = cutoff({"below": 1}, {"at_least": 1, "up_to": 10}, {"above": 10})


def reached(interval: Interval, rule: Rule = THREE) -> str:
    return "".join(band.says for band in bands_for(rule, interval))


@pytest.mark.parametrize(
    ("number", "band"), [("-3", "0"), ("0.999999", "0"), ("1", "1"), ("1.00", "1"), ("10", "1"), ("10.0000001", "2"), ("1E+2", "2")]
)
def test_an_exact_number_is_in_the_band_that_holds_its_boundary(number: str, band: str) -> None:
    assert reached(exactly(Decimal(number))) == band


@pytest.mark.parametrize(
    ("low", "low_included", "high", "high_included", "bands"),
    [
        (None, True, "1", False, "0"),
        (None, True, "1", True, "01"),
        ("1", True, "10", True, "1"),
        ("1", False, "10", True, "1"),
        ("10", True, None, True, "12"),
        ("10", False, None, True, "2"),
        ("0.5", True, "0.9", True, "0"),
        ("0.5", True, "11", True, "012"),
        (None, True, None, True, "012"),
    ],
)
def test_an_interval_reaches_exactly_the_bands_that_it_shares_a_number_with(
    low: str | None, low_included: bool, high: str | None, high_included: bool, bands: str
) -> None:
    ends = {"low": None if low is None else Decimal(low), "high": None if high is None else Decimal(high)}

    assert reached(Interval(low_included=low_included, high_included=high_included, **ends)) == bands


@given(number=DECIMALS, place=st.integers(0, len(CUTOFFS) - 1))
def test_every_exact_number_is_in_exactly_one_band_of_every_cutoff(number: Decimal, place: int) -> None:
    assert len(bands_for(CUTOFFS[place], exactly(number))) == 1


@given(ends=st.lists(DECIMALS, min_size=1, max_size=4, unique=True), number=DECIMALS, closed=st.integers(0, 15))
def test_bands_that_meet_leave_no_number_out_and_count_none_twice(ends: list[Decimal], number: Decimal, closed: int) -> None:
    shapes: list[dict[str, object]] = [{} for _ in range(len(ends) + 1)]
    for place, end in enumerate(sorted(ends)):
        belongs_below = closed >> place & 1
        shapes[place]["up_to" if belongs_below else "below"] = end
        shapes[place + 1]["above" if belongs_below else "at_least"] = end

    assert len(bands_for(cutoff(*shapes), exactly(number))) == 1


@given(first=DECIMALS, second=DECIMALS, inside=DECIMALS, open_low=st.booleans(), open_high=st.booleans())
def test_an_interval_reaches_the_band_of_every_number_inside_it(
    first: Decimal, second: Decimal, inside: Decimal, open_low: bool, open_high: bool
) -> None:
    low, high = sorted((first, second))
    interval = Interval(low=low, high=high, low_included=not open_low, high_included=not open_high)
    if low < inside < high:
        assert reached(exactly(inside)) in reached(interval)


LIMIT = Decimal(10)


@pytest.mark.parametrize(
    ("interval", "below", "up_to", "above"),
    [
        (exactly(Decimal("9.99")), True, True, False),
        (exactly(LIMIT), False, True, False),
        (exactly(Decimal("10.01")), False, False, True),
        (Interval(high=LIMIT, high_included=False), True, True, False),
        (Interval(high=LIMIT), False, True, False),
        (Interval(low=LIMIT, low_included=False), False, False, True),
        (Interval(low=LIMIT), False, False, False),
        (Interval(), False, False, False),
    ],
)
def test_an_interval_is_on_a_side_only_as_a_whole(interval: Interval, below: bool, up_to: bool, above: bool) -> None:
    assert (is_below(interval, LIMIT), is_up_to(interval, LIMIT), is_above(interval, LIMIT)) == (below, up_to, above)


def ways(table: Table, known: dict[str, str | None]) -> Iterator[Row | Hole]:
    """By brute force: the cell of every full combination that agrees with what is known."""
    for combination in product(*table.domains.values()):
        row = dict(zip(table.domains, combination, strict=True))
        wanted = {
            name: UNKNOWN if known.get(name) is None and UNKNOWN in domain else known.get(name) for name, domain in table.domains.items()
        }
        if all(value in (None, row[name]) for name, value in wanted.items()):
            yield table.cells[combination]


def says(cell: Row | Hole) -> str | None:
    return cell.says if isinstance(cell, Row) and cell.kind is None else None


def every_question(table: Table) -> Iterator[dict[str, str | None]]:
    """Each input known to be each of its words, or not known."""
    for values in product(*((*domain, None) for domain in table.domains.values())):
        yield dict(zip(table.domains, values, strict=True))


def is_asked_for(name: str, table: Table, known: dict[str, str | None]) -> bool:
    """By brute force: an unknown input is asked for where some way to fill in the others leaves its own words with different answers."""
    if known[name] is not None or UNKNOWN in table.domains[name]:
        return False
    return table.rule.needs_every_input or any(
        len({reason(cell) for word in table.domains[name] for cell in ways(table, {**others, name: word})}) > 1
        for others in every_question(table)
        if all(known[other] in (None, word) and (word is not None) for other, word in others.items() if other != name)
    )


def reason(cell: Row | Hole) -> str:
    return says(cell) or cell.because


# The two prognostic tables are asked in full by the tests of the stages; categories have one input that is never unknown.
SMALL = [name for name, table in load().tables.items() if len(table.cells) <= 96]


@pytest.mark.parametrize("name", SMALL)
def test_looking_up_agrees_with_trying_every_way(name: str, knowledge: Knowledge) -> None:
    table = knowledge.tables[name]
    for known in every_question(table):
        cells = list(ways(table, known))
        answers = {says(cell) for cell in cells}
        found = look_up(table, known)
        if isinstance(found, Open):
            assert len({id(cell) for cell in cells}) > 1, known
            assert set(found.possible) == answers - {None}, known
            assert set(found.missing) == {name for name in table.domains if is_asked_for(name, table, known)}, known
        else:
            assert found in cells, known
            assert answers == {says(found)}, known


def two_inputs(*rows: tuple[str, str, str], strict: bool = False) -> Table:
    """A table of x and y, each a or b, from rows of x, y and what is said."""
    made = [Row(id=str(number), cells={"x": (x,), "y": (y,)}, says=word, source="x") for number, (x, y, word) in enumerate(rows)]
    fields = {"id": "x", "question": "?", "operator": "table", "source": "x", "checked_on": date(2026, 11, 22), "needs_every_input": strict}
    rule = Rule.model_validate({**fields, "inputs": {"x": ["a", "b"], "y": ["a", "b"]}, "rows": made})
    table, problems = compile_table(rule)
    assert problems == []
    return table


def test_rows_that_say_the_same_count_as_one_unless_every_input_is_needed() -> None:
    rows = (("a", "a", "yes"), ("a", "b", "yes"), ("b", "any", "no"))

    lenient, strict = look_up(two_inputs(*rows), {"x": "a"}), look_up(two_inputs(*rows, strict=True), {"x": "a"})

    assert isinstance(lenient, Row)
    assert lenient.says == "yes"
    assert strict == Open(missing=("y",), possible=("yes",))


def test_one_row_that_covers_every_way_needs_no_input() -> None:
    assert isinstance(look_up(two_inputs(("any", "any", "yes"), strict=True), {}), Row)


def test_rows_that_differ_stay_open_with_each_word_once() -> None:
    found = look_up(two_inputs(("a", "a", "yes"), ("a", "b", "no"), ("b", "any", "no")), {})

    assert isinstance(found, Open)
    assert found.possible == ("yes", "no")
    assert set(found.missing) == {"x", "y"}


def fact(text: str, status: str = "final") -> Fact:
    return Fact(word="er-percent", number=exactly(Decimal(text)), status=status, origin=PLACE)


@pytest.mark.parametrize(
    ("sent", "counts"),
    [
        ([], None),
        ([fact("5")], "5"),
        ([fact("5"), fact("5.0")], "5"),
        ([fact("5"), fact("6")], None),
        ([fact("5", "preliminary"), fact("6")], "6"),
        ([fact("5", "amended"), fact("6")], "5"),
        ([fact("5", "corrected"), fact("6", "amended")], None),
        ([fact("5", "partial"), fact("6")], "6"),
        ([fact("5", "partial"), fact("6", "preliminary")], "5"),
    ],
)
def test_of_several_results_the_most_settled_counts_and_equals_must_agree(sent: list[Fact], counts: str | None) -> None:
    """5 and 5.0 are one number; two results of one rank that differ settle nothing."""
    number = reading(sent, "er-percent").number

    assert (str(number) if number else None) == counts


def test_results_that_contradict_each_other_are_all_kept_for_the_reader() -> None:
    found = reading([fact("5"), fact("6"), fact("7", "preliminary")], "er-percent")

    assert (found.conflicting, found.value, found.number, len(found.used)) == (True, None, None, 2)


def test_a_scheme_is_the_sites_choice_else_the_default(knowledge: Knowledge) -> None:
    assert Chosen(knowledge, {}).scheme("subtype") == "stgallen2013"
    assert Chosen(knowledge, {"subtype": "stgallen2011"}).scheme("subtype") == "stgallen2011"
