"""From a sent value to a word or a number of ours, or to the reason why it is neither."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from decimal import Decimal

from adapter.facts.case import UnmappedCode
from adapter.facts.frozen import Plain
from adapter.facts.measurements import Interval
from adapter.facts.statements import Absent, Coded, Coding, Measured, Text, Value
from adapter.facts.vocabulary import Basis
from adapter.knowledge.books import Knowledge, Unit
from adapter.knowledge.remembered import remembered
from adapter.knowledge.shapes import CodeRow, FactKind, FactShape
from adapter.terminology.guards import spelling_fault
from adapter.terminology.numbers import interval_in
from adapter.terminology.systems import systems_of
from adapter.terminology.tnm_text import category_in, stage_in, unknown_suffixes, with_parts
from adapter.terminology.units import in_our_unit

# As much of a text as an issue repeats, and the longest text that is read at all.
_SHOWN, _LONGEST = 40, 200
# How the facts of an uptake value by one normalisation begin.
_SUV = "suv-"
# As much of a display as the list for the terminologist repeats: a name of a code is shorter, and a narrative has no place there.
_NAMED = 100
_NOISE = re.compile(r"\b(?:score|ihc|grade|status|category|class)\b|[()\s:=]+", re.IGNORECASE)


class Meaning(Plain, frozen=True, kw_only=True):
    """What a value means for one fact word: a word or an interval, the basis and suffixes it carried, and codes that are misspelt."""

    word: str
    value: str | None = None
    number: Interval | None = None
    basis: Basis | None = None
    suffixes: tuple[str, ...] = ()
    misspelt: tuple[str, ...] = ()


class NoMeaning(Plain, frozen=True, kw_only=True):
    """Why a value gives no fact: `absent` when nothing was measured, else an issue code and a sentence, and the code we do not know."""

    code: str
    because: str
    unmapped: UnmappedCode | None = None


def meaning_of(value: Value, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    """What this value means for this fact."""
    match value:
        case Absent():
            return _telling_absence(value.reason, shape, books) or NoMeaning(code="absent", because=_reason(value.reason))
        case Coded():
            return _coded(value, shape.word, books)
        case Measured():
            return _measured(value, shape, books)
        case Text():
            return _text(value.text, shape, books)


def _telling_absence(reason: Coded, shape: FactShape, books: Knowledge) -> Meaning | None:
    """What a reason for no value says of this very fact, where the books have a row for it (a lesion outside the field of view)."""
    for coding in reason.codings:
        named = systems_of(books).coding(coding)
        for row in books.codes.get("value", {}).get((named.system, named.code), ()):
            meaning = _word(row.value, shape, books, row) if shape.word in row.fact.split() else None
            if meaning is not None:
                return meaning
    return None


def _reason(reason: Coded) -> str:
    words = reason.text or next((coding.display or coding.code for coding in reason.codings), "")
    return f"no value was sent: {words[:_SHOWN]}" if words else "no value was sent"


@remembered
def _coded(value: Coded, word: str, books: Knowledge) -> Meaning | NoMeaning:
    """The one meaning of all codings; two codings that mean different things give none."""
    shape = books.facts[word]
    if shape.kind is FactKind.CATEGORY and not shape.values:
        return _any_word(value, shape)
    found = [_one_coding(coding, shape, books) for coding in value.codings]
    meanings = [meaning for meaning in found if isinstance(meaning, Meaning)]
    faults = [fault for fault in found if isinstance(fault, NoMeaning)]
    if meanings:
        return _agreed(meanings, faults, shape)
    if value.text and not value.codings:
        return _text(value.text, shape, books)
    rest = _rest(value, shape, books)
    if rest is not None:
        return rest
    return faults[0] if faults else NoMeaning(code="no-value", because="the value has neither a code nor a text")


def _rest(value: Coded, shape: FactShape, books: Knowledge) -> Meaning | None:
    """The value for a code that is none of ours: a gene written as its own symbol, or any other gene."""
    ours = {one.lower(): one for one in shape.values}
    for coding in (systems_of(books).coding(coding) for coding in value.codings if shape.rest):
        if coding.system in shape.rest_of:
            symbol = ours.get(coding.code.lower())
            # A display that names one of our genes under a code of another settles nothing.
            return Meaning(word=shape.word, value=symbol or shape.rest) if symbol or coding.display.lower() not in ours else None
    return None


def _agreed(meanings: list[Meaning], faults: list[NoMeaning], shape: FactShape) -> Meaning | NoMeaning:
    """What the codings say together; one that answers another question, or whose display contradicts it, spoils the others."""
    doubt = next((fault for fault in faults if fault.code in ("value-of-another", "display-names-another")), None)
    if doubt is not None:
        return doubt
    values = {(meaning.word, meaning.value) for meaning in meanings}
    if len(values) > 1 and shape.several:
        return Meaning(word=shape.word, value=" ".join(sorted({meaning.value or "" for meaning in meanings})))
    bases = {meaning.basis for meaning in meanings} - {None, Basis.UNSPECIFIED}
    if len(values) > 1 or len(bases) > 1:
        said = {(meaning.value or "no word", meaning.basis if len(bases) > 1 else None) for meaning in meanings}
        shown = sorted(f"{value} ({basis})" if basis else value for value, basis in said)
        return NoMeaning(code="codings-disagree", because=f"its codings say {' and '.join(shown)}")
    misspelt = tuple(fault.because for fault in faults if fault.code == "wrong-check-digit")
    return _most_telling(meanings).but(misspelt=misspelt)


def _any_word(value: Coded, shape: FactShape) -> Meaning | NoMeaning:
    """The code or text itself, for a fact whose values nobody lists (an HGVS expression)."""
    word = next((coding.code or coding.display for coding in value.codings), "") or value.text
    return Meaning(word=shape.word, value=word) if word else NoMeaning(code="no-value", because="the value has neither a code nor a text")


def _most_telling(meanings: list[Meaning]) -> Meaning:
    """The meaning that carries a basis, where one of several codings does."""
    return next((meaning for meaning in meanings if meaning.basis not in (None, Basis.UNSPECIFIED)), meanings[0])


def _one_coding(coding: Coding, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    named = systems_of(books).coding(coding)
    key = (named.system, named.code)
    rows = books.codes.get("value", {}).get(key, ())
    fits = [row for row in rows if row.fact == "*" or {shape.word, shape.otherwise} & set(row.fact.split())]
    fits += books.codes.get("site", {}).get(key, ()) if shape.of_sites else ()
    for row in sorted(fits, key=lambda row: row.fact == "*"):
        meaning = _word(row.value, shape, books, row)
        if meaning is not None:
            return _doubt(named, meaning, shape, books) or meaning
    if key in books.codes.get("absent", {}) or any(row.value in _NO_RESULT for row in fits):
        return NoMeaning(code="absent", because=f"no result: {named.display or named.code}")
    fault = spelling_fault(named, books)
    if fault:
        return NoMeaning(code="wrong-check-digit", because=fault)
    others = [row for row in rows if row not in fits]
    if others:
        return NoMeaning(code="value-of-another", because=f"{named.code} answers {others[0].fact.replace(' ', ' or ')}")
    because = f"code {named.code} of {named.system or 'no system'} is not in our maps"
    unknown = NoMeaning(code="unmapped-value", because=because, unmapped=unmapped("value", (named,), shape.word))
    written = _written_category(named, shape)
    return unknown.but(because=written.because) if isinstance(written, NoMeaning) else written or unknown


def unmapped(role: str, codings: Iterable[Coding], fact: str = "") -> UnmappedCode | None:
    """The first of these codings that has a code, for the list of the terminologist; a text alone is no code and may say anything."""
    coding = next((coding for coding in codings if coding.code), None)
    if coding is None:
        return None
    display = " ".join(coding.display.split())[:_NAMED]
    return UnmappedCode(role=role, system=coding.system, code=coding.code, display=display, fact=fact)


def _doubt(coding: Coding, meaning: Meaning, shape: FactShape, books: Knowledge) -> NoMeaning | None:
    """Why the display speaks against the code: it is what others mistake the code for, or it reads as another value."""
    shown = coding.display[:_LONGEST]
    if not shown:
        return None
    mistaken = [wrong for wrong in books.wrong_codes.get((coding.system, coding.code), ()) if wrong.sent_as.lower() in shown.lower()]
    if any(wrong.sent_as for wrong in mistaken):
        because = f'{coding.code} is {mistaken[0].really}, its display says "{shown[:_SHOWN]}"'
        return NoMeaning(code="display-names-another", because=because)
    read = _text(shown, shape, books)
    if not isinstance(read, Meaning) or read.word != meaning.word or read.value is None or meaning.value is None:
        return None
    if read.value.startswith(meaning.value) or meaning.value.startswith(read.value):
        return None
    because = f'{coding.code} stands for {meaning.value}, its display says "{shown[:_SHOWN]}"'
    return NoMeaning(code="display-names-another", because=because)


_NO_RESULT = frozenset({"unknown", "not-done", "not-applicable", "pending"})


def _word(value: str, shape: FactShape, books: Knowledge, row: CodeRow | None = None) -> Meaning | None:
    """The meaning of one of our words for this fact, or for the fact it belongs to otherwise."""
    basis = row.basis if row else None
    if value in shape.values:
        return Meaning(word=shape.word, value=value, basis=basis)
    other = books.facts.get(shape.otherwise) if shape.otherwise else None
    if other is not None and value in other.values:
        return Meaning(word=other.word, value=value, basis=basis)
    return None


def _written_category(coding: Coding, shape: FactShape) -> Meaning | NoMeaning | None:
    """A TNM category or stage group that is spelt as its own code (cancerstaging.org, UICC)."""
    return _category_text(coding.code, shape)


def _category_text(text: str, shape: FactShape) -> Meaning | NoMeaning | None:
    """The category or stage group that a text states; a suffix that nobody knows could change it, so that it is none."""
    category = category_in(text)
    if category is not None and category.value in shape.values:
        unknown = unknown_suffixes(category, shape.suffixes)
        if unknown:
            because = f'"{text[:_SHOWN]}": the suffix ({unknown[0]}) is not known and could change the category'
            return NoMeaning(code="unmapped-value", because=because)
        return Meaning(word=shape.word, value=category.value, basis=category.basis, suffixes=category.suffixes)
    stage = stage_in(text)
    if stage is not None and stage.value in shape.values:
        return Meaning(word=shape.word, value=stage.value, basis=stage.basis)
    return None


def with_suffixes(meaning: Meaning, suffixes: Collection[str], shape: FactShape) -> Meaning | NoMeaning:
    """The category with those of the suffixes sent beside it that are part of it, or why there is none such."""
    whole = with_parts(meaning.value or "", suffixes)
    return meaning.but(value=whole) if whole in shape.values else _not_ours(whole, shape)


def _text(text: str, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    """What a typed value means: a number, a known word, or one of the fact's own values."""
    if len(text) > _LONGEST:
        return NoMeaning(code="unmapped-value", because=f"a text of {len(text)} characters is no value of {shape.word}")
    if shape.kind is not FactKind.CATEGORY:
        return _number_text(text, shape, books)
    if not shape.values:
        return _any_word(Coded(text=text), shape)
    bare = _NOISE.sub("", text).lower()
    if text.strip() in shape.ambiguous:
        return NoMeaning(code="ambiguous-value", because=f'"{text}" could mean two things here; send the coded value')
    own = {value.lower(): value for value in shape.values}
    value = shape.texts.get(bare) or own.get(bare) or books.words.get(" ".join(text.lower().split())) or books.words.get(bare)
    meaning = _word(value, shape, books) if value else _category_text(text, shape)
    if meaning is not None:
        return meaning
    if value in _NO_RESULT:
        return NoMeaning(code="absent", because=f'no result: "{text}"')
    return _number_elsewhere(text, shape, books) or _not_ours(text, shape)


def _not_ours(text: str, shape: FactShape) -> NoMeaning:
    choices = ", ".join(shape.values[:8])
    return NoMeaning(code="unmapped-value", because=f'"{text[:_SHOWN]}" is not a value of {shape.word}; expected one of {choices}')


def _number_text(text: str, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    found = interval_in(text, ratios=shape.kind is FactKind.RATIO)
    if found is not None:
        return _measured(Measured(interval=found[0], unit=found[1]), shape, books)
    word = books.words.get(" ".join(text.lower().split()))
    if word in _NO_RESULT:
        return NoMeaning(code="absent", because=f'no result: "{text}"')
    return (_word(word, shape, books) if word else None) or NoMeaning(
        code="unmapped-value", because=f'"{text[:_SHOWN]}" is not a number; expected {_expected(shape)}'
    )


def _measured(value: Measured, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    if shape.kind is FactKind.CATEGORY:
        return _counted_category(value, shape, books)
    if value.unit in shape.odd_units:
        odd, bare = shape.odd_units[value.unit], _measured(Measured(interval=value.interval), shape, books)
        return bare.but(suffixes=(*bare.suffixes, odd)) if isinstance(bare, Meaning) else bare
    if not value.unit and _unit_is_needed(value.interval, shape):
        return NoMeaning(code="unit-missing", because=f"{value.interval} has no unit; expected {_expected(shape)}")
    strange = books.units.get(value.unit)
    if strange is not None and shape.kind in strange.factors and strange.facts and shape.word not in strange.facts:
        because = f'the unit "{value.unit}" belongs to {strange.facts[0]}, the code to {shape.word}'
        return NoMeaning(code="unit-contradicts-code", because=because)
    ours = in_our_unit(value.interval, value.unit, shape.kind, books.units) if value.unit else value.interval
    if ours is None:
        return NoMeaning(code="unknown-unit", because=f'the unit is "{value.unit[:_SHOWN]}", expected {_expected(shape)}')
    fault = _implausible(ours, shape)
    if fault:
        return NoMeaning(code="implausible-value", because=fault)
    whole = ours.in_whole_numbers() if shape.integers else ours
    return Meaning(word=shape.word, number=whole.within(shape.at_least, shape.up_to), suffixes=_kind_in(strange, shape))


def _kind_in(unit: Unit | None, shape: FactShape) -> tuple[str, ...]:
    """The kind of SUV that a unit names by belonging to it alone (`g/ml{SUVbw}`); most units do not say."""
    kinds = tuple(word for word in unit.facts if word.startswith(_SUV)) if unit is not None and shape.unit_names_kind else ()
    return kinds if len(kinds) == 1 else ()


_MEASURES = frozenset(
    {
        FactKind.LENGTH,
        FactKind.DURATION,
        FactKind.CONCENTRATION,
        FactKind.DENSITY,
        FactKind.ACTIVITY,
        FactKind.MASS,
        FactKind.UPTAKE,
        FactKind.GLYCOLYSIS,
    }
)


def _unit_is_needed(interval: Interval, shape: FactShape) -> bool:
    """A measure always needs its unit; a percentage at or below 1 without one could be a fraction."""
    if shape.kind in _MEASURES:
        return True
    exact = interval.exact
    return shape.kind is FactKind.PERCENT and exact is not None and Decimal(0) < exact <= Decimal(1)


def _implausible(number: Interval, shape: FactShape) -> str | None:
    low, high = number.low, number.high
    least, most = shape.at_least, shape.up_to
    if least is not None and (any(end is not None and end < least for end in (low, high)) or (high == least and not number.high_included)):
        return f"{number} is below {least}, the least {shape.word} there can be"
    if most is not None and (any(end is not None and end > most for end in (low, high)) or (low == most and not number.low_included)):
        return f"{number} is above {most}, the most {shape.word} there can be"
    if shape.integers and number.exact is not None and number.exact != number.exact.to_integral_value():
        return f"{number} is not a whole number; {shape.word} counts in whole numbers"
    return None


def _counted_category(value: Measured, shape: FactShape, books: Knowledge) -> Meaning | NoMeaning:
    """A number sent where a category is asked: a grade or a score; a percentage never is one."""
    if value.unit == "%":
        return NoMeaning(code="percent-on-presence-code", because=f"a percentage was sent where {shape.word} is asked")
    if value.unit and in_our_unit(value.interval, value.unit, FactKind.SCORE, books.units) is None:
        return NoMeaning(code="unknown-unit", because=f'the unit is "{value.unit[:_SHOWN]}", expected none for {shape.word}')
    exact = value.interval.exact
    if exact is None or exact != exact.to_integral_value():
        return NoMeaning(code="unmapped-value", because=f"{value.interval} is not a value of {shape.word}")
    return _text(f"{exact:f}".split(".")[0], shape, books)


def _number_elsewhere(text: str, shape: FactShape, books: Knowledge) -> Meaning | None:
    """A number that is no value of a category but is one of the fact it belongs to otherwise (a Nottingham sum of 7)."""
    other = books.facts.get(shape.otherwise) if shape.otherwise else None
    if other is None or other.kind is FactKind.CATEGORY:
        return None
    meaning = _number_text(text, other, books)
    return meaning if isinstance(meaning, Meaning) else None


def _expected(shape: FactShape) -> str:
    """What to send for this kind of fact, in words."""
    return {
        FactKind.LENGTH: "mm or cm",
        FactKind.DURATION: "min",
        FactKind.CONCENTRATION: "mg/dL or mmol/L",
        FactKind.DENSITY: "mutations per megabase",
        FactKind.ACTIVITY: "MBq",
        FactKind.MASS: "kg",
        FactKind.UPTAKE: "an SUV, such as g/ml or 1",
        FactKind.GLYCOLYSIS: "g (SUV times volume)",
        FactKind.PERCENT: "a percentage (unit %)",
        FactKind.COUNT: "a whole number",
        FactKind.RATIO: "a ratio without unit",
        FactKind.SCORE: "a number without unit",
        FactKind.CATEGORY: ", ".join(shape.values[:8]),
    }[shape.kind]
