"""What follows for this patient? One card for each cancer, when the record is opened (hook `patient-view`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from adapter.cards.card import Card, Link
from adapter.cards.markdown import section, text
from adapter.cards.scene import (
    INCOMPLETE,
    INTERPRETATION,
    Scene,
    is_aside,
    is_open,
    missing_lines,
    shown,
    used_block,
)
from adapter.facts.answers import Answer, Determined
from adapter.facts.case import Case
from adapter.facts.vocabulary import Result, TissueFlag
from adapter.knowledge.books import Knowledge
from adapter.wording import side, tissue, title, value

_STAGES = (Result.PATHOLOGICAL_PROGNOSTIC_STAGE, Result.CLINICAL_PROGNOSTIC_STAGE, Result.ANATOMIC_STAGE)
_TISSUE = (
    Result.ER_STATUS,
    Result.PR_STATUS,
    Result.HER2_STATUS,
    Result.HER2_LOW,
    Result.HER2_ULTRALOW,
    Result.HORMONE_RECEPTOR_STATUS,
    Result.RECEPTOR_SUBTYPE,
    Result.SURROGATE_SUBTYPE,
    Result.GRADE,
    Result.KI67_CATEGORY,
)
_SCORES = (Result.RECURRENCE_SCORE_CATEGORY, Result.MAMMAPRINT_CATEGORY)
_GENES = (Result.GENE_ALTERATION, Result.TMB_CATEGORY, Result.MSI_CATEGORY, Result.PD_L1_CATEGORY)
_EXTENT = (
    Result.DISEASE_EXTENT,
    Result.METASTATIC_PRESENTATION,
    Result.PATHOLOGIC_COMPLETE_RESPONSE,
    Result.RESIDUAL_CANCER_BURDEN,
)
_PET = (
    Result.FDG_EARLY_RESPONSE,
    Result.PHERGAIN_RESPONSE,
    Result.PERCIST_RESPONSE,
    Result.EORTC_RESPONSE,
    Result.ER_HETEROGENEITY,
    Result.HER2_HETEROGENEITY,
    Result.UPTAKE_CHANGE,
    Result.FES_UPTAKE,
    Result.HER2_PET_UPTAKE,
)
# Lesions of one kind of answer that a card names; the page has them all.
_LESIONS_SHOWN = 5


def overview(scene: Scene) -> list[Card]:
    """One card for each cancer; none where there is no breast cancer, and one that says so where that cannot be told for certain."""
    cards = [_card(case, answers, scene) if answers else _silent(case, scene) for case, answers in scene.reply.answers]
    return cards or incomplete(scene)


def _silent(case: Case, scene: Scene) -> Card:
    """A cancer is on file and no rule can say anything of it: that is told, with what was sent and could not be used."""
    return scene.card(
        INCOMPLETE, [f"{side(case)}: a cancer is on file, and no result that a rule can use"], [used_block(scene.reply)], [], []
    )


def incomplete(scene: Scene) -> list[Card]:
    """One card where data could not be read or used, so that an empty list always means that nothing was found; else none."""
    if not _may_hide_a_cancer(scene):
        return []
    summary = ["Breast cancer: not all data could be read or used, and none was found in the rest"]
    return [scene.card(INCOMPLETE, summary, [used_block(scene.reply)], [], [])]


def _may_hide_a_cancer(scene: Scene) -> bool:
    """Patients, Conditions and Observations were read whole, or we would not be here; what is left are resources that cannot be read."""
    return any(issue.code in ("invalid-resource", "missing-element", "nested-bundle") for issue in scene.reply.issues)


def _card(case: Case, answers: Sequence[Answer], scene: Scene) -> Card:
    blocks = [
        section("Stage", _lines(case, _of(answers, _STAGES), scene)),
        *_tissue_blocks(case, answers, scene),
        section("Scores and genes", _lines(case, _of(answers, (*_SCORES, *_GENES)), scene)),
        section("Extent", _lines(case, _of(answers, _EXTENT), scene)),
        section("Response on PET", _few(case, _of(answers, _PET), scene)),
        section("Published indications that match or may match", _indications(case, answers, scene)),
        section("Recommended tests that are not on file", missing_lines(case, answers, scene)),
        section("What would settle an open question", _to_send(answers, scene.books)),
        used_block(scene.reply),
    ]
    return scene.card(
        INTERPRETATION, _summary(case, answers, scene.books), blocks, [one.rule for one in answers], _links(case, answers, scene)
    )


def _summary(case: Case, answers: Sequence[Answer], books: Knowledge) -> list[str]:
    """The cancer, then what a reader looks for first, as far as there is room."""
    chosen = [*_first_stage(answers), *_current(answers, (Result.RECEPTOR_SUBTYPE,)), *_of(answers, (Result.DISEASE_EXTENT,))]
    told = [_told(answer, books) for answer in chosen]
    counted = [
        (len(_of(answers, (Result.THERAPY_HINT,))), "published indications that match or may match"),
        (len(_of(answers, (Result.MISSING_TEST,))), "recommended tests not on file"),
    ]
    told += [f"{what}: {number}" for number, what in counted if number]
    return [f"{side(case)}: {told[0]}" if told else side(case), *told[1:]]


def _first_stage(answers: Iterable[Answer]) -> list[Answer]:
    """The stage that a summary has room for: one that is known before an open one, a pathological one before a clinical one."""
    stages = _of(answers, _STAGES)
    return sorted(stages, key=lambda answer: not isinstance(answer, Determined))[:1]


def _told(answer: Answer, books: Knowledge) -> str:
    """An answer in few words; a stage says on which basis it stands, and an open question that it is open."""
    if not isinstance(answer, Determined):
        return f"{title(answer, books)} open"
    return f"{title(answer, books)}: {value(answer, books)}" if answer.about.result in _STAGES else value(answer, books)


def _tissue_blocks(case: Case, answers: Sequence[Answer], scene: Scene) -> Iterator[str]:
    """The tissue that stands for the case, or each of which any may; where others differ, the comparison says so."""
    current = _current(answers, _TISSUE) or [one for one in _of(answers, _TISSUE) if TissueFlag.GOVERNING_NOT_KNOWN in one.flags]
    for key in dict.fromkeys(one.about.specimen for one in current):
        specimen = case.specimen(key)
        name = f"Receptors and subtype ({text(tissue(specimen))})" if specimen else "Receptors and subtype"
        yield section(name, _lines(case, [one for one in current if one.about.specimen == key], scene))
    yield section("Receptors of primary and metastasis", _lines(case, _of(answers, (Result.RECEPTOR_DISCORDANCE,)), scene))


def _current(answers: Iterable[Answer], results: Sequence[Result]) -> list[Answer]:
    return [answer for answer in _of(answers, results) if TissueFlag.GOVERNING in answer.flags]


def _of(answers: Iterable[Answer], results: Sequence[Result]) -> list[Answer]:
    """The answers of these kinds that arise for the patient, in this order."""
    kept = [answer for answer in answers if answer.about.result in results and not is_aside(answer)]
    return sorted(kept, key=lambda answer: results.index(answer.about.result))


def _lines(case: Case, answers: Iterable[Answer], scene: Scene) -> list[str]:
    return [_line(case, answer, scene) for answer in answers]


def _line(case: Case, answer: Answer, scene: Scene) -> str:
    lesion = f", {text(answer.lesion.name)}" if answer.lesion is not None else ""
    what = f"{text(title(answer, scene.books))}{lesion}: {shown(case, answer, scene)}"
    return f"{what}. {text(answer.because)}.{_notes(answer, scene)}"


def _notes(answer: Answer, scene: Scene) -> str:
    """What a reader must know beside an answer."""
    known = scene.books.outputs.flags
    flags = [known[flag].display for flag in answer.flags if flag != TissueFlag.GOVERNING and flag in known]
    return f" *{text('; '.join(flags))}*" if flags else ""


def _few(case: Case, answers: Sequence[Answer], scene: Scene) -> list[str]:
    """A line for each answer about the patient, and for some lesions of each kind."""
    lines: list[str] = []
    for result in dict.fromkeys(answer.about.result for answer in answers):
        mine = [answer for answer in answers if answer.about.result is result]
        lines += _lines(case, mine[:_LESIONS_SHOWN], scene)
        if len(mine) > _LESIONS_SHOWN:
            lines.append(text(f"{title(mine[0], scene.books)}: {len(mine) - _LESIONS_SHOWN} more"))
    return lines


def _indications(case: Case, answers: Iterable[Answer], scene: Scene) -> Iterator[str]:
    for answer in _of(answers, (Result.THERAPY_HINT,)):
        parts = {part.name: part.text for part in answer.parts}
        dated = f"{scene.books.sources[answer.source].title}, {parts.get('source-date', '')}"
        what = f"{shown(case, answer, scene)}: {text(parts.get('indication', ''))} ({text(dated)})"
        yield f"{what}. {text(answer.because)}.{_notes(answer, scene)}"


def _to_send(answers: Iterable[Answer], books: Knowledge) -> list[str]:
    """What each open question waits for, each thing once."""
    wanted: dict[str, list[str]] = {}
    for answer in answers:
        if is_open(answer):
            for what in answer.missing:
                wanted.setdefault(what, []).append(title(answer, books))
    return [f"{text(what)} (for {text(', '.join(dict.fromkeys(names)))})" for what, names in wanted.items()]


def _links(case: Case, answers: Sequence[Answer], scene: Scene) -> list[Link]:
    """The way to the basis of what the summary says first."""
    first = next(iter([*_of(answers, _STAGES), *_current(answers, _TISSUE), *_of(answers, _EXTENT), *answers]))
    return [Link(label=f"Basis of: {title(first, scene.books)}", url=scene.basis_of(case, first))]
