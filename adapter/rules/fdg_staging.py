"""Does a guideline endorse FDG PET/CT for initial staging? NCCN as cited by Jacene 2024, or EANM-SNMMI 2024 (scheme fdg-staging)."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.shapes import Row
from adapter.rules.answering import from_cell, undetermined, value_of
from adapter.rules.operators import Chosen, distinct, look_up, reading
from adapter.rules.patient_setting import stage_of

_YES, _NO = "yes", "no"
_EQUIVOCAL = {"equivocal": _YES, "not-equivocal": _NO}


def fdg_staging_answer(case: Case, answers: Sequence[Answer], chosen: Chosen) -> Answer | None:
    """Whether the chosen guideline endorses the scan at the anatomic stage; None when there is no stage before treatment."""
    stage = stage_of(answers)
    if stage is None or getattr(stage, "kind", None) is Kind.NOT_APPLICABLE:
        return None
    scheme = chosen.scheme("fdg-staging")
    rule = chosen.rule(chosen.books.schemes["fdg-staging"][scheme])
    about = About(result=Result.FDG_STAGING_INDICATION, scheme=scheme)
    imaging, suspicion = (
        reading(case.about("conventional-imaging"), "conventional-imaging"),
        reading(case.about("metastases-suspected"), "metastases-suspected"),
    )
    known = {"equivocal": _EQUIVOCAL.get(imaging.value or ""), "suspected": suspicion.value}
    used = [*stage.used, *imaging.used, *suspicion.used]
    value = value_of(stage)
    if value is not None:
        cell = look_up(chosen.table(rule.id), known | {"stage": value})
        return from_cell(about, rule, cell, f"anatomic stage {value}", used)
    cells = [look_up(chosen.table(rule.id), known | {"stage": one}) for one in stage.possible]
    says = distinct(cell.says for cell in cells if isinstance(cell, Row))
    if len(says) == 1:
        because = f"every stage that is still possible ({', '.join(getattr(stage, 'possible', ()))}) says the same"
        return from_cell(about, rule, cells[0], because, used)
    missing = stage.missing or ("anatomic stage",)
    return undetermined(about, rule, Kind.INDETERMINATE, "the anatomic stage is not known", used, missing=missing, possible=says)
