"""Which drugs does a medication name? By code, else by the name of the drug as whole words in what the sender prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from adapter.facts.case import UnmappedCode
from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import Knowledge, drug_tokens
from adapter.knowledge.remembered import remembered
from adapter.terminology.systems import systems_of
from adapter.terminology.values import unmapped

_FACT = "drug"
# As much of a name as an issue repeats, and the longest that is read at all.
_SHOWN, _LONGEST = 40, 200


class Drugs(NamedTuple):
    """The drugs that were named, as our words; and, where a name is no drug of ours or contradicts its code, what an issue says."""

    words: tuple[str, ...] = ()
    code: str = ""
    because: str = ""
    unmapped: UnmappedCode | None = None


def drugs_of(concepts: Iterable[Coded], books: Knowledge) -> Drugs:
    """Every drug that these concepts name: a product, and each of its ingredients."""
    return _drugs_of(tuple(concepts), books)


@remembered
def _drugs_of(concepts: tuple[Coded, ...], books: Knowledge) -> Drugs:
    read = [_of_concept(concept, books) for concept in concepts]
    words = tuple(dict.fromkeys(word for one in read for word in one.words))
    doubt = next((one for one in read if one.code and (one.code != "unmapped-code" or not words)), Drugs())
    return doubt._replace(words=words)


def _of_concept(concept: Coded, books: Knowledge) -> Drugs:
    """What one concept names; codings that name different drugs name none, and neither does a code whose display names another."""
    coded = [(coding, _of_code(coding, books)) for coding in concept.codings]
    for coding, words in coded:
        shown = named_in(coding.display, books)
        if words and shown and not words & shown:
            return Drugs(code="display-names-another", because=f"{coding.code} stands for {_list(words)}, its display names {_list(shown)}")
    named = [words or named_in(coding.display, books) for coding, words in coded]
    known = [words for words in named if words] or [words for words in (named_in(concept.text, books),) if words]
    if not known:
        return Drugs() if any(_is_absent(coding, books) for coding in concept.codings) else _unknown(concept)
    if not set.intersection(*(set(words) for words in known)):
        return Drugs(code="codings-disagree", because=f"its codings name {' and '.join(_list(words) for words in known)}")
    return Drugs(tuple(sorted(frozenset.union(*known))))


def _of_code(coding: Coding, books: Knowledge) -> frozenset[str]:
    named = systems_of(books).coding(coding)
    rows = books.codes.get("value", {}).get((named.system, named.code), ())
    return frozenset(row.value for row in rows if _FACT in row.fact.split())


def _is_absent(coding: Coding, books: Knowledge) -> bool:
    """True for a code that says that nothing was recorded, or nothing known."""
    named = systems_of(books).coding(coding)
    key = (named.system, named.code)
    return key in books.codes.get("absent", {}) or any(row.fact == "*" for row in books.codes.get("value", {}).get(key, ()))


def _unknown(concept: Coded) -> Drugs:
    first = next((coding for coding in concept.codings if coding.code or coding.display), None)
    shown = f"{first.system}|{first.code}" if first and first.code else f'"{(first.display if first else concept.text)[:_SHOWN]}"'
    if first is None and not concept.text:
        return Drugs()
    because = f"{shown} is no drug of our list; add it to a sender folder, or send the name of the drug"
    return Drugs(code="unmapped-code", because=because, unmapped=unmapped("value", concept.codings, _FACT))


def named_in(text: str, books: Knowledge) -> frozenset[str]:
    """The drugs whose names stand in a text as whole words, the longest name first; none where a word beside it forbids."""
    if not text or len(text) > _LONGEST:
        return frozenset()
    tokens = drug_tokens(text)
    if not books.drugs or not set(tokens).isdisjoint(books.rules["drug-names"].words["never_with"]):
        return frozenset()
    return frozenset(_found(tokens, books))


def _found(tokens: tuple[str, ...], books: Knowledge) -> Iterable[str]:
    longest, start = max(map(len, books.drug_names)), 0
    while start < len(tokens):
        lengths = range(min(longest, len(tokens) - start), 0, -1)
        length = next((length for length in lengths if tokens[start : start + length] in books.drug_names), 0)
        yield from books.drug_names.get(tokens[start : start + length], ())
        start += length or 1


def _list(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))
