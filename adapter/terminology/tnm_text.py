"""TNM categories and stage groups written as text: `cT1c(m)`, `pN1mi(sn)`, `ypT0`, `T4d`, `c3A`, `Stage IIB` (AJCC and UICC notation).

Senders use these forms as codes of cancerstaging.org and of the UICC; whether a category exists is decided by the books.
"""

from __future__ import annotations

import re
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
    """The category a text states, or None; `(i+)`, `(mol+)`, `(DCIS)` and `(Paget)` are part of the category, others are suffixes."""
    parts = _CATEGORY.match(text.strip()) if len(text) <= _LONGEST else None
    if parts is None:
        return None
    prefix, axis, value, tail = parts.groups()
    suffixes = [suffix.strip() for suffix in _SUFFIX.findall(tail)]
    named = [suffix for suffix in suffixes if suffix.lower() in ("i+", "mol+", "dcis", "paget")]
    spelt = axis.upper() + _spelt(value) + "".join(f"({_kind(suffix)})" for suffix in named)
    others = tuple(suffix.lower() for suffix in suffixes if suffix not in named)
    return Category(axis.upper(), spelt, basis_of(prefix), others)


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


def _kind(suffix: str) -> str:
    return {"dcis": "DCIS", "paget": "Paget"}.get(suffix.lower(), suffix.lower())
