"""What do the books say, leafed through by a person? Topics, rules, tables, codes and sources as they are served, with a search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adapter.knowledge.books import Knowledge
from adapter.knowledge.indications import Hint, Wanted
from adapter.knowledge.shapes import CodeRow, Context, Drug, FactShape, Rule, Source, Topic
from adapter.page.tables import TableView, table_view
from adapter.wording import either, plain, stretch

MOST_HITS = 100


class Line(NamedTuple):
    """Something that can be opened: its address inside the desk, its name, and what it says of itself."""

    where: str
    name: str
    text: str


class Shelf(NamedTuple):
    """Topics whose folders lie in the same place."""

    name: str
    topics: tuple[Line, ...]


class Code(NamedTuple):
    """One line of a code map."""

    row: CodeRow
    system: str
    code: str


class RulePage(NamedTuple):
    """One rule with everything that it decides by."""

    rule: Rule
    topic: Topic
    result: str
    source: Source
    bands: tuple[tuple[str, str, tuple[str, ...]], ...]
    table: TableView | None
    numbers: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str], ...]
    schemes: tuple[Line, ...]
    beside: tuple[Line, ...]
    cases: tuple[str, ...]


class TopicPage(NamedTuple):
    """One folder: what it reads, what it decides, and where that stands."""

    topic: Topic
    folder: str
    rules: tuple[Line, ...]
    facts: tuple[FactShape, ...]
    codes: tuple[Code, ...]
    drugs: tuple[Drug, ...]
    contexts: tuple[Context, ...]
    sources: tuple[Source, ...]


class Hits(NamedTuple):
    """What a search found, at most so many of each kind, and how many there were."""

    text: str
    rules: tuple[Line, ...]
    codes: tuple[Code, ...]
    drugs: tuple[Drug, ...]
    sources: tuple[Source, ...]
    found: int


def shelves(books: Knowledge) -> tuple[Shelf, ...]:
    """Every topic, by the first part of its folder."""
    found: dict[str, list[Line]] = {}
    for topic in books.topics.values():
        rules = sum(books.rule_topic[rule] == topic.topic for rule in books.rules)
        text = {0: "", 1: "1 rule"}.get(rules, f"{rules} rules")
        found.setdefault(folder_of(topic, books).partition("/")[0], []).append(Line(f"topics/{topic.topic}", topic.title, text))
    return tuple(Shelf(plain(name), tuple(lines)) for name, lines in found.items())


def folder_of(topic: Topic, books: Knowledge) -> str:
    """The folder of a topic under mappings/: of its rules, of its codes, else the one that has its name."""
    rules = (rule.folder for name, rule in books.rules.items() if books.rule_topic[name] == topic.topic)
    codes = (one.row.folder for one in _codes(books) if one.row.folder.rpartition("/")[2] == topic.topic)
    return next(rules, None) or next(codes, topic.topic)


def topic_page(books: Knowledge, name: str) -> TopicPage | None:
    """One topic, or None where there is no such one."""
    topic = books.topics.get(name)
    if topic is None:
        return None
    rules = [rule for rule in books.rules.values() if books.rule_topic[rule.id] == name]
    words = {fact.word for fact in topic.facts}
    folder = folder_of(topic, books)
    codes = tuple(one for one in _codes(books) if one.row.folder == folder or words & set(one.row.fact.split()))
    named = [*(rule.source for rule in rules), *(fact.source for fact in topic.facts), *(one.row.source for one in codes)]
    named += [*(one.source for one in topic.contexts), *(drug.source for drug in topic.drugs)]
    sources = tuple(books.sources[source] for source in dict.fromkeys(named))
    lines = tuple(_rule_line(rule) for rule in rules)
    return TopicPage(topic, folder, lines, topic.facts, codes, topic.drugs, topic.contexts, sources)


def rule_page(books: Knowledge, name: str, row: str = "") -> RulePage | None:
    """One rule, the given row of its table marked; None where there is no such rule."""
    rule = books.rules.get(name)
    if rule is None:
        return None
    shape = books.outputs.results.get(rule.result) if rule.result else None
    table = books.tables.get(name)
    return RulePage(
        rule=rule,
        topic=books.topics[books.rule_topic[name]],
        result=shape.display if shape else "",
        source=books.sources[rule.source],
        bands=tuple((stretch(band), band.says, band.flags) for band in rule.bands),
        table=table_view(table, row, {name: topic.title for name, topic in books.topics.items()}) if table else None,
        numbers=tuple((plain(key), str(number)) for key, number in rule.numbers.items()),
        words=tuple((plain(key), ", ".join(words)) for key, words in rule.words.items()),
        conditions=tuple(_conditions(rule.hint, books)) if rule.hint else (),
        schemes=tuple(_schemes(rule, books)),
        beside=tuple(_rule_line(other) for other in books.rules.values() if other.folder == rule.folder and other.id != name),
        cases=tuple(case.name for case in books.cases if case.folder == rule.folder),
    )


def hits(books: Knowledge, text: str) -> Hits:
    """Everything in which each word of the text stands, in whatever order."""
    words = text.casefold().split()
    rules = [_rule_line(rule) for rule in books.rules.values() if _stands(words, rule.id, rule.question, rule.note)]
    codes = [one for one in _codes(books) if _stands(words, one.code, one.row.display, one.row.fact, one.row.value, one.row.note)]
    drugs = [drug for drug in books.drugs.values() if _stands(words, drug.drug, *drug.names, *drug.classes)]
    sources = [one for one in books.sources.values() if _stands(words, one.id, one.title, one.citation)]
    found = len(rules) + len(codes) + len(drugs) + len(sources)
    kept = (tuple(rules[:MOST_HITS]), tuple(codes[:MOST_HITS]), tuple(drugs[:MOST_HITS]), tuple(sources[:MOST_HITS]))
    return Hits(text, *kept, found)


def _stands(words: Iterable[str], *texts: str) -> bool:
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words)


def _rule_line(rule: Rule) -> Line:
    return Line(f"rules/{rule.id}", rule.id, rule.question)


def _codes(books: Knowledge) -> Iterator[Code]:
    for maps in books.codes.values():
        for (system, code), rows in maps.items():
            yield from (Code(row, system, code) for row in rows)


def _schemes(rule: Rule, books: Knowledge) -> Iterator[Line]:
    """The schemes that stand beside this one."""
    for scheme, other in books.schemes.get(rule.choice or "", {}).items():
        is_default = " (default)" if books.rules[other].default else ""
        yield Line(f"rules/{other}", f"{scheme}{is_default}", books.rules[other].question)


def _conditions(hint: Hint, books: Knowledge) -> Iterator[tuple[str, str]]:
    """Whom a published indication describes, in words."""
    named = [("must hold", hint.must), ("also asked for", hint.also), *(("one of", one) for one in hint.either)]
    named += [("narrower in another source", one) for one in hint.narrower]
    named += [("on a limit", hint.boundary)] if hint.boundary else []
    for how, wanted in named:
        yield from ((how, line) for line in _wanted(wanted, books))


def _wanted(wanted: Wanted, books: Knowledge) -> Iterator[str]:
    for circumstance, values in wanted.items():
        yield f"{books.circumstances[circumstance].label}: {either([plain(value) for value in values])}"
