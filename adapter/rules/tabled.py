"""The inputs of the stage tables from the cells of a typed row: groups of T, N, M and signs of the biomarkers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from adapter.facts.measurements import Interval
from adapter.facts.vocabulary import Basis
from adapter.rules.operators import Chosen, bands_for, look_up

_UNKNOWN_GROUP = "unknown"
_SAME = {"low-positive": "positive"}


class Typed(Protocol):
    """A cell that was read: a word or a number of one fact."""

    @property
    def word(self) -> str | None: ...
    @property
    def value(self) -> str | None: ...
    @property
    def number(self) -> Interval | None: ...


def groups_of(cells: Mapping[str, Typed], basis: Basis | None, chosen: Chosen) -> dict[str, str | None]:
    """The group of each axis, None where the cell is empty or says MX."""
    classification = "pathological" if basis is Basis.PATHOLOGICAL else "clinical"
    groups: dict[str, str | None] = {}
    for axis in ("t", "n", "m"):
        value = cells[axis].value
        group = None
        if value is not None:
            group = getattr(look_up(chosen.table("tnm-categories"), {"category": value, "basis": classification}), "says", None)
        groups[axis] = None if group == _UNKNOWN_GROUP else group
    return groups


def signs_of(cells: Mapping[str, Typed], chosen: Chosen) -> dict[str, str | None]:
    """Grade, HER2, ER and PR as the tables ask them; GX, 2+ and an equivocal result are not known."""
    grade = cells["grade"].value
    signs = {name: _sign(cells[name], chosen) for name in ("her2", "er", "pr")}
    return {"grade": None if grade in chosen.rule("grade-reported").words["unknown"] else grade} | signs


def _sign(cell: Typed, chosen: Chosen) -> str | None:
    if cell.number is not None and cell.word is not None:
        says = {band.says for band in bands_for(chosen.rule(cell.word.replace("-percent", "-status")), cell.number)}
        signs = {_SAME.get(said, said) for said in says}
        return signs.pop() if len(signs) == 1 else None
    if cell.word == "her2-ihc":
        status = getattr(look_up(chosen.table("her2-status"), {"ihc": cell.value}), "says", None)
        return status if status in ("positive", "negative") else None
    value = _SAME.get(cell.value or "", cell.value)
    return value if value in ("positive", "negative") else None
