"""How is it said in GitHub-flavored Markdown? Words of a sender stay text: no link, HTML or table comes out of them (D4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapter.fhir.outcome import clean

_MARKS = re.compile(r"([\\`*_{}\[\]<>|~#!&$@])")
# GFM makes links of bare addresses; a backslash inside stops it and is not shown.
_ADDRESSES = re.compile(r"(?i)(:)(?=//)|(?<=\bwww)(\.)")
_SPACES = re.compile(r"\s+")


def text(words: str) -> str:
    """Words as plain text on one line."""
    flat = _SPACES.sub(" ", clean(words))
    return _ADDRESSES.sub(r"\\\g<0>", _MARKS.sub(r"\\\1", flat))


def link(words: str, url: str) -> str:
    """Words that lead to an address of ours."""
    return f"[{text(words)}](<{url}>)"


def section(title: str, lines: Iterable[str]) -> str:
    """A heading with a list below it; nothing where there is nothing to list."""
    items = [f"- {line}" for line in lines]
    return "\n".join([f"**{title}**", "", *items]) if items else ""


def joined(parts: Iterable[str]) -> str:
    """The parts that are there, with an empty line between."""
    return "\n\n".join(part for part in parts if part)
