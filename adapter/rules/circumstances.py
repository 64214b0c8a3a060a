"""What is known of this patient as a whole? Receptors of the governing specimen, extent, genes, and what was given before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from adapter.facts.answers import Answer
from adapter.facts.case import Case, Fact, Treatment
from adapter.facts.vocabulary import Basis, Circumstance, Origin, Result, Sampling, SpecimenKind
from adapter.knowledge.books import Knowledge
from adapter.knowledge.remembered import remembered
from adapter.rules.answering import receptor_sign, value_of
from adapter.rules.extent import Spread, is_origin_open
from adapter.rules.operators import Chosen, bands_for, distinct, reading
from adapter.rules.patient_setting import stage_of
from adapter.rules.situation import Known, Situation, from_answer, from_value
from adapter.rules.tnm import Axis, Tnm, operated_after_therapy

_YES, _NO = "yes", "no"
_OF_TISSUE = {
    Circumstance.ER: Result.ER_STATUS,
    Circumstance.PR: Result.PR_STATUS,
    Circumstance.HR: Result.HORMONE_RECEPTOR_STATUS,
    Circumstance.HER2: Result.HER2_STATUS,
    Circumstance.SUBTYPE: Result.RECEPTOR_SUBTYPE,
    Circumstance.GRADE: Result.GRADE,
}
_OF_CANCER = {
    Circumstance.EXTENT: Result.DISEASE_EXTENT,
    Circumstance.PRESENTATION: Result.METASTATIC_PRESENTATION,
    Circumstance.PCR: Result.PATHOLOGIC_COMPLETE_RESPONSE,
}
# Answers of the governing specimen, or of whatever was tested where that was not.
_OF_ANY_SAMPLE = {
    Circumstance.TMB: Result.TMB_CATEGORY,
    Circumstance.MSI: Result.MSI_CATEGORY,
    Circumstance.PD_L1: Result.PD_L1_CATEGORY,
}
# What only the sender can tell; the fact has the name of the circumstance.
_STATED = (Circumstance.ENDOCRINE_RESISTANT, Circumstance.HIGH_RISK, Circumstance.NO_ALTERNATIVE)
_COUNTED = (Circumstance.PRIOR_LINES, Circumstance.PRIOR_SYSTEMIC)
_SAME = {"low-positive": "positive"}
_WHOLE_DAY = len("2018-03-16")

Found = Mapping[Result, Answer]


class Patient(NamedTuple):
    """A case with its answers so far, the governing specimen, its classifications and spread, and the tissue of each other cancer."""

    case: Case
    answers: Sequence[Answer]
    governing: str | None
    tnms: Sequence[Tnm]
    spread: Spread
    others: Sequence[Found] = ()

    def of_tissue(self, result: Result) -> Answer | None:
        """The answer of the governing specimen."""
        return next((one for one in self.answers if one.about.result is result and one.about.specimen == self.governing), None)

    @property
    def tissue(self) -> Found:
        """All answers of the governing specimen."""
        return {one.about.result: one for one in self.answers if one.about.specimen is not None and one.about.specimen == self.governing}

    def of_cancer(self, result: Result) -> Answer | None:
        """The answer about the cancer as a whole."""
        return next((one for one in self.answers if one.about.result is result and one.about.specimen is None), None)


def situation_of(patient: Patient, chosen: Chosen) -> Situation:
    """Everything that is known of this case as a whole."""
    case, spread = patient.case, patient.spread
    found = _receptors(patient, spread)
    found |= {name: from_answer(patient.of_cancer(result)) for name, result in _OF_CANCER.items()}
    found |= {name: _of_any_sample(result, patient) for name, result in _OF_ANY_SAMPLE.items()}
    found |= {name: from_value(one.value, one.used) for name in _STATED for one in (reading(case.about(name), name),)}
    found |= {name: _banded("number-of-therapies", name, case, chosen) for name in _COUNTED}
    found |= {name: _given_before(name, case, spread, chosen) for name in _therapies(chosen.books)}
    found |= {name: _genes(genes, name, patient) for name, genes in _indication_genes(chosen.books)}
    return found | _of_tumor(patient, chosen) | _of_course(patient, spread, chosen)


def _receptors(patient: Patient, spread: Spread) -> dict[Circumstance, Known]:
    """What is known by the governing specimen; of a metastasis without tissue that may come from any primary, what all of them leave."""
    mine = _of_specimen(patient.tissue)
    governing = patient.case.specimen(patient.governing)
    if not is_origin_open(patient.case, spread) or (governing is not None and governing.kind is SpecimenKind.METASTASIS):
        return mine
    each = [mine, *(_of_specimen(found) for found in patient.others)]
    return {name: _any_of([known[name] for known in each]) for name in mine}


def _of_specimen(found: Found) -> dict[Circumstance, Known]:
    known = {name: _folded(from_answer(found.get(result))) for name, result in _OF_TISSUE.items()}
    return known | {Circumstance.HER2_EXPRESSION: _her2_expression(found)}


def _any_of(knowns: Sequence[Known]) -> Known:
    """Every value that one of these leaves possible; nothing where nothing is known of one of them."""
    if not all(one.values for one in knowns):
        return Known()
    return Known(distinct(value for one in knowns for value in one.values), tuple(fact for one in knowns for fact in one.used))


def _of_tumor(patient: Patient, chosen: Chosen) -> dict[Circumstance, Known]:
    """Size, nodes, categories and histology."""
    t, n = _axis("t", patient.tnms), _axis("n", patient.tnms)
    category = t.category or ""
    letters = chosen.rule("t-with-letter").words.get(category, (category,) if category else ())
    return {
        Circumstance.STAGE: from_answer(stage_of(patient.answers)),
        Circumstance.T: Known(tuple(letters), t.used),
        Circumstance.N: from_value(n.group, n.used),
        Circumstance.SIZE: _size(t, patient.case, chosen),
        Circumstance.POSITIVE_NODES: _positive_nodes(n, patient.case, chosen),
        Circumstance.HISTOLOGY: _histology(patient.case),
    }


def _of_course(patient: Patient, spread: Spread, chosen: Chosen) -> dict[Circumstance, Known]:
    """What became of the disease, and what is known of the person."""
    case, extent = patient.case, patient.of_cancer(Result.DISEASE_EXTENT)
    menopause, cps_eg = reading(case.about("menopausal-status"), "menopausal-status"), _banded("cps-eg", "cps-eg", case, chosen)
    words = chosen.rule("distant-sites").words["bone"]
    bone = [fact for fact in spread.sites.distant if fact.value in words or fact.body_site in words]
    disease = next((flag for flag in (extent.flags if extent else ()) if flag in ("bone-only", "bone-dominant")), None)
    return {
        Circumstance.LOCALLY_ADVANCED: _locally_advanced(extent),
        Circumstance.BONE_METASTASIS: from_value(_YES if bone else None, bone),
        Circumstance.BONE_DISEASE: from_value(disease, spread.evidence),
        Circumstance.OTHER_PRIMARY: _other_primary(patient),
        Circumstance.MENOPAUSE: from_value(menopause.value, menopause.used),
        Circumstance.SEX: from_value(case.patient.sex if case.patient.sex in ("female", "male") else None),
        Circumstance.OPERATED: from_value(_YES if _is_operated(case) else "not-on-file"),
        Circumstance.SURGERY_FIRST: from_value(_surgery_first(case)),
        Circumstance.CPS_EG: cps_eg,
    }


def _folded(known: Known) -> Known:
    """A low positive receptor is a positive one."""
    return known._replace(values=distinct(_SAME.get(value, value) for value in known.values))


def _of_any_sample(result: Result, patient: Patient) -> Known:
    mine = patient.of_tissue(result)
    if mine is not None:
        return from_answer(mine)
    others = [from_answer(one) for one in patient.answers if one.about.result is result]
    return Known(distinct(value for one in others for value in one.values), tuple(fact for one in others for fact in one.used))


def _banded(rule: str, word: str, case: Case, chosen: Chosen) -> Known:
    """The bands that a number on file may lie in."""
    sent = reading(case.about(word), word)
    return Known(distinct(band.says for band in bands_for(chosen.rule(rule), sent.number)) if sent.number is not None else (), sent.used)


@remembered
def _therapies(books: Knowledge) -> list[Circumstance]:
    return [Circumstance(name) for name in books.rules["prior-therapy"].words if name != "metastatic"]


@remembered
def _indication_genes(books: Knowledge) -> list[tuple[Circumstance, tuple[str, ...]]]:
    return [(Circumstance(name), genes) for name, genes in books.rules["indication-genes"].words.items()]


def _given_before(name: str, case: Case, spread: Spread, chosen: Chosen) -> Known:
    """As the sender states it; else yes where a drug of its classes was given. Nothing on file says nothing, and neither does an order."""
    words = chosen.rule("prior-therapy").words
    stated = reading(case.about(name), name)
    if stated.value is not None:
        return Known((stated.value,), stated.used)
    given = [one for one in case.treatments if not one.only_ordered and set(words[name]) & {*one.classes, *one.drugs}]
    if name in words["metastatic"]:
        given = [one for one in given if _is_for_metastasis(one, spread)]
    return from_value(_YES if given else None)


def _is_for_metastasis(treatment: Treatment, spread: Spread) -> bool:
    """True for a drug that was begun on the day the metastasis was found, or later; a year or a month that holds both tells nothing."""
    found, began = spread.day, treatment.started_on
    if found is None or began is None or (began.startswith(found) and len(found) < _WHOLE_DAY):
        return False
    return began >= found


def _genes(genes: Sequence[str], name: str, patient: Patient) -> Known:
    """What the answers on these genes come to: altered where one is, not found where all were looked at."""
    germline = name.startswith("germline")
    mine = [one for one in patient.answers if one.about.gene in genes and (one.about.origin is Origin.GERMLINE) is germline]
    used = tuple(fact for one in mine for fact in one.used)
    values = [value_of(one) for one in mine]
    if "pathogenic" in values:
        return Known(("pathogenic" if germline else "altered",), used)
    if {one.about.gene for one in mine if value_of(one) == "not-found"} == set(genes) and len(set(values)) == 1:
        return Known(("not-found",), used)
    return Known(("uncertain",), used) if germline and values and set(values) <= {"uncertain", "not-found"} else Known()


def _axis(name: str, tnms: Sequence[Tnm]) -> Axis:
    """The pathological category before the clinical one."""
    ordered = sorted(tnms, key=lambda tnm: tnm.basis is not Basis.PATHOLOGICAL)
    return next((axis for tnm in ordered if (axis := getattr(tnm, name)).group is not None), Axis())


def _size(t: Axis, case: Case, chosen: Chosen) -> Known:
    """By the largest size on file, else what the T category allows."""
    rule = chosen.rule("size-for-indication")
    sizes = [fact for fact in case.about("tumor-size") if fact.number is not None]
    said = [distinct(band.says for band in bands_for(rule, fact.number)) for fact in sizes if fact.number is not None]
    order = [band.says for band in rule.bands]
    if said:
        largest = max(said, key=lambda words: max(order.index(word) for word in words))
        return Known(largest, tuple(sizes))
    return Known(rule.words.get(t.group or "", ()), t.used)


def _positive_nodes(n: Axis, case: Case, chosen: Chosen) -> Known:
    counted = _banded("positive-nodes", "nodes-positive", case, chosen)
    if counted.values:
        return counted
    words = chosen.rule("positive-nodes").words
    pathological = any(fact.basis is Basis.PATHOLOGICAL for fact in n.used)
    said = [name for name, categories in words.items() if n.category in categories and (pathological or n.group == "N0")]
    return from_value(said[0] if said else None, n.used)


def _histology(case: Case) -> Known:
    """The one histologic type on file."""
    facts = case.about("histology")
    named = {one.histology for one in case.conditions if one.histology} | {fact.value for fact in facts if fact.value}
    return from_value(next(iter(named)) if len(named) == 1 else None, facts)


def _her2_expression(found: Found) -> Known:
    low, ultralow = found.get(Result.HER2_LOW), found.get(Result.HER2_ULTRALOW)
    used = tuple(fact for one in (low, ultralow) if one is not None for fact in one.used)
    if value_of(low) == "true":
        return Known(("low",), used)
    if value_of(ultralow) == "true":
        return Known(("ultralow",), used)
    if value_of(low) == "false":
        return Known(("neither",) if value_of(ultralow) == "false" else ("ultralow", "neither"), used)
    return Known()


def _locally_advanced(extent: Answer | None) -> Known:
    value = value_of(extent)
    if extent is None or value is None:
        return Known()
    if "labc-possible" in extent.flags:
        return Known((_YES, _NO), extent.used)
    return Known((_YES if value in ("locally-advanced", "inflammatory") else _NO,), extent.used)


def _other_primary(patient: Patient) -> Known:
    """Whether another primary of the patient has another ER."""
    mine = _folded(from_answer(patient.of_tissue(Result.ER_STATUS))).values
    others = {sign for found in patient.others if (sign := receptor_sign(found.get(Result.ER_STATUS))) is not None}
    if len(mine) != 1 or not others:
        return Known()
    return from_value("er-differs" if others - set(mine) else "er-same")


def _is_operated(case: Case) -> bool:
    removed = (Basis.PATHOLOGICAL, Basis.POST_THERAPY_PATHOLOGICAL)
    by_category = any(fact.basis in removed for fact in case.about("t-category", "n-category"))
    by_tissue = any(one.sampling is Sampling.RESECTION for one in case.specimens)
    return by_category or by_tissue or any(one.kind == "surgery" for one in case.treatments)


def _surgery_first(case: Case) -> str | None:
    """By the dates of treatment, else by the y of the categories; residual cancer burden is of what came after therapy."""
    bases = {fact.basis for fact in case.about("t-category", "n-category")}
    if operated_after_therapy(case) is not None or Basis.POST_THERAPY_PATHOLOGICAL in bases or case.about("rcb-class"):
        return _NO
    operated = any(one.kind == "surgery" and one.started_on for one in case.treatments)
    begun = any(one.kind == "systemic" and one.started_on for one in case.treatments)
    return _YES if Basis.PATHOLOGICAL in bases or (operated and begun) else None


def facts_of(situation: Situation, names: Iterable[Circumstance]) -> list[Fact]:
    """Every fact that these circumstances rest on, once."""
    facts = [fact for name in names if name in situation for fact in situation[name].used]
    return list({id(fact): fact for fact in facts}.values())
