"""From facts to scans, lesions and uptakes: two tracers, two scans on one day, values that disagree, kinds that are missing."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from msgspec import convert

from adapter.facts.case import Case, Condition, Fact, Patient, Place
from adapter.facts.gather import gather
from adapter.facts.imaging import images, images_of
from adapter.facts.measurements import Interval, exactly
from adapter.facts.uptake import Derivation, Images, Normalisation, Presence
from adapter.facts.vocabulary import Side

DAY, LATER = "2026-01-10", "2026-01-25"
SCAN_WORDS = frozenset({"radiopharmaceutical", "uptake-time", "blood-glucose", "liver-mean"})


def fact(word: str, said: str, of: str, **more: object) -> Fact:
    """A fact of Observation `of` on the first day; a text that is a number is one."""
    given = {"number": exactly(Decimal(said))} if said.replace(".", "").isdigit() else {"value": said}
    place = Place(reference=f"Observation/{of}", path=f"{more.pop('path', of)}")
    return convert({"word": word, "taken_on": DAY, "origin": place} | given | more, Fact)


def reading(of: str, value: str = "5.1", tracer: str | None = "fdg-f18", lesion: str | None = "A", **more: object) -> list[Fact]:
    """What one Observation says: an SUVmax by body weight, with the tracer beside it."""
    facts = [fact("suv-bw", value, of, lesion=lesion, **more), fact("derivation", "maximum", of, lesion=lesion, **more)]
    return [*facts, *([fact("radiopharmaceutical", tracer, of, **more)] if tracer else [])]


def tracers(found: Images) -> list[str | None]:
    return [scan.tracer for scan in found.scans]


def test_scans_stand_in_time_order_whatever_the_order_of_arrival() -> None:
    facts = [
        *reading("late", "3.06", taken_on=LATER),
        *reading("fes", "2.2", "fes-f18"),
        *reading("early"),
        *reading("other", "8.1", lesion="B"),
        fact("blood-glucose", "95", "glucose"),
        fact("liver-mean", "2.1", "liver", taken_on=LATER),
    ]
    expected = images_of(facts)
    assert [scan.key for scan in expected.scans] == ["fdg-f18-2026-01-10", "fes-f18-2026-01-10", "fdg-f18-2026-01-25"]
    shuffler = random.Random(2026)  # noqa: S311 - the order of a test, not a secret.
    for _ in range(50):
        shuffler.shuffle(facts)
        assert images_of(facts) == expected


def test_two_tracers_on_one_day_are_two_scans() -> None:
    found = images_of([*reading("a"), *reading("b", "2.2", "fes-f18")])
    assert tracers(found) == ["fdg-f18", "fes-f18"]
    assert [(one.scan, one.value) for one in found.uptakes] == [
        ("fdg-f18-2026-01-10", exactly(Decimal("5.1"))),
        ("fes-f18-2026-01-10", exactly(Decimal("2.2"))),
    ]


def test_two_studies_of_one_tracer_on_one_day_are_two_scans() -> None:
    found = images_of([*reading("a", study="ImagingStudy/1"), *reading("b", "6.0", study="ImagingStudy/2")])
    assert [scan.key for scan in found.scans] == ["fdg-f18-2026-01-10-ImagingStudy/1", "fdg-f18-2026-01-10-ImagingStudy/2"]


def test_a_reading_without_a_study_joins_the_one_scan_of_its_day() -> None:
    found = images_of([*reading("a", study="ImagingStudy/1"), *reading("b", "8.1", lesion="B")])
    assert len(found.scans) == 1
    assert found.scans[0].study == "ImagingStudy/1"


def test_two_values_for_one_lesion_and_kind_leave_open_which_is_right() -> None:
    found = images_of([*reading("a", "5.1"), *reading("b", "6.0")])
    assert [one.value for one in found.uptakes] == [Interval(low=Decimal("5.1"), high=Decimal("6.0"))]


def test_the_same_value_twice_is_one_value() -> None:
    found = images_of([*reading("a", "5.1"), *reading("b", "5.1")])
    assert [one.value for one in found.uptakes] == [exactly(Decimal("5.1"))]


def test_kinds_stand_apart() -> None:
    peak = [fact("suv-lbm-james128", "4.0", "p", lesion="A"), fact("derivation", "peak", "p", lesion="A")]
    found = images_of([*reading("a"), *peak, fact("radiopharmaceutical", "fdg-f18", "p")])
    assert [(one.normalisation, one.derivation) for one in found.uptakes] == [
        (Normalisation.BODY_WEIGHT, Derivation.MAXIMUM),
        (Normalisation.LEAN_BODY_MASS_JAMES, Derivation.PEAK),
    ]


def test_a_missing_kind_stays_missing() -> None:
    one = images_of([fact("suv", "5.1", "a", lesion="A")]).uptakes[0]
    assert (one.normalisation, one.derivation, one.value) == (None, None, exactly(Decimal("5.1")))


def test_the_tracer_of_the_study_before_the_one_of_the_day() -> None:
    of_study = fact("radiopharmaceutical", "fes-f18", "study", study="ImagingStudy/1")
    of_day = fact("radiopharmaceutical", "fdg-f18", "given")
    found = images_of([*reading("a", tracer=None, study="ImagingStudy/1"), of_study, of_day])
    assert tracers(found) == ["fes-f18"]


def test_two_tracers_given_on_one_day_leave_an_unnamed_one_open() -> None:
    given = [fact("radiopharmaceutical", "fdg-f18", "m1"), fact("radiopharmaceutical", "fes-f18", "m2")]
    assert tracers(images_of([*reading("a", tracer=None), *given])) == [None]


def test_two_tracers_on_one_observation_are_none() -> None:
    more = fact("radiopharmaceutical", "fes-f18", "a")
    assert tracers(images_of([*reading("a"), more, fact("radiopharmaceutical", "fdg-f18", "given")])) == [None]


def test_a_tracer_beside_another_lesion_names_the_scan_only_within_its_study() -> None:
    apart = images_of([*reading("a"), *reading("b", "8.1", None, "B")])
    assert tracers(apart) == ["fdg-f18", None]
    together = images_of([*reading("a", study="ImagingStudy/1"), *reading("b", "8.1", None, "B", study="ImagingStudy/1")])
    assert tracers(together) == ["fdg-f18"]


def test_a_report_of_two_days_names_the_tracer_of_its_own_day_only() -> None:
    first = reading("a", "8.1", None, study="DiagnosticReport/1")
    second = reading("b", "4.86", None, study="DiagnosticReport/1", taken_on=LATER)
    report = fact("radiopharmaceutical", "fdg-f18", "report", study="DiagnosticReport/1", taken_on=LATER)
    assert [(scan.day, scan.tracer) for scan in images_of([*first, *second, report]).scans] == [(DAY, None), (LATER, "fdg-f18")]


def test_a_measure_of_the_scan_is_not_given_to_one_of_two_scans() -> None:
    facts = [*reading("a"), *reading("b", "2.2", "fes-f18")]
    found = images_of([*facts, fact("uptake-time", "60", "t"), fact("blood-glucose", "95", "g")])
    assert [scan.uptake_minutes for scan in found.scans] == [None, None]
    assert [scan.glucose_mg_dl for scan in found.scans] == [exactly(Decimal(95))] * 2


def test_a_measure_that_names_its_tracer_finds_its_scan() -> None:
    facts = [*reading("a"), *reading("b", "2.2", "fes-f18"), fact("uptake-time", "80", "t"), fact("radiopharmaceutical", "fes-f18", "t")]
    assert [scan.uptake_minutes for scan in images_of(facts).scans] == [None, exactly(Decimal(80))]


def test_a_label_names_a_lesion_before_its_site() -> None:
    label = fact("lesion-label", "Lesion A", "a", lesion="site-liver")
    found = images_of([*reading("a", lesion="site-liver", body_site="liver"), label])
    assert (found.lesions[0].key, found.lesions[0].label, found.lesions[0].site) == ("label-lesion-a", "Lesion A", "liver")


def test_a_state_without_a_number_goes_with_the_value_of_its_lesion() -> None:
    found = images_of([*reading("a"), fact("lesion-state", "new-lesion", "b", lesion="A"), fact("radiopharmaceutical", "fdg-f18", "b")])
    assert [(one.presence, one.value) for one in found.uptakes] == [(Presence.NEW, exactly(Decimal("5.1")))]


@pytest.mark.parametrize(
    ("states", "presence", "avid"),
    [
        (["resolved"], Presence.RESOLVED, None),
        (["not-covered"], Presence.NOT_COVERED, None),
        (["new-lesion", "positive"], Presence.NEW, True),
        (["negative"], Presence.NOT_MEASURED, False),
        (["positive", "negative"], Presence.NOT_MEASURED, None),
    ],
)
def test_what_a_reader_says_of_a_lesion(states: list[str], presence: Presence, avid: bool | None) -> None:
    found = images_of([fact("lesion-state", state, "a", lesion="A") for state in states])
    assert [(one.presence, one.avid, one.value) for one in found.uptakes] == [(presence, avid, None)]


def test_a_number_shows_that_the_lesion_was_covered() -> None:
    found = images_of([*reading("a"), fact("lesion-state", "not-covered", "a", lesion="A")])
    assert found.uptakes[0].presence is Presence.MEASURED


def test_size_and_background_stand_beside_the_lesion() -> None:
    more = [fact("lesion-size", "8", "a"), fact("background-uptake", "1.2", "a"), fact("background-site", "muscle", "a")]
    one = images_of([*reading("a"), *more]).uptakes[0]
    assert (one.size_mm, one.background, one.background_site) == (exactly(Decimal(8)), exactly(Decimal("1.2")), "muscle")


def test_no_facts_are_no_images() -> None:
    assert images_of([]) == Images()
    assert images_of([fact("radiopharmaceutical", "fdg-f18", "given")]) == Images()


def test_a_scan_belongs_to_both_cancers_and_each_lesion_to_its_own() -> None:
    place = Place(reference="Condition/l", path="l")
    conditions = [
        Condition(reference=f"Condition/{side}", key=side, side=Side(side), origin=place.but(reference=f"Condition/{side}"))
        for side in ("left", "right")
    ]
    facts = [
        *reading("a", lesion="A", side=Side.LEFT, body_site="breast"),
        *reading("b", "8.1", lesion="B", side=Side.RIGHT, body_site="breast"),
        fact("blood-glucose", "95", "glucose"),
    ]
    patient = Patient(reference="Patient/p", key="p")
    cases: tuple[Case, ...] = gather(patient, facts, conditions=conditions, shared_words=SCAN_WORDS).cases
    assert [[lesion.key for lesion in images(case).lesions] for case in cases] == [["A"], ["B"]]
    assert [images(case).scans[0].glucose_mg_dl for case in cases] == [exactly(Decimal(95))] * 2
