"""Where on the page does an answer or a rule stand? The names that links such as those of a card may rest on."""

from __future__ import annotations

from adapter.facts.answers import About
from adapter.facts.case import Case
from adapter.fhir.identifiers import result_identifier


def answer_anchor(canonical: str, case: Case, about: About) -> str:
    """The anchor of an answer: the value of the lasting identifier that its Observation carries."""
    return result_identifier(canonical, case, about)["value"]


def rule_anchor(rule: str) -> str:
    """The anchor of a rule: its id, once on a page however many answers rest on it."""
    return rule
