"""Which codes of theirs do we not know? A list in the columns of a sender's codes.csv, for a terminologist to fill in."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from io import StringIO

from msgspec.structs import asdict

from adapter.facts.case import UnmappedCode

COLUMNS = ("role", "system", "code", "display", "fact", "value", "basis", "side", "note", "source")


def tally(seen: Iterable[tuple[UnmappedCode, int]]) -> dict[UnmappedCode, int]:
    """Each code once with the sum of its counts; the longest of its displays names it."""
    counts: Counter[UnmappedCode] = Counter()
    displays: dict[UnmappedCode, str] = {}
    for code, count in seen:
        bare = code.but(display="")
        counts[bare] += count
        displays[bare] = max(displays.get(bare, ""), code.display, key=len)
    return {bare.but(display=displays[bare]): count for bare, count in counts.items()}


def to_fill_in(counts: Mapping[UnmappedCode, int], hint: Callable[[UnmappedCode], str] = lambda _: "") -> str:
    """The codes.csv of a sender folder without the words that only a person can give; what was sent most often comes first.

    A hint about a code stands in its note.
    """
    written = StringIO()
    writer = csv.DictWriter(written, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    often = sorted(counts.items(), key=lambda item: (-item[1], item[0].role, item[0].system, item[0].code, item[0].fact))
    notes = {code: "; ".join(part for part in (f"seen {_times(count)}", hint(code)) if part) for code, count in often}
    writer.writerows(asdict(code) | {"note": notes[code], "source": "site"} for code, _ in often)
    return written.getvalue()


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"
