"""How does a table of tumors get its stages? The same rows in the same order, with two columns more: the stage and why."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from io import StringIO

from adapter.facts.answers import Answer, Determined
from adapter.fhir.outcome import Refusal
from adapter.pipeline import StageQuery

NEEDED = ("t", "n", "m", "grade", "her2", "er", "pr")
OPTIONAL = ("oncotype",)
ADDED = ["stage", "why"]


class BadTable(Exception):
    """The table as a whole cannot be read; the message says what to change."""


def staged_rows(text: str, stage: Callable[[StageQuery], Answer]) -> str:
    """The table with its stages; a row that cannot be read keeps its place, an empty stage and the reason."""
    delimiter = _delimiter(text)
    rows = [row for row in csv.reader(StringIO(text), delimiter=delimiter) if row]
    if not rows:
        raise BadTable("the table is empty; its first line has to name the columns T,N,M,grade,HER2,ER,PR")
    header, *lines = rows
    places = _places(header)
    written = StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header + ADDED)
    writer.writerows(_padded(line, header) + _verdict(line, header, places, stage) for line in lines)
    return written.getvalue()


def _delimiter(text: str) -> str:
    """The sign between cells: spreadsheets in many countries write a semicolon, some a tab."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _places(header: Iterable[str]) -> dict[str, int]:
    """Where each of our columns stands."""
    names = [name.strip().lower() for name in header]
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise BadTable(f"the table has no column {', '.join(missing)}; it needs T,N,M,grade,HER2,ER,PR in any order and case")
    repeated = [name for name in (*NEEDED, *OPTIONAL) if names.count(name) > 1]
    if repeated:
        raise BadTable(f"the table has more than one column {', '.join(repeated)}")
    taken = [name for name in ADDED if name in names]
    if taken:
        raise BadTable(f"the table already has a column {', '.join(taken)}, which would be added; rename it")
    return {name: names.index(name) for name in (*NEEDED, *OPTIONAL) if name in names}


def _padded(line: list[str], header: list[str]) -> list[str]:
    return line + [""] * (len(header) - len(line))


def _verdict(line: list[str], header: list[str], places: dict[str, int], stage: Callable[[StageQuery], Answer]) -> list[str]:
    if len(line) > len(header):
        return ["", f"the row has {len(line)} cells and the header {len(header)}; a cell with the separator in it needs quotes"]
    cells = _padded(line, header)
    try:
        answer = stage(StageQuery(**{name: cells[place].strip() for name, place in places.items()}))
    except Refusal as refusal:
        return ["", str(refusal)]
    return [answer.value if isinstance(answer, Determined) else "", answer.because]
