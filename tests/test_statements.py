"""Has every statement of the review that can be computed become something? `mappings/statements.csv` says what, and nothing is left out.

Each number is a rule, a gate, a cited sentence, an indication, a recommended test, a flag, what a result or a tracer says of itself,
a proof of the loader, or it stands in DECISIONS.md with the reason why it is not computed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load

ROOT = Path(__file__).parent.parent
RULEBOOK = ROOT.parent / "shared" / "rulebook.md"
BOOKS = load()
# The review's statements are numbered from 1 to 130; some were split, and S101 has two halves and no whole.
NUMBERS = [f"S{number}" for number in range(1, 131) if number != 101] + ["S2b", "S65b", "S100b", "S101a", "S101b"]

with (ROOT / "mappings" / "statements.csv").open(encoding="utf-8", newline="") as file:
    STATEMENTS = list(csv.DictReader(file, strict=True))


def flags(books: Knowledge) -> set[str]:
    """Every flag that is documented."""
    return set(books.outputs.flags)


def described(books: Knowledge) -> set[str]:
    """Every rule that says what its biomarker is good for (BEST), or what role it has."""
    return {rule.id for rule in books.rules.values() if rule.best or rule.role}


FOUND: dict[str, Callable[[Knowledge], set[str]]] = {
    "rule": lambda books: {rule.id for rule in books.rules.values() if rule.hint is None},
    "gate": lambda books: {rule.id for rule in books.rules.values() if rule.hint is None},
    "context": lambda books: {context.id for topic in books.topics.values() for context in topic.contexts},
    "indication": lambda books: {rule.id for rule in books.hints},
    "test": lambda books: {test.id for test in books.tests},
    "flag": flags,
    "metadata": described,
    "tracer": lambda books: {topic.topic for topic in books.topics.values() if topic.tracer is not None},
}


def test_every_statement_is_listed_once() -> None:
    listed = [row["statement"] for row in STATEMENTS]
    assert sorted(listed) == sorted(NUMBERS)


@pytest.mark.parametrize("row", [row for row in STATEMENTS if row["became"] in FOUND], ids=lambda row: row["statement"])
def test_what_a_statement_became_is_in_the_books(row: dict[str, str]) -> None:
    names = set(row["names"].split())
    assert names
    assert names <= FOUND[row["became"]](BOOKS), names - FOUND[row["became"]](BOOKS)


def test_a_statement_became_one_of_these() -> None:
    assert {row["became"] for row in STATEMENTS} <= {*FOUND, "proof", "not-computed"}


@pytest.mark.parametrize("statement", [row["statement"] for row in STATEMENTS if row["became"] == "not-computed"])
def test_what_is_not_computed_has_its_reason(statement: str) -> None:
    decisions = (ROOT / "mappings" / "DECISIONS.md").read_text(encoding="utf-8")
    section = decisions.partition("## Statements that are not computed")[2].partition("\n## ")[0]
    reason = re.search(rf"^- \*\*{statement}\*\* (.+)$", section, re.MULTILINE)
    assert reason is not None
    assert len(reason.group(1)) > len(statement)


def test_the_rule_book_has_no_other_number_where_it_is_at_hand() -> None:
    text = RULEBOOK.read_text(encoding="utf-8") if RULEBOOK.exists() else "".join(f"| {number} |\n" for number in NUMBERS)
    assert set(re.findall(r"^\| (S\d+[ab]?) \|", text, re.MULTILINE)) == set(NUMBERS)
