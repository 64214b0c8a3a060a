"""What are cards made from, and where do their links lead?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from adapter.cards.card import Card, Code, Indicator, Link, Origin, fitted
from adapter.cards.markdown import joined, link, section, text
from adapter.facts.answers import Answer, Undetermined
from adapter.facts.case import Case, Issue
from adapter.facts.vocabulary import Kind, Result, Severity
from adapter.fhir.identifiers import result_identifier
from adapter.knowledge.books import Knowledge
from adapter.knowledge.rule_sets import WHOLE
from adapter.pipeline import Reply, Request
from adapter.wording import value

_ISSUES_SHOWN = 10
INTERPRETATION, INDICATION, INCOMPLETE = "interpretation", "published-indication", "incomplete-data"


class Addresses(NamedTuple):
    """Every address of this service that a card leads to, made in this one place.

    `page` is that of the patient, where this service has one and it shows the server that the client speaks of.
    """

    base: str
    page: str = ""

    def rules_of(self, topic: str) -> str:
        """The rule set with its sources and source attributes (H2)."""
        return f"{self.base}/fhir/Library/{topic}"

    def answer(self, topic: str, identifier: str) -> str:
        """Where the basis of an answer is explained; the anchor is the lasting identifier of the answer."""
        return f"{self.page or self.rules_of(topic)}#{identifier}"

    def rule(self, topic: str, rule: str) -> str:
        """Where a rule is explained, whether or not an answer rests on it."""
        return f"{self.rules_of(topic)}#{rule}"


class Scene(NamedTuple):
    """One call: what was answered, from which books and how, what could not be read, and where we are."""

    reply: Reply
    books: Knowledge
    request: Request
    unread: Sequence[Issue]
    addresses: Addresses

    @property
    def indicator(self) -> Indicator:
        """A warning only where an answer may be missing or may change for want of data."""
        is_broken = any(issue.severity is Severity.ERROR for issue in self.reply.issues)
        return Indicator.WARNING if self.unread or is_broken else Indicator.INFO

    def rule_set(self, rules: Iterable[str]) -> str:
        """The topic that all of these rules belong to, or the whole."""
        topics = {self.books.rule_topic.get(rule, WHOLE) for rule in rules}
        return topics.pop() if len(topics) == 1 else WHOLE

    def basis_of(self, case: Case, answer: Answer) -> str:
        """Where the basis of an answer is explained."""
        anchor = result_identifier(self.books.canonical, case, answer.about)["value"]
        return self.addresses.answer(self.rule_set([answer.rule]), anchor)

    def card(self, topic: str, summary: list[str], blocks: Iterable[str], rules: Sequence[str], links: Sequence[Link]) -> Card:
        """A card about this topic; what could not be read stands before everything else."""
        rule_set = self.rule_set(rules)
        url = self.addresses.rules_of(rule_set)
        parts = [*([unread_block(self.unread)] if self.unread else []), *blocks, self._closing()]
        return Card(
            summary=fitted(summary),
            detail=joined(parts),
            indicator=self.indicator,
            source=Origin(label=self._label(rule_set), url=url, topic=self._topic(topic)),
            override_reasons=tuple(
                self._code("override-reason", one.code, one.display) for one in self.books.outputs.cards.override_reasons
            ),
            links=tuple(links) or (Link(label="Rules and sources", url=url),),
        )

    def _label(self, rule_set: str) -> str:
        name = self.books.topics[rule_set].title if rule_set != WHOLE else "published rules and sources"
        return f"{self.books.outputs.device.display}: {name}"

    def _topic(self, code: str) -> Code:
        display = next(one.display for one in self.books.outputs.cards.topics if one.code == code)
        return self._code("card-topic", code, display)

    def _code(self, system: str, code: str, display: str) -> Code:
        return Code(system=f"{self.books.canonical}/CodeSystem/{system}", code=code, display=display)

    def _closing(self) -> str:
        usage = "Decision support for a clinician to review; it does not direct treatment. For research and integration testing."
        return text(f"Rules {self.books.version}. {usage}")


def unread_block(issues: Iterable[Issue]) -> str:
    """What could not be read, so that a reader knows what an answer does not rest on."""
    return section("Not everything could be read; what is said may be incomplete", (text(issue.text) for issue in issues))


def used_block(reply: Reply) -> str:
    """What was sent and could not be used, the worst first; the rest is counted."""
    found = [issue for issue in reply.issues if issue.severity is not Severity.INFORMATION]
    ranked = sorted(found, key=lambda issue: list(Severity).index(issue.severity))
    lines = [f"{text(issue.place.reference) if issue.place else ''}: {text(issue.text)}".removeprefix(": ") for issue in ranked]
    more = len(lines) - _ISSUES_SHOWN
    return section("Sent and not used", [*lines[:_ISSUES_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def missing_lines(case: Case, answers: Iterable[Answer], scene: Scene) -> list[str]:
    """The recommended tests that are not on file, each with the reason and the way to its basis."""
    found = [answer for answer in answers if answer.about.result is Result.MISSING_TEST]
    return [f"{shown(case, answer, scene)}: {text(answer.because)}" for answer in found]


def shown(case: Case, answer: Answer, scene: Scene) -> str:
    """The value of an answer, leading to its basis."""
    return link(value(answer, scene.books), scene.basis_of(case, answer))


def is_open(answer: Answer) -> bool:
    """Whether medicine cannot tell; what does not apply is no open question."""
    return isinstance(answer, Undetermined) and answer.kind is not Kind.NOT_APPLICABLE


def is_aside(answer: Answer) -> bool:
    """Whether the question does not arise for this patient."""
    return isinstance(answer, Undetermined) and answer.kind is Kind.NOT_APPLICABLE
