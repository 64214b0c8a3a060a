"""Read, translate, decide, write: from the bytes of one patient to the Bundle that answers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import Field

import adapter
from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact, Issue, Place, UnmappedCode
from adapter.facts.frozen import Frozen, Plain
from adapter.facts.gather import gather
from adapter.facts.statements import Coding, Sent, Statement
from adapter.facts.vocabulary import Basis, Kind, Result, Severity
from adapter.fhir import models
from adapter.fhir.bundle import Arrived, arrived
from adapter.fhir.outcome import Refusal
from adapter.fhir.reader import sent
from adapter.fhir.tracer_sources import tracer_sources
from adapter.fhir.writer import result_bundle
from adapter.knowledge.books import Knowledge
from adapter.rules.answering import undetermined
from adapter.rules.decide import decide
from adapter.rules.operators import Chosen
from adapter.rules.stage import StageInputs, anatomic_stage, prognostic_stage
from adapter.rules.tabled import groups_of, signs_of
from adapter.terminology.cells import Cell, UnreadableCell, read_cell
from adapter.terminology.entities import Entities, entities, facts_of_scans
from adapter.terminology.translate import Translation, is_relevant, translate
from adapter.terminology.uptake import with_a_scan
from adapter.unmapped import tally

DEFAULT_MAX_ENTRIES = 50_000
_CODES_SHOWN = 25


class Request(Frozen):
    """How a request is to be answered: the schemes chosen, whether the input is trusted, and the moment to print as `issued`."""

    schemes: dict[str, str] = Field(default_factory=dict)
    trusted: bool = False
    issued: datetime
    prognostic_tables: bool = True
    max_entries: int = DEFAULT_MAX_ENTRIES


class Reply(Plain, frozen=True, kw_only=True):
    """What came of a request: the cases with their answers, the issues, the counts of what was sent, and the FHIR Bundle."""

    answers: tuple[tuple[Case, tuple[Answer, ...]], ...]
    issues: tuple[Issue, ...]
    counts: dict[str, int]
    bundle: bytes

    @property
    def cases(self) -> tuple[Case, ...]:
        """The cases alone."""
        return tuple(case for case, _ in self.answers)

    @property
    def unmapped(self) -> dict[UnmappedCode, int]:
        """Each code that our maps do not have, once, with how often it was sent."""
        return tally((issue.unmapped, 1) for issue in self.issues if issue.unmapped is not None)


class StageQuery(Frozen):
    """One row of a staging table, each cell as it was typed; None or an empty cell is not known."""

    t: str | None = None
    n: str | None = None
    m: str | None = None
    grade: str | None = None
    her2: str | None = None
    er: str | None = None
    pr: str | None = None
    oncotype: str | None = None


def interpret(parts: Sequence[bytes], books: Knowledge, request: Request) -> Reply:
    """The answer to one patient's resources: one Bundle, or a Bundle and further resources; raises Refusal when it cannot be read."""
    return replied(arrived(parts, request.max_entries), books, request)


def replied(received: Arrived, books: Knowledge, request: Request) -> Reply:
    """The answer to what arrived, however it was read; raises Refusal where it is not about one patient."""
    chosen = Chosen(books, known_schemes(request.schemes, books), request.prognostic_tables, request.issued.date().isoformat())
    said = sent(received, lambda code: is_relevant(code, books))
    statements, idle = with_a_scan(said.statements, books)
    said = said.but(statements=tuple(statements), other_codes=_counted(said.other_codes, idle))
    known, facts, issues = _translated(said, books)
    if not books.uptake_words.isdisjoint(fact.word for fact in facts):
        facts += facts_of_scans(tracer_sources(received), said.treatments, books)
    if not request.trusted:
        facts, known, faults = _checked(facts, known, received, books)
        issues += faults
    gathered = gather(
        known.patient,
        facts,
        conditions=known.conditions,
        other_conditions=known.others,
        other_cancer=known.other_cancer,
        specimens=known.specimens,
        treatments=known.treatments,
        tissue_words=books.tissue_words,
        shared_words=books.shared_words,
    )
    answers = tuple((case, decide(case, chosen, others=_others(case, gathered.cases))) for case in gathered.cases)
    issues += [*gathered.issues, *_unused(answers), *_not_relevant(said.other_codes)]
    everything = (*received.issues, *issues)
    bundle = result_bundle(
        known.patient,
        answers,
        everything,
        outputs=books.outputs,
        canonical=books.canonical,
        software_version=adapter.__version__,
        knowledge_version=books.version,
        issued=request.issued,
        citations={source.id: source.citation for source in books.sources.values()},
        rule_topic=books.rule_topic,
    )
    return Reply(answers=answers, issues=everything, counts=said.counts, bundle=bundle)


def stage(
    query: StageQuery, books: Knowledge, basis: str, *, schemes: Mapping[str, str] | None = None, prognostic_tables: bool = True
) -> Answer:
    """The stage of one row on this basis (`clinical`, `pathological` or `anatomic`); raises Refusal for a cell that cannot be read."""
    chosen = Chosen(books, schemes or {}, prognostic_tables)
    try:
        cells = {name: read_cell(name, getattr(query, name), books) for name in StageQuery.model_fields}
    except UnreadableCell as error:
        raise _refused(422, "unmapped-value", str(error)) from error
    about = _about(basis)
    shown = " ".join(cells[axis].value or f"{axis.upper()}?" for axis in ("t", "n", "m"))
    refused = _of_another_basis(cells, about, shown, chosen)
    if refused is not None:
        return refused
    groups, signs = groups_of(cells, about.basis, chosen), signs_of(cells, chosen)
    inputs = StageInputs(**groups, **signs, score=cells["oncotype"].number)
    if about.result is Result.ANATOMIC_STAGE:
        return anatomic_stage(about, inputs, shown, (), chosen)
    return prognostic_stage(about, inputs, shown, (), chosen)


_ASKED = {
    "anatomic": About(result=Result.ANATOMIC_STAGE),
    "clinical": About(result=Result.CLINICAL_PROGNOSTIC_STAGE, basis=Basis.CLINICAL),
    "pathological": About(result=Result.PATHOLOGICAL_PROGNOSTIC_STAGE, basis=Basis.PATHOLOGICAL),
}


def _about(basis: str) -> About:
    if basis not in _ASKED:
        raise _refused(422, "unknown-basis", f'the basis is "{basis}", expected one of {", ".join(_ASKED)}')
    return _ASKED[basis]


def _of_another_basis(cells: Mapping[str, Cell], about: About, shown: str, chosen: Chosen) -> Answer | None:
    """No group for categories after therapy; and none when a prefix contradicts the table that was asked for."""
    prefixes = {axis: cells[axis].basis for axis in ("t", "n", "m") if cells[axis].basis not in (None, Basis.UNSPECIFIED)}
    rule = chosen.rule(about.result)
    after = [basis for basis in prefixes.values() if basis in (Basis.POST_THERAPY_CLINICAL, Basis.POST_THERAPY_PATHOLOGICAL)]
    if after:
        because = f"{shown} after neoadjuvant therapy: AJCC 8 has no stage group"
        return undetermined(about, rule, Kind.NOT_APPLICABLE, because)
    wrong = [axis for axis in ("t", "n") if about.basis is not None and axis in prefixes and prefixes[axis] is not about.basis]
    if wrong:
        because = (
            f"{' and '.join(axis.upper() for axis in wrong)} of another classification than the {about.basis} stage that was asked for"
        )
        return undetermined(about, rule, Kind.INDETERMINATE, because, missing=[f"{about.basis} {axis.upper()} category" for axis in wrong])
    return None


def known_schemes(wanted: Mapping[str, str], books: Knowledge) -> Mapping[str, str]:
    """The schemes asked for; raises Refusal, which names the ones there are, for one that is not among them."""
    for choice, scheme in wanted.items():
        known = books.schemes.get(choice)
        if known is None:
            raise _refused(422, "unknown-scheme", f"there is no choice {choice}; expected one of {', '.join(sorted(books.schemes))}")
        if scheme not in known:
            raise _refused(422, "unknown-scheme", f"{choice} has no scheme {scheme}; expected one of {', '.join(sorted(known))}")
    return wanted


def _refused(status: int, code: str, text: str) -> Refusal:
    return Refusal(status, [Issue(code=code, severity=Severity.ERROR, text=text)])


def _others(case: Case, cases: Sequence[Case]) -> list[Case]:
    return [other for other in cases if other is not case]


def _counted(codes: Mapping[str, int], idle: Iterable[Statement]) -> dict[str, int]:
    """The counts of what is not interpreted, with the measures that stand beside no scan."""
    counts = dict(codes)
    for statement in {one.place.reference: one for one in idle}.values():
        first = next(iter(statement.code.codings), Coding("", "no code"))
        counts[f"{first.system}|{first.code}"] = counts.get(f"{first.system}|{first.code}", 0) + 1
    return counts


def _translated(said: Sent, books: Knowledge) -> tuple[Entities, list[Fact], list[Issue]]:
    """Everything that was said, in our words: the entities, the facts, and an issue for what gave none."""
    known = entities(said, books)
    translations = [translate(statement, books) for statement in said.statements]
    facts = [*known.stages, *known.metastases, *known.findings, *(fact for one in translations for fact in one.facts)]
    issues = [*known.issues, *(issue for one in translations for issue in one.issues), *_silent(said, translations)]
    return known, facts, issues


def _silent(said: Sent, translations: Iterable[Translation]) -> list[Issue]:
    """An issue for each Observation that is ours by its code and gave neither a fact nor an issue: a panel, or an empty frame."""
    spoken: set[str] = set()
    places: dict[str, Place] = {}
    for statement, one in zip(said.statements, translations, strict=True):
        places.setdefault(statement.place.reference, statement.place)
        if one.facts or one.issues:
            spoken.add(statement.place.reference)
    text = "it has no value of its own; its members and components are read instead"
    return [_information("no-value", text, place) for reference, place in places.items() if reference not in spoken]


def _checked(facts: list[Fact], known: Entities, received: Arrived, books: Knowledge) -> tuple[list[Fact], Entities, list[Issue]]:
    """The facts of valid resources only; an invalid one is an issue, and the others are answered."""
    places = {fact.origin.reference: fact.origin for fact in facts} | {one.reference: one.origin for one in known.conditions}
    issues: list[Issue] = []
    broken: set[str] = set()
    for reference, place in places.items():
        one = received.by_name.get(reference) or received.find(reference)
        outer = one.outer or one if one else None
        faults = models.check(received.bytes_of(outer), outer.kind, bindings=books.outputs.bindings) if outer else []
        if faults:
            broken.add(reference)
            issues.append(
                Issue(code="invalid-resource", severity=Severity.ERROR, text=f"it is not valid FHIR: {'; '.join(faults[:3])}", place=place)
            )
    conditions = tuple(one for one in known.conditions if one.reference not in broken)
    return [fact for fact in facts if fact.origin.reference not in broken], known.but(conditions=conditions), issues


def _unused(answers: Iterable[tuple[Case, Sequence[Answer]]]) -> list[Issue]:
    """An issue for each fact that was understood and that no answer rests on."""
    issues: list[Issue] = []
    for case, given in answers:
        rested_on = [*(fact for answer in given for fact in (*answer.used, *answer.members))]
        rested_on += [one.fact for answer in given for one in answer.asserted]
        used = {(fact.origin.reference, fact.word) for fact in rested_on}
        issues += [_unused_fact(fact) for fact in case.facts if (fact.origin.reference, fact.word) not in used]
    return issues


def _unused_fact(fact: Fact) -> Issue:
    return _information("not-used-by-a-rule", f"{fact.word} {fact.shown} is understood; no answer rests on it", fact.origin)


def _not_relevant(codes: Mapping[str, int]) -> list[Issue]:
    """One issue that counts the Observations whose codes ask for nothing that is interpreted here."""
    if not codes:
        return []
    total = sum(codes.values())
    often = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{code} ({count})" for code, count in often[:_CODES_SHOWN])
    more = f" and {len(often) - _CODES_SHOWN} more codes" if len(often) > _CODES_SHOWN else ""
    text = f"{total} Observations ask for nothing that is interpreted here: {shown}{more}"
    return [Issue(code="not-relevant", severity=Severity.INFORMATION, text=text)]


def _information(code: str, text: str, place: Place) -> Issue:
    return Issue(code=code, severity=Severity.INFORMATION, text=text, place=place)
