"""Read mappings/ once, prove it, and compile it; refuse to start on broken knowledge (design section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import adapter
from adapter.facts.vocabulary import Circumstance, Result
from adapter.knowledge import lines, proofs
from adapter.knowledge.books import BrokenKnowledge, Knowledge, Unit, WrongCode, names_of
from adapter.knowledge.files import Files
from adapter.knowledge.indications import CircumstanceShape, Hint
from adapter.knowledge.outputs import Outputs, read_outputs
from adapter.knowledge.shapes import (
    CodeRow,
    Context,
    Drug,
    FactShape,
    Name,
    Publication,
    Rule,
    Source,
    Topic,
    Tracer,
    WorkedCase,
)
from adapter.knowledge.tables import Table, compile_table, unknown_words

DEFAULT_CANONICAL = "https://breast-adapter.example/fhir"


def shipped_folder() -> Path:
    """Where our own mappings are: inside the installed package, else beside it in a checkout."""
    package = Path(adapter.__file__).parent
    installed = package / "_mappings"
    return installed if installed.is_dir() else package.parent / "mappings"


def load(folder: Path | None = None, *, extra: Path | None = None, canonical: str = DEFAULT_CANONICAL) -> Knowledge:
    """The knowledge of a folder, with a site's own files laid over it; raises BrokenKnowledge with every fault found."""
    files = Files(folder or shipped_folder(), *([extra] if extra else []))
    knowledge = _Reader(files, canonical).knowledge()
    if files.problems:
        raise BrokenKnowledge(files.problems)
    return knowledge


class _Read(NamedTuple):
    """Every file in its shape, before anyone asks whether they hold together."""

    sources: dict[str, Source]
    topics: dict[str, Topic]
    facts: dict[str, FactShape]
    rules: dict[str, Rule]
    rows: list[CodeRow]
    circumstances: dict[Circumstance, CircumstanceShape]
    drugs: dict[str, Drug]
    outputs: Outputs
    publication: Publication
    guards: dict[str, Any]
    wrong_codes: list[WrongCode]


class _Reader:
    """Makes the books of the files; what is wrong in them joins the problems of the files."""

    def __init__(self, files: Files, canonical: str) -> None:
        self.files, self.canonical, self.problems = files, canonical, files.problems

    def knowledge(self) -> Knowledge:
        """The books, read, proved and compiled; raises BrokenKnowledge where a file cannot be read at all."""
        read = self._read()
        if self.problems:
            # What cannot be read would only make everything that refers to it look wrong as well.
            raise BrokenKnowledge(self.problems)
        self._prove(read)
        return self._compiled(read)

    def _read(self) -> _Read:
        every_source = [source for name in self.files.ending("sources.toml") for source in self.files.shapes(name, "source", Source)]
        topics = list(self._topics())
        circumstances = self.files.shapes("circumstances.toml", "circumstance", CircumstanceShape)
        self.problems += proofs.twice((source.id for source in every_source), "source")
        self.problems += proofs.twice((topic.topic for topic in topics), "topic")
        self.problems += proofs.twice((drug.drug for topic in topics for drug in topic.drugs), "drug")
        tracers = [topic.tracer for topic in topics if topic.tracer is not None]
        drugs = {drug.drug: drug for topic in topics for drug in topic.drugs}
        return _Read(
            sources={source.id: source for source in every_source},
            topics={topic.topic: topic for topic in topics},
            facts={shape.word: _with_drugs(_with_tracers(shape, tracers), drugs) for topic in topics for shape in topic.facts},
            rules={rule.id: rule for topic in topics for rule in _rules_of(topic)},
            rows=[row for name in self.files.ending("codes.csv") for row in self._code_rows(name)],
            circumstances={shape.id: shape for shape in circumstances},
            drugs=drugs,
            outputs=self._outputs(),
            publication=self._publication(),
            guards=self.files.toml("guards.toml"),
            wrong_codes=self.files.shapes("guards.toml", "wrong", WrongCode),
        )

    def _prove(self, read: _Read) -> None:
        topics, rules, sources = read.topics.values(), read.rules.values(), read.sources
        self.problems += proofs.topic_problems(topics, sources)
        self.problems += [problem for rule in rules for problem in proofs.rule_problems(rule, read.facts, sources)]
        self.problems += proofs.code_problems(read.rows, read.facts, sources)
        self.problems += proofs.result_problems(rules, read.outputs.answer_words())
        self.problems += proofs.source_problems((("outputs", source) for source in read.outputs.source_ids()), sources)
        self.problems += proofs.source_problems((("guards.toml", entry.source) for entry in read.wrong_codes), sources)
        self.problems += proofs.publication_problems(read.publication, topics, sources)
        self.problems += proofs.condition_problems(topics, read.circumstances)
        self.problems += proofs.indication_problems(topics, sources, read.drugs, read.outputs.answer_words())

    def _compiled(self, read: _Read) -> Knowledge:
        topics, rules = read.topics.values(), read.rules.values()
        return Knowledge(
            version=self.files.version(),
            canonical=self.canonical,
            sources=read.sources,
            topics=read.topics,
            facts=read.facts,
            fact_topic={shape.word: topic.topic for topic in topics for shape in topic.facts},
            rules=read.rules,
            rule_topic={rule.id: topic.topic for topic in topics for rule in _rules_of(topic)},
            publication=read.publication,
            tables=self._tables(rules),
            schemes=_schemes(rules),
            defaults=self._defaults(rules),
            described_by={rule.result: rule.id for rule in reversed(read.rules.values()) if rule.best and rule.result is not None},
            contexts=_by_result(context for topic in topics for context in topic.contexts),
            circumstances=read.circumstances,
            hints=tuple(rule for rule in rules if rule.hint is not None),
            tests=tuple(test for topic in topics for test in topic.tests),
            codes=_by_role(read.rows),
            systems=tuple((row["variant"], row["system"]) for row in self.files.csv("systems.csv")),
            words={row["word"]: row["value"] for row in self.files.csv("values/words.csv")},
            units=self._units(),
            names=tuple(Name(word, topic.topic) for topic in topics for word in topic.names),
            foreign_names=tuple(entry["name"].lower() for entry in read.guards.get("foreign", [])),
            tissue_words=_words(topic for topic in topics if topic.tissue),
            lesion_words=_words(topic for topic in topics if topic.lesion),
            scan_words=_words(topic for topic in topics if topic.scan),
            shared_words=_words(topic for topic in topics if topic.scan or topic.shared),
            wrong_codes=_by_code(read.wrong_codes),
            drugs=read.drugs,
            drug_names=names_of(read.drugs.values()),
            cases=tuple(self._cases()),
            outputs=read.outputs,
        )

    def _topics(self) -> Iterable[Topic]:
        for name in self.files.ending("topic.toml"):
            folder = name.rpartition("/")[0]
            content = self.files.toml(name)
            for rule in (*content.get("rule", []), *content.get("hint", [])):
                rule["folder"] = folder
                if "file" in rule:
                    rule["rows"] = self._rows(f"{folder}/{rule['file']}", rule)
            if f"{folder}/drugs.csv" in self.files:
                content["drugs"] = [lines.drug(line) for line in self.files.csv(f"{folder}/drugs.csv")]
            topic = self.files.shape(name, Topic, content)
            if topic is not None:
                yield topic

    def _rows(self, name: str, rule: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of a table file; a rule with a scheme takes only the rows of its scheme."""
        rows = (row for _, row in self.files.lines(name, "row", partial(lines.table_row, rule=rule)))
        return [row for row in rows if row is not None]

    def _tables(self, rules: Iterable[Rule]) -> dict[str, Table]:
        tables = {}
        for rule in rules:
            if rule.operator == "table" and not unknown_words(rule):
                tables[rule.id], problems = compile_table(rule)
                self.problems += [f"{rule.folder}: rule {rule.id}: {problem}" for problem in problems]
        return tables

    def _defaults(self, rules: Iterable[Rule]) -> dict[str, str]:
        defaults: dict[str, str] = {}
        choices = {rule.choice for rule in rules if rule.choice}
        for choice in choices:
            marked = {rule.scheme for rule in rules if rule.choice == choice and rule.default}
            if len(marked) != 1:
                self.problems.append(f"choice {choice}: exactly one scheme must be the default, {len(marked)} are")
            defaults[choice] = next(iter(marked), None) or ""
        return defaults

    def _code_rows(self, name: str) -> Iterable[CodeRow]:
        folder = name.rpartition("/")[0]
        made = partial(lines.code_row, folder=folder, canonical=self.canonical)
        return (row for _, row in self.files.lines(name, "code", made))

    def _units(self) -> dict[str, Unit]:
        return {line["unit"]: unit for line, unit in self.files.lines("values/units.csv", "unit", lines.unit)}

    def _cases(self) -> Iterable[WorkedCase]:
        for name in self.files.ending("cases.toml"):
            folder = name.rpartition("/")[0]
            for content in self.files.toml(name).get("case", []):
                case = self.files.shape(name, WorkedCase, content | {"folder": folder})
                if case is not None:
                    yield case

    def _outputs(self) -> Outputs:
        try:
            return read_outputs(self.files.below("outputs/"))
        except (ValueError, KeyError) as error:
            raise BrokenKnowledge([*self.problems, f"outputs: {error}"]) from error

    def _publication(self) -> Publication:
        publication = self.files.shape("publication.toml", Publication, self.files.toml("publication.toml"))
        if publication is None:
            raise BrokenKnowledge(self.problems)
        return publication


def _rules_of(topic: Topic) -> tuple[Rule, ...]:
    """The rules of a topic, and its published indications as rules."""
    return (*topic.rules, *map(_as_rule, topic.hints))


def _as_rule(hint: Hint) -> Rule:
    """A published indication as the rule that asks for it, so that it is explained, cited and proved like any other."""
    return Rule(
        id=hint.id,
        question=f"Does this published indication describe the patient: {hint.indication}?",
        operator="hint",
        source=hint.source,
        checked_on=hint.as_of,
        result=Result.THERAPY_HINT,
        hint=hint,
        note=hint.note,
        folder=hint.folder,
    )


def _with_tracers(shape: FactShape, tracers: Iterable[Tracer]) -> FactShape:
    """The fact as it is, or with every tracer that a folder declares as a value, so that a new tracer needs no other file."""
    if not shape.of_tracers:
        return shape
    words = tuple(word for tracer in tracers for word in tracer.words)
    texts = {text: word for tracer in tracers for text, word in tracer.texts.items()}
    return shape.model_copy(update={"values": (*shape.values, *words), "texts": shape.texts | texts})


def _with_drugs(shape: FactShape, drugs: Iterable[str]) -> FactShape:
    """The fact as it is, or with every drug that a folder lists as a value."""
    return shape.model_copy(update={"values": (*shape.values, *drugs)}) if shape.of_drugs else shape


def _schemes(rules: Iterable[Rule]) -> dict[str, dict[str, str]]:
    """For each choice, the rule of each scheme that answers it."""
    schemes: dict[str, dict[str, str]] = {}
    for rule in rules:
        if rule.choice and rule.scheme and rule.result:
            schemes.setdefault(rule.choice, {})[rule.scheme] = rule.id
    return schemes


def _words(topics: Iterable[Topic]) -> frozenset[str]:
    return frozenset(shape.word for topic in topics for shape in topic.facts)


def _by_result(contexts: Iterable[Context]) -> dict[Result, tuple[Context, ...]]:
    grouped: dict[Result, tuple[Context, ...]] = {}
    for context in contexts:
        grouped[context.result] = (*grouped.get(context.result, ()), context)
    return grouped


def _by_role(rows: Iterable[CodeRow]) -> dict[str, dict[tuple[str, str], tuple[CodeRow, ...]]]:
    grouped: dict[str, dict[tuple[str, str], tuple[CodeRow, ...]]] = {}
    for row in rows:
        codes = grouped.setdefault(row.role, {})
        codes[(row.system, row.code)] = (*codes.get((row.system, row.code), ()), row)
    return grouped


def _by_code(wrong: Iterable[WrongCode]) -> dict[tuple[str, str], tuple[WrongCode, ...]]:
    grouped: dict[tuple[str, str], tuple[WrongCode, ...]] = {}
    for entry in wrong:
        grouped[(entry.system, entry.code)] = (*grouped.get((entry.system, entry.code), ()), entry)
    return grouped
