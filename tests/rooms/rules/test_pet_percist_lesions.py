"""Is a complete response by PERCIST one of all lesions (B-25)?"""

from __future__ import annotations

from typing import Any

import pytest

from adapter.facts.answers import Answer
from adapter.facts.vocabulary import Result
from adapter.rules.answering import value_of
from tests.rooms.rules.conftest import Ask

GONE = {"lesion": "A", "presence": "resolved"}


def peak(lesion: str, value: str, **more: object) -> dict[str, Any]:
    return {"lesion": lesion, "value": value, "kind": "lbm-james128", "derivation": "peak"} | more


def percist(ask: Ask, first: list[dict[str, Any]], second: list[dict[str, Any]], **later: object) -> Answer:
    """The PERCIST class of these lesions on two scans that may be compared."""
    usual = {"tracer": "fdg-f18", "minutes": "60", "liver_mean": "1.2", "liver_sd": "0.1", "blood_pool_mean": "1.0"}
    scans = [usual | {"day": "2026-01-05", "uptakes": first}, usual | later | {"day": "2026-03-01", "uptakes": second}]
    return ask(treatments={"systemic": "2026-01-10"}, scans=scans)[Result.PERCIST_RESPONSE]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "B is not mentioned on the scan of 2026-03-01"),
        ([{"lesion": "B", "presence": "not-covered"}], "B was outside the field of view on the scan of 2026-03-01"),
        ([{"lesion": "B", "presence": "not-measured"}], "B was not measured on the scan of 2026-03-01"),
        ([peak("B", "6.0", derivation="maximum")], "B has no SULpeak on the scan of 2026-03-01 (SUVmax by lean body mass (James) 6)"),
    ],
)
def test_silence_on_one_lesion_is_no_complete_response(ask: Ask, told: list[dict[str, Any]], words: str) -> None:
    for other in (GONE, peak("A", "0.9")):
        found = percist(ask, [peak("A", "8.0"), peak("B", "5.0")], [other, *told])
        assert value_of(found) is None
        assert words in found.because
        assert found.missing == ("SULpeak of B on the scan of 2026-03-01, or that it resolved",)


def test_what_is_missing_of_the_blood_pool_stays_missing(ask: Ask) -> None:
    found = percist(ask, [peak("A", "8.0"), peak("B", "5.0")], [peak("A", "0.9")], blood_pool_mean=None)
    assert found.missing == ("mean of the blood pool", "SULpeak of B on the scan of 2026-03-01, or that it resolved")


@pytest.mark.parametrize(
    "beside",
    [
        {"lesion": "B", "presence": "resolved"},
        {"lesion": "B", "presence": "not-covered"},
        peak("B", "1.1", avid=False),
    ],
)
def test_what_the_baseline_calls_free_of_uptake_keeps_nothing_open(ask: Ask, beside: dict[str, Any]) -> None:
    assert value_of(percist(ask, [peak("A", "8.0"), beside], [GONE])) == "cmr"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "Not followed: B is not mentioned on the scan of 2026-03-01"),
        ([{"lesion": "B", "presence": "not-measured", "avid": True}], "Not followed: B was not measured on the scan of 2026-03-01"),
        ([{"lesion": "B", "presence": "not-measured", "avid": False}], None),
        ([peak("B", "4.0", derivation="maximum")], None),
        ([{"lesion": "B", "presence": "resolved"}], None),
    ],
)
def test_a_partial_response_names_the_lesions_that_were_not_followed(ask: Ask, told: list[dict[str, Any]], words: str | None) -> None:
    found = percist(ask, [peak("A", "8.0"), peak("B", "7.0")], [peak("A", "4.8"), *told])
    assert value_of(found) == "pmr"
    assert [one for one in found.context if one.startswith("Not followed")] == ([words] if words else [])
    assert ("lesion-not-followed" in found.flags) is (words is not None)
