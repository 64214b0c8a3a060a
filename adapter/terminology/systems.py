"""One spelling for each code system: senders write the same system in many ways."""

from __future__ import annotations

from collections.abc import Mapping

from adapter.facts.statements import Coding
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered


class Systems:
    """Knows every spelling in the books; `name` returns ours, unknown systems unchanged."""

    def __init__(self, variants: tuple[tuple[str, str], ...]) -> None:
        self._exact: Mapping[str, str] = {variant: system for variant, system in variants if not variant.endswith("*")}
        self._prefixes = tuple((variant[:-1], system) for variant, system in variants if variant.endswith("*"))

    def name(self, system: str) -> str:
        """The system's one name."""
        known = self._exact.get(system)
        if known is not None:
            return known
        return next((name for prefix, name in self._prefixes if system.startswith(prefix)), system)

    def coding(self, coding: Coding) -> Coding:
        """The same coding under the system's one name."""
        return coding._replace(system=self.name(coding.system))


@remembered
def systems_of(books: Knowledge) -> Systems:
    """The spellings that these books know."""
    return Systems(books.systems)
