"""Exact numbers at the boundaries of receptors and HER2, and the sentences that stand beside a result."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapter.facts.answers import Determined
from adapter.facts.vocabulary import Result
from adapter.rules.answering import value_of
from tests.rooms.rules.conftest import Ask

HUNDREDTHS = st.decimals(min_value="0.50", max_value=30, places=2)
ONE_EXAMPLE_SHARES_THE_BOOKS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ONE_EXAMPLE_SHARES_THE_BOOKS
@given(cep17=HUNDREDTHS)
def test_a_quotient_of_exactly_two_is_high_and_a_hundredth_less_is_not(cep17: Decimal, ask: Ask) -> None:
    """C-24: with floats 4.6 / 2.3 is 2.0 and 12.2 / 6.1 is 2.0, but not every such quotient is."""
    beside = {"her2-ihc": "1+", "cep17-copies": str(cep17)}
    at, under = (ask(sent=beside | {"her2-copies": str(copies)})[Result.HER2_STATUS] for copies in (2 * cep17, 2 * cep17 - Decimal("0.01")))
    enough = 2 * cep17 >= 4

    # With score 1+, group 1 is positive and every other group is negative.
    assert value_of(at) == ("positive" if enough else "negative")
    assert value_of(under) == "negative"


@ONE_EXAMPLE_SHARES_THE_BOOKS
@given(number=st.decimals(min_value="1.01", max_value=100, places=4))
def test_a_percentage_is_never_rounded_before_it_is_compared(number: Decimal, ask: Ask) -> None:
    found = ask(sent={"er-percent": f"{number} %"})[Result.ER_STATUS]

    assert value_of(found) == ("low-positive" if number <= 10 else "positive")


@pytest.mark.parametrize("text", ["10 %", "10.0 %", "10,0 %", "10.000 %"])
def test_ten_percent_is_ten_percent_however_it_is_written(text: str, ask: Ask) -> None:
    assert value_of(ask(sent={"er-percent": text})[Result.ER_STATUS]) == "low-positive"


def test_the_reason_repeats_the_number_as_it_was_sent(ask: Ask) -> None:
    assert ask(sent={"er-percent": "10.50 %"})[Result.ER_STATUS].because == "10.50 % is above 10 %"
    assert ask(sent={"er-percent": "0.9 %"})[Result.ER_STATUS].because == "0.9 % is below 1 %"


def test_what_the_sender_states_stands_beside_ours_with_its_origin(ask: Ask) -> None:
    found = ask(sent={"er-percent": "5 %", "er-status": "negative"})[Result.ER_STATUS]

    assert isinstance(found, Determined)
    assert [(one.value, one.fact.origin.reference) for one in found.asserted] == [("negative", "Observation/er-status")]
    assert found.value == "low-positive"


def test_her2_status_rests_on_every_result_that_was_sent_for_it(ask: Ask) -> None:
    found = ask(sent={"her2-ihc": "2+", "her2-cep17-ratio": "1.5", "her2-copies": "3.0", "cep17-copies": "2.0"})[Result.HER2_STATUS]

    assert {fact.word for fact in found.used} == {"her2-ihc", "her2-cep17-ratio", "her2-copies", "cep17-copies"}
    assert isinstance(found, Determined)
    assert found.row == "not-amplified"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"her2-ihc": "2+"}, ["immunohistochemistry 2+", "no in situ hybridization"]),
        ({"her2-cep17-ratio": "2.5", "her2-copies": "8.0"}, ["no immunohistochemistry", "in situ hybridization group 1"]),
    ],
)
def test_the_reason_of_a_her2_status_names_both_tests(sent: dict[str, str], words: list[str], ask: Ask) -> None:
    found = ask(sent={"er-percent": "90 %"} | sent)[Result.HER2_STATUS]

    assert all(word in found.because for word in words)


def test_her2_low_never_changes_the_status(ask: Ask) -> None:
    found = ask(sent={"her2-ihc": "1+"})

    assert (value_of(found[Result.HER2_STATUS]), value_of(found[Result.HER2_LOW])) == ("negative", "true")
