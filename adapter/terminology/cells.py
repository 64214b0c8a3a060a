"""What does a cell of a staging table say? `pT2`, `N1mi`, `G2` or `2`, `+`, `-`, `?`, `95 %`, `2+`, `<11`."""

from __future__ import annotations

from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval
from adapter.facts.statements import Text
from adapter.facts.vocabulary import Basis
from adapter.knowledge.books import Knowledge
from adapter.terminology.tnm_text import category_in, unknown_suffixes
from adapter.terminology.values import Meaning, NoMeaning, meaning_of

_SIGNS = {"+": "positive", "-": "negative", "−": "negative", "–": "negative"}
_NOT_KNOWN = frozenset({"", "?", "unknown", "unk", "na", "n/a", "not done", "nd"})
# The fact that a cell's column asks for, and the one that a number or score in it belongs to.
_FACTS = {
    "grade": ("grade",),
    "her2": ("her2-status", "her2-ihc"),
    "er": ("er-status", "er-percent"),
    "pr": ("pr-status", "pr-percent"),
    "oncotype": ("oncotype-score",),
}


class Cell(Plain, frozen=True, kw_only=True):
    """What a cell says: a word or number of this fact, with the classification its prefix named; all None when it is not known."""

    word: str | None = None
    value: str | None = None
    number: Interval | None = None
    basis: Basis | None = None


class UnreadableCell(Exception):
    """The cell cannot be read; the message names the column, what came and what to send."""


def read_cell(column: str, text: str | None, books: Knowledge) -> Cell:
    """The meaning of one cell; raises UnreadableCell."""
    plain = (text or "").strip()
    if plain.lower() in _NOT_KNOWN:
        return Cell()
    if column in ("t", "n", "m"):
        return _category(column, plain, books)
    if column == "grade" and plain in ("1", "2", "3"):
        plain = f"G{plain}"
    unread: list[NoMeaning] = []
    for word in _FACTS[column]:
        meaning = meaning_of(Text(text=_SIGNS.get(plain, plain)), books.facts[word], books)
        if isinstance(meaning, Meaning):
            return Cell(word=meaning.word, value=meaning.value, number=meaning.number)
        unread.append(meaning)
    if any(meaning.code == "absent" for meaning in unread):
        return Cell()
    raise UnreadableCell(f"{column}: {unread[0].because}")


def _category(axis: str, plain: str, books: Knowledge) -> Cell:
    """A T, N or M category; the letter may be left out (`2` in the column T)."""
    shape = books.facts[f"{axis}-category"]
    values = shape.values
    found = category_in(plain) or category_in(f"{axis}{plain}")
    if found is None or found.axis != axis.upper() or found.value not in values:
        raise UnreadableCell(f'{axis.upper()}: "{plain[:20]}" is no {axis.upper()} category; expected one of {", ".join(values)}')
    unknown = unknown_suffixes(found, shape.suffixes)
    if unknown:
        raise UnreadableCell(f'{axis.upper()}: the suffix ({unknown[0]}) of "{plain[:20]}" is not known and could change the category')
    return Cell(word=f"{axis}-category", value=found.value, basis=found.basis)
