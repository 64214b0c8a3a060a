"""The few things a rule may do with facts: read a band, look up a row, choose among what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from adapter.facts.case import Day, Fact
from adapter.facts.measurements import Interval
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import UNKNOWN, Band, Hole, Row, Rule
from adapter.knowledge.tables import Table

W = TypeVar("W", bound=str)

# The flag of a value that lies exactly on a border: other authors may count it on the other side.
BOUNDARY = "boundary"


class Chosen(NamedTuple):
    """The books with the schemes that a site chose, and whether it may use the prognostic tables.

    `today` is the day of issue: it tells how old an indication is, and nothing else.
    """

    books: Knowledge
    schemes: Mapping[str, str]
    prognostic_tables: bool = True
    today: Day | None = None

    def rule(self, name: str) -> Rule:
        """The rule with this name."""
        return self.books.rules[name]

    def table(self, name: str) -> Table:
        """The compiled table of this rule."""
        return self.books.tables[name]

    def scheme(self, choice: str) -> str:
        """The scheme in force for a choice: the site's, else the marked default."""
        return self.schemes.get(choice) or self.books.defaults[choice]


class Reading(NamedTuple):
    """What was sent for one question: the fact that counts, all that agree with it, and those that contradict it."""

    fact: Fact | None
    used: tuple[Fact, ...] = ()
    conflicting: bool = False

    @property
    def value(self) -> str | None:
        """The word that was sent, or None when nothing was or when results contradict each other."""
        return None if self.fact is None or self.conflicting else self.fact.value

    @property
    def number(self) -> Interval | None:
        """The number that was sent, likewise."""
        return None if self.fact is None or self.conflicting else self.fact.number


def reading(facts: Iterable[Fact], word: str) -> Reading:
    """What these facts say for one word; results of one rank that differ contradict each other and give no value."""
    found = [fact for fact in facts if fact.word == word]
    if not found:
        return Reading(None)
    best = max(fact.rank for fact in found)
    kept = [fact for fact in found if fact.rank == best]
    return Reading(kept[0], tuple(kept), conflicting=len({(fact.value, fact.number) for fact in kept}) > 1)


def bands_for(rule: Rule, number: Interval) -> tuple[Band, ...]:
    """Every band that the interval reaches into; one band is a clear answer."""
    return tuple(band for band in rule.bands if _meets(band, number))


def _meets(band: Band, number: Interval) -> bool:
    return not (_starts_after(band, number) or _ends_before(band, number))


def _starts_after(band: Band, number: Interval) -> bool:
    """True when the whole interval lies below the band."""
    if number.high is None:
        return False
    if band.at_least is not None:
        return number.high < band.at_least or (number.high == band.at_least and not number.high_included)
    return band.above is not None and number.high <= band.above


def _ends_before(band: Band, number: Interval) -> bool:
    """True when the whole interval lies above the band."""
    if number.low is None:
        return False
    if band.up_to is not None:
        return number.low > band.up_to or (number.low == band.up_to and not number.low_included)
    return band.below is not None and number.low >= band.below


def is_below(number: Interval, limit: Decimal) -> bool:
    """True when the whole interval lies below the limit."""
    return number.high is not None and (number.high < limit or (number.high == limit and not number.high_included))


def is_above(number: Interval, limit: Decimal) -> bool:
    """True when the whole interval lies above the limit."""
    return number.low is not None and (number.low > limit or (number.low == limit and not number.low_included))


def is_up_to(number: Interval, limit: Decimal) -> bool:
    """True when no part of the interval exceeds the limit."""
    return number.high is not None and number.high <= limit


def is_edge(rule: Rule, number: Interval) -> bool:
    """True when an exact number lies on the border of two bands."""
    return any(number.exact is not None and number.exact in (band.below, band.up_to, band.above, band.at_least) for band in rule.bands)


class Open(NamedTuple):
    """A table that cannot be read to one row: what is missing, and what its rows could still say."""

    missing: tuple[str, ...]
    possible: tuple[str, ...]


def look_up(table: Table, known: Mapping[str, str | None]) -> Row | Hole | Open:
    """The one row or hole that every completion of the unknown inputs leads to, or what is still open.

    Rows that say the same count as one, unless the rule needs every input. An input is unknown when it is None; a word
    outside its domain is a mistake in the caller.
    """
    cell = table.cells.get(tuple(known.get(name) or "" for name in table.domains))
    if cell is not None:
        return cell
    found = {id(cell): cell for cell in table.completions(known)}
    first = next(iter(found.values()))
    if len(found) == 1:
        return first
    strict = table.rule.needs_every_input
    if not strict and len({_verdict(cell) for cell in found.values()}) == 1:
        return first
    unknown = [name for name, domain in table.domains.items() if known.get(name) is None and UNKNOWN not in domain]
    missing = tuple(name for name in unknown if strict or _matters(name, table, known))
    return Open(missing, distinct(cell.says for cell in found.values() if isinstance(cell, Row) and cell.kind is None))


def _verdict(cell: Row | Hole) -> str:
    """What a cell comes to: its word, or the reason why it has none."""
    return cell.says if isinstance(cell, Row) and cell.kind is None else f"open: {cell.because}"


def _matters(name: str, table: Table, known: Mapping[str, str | None]) -> bool:
    """True when two completions that differ in this input alone come to different verdicts."""
    place = list(table.domains).index(name)
    verdicts: dict[tuple[str, ...], str] = {}
    for combination in table.combinations(known):
        rest = combination[:place] + combination[place + 1 :]
        verdict = _verdict(table.cells[combination])
        if verdicts.setdefault(rest, verdict) != verdict:
            return True
    return False


def distinct(words: Iterable[W]) -> tuple[W, ...]:
    """Each word once, in the order of its first use."""
    return tuple(dict.fromkeys(words))


def input_flags(used: Sequence[Fact]) -> tuple[str, ...]:
    """What the state of the inputs adds to every answer that used them."""
    return ("preliminary-input",) if any(fact.status == "preliminary" for fact in used) else ()
