"""Who made each rule set, from which sources, and what of a patient does it use? The source attributes of 45 CFR 170.315(b)(11) (H2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from pydantic import BaseModel

from adapter.facts.frozen import Frozen
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import Making, Publication, Rule, Source, Topic

__all__ = ["WHOLE", "Making", "Published", "RuleSet", "published"]

# The name of the rule set that is composed of all others.
WHOLE = "knowledge"


class RuleSet(Frozen):
    """One topic with rules or cited sentences: what it answers, who made it, when, from what, and how it uses each attribute of a patient.

    `reviewed_on` is the day since which every rule of it has been held against its source.
    """

    id: str
    title: str
    questions: tuple[str, ...]
    made: Making
    reviewed_on: date
    sources: tuple[Source, ...]
    licences: tuple[str, ...]
    status: str
    uses: dict[str, str]


class Published(Frozen):
    """Every rule set, the one that is composed of them all, and what they have in common."""

    publication: Publication
    sets: tuple[RuleSet, ...]
    whole: RuleSet

    def of(self, topic: str) -> RuleSet:
        """The rule set of this topic."""
        return next(one for one in self.sets if one.id == topic)


def published(books: Knowledge) -> Published:
    """The rule sets of these books."""
    rules: dict[str, list[Rule]] = {}
    for name, rule in books.rules.items():
        rules.setdefault(books.rule_topic[name], []).append(rule)
    topics = (topic for topic in books.topics.values() if topic.topic in rules or topic.contexts)
    sets = tuple(_rule_set(topic, rules.get(topic.topic, ()), books) for topic in topics)
    return Published(publication=books.publication, sets=sets, whole=_whole(sets, books.publication))


def _rule_set(topic: Topic, rules: Sequence[Rule], books: Knowledge) -> RuleSet:
    # The words of facts are only read with; what follows rests on the sources of everything else.
    sources = tuple(books.sources[name] for name in dict.fromkeys(_named(topic.model_copy(update={"facts": ()}))))
    checked = [rule.checked_on for rule in rules] or [source.checked_on for source in sources]
    licences = [topic.licence, *(rule.licence for rule in rules)]
    return RuleSet(
        id=topic.topic,
        title=topic.title,
        questions=tuple(rule.question for rule in rules),
        made=topic.attributes.made or books.publication.made,
        reviewed_on=min(checked),
        sources=sources,
        licences=tuple(dict.fromkeys(licence for licence in licences if licence)),
        status=topic.status,
        uses=topic.attributes.uses,
    )


def _whole(sets: Iterable[RuleSet], common: Publication) -> RuleSet:
    """All sets as one: it uses what any of them uses."""
    kept = list(sets)
    uses: dict[str, list[str]] = {}
    for one in kept:
        for word in one.uses:
            uses.setdefault(word, []).append(one.id)
    return RuleSet(
        id=WHOLE,
        title="All rule sets",
        questions=(),
        made=common.made,
        reviewed_on=min(one.reviewed_on for one in kept),
        sources=(),
        licences=tuple(dict.fromkeys(licence for one in kept for licence in one.licences)),
        status="",
        uses={word: f"By {', '.join(names)}." for word, names in uses.items()},
    )


def _named(part: BaseModel) -> Iterator[str]:
    """Every source that a topic and anything in it names: rules, rows of tables, sentences, indications, tests, tracer, drugs."""
    for name, value in part:
        if name == "source":
            yield value
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                yield from _named(inner)
