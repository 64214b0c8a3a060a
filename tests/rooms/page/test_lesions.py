"""Does the grid show the signs that the rules go by?"""

from __future__ import annotations

from collections.abc import Callable

from adapter.page.patient import PatientPage
from adapter.page.shapes import State


def test_fdg_and_fes_stand_beside_each_other_for_each_lesion(page_of: Callable[..., PatientPage]) -> None:
    """By fixtures/pet-fes-fdg-heterogeneity: FES sees the vertebra and not the lung, and cannot judge the liver."""
    grid = page_of("pet-fes-fdg-heterogeneity").cases[0].lesions

    assert grid is not None
    assert (grid.corner, grid.columns) == ("Lesion", ("FDG", "FES"))
    assert {row.title: tuple((cell.value, cell.state) for cell in row.cells if cell) for row in grid.rows} == {
        "Second lumbar vertebra": (("Positive", State.KNOWN), ("Positive", State.KNOWN)),
        "Liver, segment 7": (("Positive", State.KNOWN), ("Not assessable", State.OPEN)),
        "Lung, right lower lobe": (("Positive", State.KNOWN), ("Negative", State.KNOWN)),
    }


def test_one_tracer_without_any_sign_has_no_grid(page_of: Callable[..., PatientPage]) -> None:
    assert page_of("her2-positive-fdg-response").cases[0].lesions is None


def test_a_lesion_that_one_tracer_did_not_see_leaves_its_cell_empty(page_of: Callable[..., PatientPage]) -> None:
    grid = page_of("pet-mixed-tracers-refused").cases[0].lesions

    assert grid is not None
    assert all(len(row.cells) == len(grid.columns) for row in grid.rows)
