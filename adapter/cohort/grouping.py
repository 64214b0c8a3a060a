"""Which lines belong to which patient? DuckDB joins and sorts them, on disk where memory does not suffice."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from adapter.cohort.folder import Stretch
from adapter.cohort.lines import NAME, PERSON, REFERENCE, SHARED
from adapter.cohort.trouble import Halted

if TYPE_CHECKING:
    import duckdb

# Each line with its place in its file: a stretch begins to count where the one before it in the same file ended.
_LINES = """
CREATE TABLE started AS
  SELECT stretch, file, coalesce(sum(lines) OVER earlier, 0) AS before
  FROM (SELECT stretch.stretch, stretch.file, coalesce(max(line), 0) AS lines
        FROM stretch LEFT JOIN read_parquet($sheets) AS sheet ON sheet.stretch = stretch.stretch GROUP BY ALL)
  WINDOW earlier AS (PARTITION BY file ORDER BY stretch ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);
CREATE VIEW line AS
  SELECT file, CAST(before + line AS BIGINT) AS line, kind, id, patient, text, aside
  FROM read_parquet($sheets) JOIN started USING (stretch);
CREATE TABLE person AS SELECT DISTINCT patient FROM line WHERE kind = $person AND patient IS NOT NULL;
CREATE TABLE nobodys AS
  SELECT kind || '/' || id AS name, kind, id, file, line, text FROM line
  WHERE patient IS NULL AND aside IS NULL AND list_contains($read, kind);
"""
# What names no patient belongs to the patient whose resources refer to it, in one step or in several.
_REACHED = """
CREATE TABLE found AS
  SELECT DISTINCT patient, named.name FROM (
    SELECT patient, unnest(regexp_extract_all(text, $reference, 1)) AS said FROM line
    WHERE patient IS NOT NULL AND regexp_matches(text, $kinds)
  ) JOIN (SELECT DISTINCT name FROM nobodys WHERE id <> '') AS named
  ON named.name = regexp_extract(replace(said, '\\/', '/'), $name, 1)
  WHERE patient IN (SELECT patient FROM person);
CREATE TABLE leads AS
  SELECT DISTINCT said.name AS source, named.name FROM (
    SELECT name, unnest(regexp_extract_all(text, $reference, 1)) AS said FROM nobodys
  ) AS said JOIN (SELECT DISTINCT name FROM nobodys WHERE id <> '') AS named
  ON named.name = regexp_extract(replace(said.said, '\\/', '/'), $name, 1);
CREATE TABLE reached AS
  WITH RECURSIVE step(patient, name) AS (
    SELECT patient, name FROM found UNION SELECT patient, leads.name FROM step JOIN leads ON leads.source = step.name
  ) SELECT patient, name FROM step;
CREATE TABLE claimed AS SELECT name, count(*) AS claims FROM reached GROUP BY name;
"""
_PLACED = """
CREATE VIEW placed AS
  SELECT patient, file, line, text FROM line JOIN person USING (patient) WHERE aside IS NULL
  UNION ALL
  SELECT reached.patient, file, line, text FROM nobodys JOIN reached USING (name) JOIN claimed USING (name)
  WHERE claims = 1 OR list_contains($shared, kind);
CREATE TABLE share AS
  SELECT patient, CAST(floor((sum(bytes) OVER (ORDER BY patient) - bytes) / $unit) AS INTEGER) AS unit
  FROM (SELECT patient, sum(strlen(text)) AS bytes FROM placed GROUP BY patient);
"""
_ASIDE = """
SELECT file, line, aside FROM line WHERE aside IS NOT NULL
UNION ALL
SELECT file, line, CASE WHEN claims IS NULL THEN 'no-patient: it names no patient, and no resource of a patient refers to it'
  ELSE 'several-patients: it names no patient, and resources of several patients refer to it' END
FROM nobodys LEFT JOIN claimed USING (name) WHERE claims IS NULL OR (claims > 1 AND NOT list_contains($shared, kind))
UNION ALL
SELECT file, line, 'unknown-patient: the patient that it names is not in the input' FROM line
WHERE aside IS NULL AND patient IS NOT NULL AND patient NOT IN (SELECT patient FROM person)
"""
_PASSED_BY = """
SELECT kind, count(*) FROM line
WHERE aside IS NULL AND patient IS NULL AND kind <> '' AND NOT list_contains($read, kind) GROUP BY kind ORDER BY kind
"""


class Grouped(msgspec.Struct, frozen=True):
    """What the grouping found: the number of patients, of units and of lines, and what is no patient's by type."""

    patients: int
    units: int
    lines: int
    passed_by: dict[str, int]


@contextmanager
def database(spill: Path, memory: str, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that keeps to this much memory and puts the rest on disk; what it cannot do is said in a sentence."""
    import duckdb

    try:
        with duckdb.connect(config={"threads": threads, "memory_limit": memory, "temp_directory": str(spill)}) as engine:
            yield engine
    except duckdb.OutOfMemoryException as error:
        raise Halted(f"the grouping needs more than {memory} of memory, or room to spill; start again with a larger --memory") from error
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, "", str(spill)) from error
        raise Halted(f"a file cannot be used: {error}") from error
    except duckdb.Error as error:
        # What the engine says may quote a line of the input: only the kind of the trouble is told.
        raise Halted(f"the grouping failed ({type(error).__name__}); what was read is kept") from None


def group(
    engine: duckdb.DuckDBPyConnection, sheets: Path, stretches: Sequence[Stretch], read_types: frozenset[str], unit_bytes: int, target: Path
) -> Grouped:
    """Sort what was written down by patient into `grouped.parquet`, and what is kept aside into `aside.parquet`."""
    given: dict[str, Any] = {
        "person": PERSON,
        "read": sorted(read_types),
        "shared": sorted(SHARED),
        "sheets": f"{escape(str(sheets))}/*.parquet",
    }
    engine.execute("CREATE TABLE stretch (stretch INTEGER, file INTEGER)")
    engine.executemany("INSERT INTO stretch VALUES (?, ?)", [(one.number, one.file) for one in stretches])
    _run(engine, _LINES, given)
    kinds = [str(kind) for (kind,) in engine.execute("SELECT DISTINCT kind FROM nobodys ORDER BY kind").fetchall()]
    _run(engine, _REACHED, given | {"reference": REFERENCE, "name": NAME, "kinds": "|".join(kinds) or "$."})
    _run(engine, _PLACED, given | {"unit": unit_bytes})
    ordered = "SELECT unit, patient, file, line, text FROM placed JOIN share USING (patient) ORDER BY patient, file, line"
    _run(
        engine,
        f"COPY ({ordered}) TO '{_quoted(target / 'grouped.parquet')}' (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 20480)",
        given,
    )
    _run(engine, f"COPY ({_ASIDE} ORDER BY file, line) TO '{_quoted(target / 'aside.parquet')}' (FORMAT parquet)", given)
    patients, units = _one(engine, "SELECT count(*), coalesce(max(unit) + 1, 0) FROM share")
    (lines,) = _one(engine, "SELECT count(*) FROM line WHERE kind <> '' OR aside IS NOT NULL")
    passed_by = _run(engine, _PASSED_BY, given).fetchall()
    return Grouped(patients, units, lines, {str(kind): int(count) for kind, count in passed_by})


def _run(engine: duckdb.DuckDBPyConnection, statements: str, given: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Run each statement with the values that it names, written as literals: views do not take parameters."""
    for name, value in sorted(given.items(), key=lambda item: -len(item[0])):
        statements = statements.replace(f"${name}", _literal(value))
    return engine.execute(statements)


def _literal(value: Any) -> str:  # noqa: ANN401 - A value of SQL has no type of its own here.
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return str(value) if isinstance(value, int) else f"'{_quoted(value)}'"


def _quoted(text: object) -> str:
    return str(text).replace("'", "''")


def _one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = engine.execute(query).fetchone()
    assert row is not None
    return tuple(int(cell) for cell in row)
