"""What does a PET Observation say beside its number: which kind of SUV, which lesion, and does it stand beside a scan at all?"""

from __future__ import annotations

from collections.abc import Iterable

from adapter.facts.statements import Coded, Coding, Statement
from adapter.facts.vocabulary import Side
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered
from adapter.knowledge.shapes import CodeRow, FactKind
from adapter.terminology.systems import systems_of
from adapter.terminology.values import Meaning, meaning_of


def kind_of_uptake(statement: Statement, row: CodeRow, books: Knowledge) -> Iterable[Meaning]:
    """Which value of the region an SUV is, what it was divided by, and what its BodyStructure calls the lesion.

    The kind is told by the method, a second coding, an extension or a local code, never by the unit; two that differ say nothing.
    """
    # The background beside a lesion is measured in the same way and has no state of its own: its kind is not the lesion's.
    if row.fact not in books.lesion_words or books.facts[row.fact].kind is not FactKind.UPTAKE or not books.facts[row.fact].otherwise:
        return
    codings = (*(statement.method.codings if statement.method else ()), *statement.code.codings, *statement.qualifiers)
    for word in ("derivation", "normalisation"):
        said = {meaning.value for coding in codings if (meaning := _said(coding, word, books)) is not None}
        if word == "derivation" and row.value:
            said.add(row.value)
        if len(said) == 1:
            yield Meaning(word=word, value=said.pop())
    if statement.lesion is not None and statement.lesion.label:
        yield Meaning(word="lesion-label", value=statement.lesion.label)


@remembered
def _said(coding: Coding, word: str, books: Knowledge) -> Meaning | None:
    meaning = meaning_of(Coded(codings=(coding,)), books.facts[word], books)
    return meaning if isinstance(meaning, Meaning) else None


def lesion_name(statement: Statement, site: str | None, side: Side | None) -> str | None:
    """The lasting name of a lesion: its BodyStructure, or its site and side with what the text of the site adds."""
    if statement.lesion is not None:
        return statement.lesion.key
    if statement.body_site is None:
        return None
    codings = statement.body_site.codings
    place = site or next((coding.code for coding in codings if coding.code), None)
    shown = {" ".join(coding.display.lower().split()) for coding in codings}
    text = " ".join(statement.body_site.text.lower().split())
    added = "" if text in shown or text in (place, f"{side} {place}") else text
    parts = [part for part in (place, side, added.replace(" ", "-")) if part]
    return "-".join(["site", *parts]) if parts else None


def with_a_scan(statements: Iterable[Statement], books: Knowledge) -> tuple[list[Statement], list[Statement]]:
    """The statements that can matter, and the measures of a scan (weight, glucose ...) that stand beside no scan."""
    sent = list(statements)
    words = {codings: _words_of(codings, books) for codings in {statement.code.codings for statement in sent}}
    lesions = [one for one in sent if words[one.code.codings] & books.uptake_words]
    days, studies = {one.taken_on for one in lesions if one.taken_on}, {one.study for one in lesions if one.study}
    own = {one.place.reference for one in lesions}
    kept: list[Statement] = []
    idle: list[Statement] = []
    for one in sent:
        mine = words[one.code.codings]
        beside = one.place.reference in own or one.taken_on in days or one.study in studies
        (idle if mine and mine <= books.scan_words and not beside else kept).append(one)
    return kept, idle


@remembered
def _words_of(codings: tuple[Coding, ...], books: Knowledge) -> frozenset[str]:
    """The facts that a list of codings asks for."""
    systems, codes = systems_of(books), books.codes.get("observation", {})
    return frozenset(row.fact for coding in codings for row in codes.get((systems.name(coding.system), coding.code), ()))
