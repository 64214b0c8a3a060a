"""What follows for the patients of one unit of work? One call for each, and the whole unit kept at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec

from adapter.cohort.interpreting import Answered, Interpreter, bundle_of
from adapter.cohort.table import Row, schema


class Unit(NamedTuple):
    """What came of one unit: how many patients, cases and refusals."""

    patients: int
    cases: int
    refused: tuple[tuple[str, str], ...] = ()


def answered(rows: Iterable[tuple[str, bytes]], interpreter: Interpreter) -> Iterator[tuple[str, Answered]]:
    """Each patient with what follows, from rows that stand sorted by patient."""
    for patient, mine in groupby(rows, key=lambda row: row[0]):
        yield patient, interpreter.answer(bundle_of([text for _, text in mine]))


def answer_unit(number: int, grouped: Path, interpreter: Interpreter, target: Path) -> Unit:
    """Interpret the patients of one unit and write their results, rows and counts; the counts come last and say that all is there."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(grouped, filters=[("unit", "=", number)], columns=["patient", "file", "line", "text"])
    table = table.sort_by([("patient", "ascending"), ("file", "ascending"), ("line", "ascending")])
    texts = pc.cast(table["text"], pa.binary()).to_pylist()
    lines: list[bytes] = []
    rows: list[Row] = []
    refused: list[tuple[str, str]] = []
    for patient, one in answered(zip(table["patient"].to_pylist(), texts, strict=True), interpreter):
        lines.append(one.line + b"\n")
        rows += one.rows
        if one.refused:
            refused.append((patient, one.refused))
    made = Unit(len(lines), len(rows), tuple(refused))
    name = target / f"{number:06d}"
    put(name.with_suffix(".ndjson"), b"".join(lines))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema()), sink)
    put(name.with_suffix(".parquet"), sink.getvalue().to_pybytes())
    put(name.with_suffix(".json"), msgspec.json.encode(made))
    return made


def put(target: Path, content: bytes) -> None:
    """Write a file whole or not at all, also where the power fails."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
