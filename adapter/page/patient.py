"""What stands on the page of one patient? Everything of a reply, case by case, with the basis of every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import adapter
from adapter.facts.answers import Answer
from adapter.facts.case import Case
from adapter.facts.imaging import images
from adapter.facts.vocabulary import TissueFlag
from adapter.knowledge.books import Knowledge
from adapter.page.cards import Cards, notes
from adapter.page.faults import is_any_unused, told
from adapter.page.glance import STAGES, by_specimen, first_look, stages
from adapter.page.headings import Headings
from adapter.page.lesions import lesion_grid
from adapter.page.open_questions import beyond_sending, gaps, indications, is_any_given, recommended_tests
from adapter.page.shapes import Card, Gap, Indication, Matrix, Note, RuleEntry, Section, Source, Stages, Told
from adapter.page.timeline import Timeline, timeline
from adapter.page.uptake_plot import Panel, panels
from adapter.pipeline import Reply
from adapter.wording import histology, plain, side, tissue


class CasePage(NamedTuple):
    """One cancer: the first look, then everything behind it."""

    name: str
    title: str
    histology: str
    records: tuple[str, ...]
    notes: tuple[Note, ...]
    first_look: tuple[Section, ...]
    stages: Stages | None
    without_stage: str
    tissues: Matrix | None
    timeline: Timeline
    panels: tuple[Panel, ...]
    lesions: Matrix | None
    imaging: tuple[Card, ...]
    indications: tuple[Indication, ...]
    gaps: tuple[Gap, ...]
    beyond: tuple[Card, ...]
    tests: tuple[Card, ...]
    is_any_given: bool
    sections: tuple[Section, ...]


class PatientPage(NamedTuple):
    """One patient with every case, what was wrong with what was sent, and what all of it rests on."""

    words: Headings
    patient: str
    details: tuple[str, ...]
    cases: tuple[CasePage, ...]
    issues: tuple[Told, ...]
    is_any_unused: bool
    counts: tuple[tuple[str, int], ...]
    rules: tuple[RuleEntry, ...]
    sources: tuple[Source, ...]
    usage: str
    software: str
    knowledge: str


def patient_page(reply: Reply, knowledge: Knowledge, text: str = "") -> PatientPage:
    """The page of a reply; `text` is what was sent, where it is at hand, so that issues can point into it."""
    cards = Cards(knowledge)
    cases = tuple(_case(case, answers, cards, f"case-{number + 1}") for number, (case, answers) in enumerate(reply.answers))
    patient = reply.answers[0][0].patient if reply.answers else None
    born = [f"born {patient.birth_date}"] if patient and patient.birth_date else []
    return PatientPage(
        words=Headings(),
        patient=patient.reference if patient else "",
        details=(*([patient.sex] if patient and patient.sex else []), *born),
        cases=cases,
        issues=told(reply.issues, text),
        is_any_unused=is_any_unused(reply.issues),
        counts=tuple((plain(what), number) for what, number in reply.counts.items()),
        rules=tuple(cards.rules.values()),
        sources=tuple(cards.sources.values()),
        usage=knowledge.publication.usage,
        software=adapter.__version__,
        knowledge=knowledge.version,
    )


def _case(case: Case, answers: Sequence[Answer], cards: Cards, name: str) -> CasePage:
    shown = images(case)
    of_scans = [answer for answer in answers if (answer.about.scan or answer.about.tracer) and not answer.about.lesion]
    return CasePage(
        name=name,
        title=side(case),
        histology=histology(case),
        records=tuple(condition.reference for condition in case.conditions),
        notes=notes(case.flags, cards.knowledge),
        # Sources are numbered as a reader meets them, and the stages stand first.
        stages=stages(case, answers, cards),
        without_stage=", ".join(cards.knowledge.outputs.results[result].display for result in STAGES),
        first_look=first_look(case, answers, cards),
        tissues=by_specimen(case, answers, cards),
        timeline=timeline(case, shown, cards.knowledge, name),
        panels=panels(case, answers, shown, cards, name),
        lesions=lesion_grid(case, answers, shown, cards),
        imaging=tuple(cards.card(case, answer) for answer in of_scans),
        indications=indications(case, answers, cards),
        gaps=gaps(case, answers, cards),
        beyond=beyond_sending(case, answers, cards),
        tests=recommended_tests(case, answers, cards),
        is_any_given=is_any_given(answers),
        sections=tuple(_sections(case, answers, cards)),
    )


def _sections(case: Case, answers: Sequence[Answer], cards: Cards) -> list[Section]:
    """Every answer once, by what it speaks of: a tissue, what a tracer shows, or the cancer as a whole."""
    grouped: dict[str, list[Answer]] = {}
    for answer in answers:
        grouped.setdefault(_subject(case, answer, cards.knowledge), []).append(answer)
    mark = cards.knowledge.outputs.flags[TissueFlag.GOVERNING].display
    return [
        Section(title, tuple(cards.card(case, one) for one in mine), mark if any(TissueFlag.GOVERNING in one.flags for one in mine) else "")
        for title, mine in grouped.items()
    ]


def _subject(case: Case, answer: Answer, knowledge: Knowledge) -> str:
    if answer.about.tracer or answer.about.scan:
        topic = knowledge.tracer_topic(answer.about.tracer)
        name = f"PET with {topic.title if topic else 'a tracer that is not known'}"
        return f"{name}: {answer.lesion.name}" if answer.lesion else name
    specimen = case.specimen(answer.about.specimen)
    name = tissue(specimen) if specimen else "The cancer as a whole"
    return name[:1].upper() + name[1:]
