"""What is a page made of? Small frozen pieces with every word on them already chosen, so that a template only lays them out."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """How firm an answer is; each state has its own sign and its own word, so that color is never the only difference."""

    KNOWN = "known"
    OPEN = "open"
    ASIDE = "aside"
    ABSENT = "absent"


class Note(NamedTuple):
    """A flag: its name, and the sentence that goes with it."""

    name: str
    text: str


class Source(NamedTuple):
    """Where something was read, with its number on this page."""

    number: int
    citation: str
    url: str
    read_as: str
    checked_on: str


class Input(NamedTuple):
    """What one resource contributed to an answer: its values in our words, its day, its status, and where it stands."""

    values: tuple[str, ...]
    day: str
    status: str
    reference: str
    version: str
    path: str


class Scheme(NamedTuple):
    """The named scheme of an answer, how it came to be used, and the others there are."""

    name: str
    how: str
    others: tuple[str, ...]


class Basis(NamedTuple):
    """Why an answer is what it is: the rule, where it was read, and everything that it used."""

    rule: str
    question: str
    row: str
    source: Source | None
    scheme: Scheme | None
    inputs: tuple[Input, ...]
    stated: tuple[str, ...]


class Card(NamedTuple):
    """One answer with its basis."""

    anchor: str
    title: str
    state: State
    word: str
    value: str
    possible: tuple[str, ...]
    because: str
    parts: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    notes: tuple[Note, ...]
    remarks: tuple[str, ...]
    context: tuple[str, ...]
    basis: Basis


class Section(NamedTuple):
    """Answers that belong together, under one heading; with a mark where they stand for the others."""

    title: str
    cards: tuple[Card, ...]
    mark: str = ""


class Stage(NamedTuple):
    """One way to stage, with what it looks at; without a card nothing that was sent asks for it."""

    title: str
    classification: str | None
    card: Card | None
    looks_at: tuple[str, ...]


class Categories(NamedTuple):
    """The categories of one classification, in the order of the columns, each with the anchor of its basis; an empty cell was not sent."""

    title: str
    cells: tuple[tuple[str, str], ...]


class Stages(NamedTuple):
    """The ways to stage side by side, the categories behind them, and why they differ."""

    stages: tuple[Stage, ...]
    columns: tuple[str, ...]
    categories: tuple[Categories, ...]
    differences: tuple[str, ...]


class Matrix(NamedTuple):
    """A table of answers: its column titles, and for each row a title, remarks and a cell for each column."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


class MatrixRow(NamedTuple):
    """One row of a table of answers, with a mark where it stands for the others; a cell without an answer is None."""

    title: str
    details: tuple[str, ...]
    cells: tuple[Card | Cell | None, ...]
    mark: str = ""


class Cell(NamedTuple):
    """One cell that is no answer: a sign, a word and, where there is one, the anchor of the answer behind it."""

    state: State
    value: str
    because: str
    anchor: str = ""


class Indication(NamedTuple):
    """A published indication: whom it describes, and which of its conditions are met or not known."""

    card: Card
    text: str
    date: str
    is_match: bool
    met: tuple[str, ...]
    unknown: tuple[str, ...]


class Gap(NamedTuple):
    """Something that was not sent, and the answers that wait for it."""

    name: str
    waiting: tuple[Card, ...]


class Mark(NamedTuple):
    """The place of a fault in the text that was sent: the lines around it, and the one character."""

    line: int
    column: int
    before: str
    at: str
    after: str


class Told(NamedTuple):
    """One issue in words, with its place inside the Bundle and, where the text is at hand, in the text."""

    state: str
    code: str
    text: str
    reference: str
    path: str
    mark: Mark | None


class RuleEntry(NamedTuple):
    """One rule that an answer of this page rests on."""

    anchor: str
    question: str
    stretches: tuple[str, ...]
    note: str
    source: Source
    folder: str
