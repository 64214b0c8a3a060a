"""How is feedback on cards read? As counts for a person, or as a table with a row for each thing that a user did."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from io import StringIO

from adapter.delivery.feedback import Kept

COLUMNS = (
    "at",
    "received",
    "service",
    "client",
    "card",
    "outcome",
    "reason_system",
    "reason_code",
    "reason_display",
    "comment",
    "suggestions",
)
# A spreadsheet would carry out what begins with one of these, and a comment is anybody's text.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def table(kept: Iterable[Kept]) -> str:
    """Every row as CSV."""
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in kept:
        told = one.model_dump(mode="json") | {"suggestions": " ".join(one.suggestions)}
        writer.writerow([_harmless(str(told[name])) for name in COLUMNS])
    return written.getvalue()


def counts(kept: Iterable[Kept]) -> str:
    """How often which service met with which outcome and reason; no comment, because a comment is free text."""
    counted = Counter((one.service, one.outcome, one.reason_code or "no reason") for one in kept)
    lines = [f"{number:>6}  {service}  {outcome}  {reason}" for (service, outcome, reason), number in sorted(counted.items())]
    return "".join(f"{line}\n" for line in lines) or "No feedback has come.\n"


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
