"""Do the plots draw the numbers of the books, and never an interpretation that was not given?"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapter.facts.uptake import Presence
from adapter.knowledge.books import Knowledge
from adapter.page.patient import PatientPage, patient_page
from adapter.page.uptake_drawing import Point, Sketch, drawn
from adapter.page.uptake_plot import Panel
from adapter.pipeline import Reply, Request, interpret
from tests.rooms.page.conftest import ISSUED

PageOf = Callable[..., PatientPage]


def panel(page: PatientPage, lesion: str, tracer: str = "FDG") -> Panel:
    return next(one for one in page.cases[0].panels if one.lesion == lesion and one.tracer == tracer)


def words(one: Panel, kind: str) -> list[str]:
    assert one.drawing is not None
    return [label.text for label in one.drawing.labels if label.kind == kind]


def test_the_primary_has_its_values_its_change_and_the_cut_off_of_the_trial(page_of: PageOf) -> None:
    """TBCRC026: a fall of at least 40 %, which from 12.5 is 7.5; EORTC after one cycle: 15 % and 25 %."""
    found = panel(page_of("her2-positive-fdg-response"), "Primary tumor, right breast")

    assert found.values == (("2026-02-03", "12.5", "Observation/primary-baseline"), ("2026-02-23", "6.0", "Observation/primary-day-15"))
    assert words(found, "change-name") == ["−52 %"]
    assert words(found, "cutoff-value") == ["−40 % = 7.5", "−15 % = 10.625", "+25 % = 15.625"]
    assert words(found, "band here-name") == ["pCR not excluded"]
    assert [(gate.state, gate.text) for gate in found.gates] == [("open", "Comparability of the scans: ok")]
    assert words(found, "treatment-name") == ["treatment began 2026-02-09"]


def test_the_cut_offs_come_from_the_books(reply_of: Callable[..., Reply], knowledge: Knowledge) -> None:
    """Books with another number draw another line: there is none in the code."""
    rule = knowledge.rules["fes-uptake"]
    low, high = rule.bands
    bands = (low.model_copy(update={"up_to": Decimal("1.3")}), high.model_copy(update={"above": Decimal("1.3")}))
    other = replace(knowledge, rules={**knowledge.rules, rule.id: rule.model_copy(update={"bands": bands})})
    reply = reply_of("pet-fes-fdg-heterogeneity")

    assert words(panel(patient_page(reply, knowledge), "Second lumbar vertebra", "FES"), "cutoff-value") == ["1.5"]
    assert words(panel(patient_page(reply, other), "Second lumbar vertebra", "FES"), "cutoff-value") == ["1.3"]


def test_scans_that_may_not_be_compared_have_no_percentage_and_no_class(page_of: PageOf) -> None:
    """QIBA: uptake times at most 15 minutes apart (fixtures/pet-uptake-time-refused)."""
    found = panel(page_of("pet-uptake-time-refused"), "Primary tumor, left breast")

    assert words(found, "change-name") == []
    assert words(found, "change refused-name") == ["not compared"]
    assert words(found, "band here-name") == []
    assert [gate.state for gate in found.gates] == ["shut"]
    assert "25 min" in found.gates[0].text


def test_a_lesion_that_cannot_be_judged_is_in_no_band(page_of: PageOf) -> None:
    """Normal uptake of the liver hides a lesion: 9.0 is above the cut-off and still not positive."""
    page = page_of("pet-fes-fdg-heterogeneity")

    assert words(panel(page, "Liver, segment 7", "FES"), "band here-name") == []
    assert words(panel(page, "Second lumbar vertebra", "FES"), "band here-name") == ["Positive"]
    assert words(panel(page, "Lung, right lower lobe", "FES"), "band here-name") == ["Negative"]


def test_the_change_is_counted_from_the_baseline_and_not_from_the_oldest_scan(page_of: PageOf) -> None:
    """Scans of 2025-09-01, 2026-01-07, 2026-02-23 and 2026-04-13; treatment began on 2026-01-12, so the second is the baseline."""
    found = panel(page_of("pet-three-scans-out-of-order"), "Second lumbar vertebra")

    assert [day for day, _, _ in found.values] == ["2025-09-01", "2026-01-07", "2026-02-23", "2026-04-13"]
    assert words(found, "change-name") == ["−62.5 %", "−37.5 %"]
    assert words(found, "cutoff-value") == ["−30 % = 5.6", "+30 % = 10.4"]


def test_one_value_with_nothing_to_hold_it_against_needs_no_plot(page_of: PageOf) -> None:
    found = panel(page_of("pet-fes-fdg-heterogeneity"), "Second lumbar vertebra", "FDG")

    assert (found.drawing, [value[:2] for value in found.values]) == (None, [("2026-01-07", "8.0")])


def test_new_and_vanished_lesions_have_words(page_of: PageOf) -> None:
    texts = {text for one in page_of("pet-new-lesion-and-vanished").cases[0].panels for _, text, _ in one.values}

    assert any("resolved" in text for text in texts)
    assert any("new" in text for text in texts)


def test_two_tracers_are_never_in_one_plot(page_of: PageOf) -> None:
    shown = page_of("pet-mixed-tracers-refused").cases[0].panels

    assert len({one.tracer for one in shown}) == 2
    assert all(len(one.values) == 1 for one in shown)


@pytest.mark.parametrize(
    "scenario", ["her2-positive-fdg-response", "pet-percist-boundary", "pet-her2-heterogeneity", "pet-two-scans-one-day"]
)
def test_a_drawing_says_the_same_in_words(scenario: str, page_of: PageOf) -> None:
    drawings = [(one, one.drawing) for one in page_of(scenario).cases[0].panels if one.drawing]
    for one, drawing in drawings:
        assert all(f"{day}: {text}" in drawing.description for day, text, _ in one.values)
        assert all(text.split(" = ")[0] in drawing.description for text in words(one, "cutoff-value"))


def test_a_lesion_that_was_never_measured_is_drawn_without_a_value() -> None:
    """No height at all must not break the scale."""
    point = Point("scan", "2026-01-01", None, None, Presence.NOT_COVERED, "not covered")

    assert "not covered" in drawn(Sketch("one", "title", (point,), (), (), (), None)).description


def page_with(root: Path, knowledge: Knowledge, scenario: str = "her2-positive-fdg-response", **values: dict[str, object]) -> PatientPage:
    """The patient of a scenario, with another value of these Observations."""
    bundle = json.loads((root / "fixtures" / scenario / "input.json").read_text(encoding="utf-8"))
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["id"] in values:
            quantity = resource.pop("valueQuantity")
            wanted = values[resource["id"]]
            ends = {name: {**quantity, "value": end} for name, end in wanted.items() if name in ("low", "high")}
            resource.update({"valueRange": ends} if ends else {"valueQuantity": {**quantity, **wanted}})
    return patient_page(interpret([json.dumps(bundle).encode()], knowledge, Request(issued=ISSUED)), knowledge)


def ticks_of(one: Panel) -> list[float]:
    return [float(text) for text in words(one, "tick") if "-" not in text]


@pytest.mark.parametrize(("comparator", "shown"), [(">", "> 6.0"), (">=", "≥ 6.0"), ("<", "< 6.0"), ("<=", "≤ 6.0")])
def test_a_value_with_a_comparator_is_open_at_the_bound_that_was_sent(
    root: Path, knowledge: Knowledge, comparator: str, shown: str
) -> None:
    """What the books call plausible, up to 100, neither is the value nor sets the axis."""
    page = page_with(root, knowledge, **{"primary-day-15": {"value": 6.0, "comparator": comparator}})
    found = panel(page, "Primary tumor, right breast")

    assert [text for _, text, _ in found.values] == ["12.5", shown]
    assert words(found, "value") == ["12.5", shown]
    assert max(ticks_of(found)) <= 20
    assert found.drawing is not None
    kinds = [path.kind for path in found.drawing.paths]
    assert (kinds.count("point"), kinds.count("point hollow"), kinds.count("reach")) == (1, 1, 1)
    (x, start), (_, end) = (
        part.split(" ") for part in next(p.d for p in found.drawing.paths if p.kind == "reach")[1:].split("m")[0].split("L")
    )
    assert (float(end) < float(start)) == (comparator in (">", ">=")), x


def test_a_range_is_drawn_with_both_its_ends(root: Path, knowledge: Knowledge) -> None:
    found = panel(page_with(root, knowledge, **{"primary-day-15": {"low": 5.0, "high": 6.0}}), "Primary tumor, right breast")

    assert [text for _, text, _ in found.values] == ["12.5", "5.0 to 6.0"]
    assert found.drawing is not None
    assert [path.kind for path in found.drawing.paths].count("point hollow") == 2


def test_a_value_that_lies_in_a_band_as_a_whole_is_shown_in_it(root: Path, knowledge: Knowledge) -> None:
    """Over the cut-off of 1.5 is positive, although the bound itself is not."""
    page = page_with(root, knowledge, "pet-fes-fdg-heterogeneity", **{"uptake-4": {"value": 1.5, "comparator": ">"}})

    assert words(panel(page, "Second lumbar vertebra", "FES"), "band here-name") == ["Positive"]


@pytest.mark.parametrize("scenario", ["pet-three-scans-out-of-order", "her2-positive-fdg-response", "pet-percist-boundary"])
def test_no_number_of_a_value_lies_on_a_change_or_on_another_number(scenario: str, page_of: PageOf) -> None:
    for drawing in (one.drawing for one in page_of(scenario).cases[0].panels if one.drawing):
        labels = [label for label in drawing.labels if label.kind in ("value", "change-name")]
        boxes = [(one.x - len(one.text) * 3.6, one.y - 11, one.x + len(one.text) * 3.6, one.y + 2) for one in labels]
        for number, (left, top, right, bottom) in enumerate(boxes):
            for x1, y1, x2, y2 in boxes[number + 1 :]:
                assert right <= x1 or x2 <= left or bottom <= y1 or y2 <= top, labels[number]
        for path in (one.d for one in drawing.paths if one.kind == "change"):
            (x1, y1), (x2, y2) = (map(float, part.split()) for part in path[1:].split("L"))
            along = [(x1 + (x2 - x1) * step / 200, y1 + (y2 - y1) * step / 200) for step in range(201)]
            for left, top, right, bottom in boxes:
                assert not any(left < x < right and top < y < bottom for x, y in along)
