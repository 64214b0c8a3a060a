"""Is what was worked out once the same afterwards, and can nobody fill the memory with it?"""

from __future__ import annotations

from dataclasses import replace

from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered
from adapter.terminology.translate import question


class Shelf:
    """Books that hold nothing but a memory."""

    def __init__(self) -> None:
        self.memory: dict[str, dict[object, object]] = {}


def counted() -> tuple[list[str], object]:
    seen: list[str] = []

    @remembered
    def work(text: str, books: Shelf) -> str:
        seen.append(text)
        return text.upper()

    return seen, work


def test_a_thing_is_worked_out_once_for_its_books() -> None:
    seen, work = counted()
    ours, theirs = Shelf(), Shelf()

    assert [work("a", ours), work("a", ours), work("b", ours), work("a", theirs)] == ["A", "A", "B", "A"]
    assert seen == ["a", "b", "a"]


def test_what_is_long_is_not_kept() -> None:
    seen, work = counted()
    ours, text = Shelf(), "x" * 2000

    assert work(text, ours) == work(text, ours)
    assert len(seen) == 2
    assert not any(ours.memory.values())


def test_the_memory_has_an_end() -> None:
    seen, work = counted()
    ours = Shelf()
    for number in range(10_000):
        work(str(number), ours)

    assert len(seen) == 10_000
    assert all(len(shelf) <= 1024 for shelf in ours.memory.values())


def test_changed_books_begin_with_nothing(knowledge: Knowledge) -> None:
    code = Coded(codings=(Coding("http://loinc.org", "85337-4"),))
    known = question(code, knowledge)
    emptied = replace(knowledge, codes={})

    assert known.rows
    assert question(code, emptied).rows == ()
    assert question(code, knowledge) is known
