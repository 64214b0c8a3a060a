"""Which example patients are at hand? The fixtures of a checkout, or the few that an installed package carries."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import adapter

# The ones that show most at a first look, in the order in which to look at them.
_FIRST = (
    "her2-positive-fdg-response",
    "missing-grade",
    "pet-fes-fdg-heterogeneity",
    "er-loss-liver-metastasis",
    "bilateral",
    "pet-uptake-time-refused",
)
_INPUT, _README = "input.json", "README.md"
_MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[`*]")


class Example(NamedTuple):
    """One synthetic patient: its name in an address, its title, and what it shows."""

    name: str
    title: str
    shows: str
    is_first: bool


def examples() -> tuple[Example, ...]:
    """Every example, the ones to begin with first; none where neither a checkout nor the package holds any."""
    return _read(_folder())


def example(name: str) -> bytes | None:
    """The Bundle of an example, or None where there is none of that name."""
    known = {one.name for one in examples()}
    return (_folder() / name / _INPUT).read_bytes() if name in known else None


def _folder() -> Path:
    package = Path(adapter.__file__).parent
    installed = package / "_examples"
    return installed if installed.is_dir() else package.parent / "fixtures"


@cache
def _read(folder: Path) -> tuple[Example, ...]:
    found = [_example(path.parent) for path in sorted(folder.glob(f"*/{_INPUT}")) if (path.parent / _README).is_file()]
    return tuple(sorted(found, key=lambda one: _FIRST.index(one.name) if one.is_first else len(_FIRST)))


def _example(folder: Path) -> Example:
    """The title of its README, and the first words under it."""
    paragraphs = [part.strip() for part in (folder / _README).read_text(encoding="utf-8").split("\n\n")]
    title = paragraphs[0].removeprefix("# ")
    told = next((part for part in paragraphs[1:] if not part.startswith(("**", "-", "#"))), "")
    shows = " ".join(_MARKUP.sub(lambda match: match.group(1) or "", told).split())
    return Example(folder.name, title, shows, folder.name in _FIRST)
