"""How do our answers look outside? The shape of mappings/outputs: results, answer words, flags and the R4 code lists we check against."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any

from pydantic import Field, PrivateAttr

from adapter.facts.answers import Part
from adapter.facts.frozen import Frozen
from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.knowledge.remembered import Memory

RESULTS, ANSWERS, FLAGS, BINDINGS, CARDS = "results.toml", "answers.csv", "flags.csv", "bindings.csv", "cards.toml"


class Standard(Frozen):
    """A code of a public code system, with the place where it was read."""

    system: str
    code: str
    display: str
    source: str


class ResultCoding(Standard):
    """A standard code for the kind of an answer; without bases it holds for all of them."""

    bases: tuple[Basis, ...] = ()


class Profile(Frozen):
    """A profile that an Observation may claim, and what it asks for beyond base R4 that an answer of ours can lack.

    `standard_value`: a value must carry a public code (its maximum value set). `coded_components`: a component's value is coded.
    """

    url: str
    bases: tuple[Basis, ...] = ()
    one_focus: bool = False
    standard_value: bool = False
    coded_components: bool = False
    source: str


class Concept(Frozen):
    """A code of one of our own code systems."""

    code: str
    display: str
    definition: str


class ResultShape(Frozen):
    """One kind of answer: its words, the codes beside ours, its category, its method and the profiles it can meet."""

    code: Result
    display: str
    definition: str
    category: str
    category_why: str
    answers: tuple[str, ...]
    method: str | None = None
    codings: tuple[ResultCoding, ...] = Field(default=(), alias="coding")
    profiles: tuple[Profile, ...] = Field(default=(), alias="profile")

    def codings_for(self, basis: Basis | None) -> tuple[ResultCoding, ...]:
        """The standard codes of this kind of answer on this basis."""
        return tuple(coding for coding in self.codings if _holds(coding.bases, basis))

    def profiles_for(self, basis: Basis | None) -> tuple[Profile, ...]:
        """The profiles that an answer of this kind on this basis may claim."""
        return tuple(profile for profile in self.profiles if _holds(profile.bases, basis))


class AnswerCode(Standard):
    """A standard code for an answer; one that `stands_alone` keeps its meaning outside its Observation."""

    basis: Basis | None
    stands_alone: bool
    note: str


class AnswerShape(Frozen):
    """One answer word of one result, with the standard codes that mean the same."""

    concept: Concept
    codes: tuple[AnswerCode, ...]

    def codes_for(self, basis: Basis | None) -> tuple[AnswerCode, ...]:
        """The standard codes of this answer on this basis."""
        return tuple(code for code in self.codes if code.basis in (None, basis or Basis.UNSPECIFIED))


class CodedComponent(Concept):
    """A component whose values have public codes: the code beside ours, and the code of each of our words."""

    standard: Standard
    values: dict[str, Standard]


class Flag(Frozen):
    """A warning or a fact that a reader must see beside an answer."""

    flag: str
    display: str
    sentence: str
    source: str


class Absence(Concept):
    """A reason why there is no value, with the data-absent-reason that R4 has for it; `shown` says whether ours stands beside it."""

    code: Kind
    shown: bool
    reason: Standard


class Report(Concept):
    """The code and category of the DiagnosticReport that lists the results."""

    category: Standard


class Implication(Frozen):
    """How HL7 Genomics Reporting writes what a molecular finding means for therapy: the profile, its code, and that of the drugs."""

    profile: str
    code: Standard
    medication: Standard


class CardService(Frozen):
    """A service of CDS Hooks: the hook that calls it, and what a client's administrator reads of it."""

    id: str
    hook: str
    title: str
    description: str
    usage: str


class CardWords(Frozen):
    """What a clinician is shown inside the record: services, what a card is about, and why one may set it aside."""

    services: tuple[CardService, ...] = Field(alias="service")
    topics: tuple[Concept, ...] = Field(alias="topic")
    override_reasons: tuple[Concept, ...] = Field(alias="override_reason")


class Outputs(Frozen):
    """Everything the writer needs to know about codes."""

    results: dict[Result, ResultShape]
    answers: dict[Result, dict[str, AnswerShape]]
    flags: dict[str, Flag]
    components: dict[str, Concept]
    coded_components: dict[str, CodedComponent]
    absences: dict[Kind, Absence]
    categories: dict[str, Standard]
    methods: dict[str, Standard]
    report: Report
    implication: Implication
    device: Concept
    agent: Standard
    bindings: dict[str, frozenset[str]]
    cards: CardWords
    _written: dict[str, Memory] = PrivateAttr(default_factory=dict)

    def written_for(self, canonical: str) -> Memory:
        """What was written already with these codes for one base of our code systems."""
        return self._written.setdefault(canonical, {})

    def answer_words(self) -> dict[Result, frozenset[str]]:
        """For each result, the words that its rules may say."""
        return {result: frozenset(words) for result, words in self.answers.items()}

    def answer_concepts(self) -> tuple[Concept, ...]:
        """The concepts of our answer code system, each once, in the order of the file."""
        return tuple({name: word.concept for words in self.answers.values() for name, word in words.items()}.values())

    def parts_text(self, result: Result, parts: Iterable[Part]) -> str:
        """The coded parts of an answer in one line: each with its value, or as not known."""
        words = self.answers[result]
        said = (
            (part.name, words[part.value].concept.display.lower() if part.value else "not known")
            for part in parts
            if not part.text and part.number is None
        )
        return ", ".join(f"{self.components[name].display} {value}" for name, value in said)

    def source_ids(self) -> frozenset[str]:
        """Every source that these files name, so that the loader can refuse an unknown one."""
        named: list[Standard | Profile | Flag] = [*self.categories.values(), *self.methods.values(), *self.flags.values()]
        for component in self.coded_components.values():
            named += [component.standard, *component.values.values()]
        named += [
            self.agent,
            self.report.category,
            self.implication.code,
            self.implication.medication,
            *(kind.reason for kind in self.absences.values()),
        ]
        for shape in self.results.values():
            named += [*shape.codings, *shape.profiles]
        for words in self.answers.values():
            named += [code for word in words.values() for code in word.codes]
        return frozenset(entry.source for entry in named)


def read_outputs(files: Mapping[str, bytes]) -> Outputs:
    """The outputs that these files hold, by their names inside mappings/outputs; a ValueError or KeyError names what is wrong."""
    content = tomllib.loads(files[RESULTS].decode("utf-8"))
    shapes = [ResultShape.model_validate(entry) for entry in content["result"]]
    outputs = Outputs(
        results={shape.code: shape for shape in shapes},
        # A number has no answer words.
        answers={shape.code: {} for shape in shapes} | _answers(_rows(files[ANSWERS])),
        flags={row["flag"]: Flag.model_validate(row) for row in _rows(files[FLAGS])},
        components={entry["code"]: Concept.model_validate(entry) for entry in content["component"]},
        coded_components={entry["code"]: CodedComponent.model_validate(entry) for entry in content["coded_component"]},
        absences={Kind(entry["code"]): Absence.model_validate(entry) for entry in content["absence"]},
        categories={name: Standard.model_validate(entry) for name, entry in content["category"].items()},
        methods={name: Standard.model_validate(entry) for name, entry in content["method"].items()},
        report=Report.model_validate(content["report"]),
        implication=Implication.model_validate(content["implication"]),
        device=Concept.model_validate(content["device"]),
        agent=Standard.model_validate(content["agent"]),
        bindings=_bindings(_rows(files[BINDINGS])),
        cards=CardWords.model_validate(tomllib.loads(files[CARDS].decode("utf-8"))),
    )
    problems = list(_problems(outputs))
    if problems:
        raise ValueError("; ".join(problems))
    return outputs


def _holds(bases: tuple[Basis, ...], basis: Basis | None) -> bool:
    return not bases or (basis or Basis.UNSPECIFIED) in bases


def _rows(data: bytes) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(StringIO(data.decode("utf-8")), strict=True)


def _answers(rows: Iterable[dict[str, str]]) -> dict[Result, dict[str, AnswerShape]]:
    answers: dict[Result, dict[str, AnswerShape]] = {}
    for row in rows:
        words = answers.setdefault(Result(row["result"]), {})
        concept = Concept(code=row["answer"], display=row["display"], definition=row["definition"])
        known = words.get(row["answer"], AnswerShape(concept=concept, codes=()))
        if known.concept != concept:
            raise ValueError(f"{ANSWERS}: {row['result']} {row['answer']} has two displays or definitions")
        words[row["answer"]] = AnswerShape(concept=concept, codes=(*known.codes, *_standard(row)))
    return answers


def _standard(row: dict[str, str]) -> Iterator[AnswerCode]:
    """The standard code of a line, if it has one."""
    if row["code"]:
        yield AnswerCode(
            system=row["system"],
            code=row["code"],
            display=row["standard_display"],
            basis=Basis(row["basis"]) if row["basis"] else None,
            stands_alone=row["stands_alone"] == "yes",
            source=row["source"],
            note=row["note"],
        )


def _bindings(rows: Iterable[dict[str, str]]) -> dict[str, frozenset[str]]:
    codes: dict[str, set[str]] = {}
    for row in rows:
        codes.setdefault(row["binding"], set()).add(row["code"])
    return {name: frozenset(found) for name, found in codes.items()}


def _problems(outputs: Outputs) -> Iterator[str]:
    """Everything that does not hold together between the files."""
    for result in Result:
        shape = outputs.results.get(result)
        if shape is None:
            yield f"{RESULTS}: {result} is missing"
            continue
        if shape.answers != tuple(outputs.answers.get(result, ())):
            yield f"{RESULTS}: the answers of {result} are not the ones of {ANSWERS}, in the same order"
        if shape.category not in outputs.categories:
            yield f"{RESULTS}: {result}: category {shape.category} is not declared"
        if shape.method is not None and shape.method not in outputs.methods:
            yield f"{RESULTS}: {result}: method {shape.method} is not declared"
    yield from (f"{RESULTS}: absence {kind} is missing" for kind in Kind if kind not in outputs.absences)
    yield from _torn_concepts(outputs)


def _torn_concepts(outputs: Outputs) -> Iterator[str]:
    """One code of our answer code system means one thing, whichever result uses it."""
    seen: dict[str, Any] = {}
    for words in outputs.answers.values():
        for name, word in words.items():
            if seen.setdefault(name, word.concept) != word.concept:
                yield f"{ANSWERS}: answer {name} has two displays or definitions"
