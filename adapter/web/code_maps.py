"""Which codes do the books know, and for what? The rows of every code list as the meanings that ConceptMaps are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from adapter.fhir.concept_maps import MapHead, Meaning
from adapter.knowledge.books import Knowledge
from adapter.knowledge.outputs import Concept
from adapter.knowledge.shapes import CodeRow

# What stands in the place of a fact where a code asks for none, or for any.
_ANY, _PANEL = "*", "panel"
_LONGEST_ID = 64


def code_maps(books: Knowledge) -> Mapping[MapHead, Sequence[Meaning]]:
    """The meanings of each role and folder, in the order of the books."""
    found: dict[MapHead, list[Meaning]] = {}
    for role, codes in books.codes.items():
        for rows in codes.values():
            for row in rows:
                found.setdefault(_head(role, row.folder), []).extend(_meanings(row, books))
    return found


def fact_words(books: Knowledge) -> list[Concept]:
    """Every word that a fact may carry, with the topic that it belongs to."""
    words = [Concept(code=word, display=shape.title, definition=_topic(books, word)) for word, shape in books.facts.items()]
    panel = Concept(code=_PANEL, display=_PANEL, definition="It holds no value of its own; its members and components are read.")
    return [*words, panel]


def _topic(books: Knowledge, word: str) -> str:
    topic = books.topics.get(books.fact_topic.get(word, ""))
    return topic.title if topic else ""


def _head(role: str, folder: str) -> MapHead:
    return MapHead(_id(f"{role}-{folder}"), role, folder)


def _id(name: str) -> str:
    """The name as a FHIR id; where that changes more than the slashes, a fingerprint keeps two names apart."""
    plain = name.replace("/", "-")
    clean = re.sub("[^A-Za-z0-9.-]", "-", plain)
    if clean == plain and len(clean) <= _LONGEST_ID:
        return clean
    mark = sha256(name.encode()).hexdigest()[:8]
    return f"{clean[: _LONGEST_ID - 9]}-{mark}"


def _meanings(row: CodeRow, books: Knowledge) -> Iterator[Meaning]:
    """One meaning for each fact that the code may answer: what holds for any of several does not depend on all of them."""
    if row.role == "observation" or not row.value:
        yield _meaning(row, "", row.fact, books)
        return
    for fact in row.fact.split():
        yield _meaning(row, "" if fact == _ANY else fact, row.value, books)


def _meaning(row: CodeRow, fact: str, word: str, books: Knowledge) -> Meaning:
    return Meaning(
        role=row.role,
        topic=row.folder,
        system=row.system,
        code=row.code,
        display=row.display,
        fact=fact,
        word=word,
        besides={name: str(value) for name, value in (("basis", row.basis), ("side", row.side)) if value is not None},
        note=row.note,
        citation=books.citation(row.source),
        edition=books.sources[row.source].editions.get(row.system, ""),
        title=books.facts[word].title if row.role == "observation" and word in books.facts else "",
    )
