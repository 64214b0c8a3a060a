"""Do the books hold together? Sources named, bands that meet, tables that are partitions, codes spelt right."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from adapter.facts.vocabulary import Circumstance, Result
from adapter.knowledge.check_digits import is_well_formed
from adapter.knowledge.indications import CircumstanceShape, Wanted
from adapter.knowledge.rule_sets import WHOLE
from adapter.knowledge.shapes import Band, CodeRow, FactShape, Publication, Rule, Source, Topic, Tracer
from adapter.knowledge.tables import unknown_words

End = tuple[Decimal, bool]


def band_problems(bands: tuple[Band, ...]) -> list[str]:
    """Every gap and overlap between neighbouring bands, and every band with no or two ends on one side."""
    problems = [f"band {band.says} has two ends on one side" for band in bands if _twice_bounded(band)]
    for lower, upper in itertools.pairwise(bands):
        end, start = _upper(lower), _lower(upper)
        if end is None or start is None:
            problems.append(f"bands {lower.says} and {upper.says} do not meet: one of them has no end there")
        elif end[0] < start[0] or (end[0] == start[0] and not end[1] and not start[1]):
            problems.append(f"gap between band {lower.says} and band {upper.says} at {end[0]}")
        elif end[0] > start[0] or (end[1] and start[1]):
            problems.append(f"overlap of band {lower.says} and band {upper.says} at {start[0]}")
    if bands and (_lower(bands[0]) is not None or _upper(bands[-1]) is not None):
        problems.append("the first band must be open below and the last band open above")
    return problems


def _twice_bounded(band: Band) -> bool:
    return (band.below is not None and band.up_to is not None) or (band.above is not None and band.at_least is not None)


def _upper(band: Band) -> End | None:
    if band.up_to is not None:
        return band.up_to, True
    return None if band.below is None else (band.below, False)


def _lower(band: Band) -> End | None:
    if band.at_least is not None:
        return band.at_least, True
    return None if band.above is None else (band.above, False)


def rule_problems(rule: Rule, facts: Mapping[str, FactShape], sources: Mapping[str, Source]) -> list[str]:
    """Everything that is wrong with one rule by itself; the partition proof is made where the table is compiled."""
    found = [f"source {rule.source} is not in sources.toml"] if rule.source not in sources else []
    found += [f"row {row.id}: source {row.source} is not in sources.toml" for row in rule.rows if row.source not in sources]
    if rule.operator == "cutoff":
        found += ["a cutoff needs bands"] if not rule.bands else band_problems(rule.bands)
        if rule.fact is not None and rule.fact not in facts:
            found.append(f"fact {rule.fact} is not declared in any topic")
    if rule.operator == "table":
        found += ["a table needs a file and inputs"] if not (rule.rows and rule.inputs) else unknown_words(rule)
        names = [row.id for row in rule.rows]
        found += [f"row name {name} is used twice" for name in sorted({name for name in names if names.count(name) > 1})]
    return [f"{rule.folder}: rule {rule.id}: {problem}" for problem in found]


def code_problems(rows: Iterable[CodeRow], facts: Mapping[str, FactShape], sources: Mapping[str, Source]) -> list[str]:
    """Wrong check digits, unknown facts and values, missing sources, and one code that stands for two words."""
    problems: list[str] = []
    seen: dict[tuple[str, str, str, str], CodeRow] = {}
    for row in rows:
        where = f"{row.folder}/codes.csv: {row.system} {row.code}"
        if not is_well_formed(row.system, row.code):
            problems.append(f"{where}: the check digit is wrong")
        if row.source not in sources:
            problems.append(f"{where}: source {row.source!r} is not in sources.toml")
        problems += [f"{where}: {problem}" for problem in _word_problems(row, facts)]
        first = seen.setdefault((row.role, row.system, row.code, row.fact), row)
        if first is not row:
            problems.append(f"{where}: stands twice as {row.role} for {row.fact} (also in {first.folder})")
    return problems


_ROLES = {"observation", "value", "condition", "site", "qualifier", "method", "procedure", "absent", "interpretation", "not-used"}


def _word_problems(row: CodeRow, facts: Mapping[str, FactShape]) -> list[str]:
    if row.role not in _ROLES:
        return [f"role {row.role} is none of {', '.join(sorted(_ROLES))}"]
    if row.role == "observation":
        return [] if row.fact in facts or row.fact == "panel" else [f"fact {row.fact} is not declared in any topic"]
    if row.role not in {"value", "procedure"} or row.fact == "*":
        return []
    unknown = [word for word in row.fact.split() if word not in facts]
    misfits = [word for word in row.fact.split() if word in facts and facts[word].values and row.value not in facts[word].values]
    return [f"fact {word} is not declared in any topic" for word in unknown] + [
        f"{row.value} is not a value of {word}" for word in misfits if facts[word].otherwise is None
    ]


def topic_problems(topics: Iterable[Topic], sources: Mapping[str, Source]) -> list[str]:
    """Fact words and rule names that stand twice, and context sentences without a source."""
    problems: list[str] = []
    words: dict[str, str] = {}
    rules: dict[str, str] = {}
    tracers: dict[str, str] = {}
    kept = list(topics)
    declared = {shape.word for topic in kept for shape in topic.facts}
    for topic in kept:
        if topic.tracer is not None:
            problems += _tracer(topic.tracer, topic.topic, tracers, sources)
        for shape in topic.facts:
            problems += _twice(words, shape.word, topic.topic, "fact")
            problems += [f"{topic.topic}: fact {shape.word}: {problem}" for problem in _fact(shape, declared, sources)]
        for rule in topic.rules:
            problems += _twice(rules, rule.id, topic.topic, "rule")
        problems += [f"{topic.topic}: drug {drug.drug}: {fault}" for drug in topic.drugs for fault in _unknown_source(drug.source, sources)]
        problems += [
            f"{topic.topic}: context {context.id}: {problem}"
            for context in topic.contexts
            for problem in _unknown_source(context.source, sources)
        ]
    return problems


def _twice(seen: dict[str, str], word: str, topic: str, label: str) -> list[str]:
    if word in seen:
        return [f"{topic}: {label} {word} is already declared in {seen[word]}"]
    seen[word] = topic
    return []


def _tracer(tracer: Tracer, topic: str, seen: dict[str, str], sources: Mapping[str, Source]) -> list[str]:
    found = [f"{topic}: tracer: {problem}" for problem in _unknown_source(tracer.source, sources)]
    found += [problem for word in tracer.words for problem in _twice(seen, word, topic, "tracer")]
    strange = [(text, word) for text, word in tracer.texts.items() if word not in tracer.words]
    return found + [f"{topic}: tracer: the text {text} stands for {word}, which is not one of its words" for text, word in strange]


def _fact(shape: FactShape, declared: Collection[str], sources: Mapping[str, Source]) -> list[str]:
    found = [] if shape.source in sources else [f"source {shape.source} is not in sources.toml"]
    if shape.rest is not None and shape.rest not in shape.values:
        found.append(f"rest {shape.rest} is not one of its values")
    strange = [value for value in shape.texts.values() if shape.values and value not in shape.values and not shape.of_tracers]
    found += [f"a text stands for {value}, which is not one of its values" for value in strange]
    return found + ([f"fact {shape.otherwise} is not declared in any topic"] if shape.otherwise and shape.otherwise not in declared else [])


def _unknown_source(source: str, sources: Mapping[str, Source]) -> list[str]:
    return [] if source in sources else [f"source {source} is not in sources.toml"]


def condition_problems(topics: Iterable[Topic], circumstances: Mapping[Circumstance, CircumstanceShape]) -> list[str]:
    """Every circumstance without a shape, and every condition that names a word which its circumstance never has."""
    problems = [f"circumstances.toml: {name} is missing" for name in Circumstance if name not in circumstances]
    for place, wanted in _conditions(topics):
        for name, words in wanted.items():
            shape = circumstances.get(name)
            strange = [word for word in words if shape is not None and shape.values and word not in shape.values]
            problems += [f"{place}: {word} is no value of {name}" for word in strange]
    return problems


def _conditions(topics: Iterable[Topic]) -> Iterable[tuple[str, Wanted]]:
    """Every set of conditions in the books, with where it stands."""
    for topic in topics:
        for context in topic.contexts:
            yield from ((f"{topic.topic}: context {context.id}", wanted) for wanted in (context.when, context.unless))
        for hint in topic.hints:
            yield from ((f"{topic.topic}: hint {hint.id}", wanted) for wanted in hint.conditions)
        for test in topic.tests:
            yield from ((f"{topic.topic}: test {test.id}", wanted) for wanted in (test.when, test.unless))


def indication_problems(
    topics: Iterable[Topic], sources: Mapping[str, Source], drugs: Collection[str], answers: Mapping[Result, frozenset[str]]
) -> list[str]:
    """Hints without a source or with an unknown drug, and tests without a source or that are no answer."""
    problems = []
    for topic in topics:
        for hint in topic.hints:
            problems += [f"{topic.topic}: hint {hint.id}: {problem}" for problem in _unknown_source(hint.source, sources)]
            problems += [f"{topic.topic}: hint {hint.id}: drug {drug} is in no drugs.csv" for drug in hint.drugs if drug not in drugs]
            if hint.kind == "therapy" and any(Circumstance.HISTOLOGY in wanted for wanted in hint.conditions):
                problems.append(f"{topic.topic}: hint {hint.id}: no indication of a therapy may depend on histology")
        for test in topic.tests:
            problems += [f"{topic.topic}: test {test.id}: {problem}" for problem in _unknown_source(test.source, sources)]
            if test.id not in answers.get(Result.MISSING_TEST, ()):
                problems.append(f"{topic.topic}: test {test.id} is no answer of {Result.MISSING_TEST}")
    return problems


def result_problems(rules: Iterable[Rule], answers: Mapping[Result, frozenset[str]]) -> list[str]:
    """Every rule that says an answer word which the outputs do not know for its result."""
    problems = []
    for rule in rules:
        if rule.result is None:
            continue
        said = {band.says for band in rule.bands} | {row.says for row in rule.rows if row.kind is None}
        problems += [
            f"{rule.folder}: rule {rule.id}: {word} is not an answer of {rule.result}"
            for word in sorted(said - answers.get(rule.result, frozenset()))
        ]
    return problems


# A topic is the id of a FHIR resource (R4 datatypes, id).
_RESOURCE_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def publication_problems(publication: Publication, topics: Iterable[Topic], sources: Mapping[str, Source]) -> list[str]:
    """Attributes without a source, uses of an attribute that nobody declared, and topics whose name cannot be served."""
    known = {one.word for one in publication.attributes}
    found = [
        f"publication.toml: attribute {one.word}: {fault}"
        for one in publication.attributes
        for fault in _unknown_source(one.source, sources)
    ]
    for topic in topics:
        if topic.topic == WHOLE or not _RESOURCE_ID.fullmatch(topic.topic):
            found.append(f"{topic.topic}: a topic is named with up to 64 letters, digits, hyphens and dots, and not {WHOLE}")
        strange = sorted(topic.attributes.uses.keys() - known)
        found += [f"{topic.topic}: attribute {word} is not declared in publication.toml" for word in strange]
    return found


def source_problems(named: Iterable[tuple[str, str]], sources: Mapping[str, Source]) -> list[str]:
    """Every source that is named in a place, as (place, source), and stands in no sources.toml."""
    return [f"{place}: source {source} is not in sources.toml" for place, source in sorted(set(named)) if source not in sources]


def twice(words: Iterable[str], label: str) -> list[str]:
    """Every word that stands more than once."""
    return [f"{label} {word} stands twice" for word, count in Counter(words).items() if count > 1]
