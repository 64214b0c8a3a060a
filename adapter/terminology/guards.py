"""Why a code alone is not trusted: its check digit, and a display that names another analyte (wrong codes seen in real senders)."""

from __future__ import annotations

import re

from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import Knowledge
from adapter.knowledge.check_digits import is_well_formed
from adapter.knowledge.remembered import remembered

# The longest names of LOINC have some 250 letters; what stands further behind is no name.
_LONGEST = 500


def spelling_fault(coding: Coding, books: Knowledge) -> str | None:
    """A sentence on a code whose check digit is wrong, with what it was probably meant to be; None when it is right."""
    if is_well_formed(coding.system, coding.code):
        return None
    hint = "".join(f"; {wrong.really}" for wrong in books.wrong_codes.get((coding.system, coding.code), ()))
    return f"code {coding.code} of {coding.system} fails its check digit{hint}"


def foreign_name(code: Coded, topic: str, books: Knowledge) -> str | None:
    """The name of another analyte that a display or the text gives this code, or None when every name fits the topic."""
    ours, others = _patterns(topic, books)
    for name in _names(code):
        found = others.search(name)
        if found and not (ours is not None and ours.search(name)):
            return found.group(0)
    return None


@remembered
def names_an_analyte(code: Coded, books: Knowledge) -> bool:
    """True when a display or the text names something we interpret: an unknown code with such a name is worth an issue."""
    pattern = _any_name(books)
    return any(pattern.search(name) for name in _names(code))


def _names(code: Coded) -> list[str]:
    """Every display and the text, as far as a name can reach."""
    return [name[:_LONGEST] for name in (*(coding.display for coding in code.codings), code.text) if name]


@remembered
def _patterns(topic: str, books: Knowledge) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    ours = [name.word for name in books.names if name.topic == topic]
    others = [name.word for name in books.names if name.topic != topic and name.word not in ours] + list(books.foreign_names)
    return _whole_words(ours) if ours else None, _whole_words(others)


@remembered
def _any_name(books: Knowledge) -> re.Pattern[str]:
    # Two letters alone ("ER", "PR") name too much else to be worth an issue.
    return _whole_words([name.word for name in books.names if len(name.word) > 2])


def _whole_words(words: list[str]) -> re.Pattern[str]:
    choices = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])(?:{choices})(?![\w-])", re.IGNORECASE)
