"""One card of CDS Hooks 2.0: https://cds-hooks.hl7.org/2.0/#card-attributes (D4).

A card has no suggestion and there are no system actions: nothing is changed in the record by reading it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import uuid4

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from adapter.facts.frozen import Frozen

LONGEST_SUMMARY = 139


class Indicator(StrEnum):
    """How urgent a card is. Rules about a cancer are not urgent, so only data that could not be read raise it; `critical` is never used."""

    INFO = "info"
    WARNING = "warning"


class Wire(Frozen):
    """What goes out in the names of the standard."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Code(Wire):
    """A Coding of CDS Hooks."""

    system: str
    code: str
    display: str


class Origin(Wire):
    """Who says so: the rule set, with its address, and what the card is about."""

    label: str
    url: str
    topic: Code


class Link(Wire):
    """A page to open in a browser."""

    label: str
    url: str
    type: str = "absolute"


class Card(Wire):
    """What is shown to a clinician."""

    uuid: str = Field(default_factory=lambda: str(uuid4()))
    summary: str = Field(min_length=1, max_length=LONGEST_SUMMARY)
    detail: str = Field(min_length=1)
    indicator: Indicator
    source: Origin
    override_reasons: tuple[Code, ...] = Field(min_length=1)
    links: tuple[Link, ...] = Field(min_length=1)

    def said(self) -> dict[str, Any]:
        """The card as JSON; every part of it is there, so nothing of it is null or empty (D6)."""
        return self.model_dump(mode="json", by_alias=True)


def fitted(parts: list[str]) -> str:
    """As many of the parts, the most important first, as a summary has room for."""
    kept = parts[0][:LONGEST_SUMMARY]
    for part in parts[1:]:
        longer = f"{kept}; {part}"
        if len(longer) <= LONGEST_SUMMARY:
            kept = longer
    return kept
