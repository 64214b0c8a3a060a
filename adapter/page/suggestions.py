"""What could a code mean that our maps do not have? A known code with a display like it, or the analyte it names; a person decides."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.case import UnmappedCode
from adapter.knowledge.books import Knowledge, drug_tokens
from adapter.knowledge.shapes import CodeRow

# Displays that share less than half of their words are no likeness.
_ENOUGH = 0.5


def suggestion(code: UnmappedCode, books: Knowledge) -> str:
    """What a person may want to look at first, in words; empty where nothing is near."""
    words = drug_tokens(code.display)
    rows = (row for found in books.codes.get(code.role, {}).values() for row in found if _answers(row, code))
    best = max(((_likeness(words, row), row) for row in rows), key=lambda one: one[0], default=None)
    if best is not None and best[0] >= _ENOUGH:
        row = best[1]
        return f"perhaps {row.fact}{f' = {row.value}' if row.value else ''}, as {row.code} ({row.display})"
    topics = dict.fromkeys(name.topic for name in books.names if _names(drug_tokens(name.word), words))
    return f"it names {', '.join(books.topics[topic].title for topic in topics if topic in books.topics)}" if topics else ""


def _answers(row: CodeRow, code: UnmappedCode) -> bool:
    return not code.fact or code.fact in row.fact.split()


def _likeness(words: Sequence[str], row: CodeRow) -> float:
    """How many words two displays share, of all that either has (Jaccard); none where the first, which names the analyte, is not shared."""
    known = frozenset(drug_tokens(row.display))
    return len(known & set(words)) / len(known | set(words)) if words and words[0] in known else 0.0


def _names(name: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a name stands in a display, its words one after the other."""
    return bool(name) and any(words[at : at + len(name)] == name for at in range(len(words)))
