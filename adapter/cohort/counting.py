"""How many of each? The cases of a finished run, counted by DuckDB where they stand."""

from __future__ import annotations

from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from adapter.cohort.place import CASES
from adapter.cohort.table import QUESTIONS, Question
from adapter.cohort.trouble import Halted

if TYPE_CHECKING:
    import duckdb

COUNTED = (
    "anatomic_stage_clinical",
    "anatomic_stage_pathological",
    "clinical_prognostic_stage",
    "pathological_prognostic_stage",
    "receptor_subtype",
    "surrogate_subtype",
    "disease_extent",
)
_VALUES = "SELECT $column, count(*) FROM cases WHERE $column IS NOT NULL GROUP BY 1 ORDER BY 1"
_REASONS = "SELECT coalesce($column_kind, 'no answer'), count(*) FROM cases WHERE $column IS NULL GROUP BY 1 ORDER BY 1"
_KNOWN = """
SELECT count($column), count(*) FILTER (WHERE $column_kind IN ('indeterminate', 'not-assessable')),
  count(*) FILTER (WHERE $column_kind = 'not-applicable'), count(*) FILTER (WHERE $column IS NULL AND $column_kind IS NULL)
FROM cases
"""
_CHANGES = """
WITH change AS (
  SELECT patient_id, case_id, response_tracer, coalesce(percist_response, eortc_response) AS class, unnest(uptake_changes) AS one FROM cases
), newest AS (
  SELECT *, rank() OVER (PARTITION BY patient_id, case_id, one.tracer, one.measure ORDER BY one.scan DESC) AS place
  FROM change WHERE one.percent IS NOT NULL
)
SELECT one.tracer AS tracer, one.measure AS measure, min(one.percent) AS percent,
  coalesce(any_value(class) FILTER (WHERE response_tracer = one.tracer), 'no response class') AS response
FROM newest WHERE place = 1 GROUP BY tracer, measure, patient_id, case_id
ORDER BY tracer, measure, percent DESC, response, patient_id, case_id
"""


class Counts(NamedTuple):
    """One question with its values, the reasons why there is none, and how many cases have each."""

    question: Question
    values: list[tuple[str, int]]
    reasons: list[tuple[str, int]]


class Missing(NamedTuple):
    """Of one question: the cases with a value, without one though it was asked, where it does not apply, and where nothing was asked."""

    question: Question
    known: int
    open: int
    not_applicable: int
    not_asked: int


class Waterfall(NamedTuple):
    """The change of uptake of each case for one tracer and measure, largest rise first, with the response class where there is one."""

    tracer: str
    measure: str
    changes: list[tuple[float, str]]


class Counted(NamedTuple):
    """Everything that the summary shows."""

    cases: int
    patients: int
    counts: list[Counts]
    missing: list[Missing]
    waterfalls: list[Waterfall]


def counted(out: Path) -> Counted:
    """The counts of a run; raises Halted where there is none."""
    import duckdb

    place = out / CASES
    if not place.exists():
        raise Halted(f"there is no {CASES} in {out}: run `onco-adapter cohort IN {out}` first")
    with duckdb.connect() as engine:
        # A bracket in the name of a folder is no pattern.
        source = f"{escape(str(place))}/*.parquet" if place.is_dir() else escape(str(place))
        engine.read_parquet(source).create_view("cases")
        cases, patients = engine.execute("SELECT count(*), count(DISTINCT patient_id) FROM cases").fetchall()[0]
        asked = {one.column: one for one in QUESTIONS}
        counts = [_counts(engine, asked[name]) for name in COUNTED]
        return Counted(int(cases), int(patients), counts, [_missing(engine, one) for one in QUESTIONS], _waterfalls(engine))


def _counts(engine: duckdb.DuckDBPyConnection, question: Question) -> Counts:
    return Counts(question, _pairs(engine, _VALUES, question), _pairs(engine, _REASONS, question))


def _pairs(engine: duckdb.DuckDBPyConnection, query: str, question: Question) -> list[tuple[str, int]]:
    rows = engine.execute(query.replace("$column", question.column)).fetchall()
    return [(str(value), int(count)) for value, count in rows]


def _missing(engine: duckdb.DuckDBPyConnection, question: Question) -> Missing:
    found = engine.execute(_KNOWN.replace("$column", question.column)).fetchall()[0]
    return Missing(question, *(int(one) for one in found))


def _waterfalls(engine: duckdb.DuckDBPyConnection) -> list[Waterfall]:
    """For each case the largest fall of any lesion on its newest scan: what a waterfall plot shows by custom."""
    rows = engine.execute(_CHANGES).fetchall()
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for tracer, measure, percent, response in rows:
        found.setdefault((str(tracer), str(measure)), []).append((float(percent), str(response)))
    return [Waterfall(tracer, measure, changes) for (tracer, measure), changes in found.items()]
