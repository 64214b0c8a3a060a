"""Are liver and blood pool held against lesions of their own kind of value only (B-22, B-24, C-16)?"""

from __future__ import annotations

import pytest

from adapter.facts.answers import Answer
from adapter.facts.vocabulary import Result
from adapter.rules.answering import value_of
from tests.rooms.rules.conftest import Ask

JAMES, JANMA, HEAVY = "lbm-james128", "lbm-janma", "bw"
# A woman of 100 kg and 170 cm: 55.8 % of her weight is lean by James.
BODY = {"weight_kg": "100", "height_mm": "1700"}


def percist(ask: Ask, first: str = "3.6", second: str | None = "1.9", kind: str = JAMES, sex: str = "female", **scan: object) -> Answer:
    """The PERCIST class of one lesion on two scans with the same liver and blood pool."""
    usual = {"tracer": "fdg-f18", "minutes": "60", "liver_mean": "1.5", "liver_sd": "0.2", "blood_pool_mean": "1.0"} | scan
    peak = {"lesion": "A", "kind": kind, "derivation": "peak"}
    later = {"lesion": "A", "presence": "resolved"} if second is None else peak | {"value": second}
    scans = [usual | {"day": day, "uptakes": [one]} for day, one in (("2026-01-05", peak | {"value": first}), ("2026-03-01", later))]
    return ask(treatments={"systemic": "2026-01-10"}, sex=sex, scans=scans)[Result.PERCIST_RESPONSE]


@pytest.mark.parametrize(("lesion", "liver"), [(JAMES, HEAVY), (JAMES, "lbm"), (JAMES, JANMA), (JANMA, HEAVY), (JAMES, "bsa")])
def test_a_liver_of_another_kind_is_refused(ask: Ask, lesion: str, liver: str) -> None:
    found = percist(ask, kind=lesion, liver_kind=liver)
    assert value_of(found) is None
    assert "the liver of the scan of 2026-01-05 was sent by " in found.because
    assert any("mean and standard deviation of the liver by lean body mass" in text for text in found.missing)


def test_a_liver_by_body_weight_asks_for_what_would_convert_it(ask: Ask) -> None:
    assert any("or weight and height on that day and the sex" in text for text in percist(ask, liver_kind=HEAVY).missing)


def test_a_liver_by_body_weight_is_converted_beside_lean_lesions(ask: Ask) -> None:
    """1.5 times 2.4 and twice 0.3 are 4.2, above the lesion; 55.8 % of that lie below it."""
    found = percist(ask, "3.5", "1.9", liver_mean="2.4", liver_sd="0.3", liver_kind=HEAVY, **BODY)
    assert value_of(found) == "pmr"
    assert "SULpeak 3.5 and 1.9" in found.because
    assert "lean-body-mass-computed" in found.flags


def test_a_liver_of_the_same_kind_or_without_one_is_taken_as_it_is(ask: Ask) -> None:
    for named in ({}, {"liver_kind": JAMES, "blood_pool_kind": JAMES}):
        found = percist(ask, **named, **BODY)
        assert (value_of(found), "lean-body-mass-computed" in found.flags) == ("pmr", False)


@pytest.mark.parametrize(("liver", "value"), [({}, "pmr"), ({"liver_kind": HEAVY}, "pmr"), ({"liver_kind": JAMES}, None)])
def test_a_lean_liver_is_not_multiplied_by_the_lean_share_again(ask: Ask, liver: dict[str, str], value: str | None) -> None:
    """The lesion of 3.6 is 2.01 by James: above a liver of 1.5 that is converted to 0.84 (1.48), below one of 1.5 (2.65)."""
    found = percist(ask, kind=HEAVY, **liver, **BODY)
    assert value_of(found) == value
    if value is None:
        assert "not measurable: SULpeak 2.008" in found.because


def test_a_liver_by_another_formula_is_refused_beside_converted_lesions(ask: Ask) -> None:
    found = percist(ask, kind=HEAVY, liver_kind=JANMA, **BODY)
    assert "by lean body mass (Janmahasatian) and the lesions by lean body mass (James)" in found.because


def test_a_blood_pool_of_another_kind_is_not_used(ask: Ask) -> None:
    found = percist(ask, "8.0", "0.9", blood_pool_kind=HEAVY)
    assert (value_of(found), found.missing) == (None, ("mean of the blood pool",))
    assert any("the blood pool of the scan of 2026-03-01 was sent by body weight" in text for text in found.context)
    assert value_of(percist(ask, "8.0", "4.0", blood_pool_kind=HEAVY)) == "pmr"


def test_a_blood_pool_by_body_weight_is_converted(ask: Ask) -> None:
    """1.0 by body weight is 0.56 by James: a lesion of 0.9 lies above it."""
    assert value_of(percist(ask, "8.0", "0.9", blood_pool_kind=HEAVY, **BODY)) == "pmr"
    assert value_of(percist(ask, "8.0", "0.9", blood_pool_kind=JAMES, **BODY)) == "cmr"


def test_a_scan_without_uptake_is_held_against_the_kind_of_the_first(ask: Ask) -> None:
    assert value_of(percist(ask, second=None, liver_kind=JAMES)) == "cmr"
    assert value_of(percist(ask, second=None, liver_kind=HEAVY)) is None
    assert value_of(percist(ask, second=None, liver_kind=HEAVY, **BODY)) == "cmr"


def test_a_new_lesion_is_progression_whatever_the_liver_is(ask: Ask) -> None:
    peak = {"lesion": "A", "kind": JAMES, "derivation": "peak", "value": "8.0"}
    scan = {"tracer": "fdg-f18", "liver_mean": "2.4", "liver_sd": "0.3", "liver_kind": HEAVY}
    new = peak | {"lesion": "B", "presence": "new-lesion"}
    scans = [scan | {"day": "2026-01-05", "uptakes": [peak]}, scan | {"day": "2026-03-01", "uptakes": [peak, new]}]
    assert value_of(ask(treatments={"systemic": "2026-01-10"}, scans=scans)[Result.PERCIST_RESPONSE]) == "pmd"


@pytest.mark.parametrize(("kind", "flagged"), [(None, False), (HEAVY, False), (JAMES, True)])
def test_phergain_takes_every_lesion_where_the_liver_is_of_another_kind(ask: Ask, kind: str | None, flagged: bool) -> None:
    """B would be no target by a liver of its own kind: it lies below 3.0."""
    liver = {"liver_mean": "1.6", "liver_sd": "0.3"} | ({"liver_kind": kind} if kind else {})
    lesions = [
        [{"lesion": name, "kind": HEAVY, "derivation": "maximum", "value": value} for name, value in (("A", a), ("B", b))]
        for a, b in (("12.0", "2.0"), ("5.0", "1.9"))
    ]
    scans = [
        {"tracer": "fdg-f18", "minutes": "60", "day": day, "uptakes": found} | liver
        for day, found in zip(("2026-01-05", "2026-03-01"), lesions, strict=True)
    ]
    found = ask(
        sent={"her2-ihc": "3+", "er-percent": "0", "pr-percent": "0", "t-category": "cT2", "n-category": "cN1", "m-category": "cM0"},
        treatments={"systemic": "2026-01-10"},
        scans=scans,
    )[Result.PHERGAIN_RESPONSE]
    assert ("targets-not-verified" in found.flags) is flagged
    assert ("B" in found.because) is flagged


def test_a_scan_with_another_tracer_is_left_as_it_is(ask: Ask) -> None:
    peak = {"lesion": "A", "kind": JAMES, "derivation": "peak"}
    scan = {"tracer": "fdg-f18", "minutes": "60", "liver_mean": "1.5", "liver_sd": "0.2"}
    scans = [scan | {"day": day, "uptakes": [peak | {"value": value}]} for day, value in (("2026-01-05", "8.0"), ("2026-03-01", "4.0"))]
    other = scan | {"tracer": "fes-f18", "day": "2026-01-06", "liver_kind": HEAVY, "uptakes": [peak | {"value": "2.0", "kind": HEAVY}]}
    found = ask(treatments={"systemic": "2026-01-10"}, scans=[*scans, other])[Result.PERCIST_RESPONSE]
    assert (value_of(found), "lean-body-mass-computed" in found.flags) == ("pmr", False)
