"""TNM categories and stage groups written as text: `cT1c(m)`, `pN1mi(sn)`, `ypT0`, `T4d`, `c3A`, `Stage IIB` (AJCC and UICC notation).

Senders use these forms as codes of cancerstaging.org and of the UICC; whether a category exists is decided by the books.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from adapter.facts.vocabulary import Basis

_PREFIX = {
    "c": Basis.CLINICAL,
    "u": Basis.CLINICAL,
    "p": Basis.PATHOLOGICAL,
    "yc": Basis.POST_THERAPY_CLINICAL,
    "yp": Basis.POST_THERAPY_PATHOLOGICAL,
    "y": Basis.POST_THERAPY_PATHOLOGICAL,
    "r": Basis.RECURRENCE,
    "a": Basis.AUTOPSY,
}
_CATEGORY = re.compile(r"^(yp|yc|c|p|y|r|a|u)?\s*([tnm])\s*([0-4x](?:mi|[a-d])?|is)((?:\s*\([^()]*\))*)$", re.IGNORECASE)
_SUFFIX = re.compile(r"\(([^()]*)\)")
# What SNOMED CT adds to a name to say of which kind the concept is; it is no suffix.
_TAG = re.compile(r"\s*\((?:qualifier value|finding|tumor staging)\)$", re.IGNORECASE)
# Several suffixes may share one pair of parentheses; a slash between two numbers belongs to a count of nodes.
_BETWEEN = re.compile(r"[,;\s]+|/(?!\d)|(?<!\d)/")
_NUMBER = re.compile(r"\d+")
# Suffixes that are part of the category, as it is spelt with them.
_PARTS = {"mi": "mi", "i+": "(i+)", "mol+": "(mol+)", "dcis": "(DCIS)", "paget": "(Paget)", "lcis": "(LCIS)"}
_STAGE = re.compile(r"^(?:stage\s+)?(yp|yc|c|p|y)?\s*(?:(0)|(iv|iii|ii|i|[1-4])\s*([abc])?)$", re.IGNORECASE)
# No category is longer, and no pattern is tried on a text that is.
_LONGEST = 60
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV"}


class Category(NamedTuple):
    """A T, N or M category with the prefix and the suffixes that were written with it."""

    axis: str
    value: str
    basis: Basis
    suffixes: tuple[str, ...]


class Stage(NamedTuple):
    """A stage group in Roman figures with the prefix that was written with it."""

    value: str
    basis: Basis


def category_in(text: str) -> Category | None:
    """The category a text states, or None; suffixes such as `(mi)` and `(DCIS)` are part of it, the others stand beside it."""
    parts = _CATEGORY.match(_TAG.sub("", text.strip())) if len(text) <= _LONGEST else None
    if parts is None:
        return None
    prefix, axis, value, tail = parts.groups()
    suffixes = [suffix.lower() for inside in _SUFFIX.findall(tail) for suffix in _BETWEEN.split(inside) if suffix]
    spelt = with_parts(axis.upper() + _spelt(value), suffixes)
    return Category(axis.upper(), spelt, basis_of(prefix), tuple(suffix for suffix in suffixes if suffix not in _PARTS))


def with_parts(category: str, suffixes: Collection[str]) -> str:
    """The category as it is spelt with those of the suffixes that are part of it; whether there is such a one the books say."""
    return category + "".join(spelt for suffix, spelt in _PARTS.items() if suffix in suffixes)


def unknown_suffixes(category: Category, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The suffixes that are none of those known for categories that begin so; a number stands there as `#`."""
    fitting = {suffix for begins, suffixes in known.items() if category.value.startswith(begins) for suffix in suffixes}
    return tuple(suffix for suffix in category.suffixes if _NUMBER.sub("#", suffix) not in fitting)


def stage_in(text: str) -> Stage | None:
    """The stage group a text states, or None; Arabic figures become Roman."""
    parts = _STAGE.match(text.strip()) if len(text) <= _LONGEST else None
    if parts is None:
        return None
    prefix, zero, figure, letter = parts.groups()
    if zero:
        return Stage("0", basis_of(prefix))
    return Stage(_ROMAN.get(figure, figure.upper()) + (letter or "").upper(), basis_of(prefix))


def basis_of(prefix: str | None) -> Basis:
    """The classification a prefix stands for; no prefix is unspecified."""
    return _PREFIX.get((prefix or "").lower(), Basis.UNSPECIFIED)


def is_prefix(code: str) -> bool:
    """True for a code that is a TNM prefix by itself, as German senders put it into an extension."""
    return code.lower() in _PREFIX


def _spelt(value: str) -> str:
    return value.upper() if value.lower() == "x" else value.lower()
