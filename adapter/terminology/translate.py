"""Statements into facts: which of our words does this code stand for, and what does its value mean?

Every statement ends as facts, as an issue, or as `not relevant`; none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from adapter.facts.case import Fact, Issue, UnmappedCode
from adapter.facts.frozen import Plain
from adapter.facts.statements import Absent, Coded, Statement
from adapter.facts.vocabulary import Basis, Severity, Side
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered
from adapter.knowledge.shapes import CodeRow
from adapter.terminology.guards import foreign_name, names_an_analyte, spelling_fault
from adapter.terminology.systems import systems_of
from adapter.terminology.tnm_text import basis_of, is_prefix
from adapter.terminology.uptake import kind_of_uptake, lesion_name
from adapter.terminology.values import Meaning, NoMeaning, meaning_of, unmapped, with_suffixes

_PANEL = "panel"
# What a status does to an Observation (R4 ObservationStatus): these two withdraw it, this one has no result yet.
_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_AWAITED = frozenset({"registered"})
_GIVEN = frozenset({"final", "amended", "corrected", "preliminary", "unknown"})
# Faults that put the code itself in doubt, so that nothing else of the Observation may be read by it.
_DOUBTFUL = frozenset({"codings-disagree", "percent-on-presence-code", "value-of-another", "display-names-another", "wrong-check-digit"})


class Translation(Plain, frozen=True, kw_only=True):
    """What became of one statement: facts, issues, or nothing because it is about something else."""

    facts: tuple[Fact, ...] = ()
    issues: tuple[Issue, ...] = ()
    relevant: bool = True


@remembered
def is_relevant(code: Coded, books: Knowledge) -> bool:
    """True when a code is in our maps, or an unknown code names something that we interpret.

    An answer of ours that comes back with the patient is never an input: it would confirm itself.
    """
    if any(coding.system == f"{books.canonical}/CodeSystem/result" for coding in code.codings):
        return False
    systems = systems_of(books)
    keys = [(systems.name(coding.system), coding.code) for coding in code.codings]
    known = (books.codes.get("observation", {}), books.codes.get("not-used", {}), books.wrong_codes)
    return any(key in codes for key in keys for codes in known) or names_an_analyte(code, books)


class Question(NamedTuple):
    """What a code asks for: its codings under our names, a row for each fact, and what is odd about them, each as a sentence."""

    code: Coded
    rows: tuple[CodeRow, ...]
    misspelt: tuple[str, ...] = ()
    at_odds: str | None = None
    stranger: str | None = None

    @property
    def answers(self) -> tuple[CodeRow, ...]:
        """The rows that a value can answer."""
        return tuple(row for row in self.rows if row.fact != _PANEL)


@remembered
def question(sent: Coded, books: Knowledge) -> Question:
    """What this code asks for, whatever the Observation says besides."""
    code = _named(sent, books)
    asked = Question(code, tuple(_rows("observation", code, books)), _misspelt(code, books))
    if not asked.answers:
        return asked
    stranger = foreign_name(code, books.fact_topic[asked.answers[0].fact], books)
    return asked._replace(at_odds=_at_odds(code, books), stranger=stranger)


def _misspelt(code: Coded, books: Knowledge) -> tuple[str, ...]:
    return tuple(fault for coding in code.codings if (fault := spelling_fault(coding, books)))


def translate(statement: Statement, books: Knowledge) -> Translation:
    """The facts and issues of one statement."""
    asked = question(statement.code, books)
    named = statement.but(code=asked.code)
    if not asked.rows:
        return _unknown(named, asked, books)
    if named.status in _WITHDRAWN:
        return _told(named, "withdrawn", Severity.INFORMATION, f"its status is {named.status}, so it is not used")
    if named.status in _AWAITED:
        return _told(named, "no-result-yet", Severity.INFORMATION, f"its status is {named.status}: there is no result to use yet")
    if named.status not in _GIVEN:
        text = f'its status is "{named.status[:40]}", expected one of {", ".join(sorted(_GIVEN))}'
        return _told(named, "invalid-resource", Severity.ERROR, text)
    answers = asked.answers
    if not answers:
        return Translation()
    if asked.at_odds:
        return _told(named, "codings-disagree", Severity.WARNING, asked.at_odds)
    if asked.stranger:
        text = f'its code stands for {answers[0].fact}, its display names "{asked.stranger}"'
        return _told(named, "display-names-another", Severity.WARNING, text)
    translation = _answered(named, answers, books)
    return _with(translation, [_issue(named, "wrong-check-digit", Severity.WARNING, fault) for fault in asked.misspelt])


def _named(code: Coded, books: Knowledge) -> Coded:
    systems = systems_of(books)
    return code.but(codings=tuple(systems.coding(coding) for coding in code.codings))


def _rows(role: str, code: Coded, books: Knowledge) -> list[CodeRow]:
    """The rows of every coding, each fact word once and with its basis where a coding names one."""
    found: dict[str, CodeRow] = {}
    for row in _all_rows(role, code, books):
        if row.fact not in found or found[row.fact].basis in (None, Basis.UNSPECIFIED):
            found[row.fact] = row
    return list(found.values())


def _all_rows(role: str, code: Coded, books: Knowledge) -> list[CodeRow]:
    known = books.codes.get(role, {})
    return [row for coding in code.codings for row in known.get((coding.system, coding.code), ())]


def _at_odds(code: Coded, books: Knowledge) -> str | None:
    """A sentence on codings that ask different questions: only a percentage and its status may stand side by side."""
    rows = [row for row in _all_rows("observation", code, books) if row.fact != _PANEL]
    facts = list(dict.fromkeys(row.fact for row in rows))
    for one, other in combinations(facts, 2):
        if other != books.facts[one].otherwise and one != books.facts[other].otherwise:
            return f"its codings ask for {one} and for {other}"
    bases = {row.basis for row in rows} - {None, Basis.UNSPECIFIED}
    return f"its codings name {' and '.join(sorted(str(basis) for basis in bases))} at once" if len(bases) > 1 else None


def _unknown(statement: Statement, asked: Question, books: Knowledge) -> Translation:
    """A code that asks for none of our facts: known and left out on purpose, misspelt, worth an issue, or not relevant."""
    left_out = _rows("not-used", statement.code, books)
    if left_out:
        return _told(statement, "not-used", Severity.INFORMATION, left_out[0].note or "this code is not used for an interpretation")
    if asked.misspelt:
        return _told(statement, "wrong-check-digit", Severity.WARNING, asked.misspelt[0])
    if names_an_analyte(statement.code, books):
        codes = ", ".join(f"{coding.system}|{coding.code}" for coding in statement.code.codings) or f'text "{statement.code.text[:60]}"'
        text = f"{codes} is not in our maps; add it to a sender folder to use it"
        return _told(statement, "unmapped-code", Severity.WARNING, text, unmapped("observation", statement.code.codings))
    return Translation(relevant=False)


def _answered(statement: Statement, rows: Sequence[CodeRow], books: Knowledge) -> Translation:
    """The fact of the first word that the value fits; two codes of one Observation may ask for two words."""
    attempts = [(row, _extended(meaning_of(statement.value, books.facts[row.fact], books), statement, books)) for row in rows]
    for row, meaning in attempts:
        if isinstance(meaning, Meaning) and meaning.word == row.fact:
            return _facts(statement, row, meaning, books)
    for row, meaning in attempts:
        if isinstance(meaning, Meaning):
            return _facts(statement, row, meaning, books)
    return _without_value(statement, rows[0], attempts[0][1], books)


def _extended(meaning: Meaning | NoMeaning, statement: Statement, books: Knowledge) -> Meaning | NoMeaning:
    """The meaning of a category with its suffixes in extensions, as German senders put them there: N0 with `i+` is N0(i+)."""
    shape = books.facts[meaning.word] if isinstance(meaning, Meaning) else None
    if not statement.qualifiers or not isinstance(meaning, Meaning) or shape is None or not shape.suffixes:
        return meaning
    return with_suffixes(meaning, [coding.code.strip("()").lower() for coding in statement.qualifiers], shape)


def _without_value(statement: Statement, row: CodeRow, fault: Meaning | NoMeaning, books: Knowledge) -> Translation:
    """No usable value: an interpretation may still state the status; the reason becomes an issue."""
    assert isinstance(fault, NoMeaning)
    stated = _stated_by_interpretation(statement, row, books) if fault.code not in _DOUBTFUL else []
    if stated:
        text = f"{row.fact}: {fault.because}"
        told = [] if fault.code == "absent" else [_issue(statement, fault.code, Severity.WARNING, text, fault.unmapped)]
        return Translation(facts=(*stated, *_of_uptake(statement, row, books)), issues=tuple(told))
    if fault.code == "absent":
        if isinstance(statement.value, Absent) and statement.members:
            return Translation()
        return _told(statement, "absent", Severity.INFORMATION, f"{row.fact}: {fault.because}")
    return _told(statement, fault.code, Severity.WARNING, f"{row.fact}: {fault.because}", fault.unmapped)


def _facts(statement: Statement, row: CodeRow, meaning: Meaning, books: Knowledge) -> Translation:
    basis = _basis(statement, row, meaning)
    fact = _fact(statement, meaning, basis, books)
    issues = []
    if row.basis not in (None, Basis.UNSPECIFIED) and meaning.basis not in (None, Basis.UNSPECIFIED, basis):
        issues.append(_issue(statement, "basis-disagrees", Severity.WARNING, f"the code says {row.basis}, the value {meaning.basis}"))
    issues += [_issue(statement, "wrong-check-digit", Severity.WARNING, fault) for fault in meaning.misspelt]
    stated = [one for one in _stated_by_interpretation(statement, row, books) if not _says_the_same(fact, one)]
    return Translation(facts=(fact, *stated, *_of_uptake(statement, row, books)), issues=tuple(issues))


def _says_the_same(fact: Fact, stated: Fact) -> bool:
    """True when the interpretation only repeats the value; one that contradicts it stands beside it, and the rules see both."""
    return stated.word == fact.word and (fact.value == stated.value or fact.value == f"low-{stated.value}")


def _of_uptake(statement: Statement, row: CodeRow, books: Knowledge) -> list[Fact]:
    """What stands beside an SUV: which value of the region it is, what it was divided by, what the lesion is called."""
    return [_fact(statement, meaning, Basis.UNSPECIFIED, books) for meaning in kind_of_uptake(statement, row, books)]


def _basis(statement: Statement, row: CodeRow, meaning: Meaning) -> Basis:
    """Which classification: a prefix in an extension speaks first, then a `y` in the value, then the code, then the value."""
    prefixes = [basis_of(coding.code) for coding in statement.qualifiers if is_prefix(coding.code)]
    if prefixes:
        return prefixes[0]
    after_therapy = (Basis.POST_THERAPY_CLINICAL, Basis.POST_THERAPY_PATHOLOGICAL)
    if meaning.basis in after_therapy:
        return meaning.basis
    if row.basis not in (None, Basis.UNSPECIFIED):
        return row.basis
    return meaning.basis or Basis.UNSPECIFIED


def _fact(statement: Statement, meaning: Meaning, basis: Basis, books: Knowledge) -> Fact:
    site, side = _site(statement.body_site, books)
    of_lesion, of_scan = meaning.word in books.lesion_words, meaning.word in books.scan_words
    suffixes = tuple(coding.code.lower() for coding in statement.qualifiers if not is_prefix(coding.code)) if statement.qualifiers else ()
    parents = question(statement.parent, books).rows if statement.parent else ()
    return Fact(
        word=meaning.word,
        value=meaning.value,
        number=meaning.number,
        basis=basis,
        analyte=next((books.fact_topic[row.fact] for row in parents if row.fact in books.fact_topic), None),
        taken_on=statement.taken_on,
        status=statement.status,
        specimen=statement.specimen,
        focus=statement.focus[0] if statement.focus else None,
        # A side of a site that we do not know could be that of a bone; only a breast or a node has a side that tells cancers apart.
        side=None if (of_lesion or of_scan) and site is None and statement.body_site and statement.body_site.codings else side,
        body_site=site,
        lesion=lesion_name(statement, site, side) if of_lesion else None,
        body_structure=statement.lesion.reference if of_lesion and statement.lesion else None,
        study=statement.study if of_lesion or of_scan else None,
        method=_method(statement.method, books) if statement.method else None,
        suffixes=meaning.suffixes + suffixes,
        members=statement.members,
        within=parents[0].fact if parents else None,
        derived_from=statement.derived_from,
        origin=statement.place,
    )


@remembered
def _method(method: Coded, books: Knowledge) -> str | None:
    """The method by its code, or in the words of our list that a text names, such as the trade name of an assay."""
    word, shape = word_of("method", method, books), books.facts.get("method")
    if word or shape is None:
        return word
    names = (method.text, *(coding.display for coding in method.codings))
    return next((word for name in names if (word := shape.texts.get("".join(name.lower().split())))), None)


def _stated_by_interpretation(statement: Statement, row: CodeRow, books: Knowledge) -> list[Fact]:
    """What Observation.interpretation states: a status beside a percentage (POS, NEG), the state of a lesion beside an SUV."""
    shape = books.facts[row.fact]
    target = books.facts.get(shape.otherwise) if shape.otherwise else (shape if "positive" in shape.values else None)
    if target is None:
        return []
    if not statement.interpretation:
        return []
    rows = _all_rows("interpretation", _named(Coded(codings=statement.interpretation), books), books)
    values = list(dict.fromkeys(row.value for row in rows if row.value in target.values))
    # A lesion may be new and avid; a receptor has one status.
    if len(values) > 1 and target.word not in books.lesion_words:
        return []
    return [_fact(statement, Meaning(word=target.word, value=value), Basis.UNSPECIFIED, books) for value in values]


def word_of(role: str, code: Coded | None, books: Knowledge) -> str | None:
    """Our word for a method or the like, or None when no coding is known."""
    row = row_of(role, code, books)
    return row.value if row else None


@remembered
def row_of(role: str, code: Coded | None, books: Knowledge) -> CodeRow | None:
    """The first known row of a concept in this role."""
    if code is None:
        return None
    for coding in _named(code, books).codings:
        rows = books.codes.get(role, {}).get((coding.system, coding.code), ())
        if rows:
            return rows[0]
    return None


@remembered
def _site(site: Coded | None, books: Knowledge) -> tuple[str | None, Side | None]:
    row = row_of("site", site, books)
    return (row.value if row else None), side_of(site, books)


@remembered
def side_of(code: Coded | None, books: Knowledge) -> Side | None:
    """The side that a body site, a laterality qualifier or a diagnosis names."""
    for role in ("site", "qualifier", "condition"):
        row = row_of(role, code, books)
        if row and row.side:
            return row.side
    return None


def _told(statement: Statement, code: str, severity: Severity, text: str, unknown: UnmappedCode | None = None) -> Translation:
    return Translation(issues=(_issue(statement, code, severity, text, unknown),))


def _issue(statement: Statement, code: str, severity: Severity, text: str, unknown: UnmappedCode | None = None) -> Issue:
    return Issue(code=code, severity=severity, text=text, place=statement.place, unmapped=unknown)


def _with(translation: Translation, issues: Sequence[Issue]) -> Translation:
    return translation if not issues else translation.but(issues=(*translation.issues, *issues))
