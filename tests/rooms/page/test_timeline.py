"""Is everything that has a day on the line of time, in its place?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapter.facts.case import Case, Patient, Place, Treatment
from adapter.facts.uptake import Images
from adapter.knowledge.books import Knowledge
from adapter.page.patient import PatientPage
from adapter.page.timeline import timeline

PLACE = Place(reference="MedicationRequest/one", path="Bundle.entry[0].resource")


def case_with(*treatments: Treatment) -> Case:
    return Case(key="left", patient=Patient(reference="Patient/p", key="p"), treatments=treatments)


def test_specimens_treatments_and_scans_stand_in_the_order_of_time(page_of: Callable[..., PatientPage]) -> None:
    shown = page_of("her2-positive-fdg-response").cases[0].timeline

    assert [(event.lane, event.day, event.text) for event in shown.events] == [
        ("Specimens", "2026-01-20", "biopsy of primary, before treatment"),
        ("Recorded", "2026-01-22", "cancer on record"),
        ("Scans", "2026-02-03", "PET with FDG"),
        ("Treatments", "2026-02-09", "pertuzumab + trastuzumab"),
        ("Scans", "2026-02-23", "PET with FDG"),
    ]
    assert shown.drawing is not None
    places = {label.text: label.x for label in shown.drawing.labels if label.kind == "event"}
    assert places["2026-01-20 biopsy of primary, before treatment"] < places["2026-02-09 pertuzumab + trastuzumab"]


def test_a_drug_that_is_still_taken_reaches_to_the_end(knowledge: Knowledge) -> None:
    going_on = Treatment(kind="systemic", started_on="2026-01-01", still_taken=True, drugs=("letrozole",), origin=PLACE)
    (event,) = timeline(case_with(going_on), Images(), knowledge, "case").events

    assert (event.text, event.is_going_on) == ("letrozole", True)


def test_days_of_one_drug_are_one_span(knowledge: Knowledge) -> None:
    given = [Treatment(kind="systemic", started_on=day, drugs=("paclitaxel",), origin=PLACE) for day in ("2026-01-01", "2026-02-01")]
    (event,) = timeline(case_with(*given), Images(), knowledge, "case").events

    assert (event.day, event.last, event.text) == ("2026-01-01", "2026-02-01", "paclitaxel")


def test_an_order_that_nobody_carried_out_says_so(knowledge: Knowledge) -> None:
    ordered = Treatment(kind="systemic", started_on="2026-01-01", only_ordered=True, drugs=("letrozole",), origin=PLACE)
    (event,) = timeline(case_with(ordered), Images(), knowledge, "case").events

    assert (event.text, event.is_uncertain) == ("letrozole (ordered)", True)


@pytest.mark.parametrize("day", ["2026", "2026-03", "2026-03-04"])
def test_a_day_is_drawn_as_precisely_as_it_is_known(day: str, knowledge: Knowledge) -> None:
    one = Treatment(kind="surgery", started_on=day, origin=PLACE)

    assert timeline(case_with(one), Images(), knowledge, "case").drawing is not None


def test_nothing_with_a_day_is_no_drawing(knowledge: Knowledge) -> None:
    one = Treatment(kind="surgery", started_on=None, origin=PLACE)
    shown = timeline(case_with(one), Images(), knowledge, "case")

    assert (shown.drawing, [event.text for event in shown.events]) == (None, ["surgery"])


def test_labels_of_one_lane_never_cover_each_other(page_of: Callable[..., PatientPage]) -> None:
    """Two scans two days apart would, on one row."""
    drawing = page_of("pet-fes-fdg-heterogeneity").cases[0].timeline.drawing
    assert drawing is not None
    rows = [label.y for label in drawing.labels if label.text.endswith(("PET with FDG", "PET with FES"))]

    assert len(set(rows)) == 2
