"""What does a search ask for? The filters, and how much of what fits is shown: https://hl7.org/fhir/R4/search.html.

A modifier that we do not support is refused, because an answer without it would hold what the caller has excluded. A parameter that we do
not know is passed over and left out of the links, unless the caller is strict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from adapter.facts.frozen import Frozen
from adapter.fhir.conformance import SEARCHABLE
from adapter.fhir.parameters import refuse, refuse_unknown
from adapter.web.parameters import GENERAL

# How much is shown; `_offset` is a word of ours that stands in our links.
SHOWN = {"_count", "_offset", "_summary"}
KNOWN = {*SEARCHABLE, *SHOWN, *GENERAL}
# A summary of a definition may be the whole of it; the number alone may not (R4 search: _summary).
_SUMMARIES = {"true", "text", "data", "count", "false"}
_FOLLOWED = {"count", "false"}
_MOST_INTEGER = 2_147_483_647
# Only what can be a modifier is repeated to the caller.
_MODIFIER = re.compile(r"[A-Za-z-]{1,40}")


class Search(Frozen):
    """The filters in their order, and which part of what fits is shown; `only_total` is the number and nothing else."""

    filters: tuple[tuple[str, str], ...]
    count: int | None = None
    offset: int = 0
    summary: str = ""

    @property
    def only_total(self) -> bool:
        """Whether the number is all that is wanted (R4 search: `_count=0` is `_summary=count`)."""
        return self.count == 0 or self.summary == "count"

    def found(self, among: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """What fits every filter; a parameter that stands twice has to fit twice."""
        wanted = [(SEARCHABLE[name], frozenset(value.split(","))) for name, value in self.filters]
        return [one for one in among if all(one[element] in values for element, values in wanted)]

    def shown(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The part of what was found that goes into this answer."""
        return [] if self.only_total else found[self.offset : None if self.count is None else self.offset + self.count]

    def links(self, address: str, total: int) -> dict[str, str]:
        """The links of the answer: itself, with what was really used, and what comes next where something does."""
        links = {"self": self._link(address, self.offset)}
        if self.count and not self.only_total and self.offset + self.count < total:
            links["next"] = self._link(address, self.offset + self.count)
        return links

    def _link(self, address: str, offset: int) -> str:
        used: list[tuple[str, object]] = [*self.filters]
        used += [("_summary", self.summary)] if self.summary else []
        used += [("_count", self.count)] if self.count is not None else []
        used += [("_offset", offset)] if offset else []
        return f"{address}?{urlencode(used)}" if used else address


def search_of(given: list[tuple[str, str]], *, is_strict: bool) -> Search:
    """What is asked by these parameters; refuses a modifier, a number that is none, and with `is_strict` whatever is not followed."""
    for name, _ in given:
        _refuse_modifier(name)
    if is_strict:
        refuse_unknown((name for name, _ in given), KNOWN)
    once = {name: _once(name, [value for other, value in given if other == name]) for name in SHOWN}
    filters = tuple((name, value) for name, value in given if name in SEARCHABLE)
    summary = _summary(once["_summary"], is_strict=is_strict)
    return Search(filters=filters, count=_whole("_count", once["_count"]), offset=_whole("_offset", once["_offset"]) or 0, summary=summary)


def _refuse_modifier(written: str) -> None:
    name, colon, modifier = written.partition(":")
    if not colon or name not in KNOWN:
        return
    told = written if _MODIFIER.fullmatch(modifier) else f"{name}:"
    refuse("not-supported", f"{told} has a modifier, and this search supports none; send {name} without it")


def _once(name: str, values: list[str]) -> str | None:
    if len(values) > 1:
        refuse("duplicate", f"the parameter {name} is given more than once")
    return values[0] if values else None


def _whole(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > _MOST_INTEGER:
        refuse("unknown-value", f"{name} is a whole number from 0 to {_MOST_INTEGER}")
    return int(text)


def _summary(text: str | None, *, is_strict: bool) -> str:
    """The summary that is followed; another one that R4 has is passed over, as R4 allows, unless the caller is strict."""
    if text is None or text in _FOLLOWED:
        return text or ""
    if is_strict or text not in _SUMMARIES:
        refuse("unknown-value", f"_summary is {' or '.join(sorted(_FOLLOWED))} here")
    return ""
