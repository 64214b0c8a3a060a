"""How does one line of a CSV file of mappings/ become a shape? Each raises KeyError or ValueError for what is not there or not a word."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapter.facts.vocabulary import Basis, Kind, Side
from adapter.knowledge.books import Unit
from adapter.knowledge.shapes import CodeRow, FactKind


def code_row(line: Mapping[str, str], folder: str, canonical: str) -> CodeRow:
    """One line of a codes.csv."""
    return CodeRow(
        role=line["role"],
        system=line["system"].replace("[base]", canonical),
        code=line["code"],
        display=line["display"],
        fact=line["fact"],
        value=line["value"],
        basis=Basis(line["basis"]) if line["basis"] else None,
        side=Side(line["side"]) if line["side"] else None,
        note=line["note"],
        source=line["source"],
        folder=folder,
    )


def drug(line: Mapping[str, str]) -> dict[str, Any]:
    """One line of a drugs.csv as the fields of a drug; its names stand between semicolons."""
    names = [name.strip() for name in line.get("names", "").split(";") if name.strip()]
    return dict(line) | {"classes": line.get("classes", "").split(), "names": names}


def table_row(line: Mapping[str, str], rule: Mapping[str, Any]) -> dict[str, Any] | None:
    """One line of a table as the fields of a row, or None where it belongs to another scheme than that of the rule."""
    if "scheme" in line and rule.get("scheme") not in line["scheme"].split():
        return None
    return {
        "id": line["row"],
        "cells": {column: tuple(line[column].split()) for column in rule.get("inputs", {}) if line.get(column, "").strip()},
        "says": line["says"],
        "flags": tuple(line.get("flags", "").split()),
        "missing": tuple(part.strip() for part in line.get("missing", "").split(";") if part.strip()),
        "kind": Kind(line["kind"]) if line.get("kind") else None,
        "because": line.get("because", ""),
        "source": line["source"],
    }


def unit(line: Mapping[str, str]) -> Unit:
    """A unit with one factor for all its kinds, or one for each; a factor may be a fraction (`1/60`), which keeps 3600 s exactly 60 min."""
    kinds, factors = [FactKind(kind) for kind in line["kind"].split()], [_factor(text) for text in line["factor"].split()]
    each = factors * len(kinds) if len(factors) == 1 else factors
    return Unit(factors=dict(zip(kinds, each, strict=True)), facts=tuple(line["facts"].split()))


def _factor(text: str) -> tuple[Decimal, Decimal]:
    factor, _, divisor = text.partition("/")
    return Decimal(factor), Decimal(divisor or 1)
