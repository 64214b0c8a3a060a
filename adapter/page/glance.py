"""What does a reader see first? The governing specimen, the stages side by side, and what was found of extent and response."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapter.facts.answers import Answer
from adapter.facts.case import Case
from adapter.facts.vocabulary import Basis, Result, TissueFlag
from adapter.knowledge.books import Knowledge
from adapter.page.cards import Cards, state_of
from adapter.page.shapes import Card, Categories, Matrix, MatrixRow, Section, Stage, Stages, State
from adapter.wording import plain, sample, timing

STAGES = (Result.ANATOMIC_STAGE, Result.CLINICAL_PROGNOSTIC_STAGE, Result.PATHOLOGICAL_PROGNOSTIC_STAGE)
_AXES = {"t-category": Result.T_CATEGORY, "n-category": Result.N_CATEGORY, "m-category": Result.M_CATEGORY}
_RECEPTORS = (Result.ER_STATUS, Result.PR_STATUS, Result.HER2_STATUS, Result.HER2_LOW, Result.HER2_ULTRALOW)
_SUBTYPES = (Result.RECEPTOR_SUBTYPE, Result.SURROGATE_SUBTYPE, Result.GRADE, Result.KI67_CATEGORY)
_IMMUNE = (Result.TMB_CATEGORY, Result.MSI_CATEGORY, Result.PD_L1_CATEGORY)
_OF_SCANS = (Result.FDG_EARLY_RESPONSE, Result.PHERGAIN_RESPONSE, Result.PERCIST_RESPONSE, Result.EORTC_RESPONSE)
_RESPONSES = (
    *_OF_SCANS,
    Result.UPTAKE_CHANGE,
    Result.ER_HETEROGENEITY,
    Result.HER2_HETEROGENEITY,
    Result.PATHOLOGIC_COMPLETE_RESPONSE,
    Result.RESIDUAL_CANCER_BURDEN,
)
# The headings of the first look, and the kinds of answer under each.
_FIRST_LOOK: tuple[tuple[str, tuple[Result, ...]], ...] = (
    ("Receptors", _RECEPTORS),
    ("Subtype and grade", _SUBTYPES),
    (
        "Extent",
        (Result.DISEASE_EXTENT, Result.METASTATIC_PRESENTATION, Result.RECEPTOR_DISCORDANCE, Result.FDG_STAGING_INDICATION),
    ),
    ("Response", _RESPONSES),
    (
        "Genes and scores",
        (Result.RECURRENCE_SCORE_CATEGORY, Result.MAMMAPRINT_CATEGORY, Result.GENE_ALTERATION, *_IMMUNE),
    ),
)
_OF_TISSUE = (*_RECEPTORS, *_SUBTYPES, *_IMMUNE)
# How the inputs of a stage table are called; one that groups others is replaced by them.
_GROUP, _GROUPED_BY = "group", "prognostic-group"
_SHORT = 4


def first_look(case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[Section, ...]:
    """The answers that stand for the case, under few headings: of the governing specimen, and of the newest scan."""
    shown = [answer for answer in answers if _stands_for_case(answer, case, answers)]
    found = []
    for title, results in _FIRST_LOOK:
        mine = [answer for result in results for answer in shown if answer.about.result is result]
        listed = [card for card in (cards.card(case, answer) for answer in mine) if card.state is not State.ASIDE]
        if listed:
            found.append(Section(title, tuple(listed)))
    return tuple(found)


def _stands_for_case(answer: Answer, case: Case, answers: Sequence[Answer]) -> bool:
    """True for an answer of the specimen that stands for the case; and for one of the newest scan of its tracer."""
    if answer.about.result is Result.UPTAKE_CHANGE and not _is_the_response(answer, answers):
        return False
    alike = [one for one in answers if (one.about.result, one.about.tracer) == (answer.about.result, answer.about.tracer)]
    if answer.about.specimen:
        return answer.about.specimen in _standing(alike, case)
    return not answer.about.scan or answer.about.scan == max(one.about.scan or "" for one in alike)


def _standing(answers: Sequence[Answer], case: Case) -> set[str | None]:
    """The specimen that governs, else those of which any may, else the newest one that is not in situ."""
    marked = (
        {one.about.specimen for one in answers if mark in one.flags} for mark in (TissueFlag.GOVERNING, TissueFlag.GOVERNING_NOT_KNOWN)
    )
    invasive = [one for one in answers if TissueFlag.IN_SITU not in one.flags]
    return next((keys for keys in marked if keys), {_newest(invasive or answers, case)})


def _is_the_response(change: Answer, answers: Sequence[Answer]) -> bool:
    """True for an open change of uptake that no answer about the response to its tracer speaks for; a number alone is no response."""
    spoken = any(one.about.result in _OF_SCANS and one.about.tracer == change.about.tracer for one in answers)
    return state_of(change) is State.OPEN and not spoken


def _newest(answers: Sequence[Answer], case: Case) -> str | None:
    """The specimen of these answers that was taken last."""
    found = [specimen for one in answers if (specimen := case.specimen(one.about.specimen)) is not None]
    return max(found, key=lambda one: one.collected_on or "").key if found else None


def stages(case: Case, answers: Sequence[Answer], cards: Cards) -> Stages | None:
    """Anatomic and prognostic stages beside each other; None where nothing of a stage was sent."""
    found = [answer for answer in answers if answer.about.result in STAGES]
    categories = tuple(_categories(case, answers, cards))
    if not found and not categories:
        return None
    columns = tuple(cards.knowledge.outputs.results[result].display for result in _AXES.values())
    shown = tuple(stage for result in STAGES for stage in _of_kind(result, case, found, cards))
    return Stages(shown, columns, categories, tuple(_differences(shown)))


def _of_kind(result: Result, case: Case, answers: Sequence[Answer], cards: Cards) -> Iterable[Stage]:
    mine = [answer for answer in answers if answer.about.result is result]
    rule = next((rule for rule in cards.knowledge.rules.values() if rule.result is result and rule.file), None)
    looks_at = _looks_at(rule.id, cards.knowledge) if rule else ()
    for answer in mine:
        card = cards.card(case, answer)
        yield Stage(card.title, answer.about.basis, card, looks_at)
    if not mine:
        yield Stage(cards.knowledge.outputs.results[result].display, None, None, looks_at)


def _looks_at(rule: str, knowledge: Knowledge) -> tuple[str, ...]:
    """The inputs of a stage table, in words."""
    table = knowledge.tables.get(rule)
    names: list[str] = []
    for name in table.domains if table else ():
        names += list(knowledge.tables[_GROUPED_BY].domains) if name == _GROUP else [name]
    return tuple(name.upper() if len(name) <= _SHORT else plain(name) for name in names)


def _differences(shown: Sequence[Stage]) -> Iterable[str]:
    """What each further stage looks at beyond the first one of its classification, and what that came to."""
    for stage in shown[1:]:
        first = next((one for one in shown if one.classification == stage.classification), shown[0])
        more = [name for name in stage.looks_at if name not in first.looks_at]
        if stage.card is None or first.card is None or not more:
            continue
        says = (
            f"{stage.title} also looks at {', '.join(more[:-1])} and {more[-1]}"
            if len(more) > 1
            else f"{stage.title} also looks at {more[0]}"
        )
        if stage.card.state is State.OPEN:
            yield f"{says}: {stage.card.because}."
        elif first.card.state is State.KNOWN and stage.card.value == first.card.value:
            yield f"{says}; here that leads to the same stage."
        elif stage.card.state is State.KNOWN:
            yield f"{says}: {stage.card.because} is {stage.card.value}."


def _categories(case: Case, answers: Sequence[Answer], cards: Cards) -> Iterable[Categories]:
    """The categories of each classification: those that a stage rests on, else those that were sent, else those that follow."""
    facts = case.about(*_AXES)
    bases = dict.fromkeys([*(fact.basis for fact in facts), *(one.about.basis for one in answers if one.about.result in _AXES.values())])
    for basis in bases:
        cells = tuple(_category(word, result, basis, case, answers, cards) for word, result in _AXES.items())
        if any(text for text, _ in cells):
            yield Categories(plain(basis or Basis.UNSPECIFIED).capitalize(), cells)


def _category(word: str, result: Result, basis: Basis | None, case: Case, answers: Sequence[Answer], cards: Cards) -> tuple[str, str]:
    """One category in words, and the answer that rests on it or gave it."""
    stages = [one for one in answers if one.about.result in STAGES and one.about.basis in (basis, None)]
    derived = [one for one in answers if one.about.result is result and one.about.basis is basis]
    mine = [(fact, one) for one in stages for fact in one.members if fact.word == word and fact.basis in (basis, Basis.UNSPECIFIED)]
    sent = [fact.shown for fact, _ in mine] or [fact.shown for fact in case.about(word) if fact.basis is basis]
    said = sent or [getattr(one, "value", None) or "cannot tell" for one in derived]
    behind = [one for _, one in mine] if sent else derived
    anchor = cards.card(case, behind[0]).anchor if behind else ""
    return " / ".join(dict.fromkeys(said)), anchor


def by_specimen(case: Case, answers: Sequence[Answer], cards: Cards) -> Matrix | None:
    """Every answer about tissue: a row for each specimen in the order of time, a column for each kind of answer."""
    keys = {answer.about.specimen for answer in answers if answer.about.result in _OF_TISSUE and answer.about.specimen}
    specimens = sorted((one for one in (*case.specimens, *case.samples) if one.key in keys), key=lambda one: one.collected_on or "")
    results = [result for result in _OF_TISSUE if any(answer.about.result is result and answer.about.specimen for answer in answers)]
    if not specimens:
        return None
    rows = []
    for specimen in specimens:
        mine = [answer for answer in answers if answer.about.specimen == specimen.key]
        cells = tuple(_only(case, [one for one in mine if one.about.result is result], cards) for result in results)
        name = sample(specimen)
        details = tuple(part for part in (specimen.collected_on or "day not sent", timing(specimen), specimen.reference or "") if part)
        mark = cards.knowledge.outputs.flags[TissueFlag.GOVERNING].display if any(TissueFlag.GOVERNING in one.flags for one in mine) else ""
        rows.append(MatrixRow(name[:1].upper() + name[1:], details, cells, mark))
    return Matrix("Specimen", tuple(cards.knowledge.outputs.results[result].display for result in results), tuple(rows))


def _only(case: Case, answers: Sequence[Answer], cards: Cards) -> Card | None:
    return cards.card(case, answers[0]) if answers else None
