"""What are the conditions, specimens and treatments in our words?"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import asdict

from adapter.facts.case import Condition, Fact, Issue, Patient, Specimen, Treatment
from adapter.facts.frozen import Plain
from adapter.facts.gather import OtherCondition, kind_of
from adapter.facts.genomics import GENE_RESULT
from adapter.facts.statements import Coded, Sent, SentCondition, SentImaging, SentSpecimen, SentTreatment
from adapter.facts.vocabulary import Basis, Sampling, Severity, Side, SpecimenKind
from adapter.knowledge.books import Knowledge
from adapter.terminology.drugs import Drugs, drugs_of
from adapter.terminology.systems import systems_of
from adapter.terminology.translate import row_of, side_of, word_of
from adapter.terminology.values import Meaning, NoMeaning, meaning_of

_BREAST, _SECONDARY, _MALIGNANT = "breast-cancer", "secondary-cancer", "malignancy"
_UNSPECIFIED = "unspecified"
_BLOOD = "blood"
_SAMPLING = {"biopsy": Sampling.BIOPSY, "anatomic-pathology": Sampling.RESECTION, "resection": Sampling.RESECTION}


class Entities(Plain, frozen=True, kw_only=True):
    """The cancers, specimens and treatments of one request; `others` are conditions that are not this cancer."""

    patient: Patient
    conditions: tuple[Condition, ...] = ()
    others: tuple[OtherCondition, ...] = ()
    other_cancer: bool = False
    specimens: tuple[Specimen, ...] = ()
    treatments: tuple[Treatment, ...] = ()
    stages: tuple[Fact, ...] = ()
    metastases: tuple[Fact, ...] = ()
    findings: tuple[Fact, ...] = ()
    issues: tuple[Issue, ...] = ()


def entities(sent: Sent, books: Knowledge) -> Entities:
    """Everything in a request that is not a statement, in our words."""
    live = [condition for condition in sent.conditions if not condition.withdrawn]
    breast = {condition.reference: found for condition in live if (found := _breast_cancer(condition, books))}
    kept = tuple(_with_histology(breast, live, books))
    others = [condition for condition in sent.conditions if condition.reference not in breast]
    other_cancer = any(_is_other_cancer(condition, books) for condition in others if not condition.withdrawn)
    treated = [ours for one in sent.treatments if (ours := _treatment(one, breast, books)) is not None]
    secondary = [one for one in others if _is_secondary(one, books) and _is_of_breast(one, breast, sent, other_cancer=other_cancer)]
    return Entities(
        patient=Patient(**asdict(sent.patient)),
        conditions=kept,
        others=tuple(
            # A metastasis is of the breast cancer, unless another cancer on file could have sent it.
            OtherCondition(one.reference, one in secondary and not one.withdrawn)
            for one in others
        ),
        other_cancer=other_cancer,
        specimens=tuple(_specimen(specimen, books) for specimen in sent.specimens),
        treatments=tuple(one for one, _ in treated),
        stages=tuple(fact for condition in live if condition.reference in breast for fact in _stages(condition, books)),
        metastases=tuple(_metastasis(one, breast, books) for one in secondary if not (one.withdrawn or one.unconfirmed)),
        findings=tuple(fact for condition in live for fact in _gene_findings(condition, books)),
        issues=(
            *(issue for condition in sent.conditions for issue in _issues(condition, books)),
            *(_of_another(one) for one in others if _is_secondary(one, books) and not one.withdrawn and one not in secondary),
            *(issue for _, issue in treated if issue),
        ),
    )


def _issues(condition: SentCondition, books: Knowledge) -> Iterable[Issue]:
    """What keeps a Condition, or its histology, from being used."""
    if condition.withdrawn:
        text = "the Condition is entered in error or refuted, so it is not used"
        yield Issue(code="withdrawn", severity=Severity.INFORMATION, text=text, place=condition.place)
        return
    if condition.unconfirmed and _is_secondary(condition, books):
        text = "the secondary cancer is not confirmed (verificationStatus), so it makes no metastasis"
        yield Issue(code="not-confirmed", severity=Severity.WARNING, text=text, place=condition.place)
    for code in (condition.histology, condition.code):
        meaning = meaning_of(code, books.facts["histology"], books) if code else None
        if isinstance(meaning, NoMeaning) and meaning.code in ("codings-disagree", "display-names-another", "wrong-check-digit"):
            yield Issue(code=meaning.code, severity=Severity.WARNING, text=f"histology: {meaning.because}", place=condition.place)


def _breast_cancer(condition: SentCondition, books: Knowledge) -> Condition | None:
    """The condition as a primary breast cancer, or None when it is something else."""
    row = row_of("condition", condition.code, books)
    at_breast = any(word_of("site", site, books) == "breast" for site in condition.body_sites)
    is_breast = row is not None and (row.fact == _BREAST or (row.fact == _MALIGNANT and at_breast))
    if not is_breast and not (row is None and condition.claims_primary_cancer and at_breast):
        return None
    in_situ = (row is not None and row.value == "in-situ") or _histology(condition, books) in books.rules["in-situ-histology"].words[
        "in_situ"
    ]
    return Condition(
        reference=condition.reference,
        key=condition.key,
        side=_side(condition, books),
        histology=_histology(condition, books),
        in_situ=in_situ,
        recorded_on=condition.recorded_on,
        origin=condition.place,
    )


def _side(condition: SentCondition, books: Knowledge) -> Side | None:
    sides = [side_of(code, books) for code in (condition.code, *condition.body_sites)]
    return next((side for side in sides if side), None)


def _histology(condition: SentCondition, books: Knowledge) -> str | None:
    shape = books.facts["histology"]
    for code in (condition.histology, condition.code):
        meaning = meaning_of(code, shape, books) if code else None
        if isinstance(meaning, Meaning) and meaning.word == shape.word:
            return meaning.value
    return None


def _with_histology(breast: dict[str, Condition], sent: Iterable[SentCondition], books: Knowledge) -> Iterable[Condition]:
    """The cancers; a Condition whose code is only a morphology tells the histology of the one cancer there is."""
    morphologies = [found for condition in sent if condition.reference not in breast and (found := _histology(condition, books))]
    for condition in breast.values():
        if len(breast) == 1 and condition.histology is None and len(set(morphologies)) == 1:
            yield condition.but(histology=morphologies[0])
        else:
            yield condition


def _is_secondary(condition: SentCondition, books: Knowledge) -> bool:
    row = row_of("condition", condition.code, books)
    return (row is not None and row.fact == _SECONDARY) or (row is None and condition.claims_secondary_cancer)


def _is_of_breast(condition: SentCondition, breast: dict[str, Condition], sent: Sent, *, other_cancer: bool) -> bool:
    """True for a metastasis that names a breast cancer, or names none where no other cancer on file could have sent it."""
    if breast.keys() & set(condition.related):
        return True
    # Without a breast cancer on file, a primary that was not sent may be the one.
    on_file = {one.reference for one in sent.conditions}
    return not other_cancer and not (set(condition.related) if breast else on_file & set(condition.related))


def _of_another(condition: SentCondition) -> Issue:
    text = "the secondary cancer is not used: it may come from another cancer than the breast cancer on file; send its condition-related"
    return Issue(code="about-another-condition", severity=Severity.WARNING, text=text, place=condition.place)


def _metastasis(condition: SentCondition, breast: dict[str, Condition], books: Knowledge) -> Fact:
    """The site of a secondary cancer: of its code, else of its body site; `lesion` tells one bone from another."""
    row = row_of("condition", condition.code, books)
    places = [found for site in condition.body_sites if (found := row_of("site", site, books))]
    by_code = row.value if row is not None and row.fact == _SECONDARY and row.value != _UNSPECIFIED else None
    site = by_code or next((place.value for place in places), _UNSPECIFIED)
    named = [coding.code for one in condition.body_sites for coding in one.codings if coding.code]
    return Fact(
        word="metastasis-site",
        value=site if site in books.facts["metastasis-site"].values else _UNSPECIFIED,
        taken_on=condition.recorded_on,
        focus=next((reference for reference in condition.related if reference in breast), None),
        lesion="-".join(dict.fromkeys([site, *named])),
        origin=condition.place,
    )


def _is_other_cancer(condition: SentCondition, books: Knowledge) -> bool:
    """True for a primary cancer of another organ: it could own staging results that name no condition."""
    row = row_of("condition", condition.code, books)
    if row is not None:
        return row.fact == _MALIGNANT
    return condition.claims_primary_cancer or _is_of_another_organ(condition.code, books)


def _is_of_another_organ(code: Coded | None, books: Knowledge) -> bool:
    """Whether ICD-10 says so: the first three characters of a code are its category, with or without the dot."""
    listed, systems = books.rules["cancers-of-other-organs"].words, systems_of(books)
    codings = [systems.coding(coding) for coding in code.codings] if code else []
    return any(one.system in listed["systems"] and one.code[:3] in listed["categories"] for one in codings)


def _stages(condition: SentCondition, books: Knowledge) -> Iterable[Fact]:
    """The stages that a Condition states of itself (Condition.stage.summary)."""
    shape = books.facts["stage-group"]
    for number, stage in enumerate(condition.stages):
        meaning = meaning_of(stage, shape, books)
        if isinstance(meaning, Meaning):
            path = f"{condition.place.path}.stage[{number}]"
            yield Fact(
                word=shape.word,
                value=meaning.value,
                basis=meaning.basis or Basis.UNSPECIFIED,
                taken_on=condition.recorded_on,
                focus=condition.reference,
                origin=condition.place.but(path=path),
            )


def _gene_findings(condition: SentCondition, books: Knowledge) -> Iterable[Fact]:
    """What a Condition says of a gene: SNOMED CT has findings such as a BRCA1 mutation, and problem lists hold them."""
    row = row_of("condition", condition.code, books)
    if row is not None and row.fact.endswith(GENE_RESULT):
        yield Fact(word=row.fact, value=row.value, taken_on=condition.recorded_on, origin=condition.place)


def _specimen(sent: SentSpecimen, books: Knowledge) -> Specimen:
    site = row_of("site", sent.body_site, books)
    of_type = word_of("method", sent.type, books)
    sampling = _SAMPLING.get(word_of("method", sent.method, books) or of_type or "", Sampling.UNKNOWN)
    return Specimen(
        key=sent.key,
        reference=sent.reference,
        kind=SpecimenKind.BLOOD if of_type == _BLOOD else kind_of(site.value if site else None),
        sampling=sampling,
        side=side_of(sent.body_site, books),
        body_site=site.value if site else None,
        collected_on=sent.collected_on,
    )


def facts_of_scans(imaging: Iterable[SentImaging], treatments: Iterable[SentTreatment], books: Knowledge) -> tuple[Fact, ...]:
    """What matters where there is a scan: the tracers that were given, and the drugs that hide their target."""
    tracers = (fact for one in imaging for fact in _tracer(one, books))
    blockers = (fact for one in treatments for fact in _blocker(one, books))
    return (*tracers, *blockers)


def _tracer(sent: SentImaging, books: Knowledge) -> Iterable[Fact]:
    """The tracer that a report, procedure, administration or study names, with its activity; most name none, and that is no issue."""
    tracer = _tracer_among(sent.codes, books)
    if tracer is None:
        return
    yield Fact(word="radiopharmaceutical", value=tracer, taken_on=sent.taken_on, study=sent.study, origin=sent.place)
    dose = meaning_of(sent.dose, books.facts["injected-activity"], books) if sent.dose else None
    if isinstance(dose, Meaning):
        yield Fact(word=dose.word, number=dose.number, taken_on=sent.taken_on, study=sent.study, origin=sent.place)


def _blocker(sent: SentTreatment, books: Knowledge) -> Iterable[Fact]:
    """The kind of drug that binds the estrogen receptor, with its first and last day; one that is still taken has no last day."""
    if not (sent.last_on or sent.still_taken):
        return
    classes = books.drug_classes(drugs_of(sent.drugs, books).words)
    for blocking in books.rules["receptor-blocking-classes"].words["classes"] if classes else ():
        if blocking in classes:
            yield Fact(word="estrogen-receptor-blocker", value=blocking, began_on=sent.started_on, taken_on=sent.last_on, origin=sent.place)


def _tracer_among(codes: tuple[Coded, ...], books: Knowledge) -> str | None:
    """The tracer that one of these concepts is, or that the name of a procedure says."""
    named = (word_of("procedure", code, books) for code in codes)
    return _word_among(codes, "radiopharmaceutical", books) or next((tracer for tracer in named if tracer), None)


def _word_among(codes: Iterable[Coded], word: str, books: Knowledge) -> str | None:
    """Our word for the first of these concepts that is a value of this fact."""
    meanings = (meaning_of(code, books.facts[word], books) for code in codes)
    return next((one.value for one in meanings if isinstance(one, Meaning) and one.word == word), None)


def _treatment(sent: SentTreatment, breast: dict[str, Condition], books: Knowledge) -> tuple[Treatment, Issue | None] | None:
    """A treatment of a breast cancer, and what is wrong with its drug: its reason, by reference or by code, or its profile says so."""
    focus = next((reason for reason in sent.reasons if reason in breast), None)
    by_code = any((row := row_of("condition", code, books)) is not None and row.fact == _BREAST for code in sent.reason_codes)
    if focus is None and not by_code and (sent.reasons or sent.reason_codes or not sent.claims_cancer):
        return None
    if sent.kind == "procedure" and word_of("method", sent.code, books) != "resection":
        return None
    if sent.code is not None and _tracer_among((sent.code,), books) is not None:
        return None
    given = drugs_of(sent.drugs, books)
    sides = [side_of(site, books) for site in sent.body_sites]
    treatment = Treatment(
        kind=_kind(sent, given, books),
        started_on=sent.started_on,
        last_on=sent.last_on,
        still_taken=sent.still_taken,
        only_ordered=sent.only_ordered,
        focus=focus,
        side=next((side for side in sides if side), None),
        drugs=given.words,
        classes=books.drug_classes(given.words),
        origin=sent.place,
    )
    return treatment, _about_drug(given, sent)


def _kind(sent: SentTreatment, given: Drugs, books: Knowledge) -> str:
    if sent.kind != "medication":
        return "surgery"
    return "systemic" if books.is_therapy(given.words) else "supportive"


def _about_drug(given: Drugs, sent: SentTreatment) -> Issue | None:
    """What keeps the drug from being known; it is taken for systemic therapy all the same."""
    if not given.code:
        return None
    return Issue(code=given.code, severity=Severity.WARNING, text=f"drug: {given.because}", place=sent.place, unmapped=given.unmapped)
