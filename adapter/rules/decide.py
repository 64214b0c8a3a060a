"""What follows for one case: every answer, in the order in which a reader asks for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from adapter.facts.answers import Answer
from adapter.facts.case import Case, Fact, Specimen, all_in_situ
from adapter.facts.imaging import images
from adapter.facts.uptake import Images
from adapter.facts.vocabulary import Basis, Kind, Result, Sampling, TissueFlag
from adapter.rules.answering import flagged, receptor_sign, undetermined, value_of
from adapter.rules.circumstances import Patient, situation_of
from adapter.rules.describing import described
from adapter.rules.discordance import discordance_answers
from adapter.rules.extent import extent_answers, spread_of
from adapter.rules.fdg_staging import fdg_staging_answer
from adapter.rules.gene_alterations import gene_alteration_answers
from adapter.rules.governing import RECEPTORS, Governing, before_treatment, governing_of
from adapter.rules.her2 import her2_answers
from adapter.rules.hints import hint_answers
from adapter.rules.immune_markers import immune_marker_answers
from adapter.rules.in_situ import apart_from_invasive, is_in_situ
from adapter.rules.missing_tests import missing_test_answers
from adapter.rules.operators import Chosen, distinct, reading
from adapter.rules.pathologic_response import pathologic_response_answers
from adapter.rules.patient_setting import PatientSetting, stage_value
from adapter.rules.pet import pet_answers
from adapter.rules.receptors import receptor_status
from adapter.rules.scores import Setting, grade_answer, ki67_answer, mammaprint_answer, recurrence_score_answer
from adapter.rules.situation import Situation
from adapter.rules.stage import Markers, after_therapy_stages, stages
from adapter.rules.subtype import subtype_answers
from adapter.rules.tnm import Axis, Tnm, has_sent, tnm_for
from adapter.rules.upstaging import upstaging_answer

Found = Mapping[Result, Answer]
_BASES = (Basis.CLINICAL, Basis.PATHOLOGICAL)


def decide(case: Case, chosen: Chosen, shown: Images | None = None, others: Sequence[Case] = ()) -> tuple[Answer, ...]:
    """Every answer that the facts of this case allow or leave open.

    `shown` stands in for what its facts say of PET; `others` are the patient's other cancers.
    """
    return decided(case, chosen, shown, others)[0]


def decided(case: Case, chosen: Chosen, shown: Images | None = None, others: Sequence[Case] = ()) -> tuple[tuple[Answer, ...], Situation]:
    """The same, with what is known of the patient as a whole."""
    tissue = {specimen.key: _tissue_answers(specimen.key, case, chosen) for specimen in case.specimens}
    tnms = _classifications(case, chosen)
    spread = spread_of(case, chosen)
    apart = apart_from_invasive(case, chosen)
    governing = governing_of(case, tissue, spread, apart)
    setting = _setting(tissue, governing.key, tnms)
    answers: list[Answer] = []
    for specimen in case.specimens:
        found = tissue[specimen.key]
        ki67 = ki67_answer(specimen.key, case.facts_of(specimen.key), setting, chosen)
        mine = [*found.values(), *([ki67] if ki67 is not None else [])]
        flags = _specimen_flags(specimen, governing, case, chosen)
        answers += [flagged(answer, flags) for answer in mine]
    answers += [
        answer for answer in (recurrence_score_answer(case, setting, chosen), mammaprint_answer(case, chosen)) if answer is not None
    ]
    for tnm in tnms:
        # One derived M may serve both classifications and is answered once.
        answers += [derived for derived in tnm.derived if derived.about not in {answer.about for answer in answers}]
        answers += _stages(case, tnm, tissue, apart, chosen)
    answers += after_therapy_stages(case, chosen)
    answers += extent_answers(case, spread, answers, tnms, chosen)
    answers += pathologic_response_answers(case, chosen)
    answers += discordance_answers(case, tissue, spread, apart, chosen)
    answers += [*immune_marker_answers(case, chosen), *gene_alteration_answers(case, chosen)]
    patient = Patient(
        case, answers, governing.key, tnms, spread, [_tissue_of(other, chosen) for other in others if not all_in_situ(other.conditions)]
    )
    situation = situation_of(patient, chosen)
    answers += _imaging(case, images(case) if shown is None else shown, answers, setting, chosen)
    answers += hint_answers(case, situation, rests_on_er_low=bool(setting.er_low), chosen=chosen)
    answers += missing_test_answers(case, answers, situation, chosen)
    return tuple(described(answer, situation, chosen) for answer in answers), situation


def _tissue_of(case: Case, chosen: Chosen) -> Found:
    """The answers of the governing specimen of another cancer."""
    tissue = {specimen.key: _tissue_answers(specimen.key, case, chosen) for specimen in case.specimens}
    governing = governing_of(case, tissue, spread_of(case, chosen), apart_from_invasive(case, chosen))
    return tissue.get(governing.key or "", {})


def _imaging(case: Case, shown: Images, answers: Sequence[Answer], setting: Setting, chosen: Chosen) -> list[Answer]:
    """What PET says, whether a guideline endorses it for staging, and whether it raised the stage."""
    about_staging = (fdg_staging_answer(case, answers, chosen), upstaging_answer(case, shown, chosen))
    patient = PatientSetting(case, setting.er, setting.her2, stage_value(answers), setting.used)
    return [*(answer for answer in about_staging if answer is not None), *pet_answers(shown, patient, chosen)]


def _tissue_answers(specimen: str, case: Case, chosen: Chosen) -> dict[Result, Answer]:
    """The answers that need this specimen alone."""
    facts = case.facts_of(specimen)
    found = [receptor_status("er", specimen, facts, chosen), receptor_status("pr", specimen, facts, chosen)]
    answers = [answer for answer in found if answer is not None] + her2_answers(specimen, facts, chosen)
    known = {answer.about.result: answer for answer in answers}
    subtypes = subtype_answers(specimen, facts, known, chosen)
    known |= {answer.about.result: _for_invasive(answer, facts, case, chosen) for answer in subtypes}
    grade = grade_answer(specimen, facts, chosen)
    return known | ({Result.GRADE: grade} if grade is not None else {})


def _for_invasive(answer: Answer, facts: Sequence[Fact], case: Case, chosen: Chosen) -> Answer:
    """A subtype is of an invasive carcinoma: where only an in situ one is on file, or in the specimen, there is none."""
    if answer.about.result is Result.HORMONE_RECEPTOR_STATUS:
        return answer
    in_situ = is_in_situ(facts, chosen)
    if not in_situ and not all_in_situ(case.conditions):
        return answer
    because = f"the {'specimen' if in_situ else 'cancer on file'} is in situ: subtypes are those of invasive carcinoma"
    used = (*answer.used, *(reading(facts, "histology").used if in_situ else ()))
    return undetermined(answer.about, chosen.rule(answer.rule), Kind.NOT_APPLICABLE, because, used)


def _specimen_flags(specimen: Specimen, governing: Governing, case: Case, chosen: Chosen) -> list[str]:
    in_situ = is_in_situ(case.facts_of(specimen.key), chosen)
    in_bone = specimen.body_site in chosen.rule("bone-specimen").words["site"]
    return [
        *([] if specimen.named else ["specimen-not-named"]),
        *(["bone-specimen"] if in_bone else []),
        *([TissueFlag.IN_SITU] if in_situ else []),
        *([TissueFlag.GOVERNING_NOT_KNOWN] if specimen.key in governing.tied else []),
        *([TissueFlag.GOVERNING] if specimen.key == governing.key else []),
    ]


def _classifications(case: Case, chosen: Chosen) -> list[Tnm]:
    """The classifications that something was sent or derived for: clinical, pathological, or one that names neither."""
    tnms = [tnm_for(case, basis, chosen) for basis in _BASES]
    kept = [tnm for tnm in tnms if has_sent(case, tnm.basis) or tnm.t.derived is not None or tnm.n.derived is not None]
    # An M0 alone opens no classification beside another one: any M0 is clinical and serves the pathological one too.
    told = [tnm for tnm in kept if tnm.t.used or tnm.n.used or tnm.m.group == "M1" or has_sent(case, tnm.basis, ("stage-group",))]
    if not kept:
        # A size without a method has a T all the same, and a deposit an M, of a classification that nobody named.
        unnamed = tnm_for(case, Basis.UNSPECIFIED, chosen)
        return [unnamed] if has_sent(case, Basis.UNSPECIFIED) or unnamed.derived else []
    return told or kept


def _setting(tissue: Mapping[str, Found], governing: str | None, tnms: Sequence[Tnm]) -> Setting:
    """What the rules on scores ask of the case: pathological categories before clinical ones, receptors of the governing specimen."""
    ordered = sorted(tnms, key=lambda tnm: tnm.basis is not Basis.PATHOLOGICAL)
    axes = {name: next((axis for tnm in ordered if (axis := getattr(tnm, name)).group is not None), Axis()) for name in ("t", "n", "m")}
    found = tissue.get(governing or "", {})
    signs = {
        "er": receptor_sign(found.get(Result.ER_STATUS)),
        "hr": value_of(found.get(Result.HORMONE_RECEPTOR_STATUS)),
        "her2": receptor_sign(found.get(Result.HER2_STATUS)),
    }
    used = [fact for axis in axes.values() for fact in axis.used]
    used += [fact for result in RECEPTORS if result in found for fact in found[result].used]
    results = (("er", Result.ER_STATUS), ("hr", Result.HORMONE_RECEPTOR_STATUS))
    er_low = [name for name, result in results if result in found and "er-low" in found[result].flags]
    return Setting({name: axis.group for name, axis in axes.items()}, signs, list({id(fact): fact for fact in used}.values()), er_low)


def _stages(case: Case, tnm: Tnm, tissue: Mapping[str, Found], apart: Collection[str], chosen: Chosen) -> list[Answer]:
    markers = _markers([one for one in case.specimens if one.key not in apart], tnm.basis, tissue, chosen)
    score = reading(case.about("oncotype-score"), "oncotype-score")
    return stages(case, tnm, markers, score.number, score.used, chosen)


def _markers(specimens: Sequence[Specimen], basis: Basis, tissue: Mapping[str, Found], chosen: Chosen) -> Markers:
    """The biomarkers of the primary before treatment; where its specimens differ the positive result counts (SEER EOD)."""
    primary = before_treatment(specimens)
    signs: dict[str, str | None] = {}
    used: list[Fact] = []
    flags: list[str] = []
    for name, result in (("her2", Result.HER2_STATUS), ("er", Result.ER_STATUS), ("pr", Result.PR_STATUS)):
        answers = [tissue[one.key][result] for one in primary if result in tissue[one.key]]
        sign, remarks = _sign(answers, chosen)
        signs[name], flags = sign, [*flags, *remarks]
        used += [fact for answer in answers for fact in answer.used]
    grade, grade_facts = _grade(primary, basis, tissue)
    sources = {fact.specimen for fact in (*used, *grade_facts)}
    flags += ["biomarkers-of-several-specimens"] if len(sources) > 1 else []
    return Markers(grade, signs["her2"], signs["er"], signs["pr"], (*used, *grade_facts), distinct(flags))


def _sign(answers: Sequence[Answer], chosen: Chosen) -> tuple[str | None, list[str]]:
    """One sign for the case: positive over negative; an equivocal HER2 counts as the rule says."""
    signs = [_stage_sign(answer, chosen) for answer in answers]
    known = distinct(sign for sign in signs if sign is not None)
    if "positive" in known:
        low = any("er-low" in answer.flags for answer, sign in zip(answers, signs, strict=True) if sign == "positive")
        return "positive", [*(["discordant-specimens"] if "negative" in known else []), *(["er-low"] if low else [])]
    if known and None not in signs:
        return "negative", [flag for answer in answers for flag in answer.flags if flag == "ish-equivocal-2013"]
    return None, []


def _stage_sign(answer: Answer, chosen: Chosen) -> str | None:
    if value_of(answer) == "equivocal":
        counts = chosen.rule("her2-for-stage").words["counts_as_negative"]
        return "negative" if any(flag in counts for flag in answer.flags) else None
    return receptor_sign(answer)


def _grade(specimens: Sequence[Specimen], basis: Basis, tissue: Mapping[str, Found]) -> tuple[str | None, list[Fact]]:
    """The grade of the biopsy for a clinical stage, of the resection for a pathological one; of any specimen where only one has it."""
    graded = [one for one in specimens if Result.GRADE in tissue[one.key]]
    wanted = Sampling.RESECTION if basis is Basis.PATHOLOGICAL else Sampling.BIOPSY
    chosen_ones = [one for one in graded if one.sampling is wanted] or graded
    answers = [tissue[one.key][Result.GRADE] for one in chosen_ones]
    values = distinct(value for answer in answers if (value := value_of(answer)) is not None)
    return (values[0] if len(values) == 1 else None), [fact for answer in answers for fact in answer.used]
