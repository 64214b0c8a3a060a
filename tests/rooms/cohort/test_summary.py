"""The summary shows the counts of the table, to who sees the pictures and to who does not."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapter.cli import main
from adapter.cohort.counting import COUNTED, counted
from adapter.cohort.summary import SMALL, summarise
from adapter.cohort.table import QUESTIONS, schema

SVG = "{http://www.w3.org/2000/svg}"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def page(done: Path) -> str:
    """The page over the small cohort."""
    return unescape(summarise(done).read_text(encoding="utf-8"))


def test_every_case_is_counted_once_for_each_question(done: Path) -> None:
    rows = pq.read_table(done / "cases.parquet").to_pylist()
    found = counted(done)

    assert found.cases == len(rows)
    assert [one.question.column for one in found.counts] == list(COUNTED)
    for one in found.counts:
        name = one.question.column
        assert dict(one.values) == Counter(row[name] for row in rows if row[name] is not None)
        assert dict(one.reasons) == Counter(row[f"{name}_kind"] or "no answer" for row in rows if row[name] is None)
    for missing in found.missing:
        kinds = Counter(row[f"{missing.question.column}_kind"] for row in rows if row[missing.question.column] is None)
        assert missing.open == kinds["indeterminate"] + kinds["not-assessable"]
        assert (missing.not_applicable, missing.not_asked) == (kinds["not-applicable"], kinds[None])
        assert sum(missing[1:]) == len(rows)


def row(patient: str, *changes: tuple[str, str, float | None], tracer: str | None = None, **more: str) -> dict[str, object]:
    """A row of the table with these changes of uptake: tracer, scan, percent."""
    made = [
        {"tracer": name, "lesion": "l", "scan": f"{name}-{day}", "measure": "m", "percent": percent, "kind": None}
        for name, day, percent in changes
    ]
    return {"patient_id": patient, "case_id": "c", "uptake_changes": made, "response_tracer": tracer} | more


def test_a_waterfall_shows_the_newest_scan_and_the_largest_fall_of_each_case(tmp_path: Path) -> None:
    rows = [
        row(
            "a",
            ("fdg", "2026-01-01", -90.0),
            ("fdg", "2026-02-01", -10.0),
            ("fdg", "2026-02-01", -30.5),
            tracer="fdg",
            eortc_response="pmr",
        ),
        row("b", ("fdg", "2026-01-01", 25.0), ("fes", "2026-01-01", -5.0), tracer="fdg", percist_response="pmd"),
        row("c", ("fdg", "2026-01-01", None)),
        row("d"),
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema()), tmp_path / "cases.parquet")

    fdg, fes = counted(tmp_path).waterfalls
    assert (fdg.tracer, fdg.changes) == ("fdg", [(25.0, "pmd"), (-30.5, "pmr")])
    # The class was given for FDG, so it must not color what another tracer shows.
    assert (fes.tracer, fes.changes) == ("fes", [(-5.0, "no response class")])


def test_each_picture_is_there_twice_and_is_told_in_words(done: Path, page: str) -> None:
    pictures = re.findall(r'<img src="([^"]+)\.png" alt="([^"]*)"', page)

    assert {name for name, _ in pictures} >= {*COUNTED, "missing", "waterfall-1"}
    for name, alt in pictures:
        assert (done / "summary" / f"{name}.png").read_bytes().startswith(SIGNATURE)
        svg = ET.parse(done / "summary" / f"{name}.svg").getroot()  # noqa: S314 - The file is our own.
        assert svg.tag == f"{SVG}svg"
        assert any(alt in (text or "") for text in svg.itertext()), name
        assert len(alt) > 40
    assert len(pictures) == page.count("<img")


def test_small_counts_are_shown_and_marked(done: Path, page: str) -> None:
    stage = next(one for one in counted(done).counts if one.values)
    small = [count for _, count in stage.values if count < SMALL]

    assert "not suppressed" in page
    assert small
    assert all(re.search(rf">{count}\* \(", page) for count in small)


def test_every_question_stands_in_the_table_of_what_is_missing(page: str) -> None:
    assert all(f'<th scope="row">{question.says}</th>' in page for question in QUESTIONS)


def test_the_same_cohort_gives_the_same_pictures(done: Path, page: str) -> None:
    before = {path.name: path.read_bytes() for path in (done / "summary").iterdir()}
    assert main(["cohort-summary", str(done)]) == 0

    assert {path.name: path.read_bytes() for path in (done / "summary").iterdir()} == before


def test_a_folder_without_a_run_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort-summary", str(tmp_path)]) == 1
    assert "onco-adapter cohort IN" in capsys.readouterr().err
