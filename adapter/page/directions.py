"""How do words from right to left stand in a page from left to right without moving what is beside them? (Unicode Annex 9)"""

from __future__ import annotations

import re

# Marks, embeddings, overrides and isolates: one that comes from outside could turn the numbers after it around.
_CONTROLS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RUN = re.compile(f"{_LETTER}+(?:[^\\w<>]+{_LETTER}+)*")
_FIRST_STRONG, _POP = "\u2068", "\u2069"


def in_place(text: str) -> str:
    """The text without control characters of direction, and with each run from right to left isolated from the rest."""
    return _RUN.sub(lambda run: f"{_FIRST_STRONG}{run.group()}{_POP}", text.translate(_CONTROLS))
