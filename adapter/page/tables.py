"""How is a decision table laid out for a reader? Its last inputs side by side, as manuals print them, the others one under another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from types import MappingProxyType
from typing import NamedTuple

from adapter.knowledge.shapes import Hole, Row
from adapter.knowledge.tables import Table
from adapter.wording import plain

# More columns than this would not fit on a page.
_MOST_COLUMNS = 12


class CellView(NamedTuple):
    """What the table says of one combination; a hole says why it says nothing."""

    says: str
    row: str
    because: str
    is_marked: bool


class LineView(NamedTuple):
    """One line of the table: the values of the inputs that stand one under another, and a cell for each column."""

    labels: tuple[str, ...]
    cells: tuple[CellView, ...]


class TableView(NamedTuple):
    """The table: the inputs of its lines, the inputs of its columns with their values, and the lines."""

    down: tuple[str, ...]
    across: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    lines: tuple[LineView, ...]


def table_view(table: Table, row: str = "", titles: Mapping[str, str] = MappingProxyType({})) -> TableView:
    """A table as a reader sees it, every cell of the given row marked; inputs are named by their titles, where they have one."""
    names = list(table.domains)
    split = _split(table.domains)
    down, across = names[:split], names[split:]
    columns = tuple(product(*(table.domains[name] for name in across)))
    lines = tuple(
        LineView(tuple(map(_word, labels)), tuple(_cell(table.cells[(*labels, *column)], row) for column in columns))
        for labels in product(*(table.domains[name] for name in down))
    )
    shown = [tuple(titles.get(name) or plain(name) for name in part) for part in (down, across)]
    return TableView(shown[0], shown[1], tuple(tuple(map(_word, column)) for column in columns), lines)


def _split(domains: Mapping[str, tuple[str, ...]]) -> int:
    """How many inputs stand one under another: as few as leave not too many columns, and one at least."""
    sizes = [len(values) for values in domains.values()]
    return next((count for count in range(1, len(sizes)) if prod(sizes[count:]) <= _MOST_COLUMNS), max(1, len(sizes) - 1))


def _cell(cell: Row | Hole, row: str) -> CellView:
    if isinstance(cell, Hole):
        return CellView(plain(cell.kind), "", cell.because, is_marked=False)
    return CellView(_word(cell.says) or plain(cell.kind or ""), cell.id, cell.because, is_marked=bool(row) and cell.id == row)


def _word(value: str) -> str:
    # Categories such as T1mi and group letters stay as they are; words of ours lose their hyphens.
    return value if value[:1].isupper() else plain(value)
