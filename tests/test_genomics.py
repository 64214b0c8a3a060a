"""Genes, TMB, MSI and PD-L1 as senders write them (rule notes S83 to S91, B-15 to B-18, C-20, C-22, C-28, W23; G2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.genomics import genomics_of
from adapter.facts.vocabulary import Origin, Result, Significance
from adapter.fhir import models
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply
from tests.sending import (
    ER_PERCENT,
    LEFT_BREAST,
    LOINC,
    RIGHT_BREAST,
    SNOMED,
    Resource,
    all_answers,
    ask,
    bundle,
    coded,
    codes,
    concept,
    condition,
    observation,
    outcome,
    percent,
    reference,
    text,
)

HGNC = "http://www.genenames.org/geneId"
VARIANT, REGION, GENE, SOURCE, MEANING = "69548-6", "53041-0", "48018-6", "48002-0", "53037-8"
TMB, MSI, CPS = "94076-7", "81695-9", "C176582"
PRESENT, ABSENT = "LA9633-4", "LA9634-2"
GERMLINE, SOMATIC, PATHOGENIC = "LA6683-2", "LA6684-0", "LA6668-3"
BRCA1, BRCA2, PALB2, PIK3CA, STK11 = "1100", "1101", "26144", "8975", "11389"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
IMPLICATION = concept("diagnostic-implication", system="http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs")

Said = tuple[str, str, str]


def component(code: str, value: Resource) -> Resource:
    return {"code": concept(code), **value}


def gene(*identifiers: str, system: str = HGNC) -> Resource:
    return component(GENE, coded(*identifiers, system=system))


def source(code: str) -> Resource:
    return component(SOURCE, coded(code))


def meaning(code: str) -> Resource:
    return component(MEANING, coded(code))


def variant(*components: Resource, name: str = "v", value: str = PRESENT, **more: object) -> Resource:
    return observation(VARIANT, coded(value), name=name, component=list(components), **more)


def implication(of: str, *components: Resource, name: str = "i", **more: object) -> Resource:
    return observation(IMPLICATION, name=name, component=list(components), derivedFrom=[reference(f"Observation/{of}")], **more)


def said(reply: Reply) -> list[Said]:
    """Every gene answer: the gene, the origin, and the value or the kind of open answer."""
    found = [answer for answer in all_answers(reply) if answer.about.result is Result.GENE_ALTERATION]
    return [(str(one.about.gene), str(one.about.origin), one.value if isinstance(one, Determined) else str(one.kind)) for one in found]


def the(reply: Reply, result: Result) -> Answer:
    (answer,) = [answer for answer in all_answers(reply) if answer.about.result is result]
    return answer


def written(reply: Reply, code: str) -> list[dict[str, Any]]:
    """The Observations that were written for this kind of answer."""
    resources = [entry["resource"] for entry in json.loads(reply.bundle)["entry"]]
    kinds = [one for one in resources if one["resourceType"] == "Observation"]
    return [one for one in kinds if one["code"]["coding"][0]["code"] == code]


# LOINC answer list LL4034-6 (53037-8), as printed in Genomics Reporting 3.0.0 and RareLink, and the older answers of STU3.
MEANINGS = {
    "LA6668-3": "pathogenic",
    "LA26332-9": "pathogenic",
    "LA26333-7": "uncertain",
    "LA26334-5": "not-found",
    "LA6675-8": "not-found",
    "LA6669-1": "pathogenic",
    "LA6682-4": "uncertain",
    "LA6674-1": "not-found",
}


@pytest.mark.parametrize(("code", "value"), MEANINGS.items())
def test_an_implication_says_what_the_variant_means(code: str, value: str, knowledge: Knowledge) -> None:
    """B-18: pathogenic and likely pathogenic count, uncertain and benign do not."""
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE)), implication("v", meaning(code))))
    assert said(reply) == [("BRCA1", "germline", value)]
    (answer,) = written(reply, "gene-alteration")
    assert {one["reference"] for one in answer["derivedFrom"]} == {"Observation/v", "Observation/i"}


@pytest.mark.parametrize("code", MEANINGS)
def test_the_variant_itself_may_say_what_it_means(code: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE), meaning(code))))
    assert said(reply) == [("BRCA1", "germline", MEANINGS[code])]


@pytest.mark.parametrize("word", ["Pathogenic", "likely pathogenic", "Pathogenic/Likely pathogenic", "5", "4", "class 5"])
def test_the_words_of_clinvar_are_read_as_text(word: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE), component(MEANING, text(word)))))
    assert said(reply) == [("BRCA1", "germline", "pathogenic")]


# LOINC answer list LL378-1 (48002-0); only the two certain answers settle the origin.
ORIGINS = {
    GERMLINE: ("germline", "pathogenic"),
    SOMATIC: ("somatic", "pathogenic"),
    "LA18194-3": ("unknown", "indeterminate"),
    "LA18195-0": ("unknown", "indeterminate"),
    "LA18197-6": ("unknown", "indeterminate"),
    "LA26807-0": ("unknown", "indeterminate"),
}


@pytest.mark.parametrize(("code", "expected"), ORIGINS.items())
def test_the_origin_is_what_the_sender_says_for_certain(code: str, expected: tuple[str, str], knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA2), source(code), meaning(PATHOGENIC))))
    assert said(reply) == [("BRCA2", *expected)]


@pytest.mark.parametrize("code", ["LA10429-1", "LA18196-8", "LA6685-7"])
def test_a_fetal_variant_is_not_the_patients(code: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA2), source(code), meaning(PATHOGENIC))))
    assert said(reply) == []
    assert any(issue.code == "not-used-by-a-rule" and "genomic-source fetal" in issue.text for issue in reply.issues)


def test_w23_only_a_germline_variant_is_told_as_one(knowledge: Knowledge) -> None:
    """W23: a somatic BRCA2 and a BRCA1 of uncertain significance never look like an inherited pathogenic variant."""
    reply = ask(
        knowledge,
        bundle(
            condition(),
            variant(gene(BRCA2), source(SOMATIC), meaning(PATHOGENIC), name="a"),
            variant(gene(BRCA1), source(GERMLINE), meaning("LA26333-7"), name="b"),
            variant(gene(PALB2), source(GERMLINE), meaning(PATHOGENIC), name="c"),
        ),
    )
    assert said(reply) == [("BRCA1", "germline", "uncertain"), ("BRCA2", "somatic", "pathogenic"), ("PALB2", "germline", "pathogenic")]
    (palb2,) = [one for one in all_answers(reply) if one.about.gene == "PALB2"]
    assert any("insufficient" in sentence for sentence in palb2.context)


def test_an_implication_of_two_variants_classifies_neither(knowledge: Knowledge) -> None:
    both = implication("a", meaning(PATHOGENIC)) | {"derivedFrom": [reference("Observation/a"), reference("Observation/b")]}
    variants = [variant(gene(BRCA1), source(GERMLINE), name="a"), variant(gene(BRCA2), source(GERMLINE), name="b")]
    reply = ask(knowledge, bundle(condition(), *variants, both))
    assert [value for *_, value in said(reply)] == ["indeterminate", "indeterminate"]


def test_a_withdrawn_implication_says_nothing(knowledge: Knowledge) -> None:
    """R1: entered-in-error withdraws what it said."""
    gone = implication("v", meaning(PATHOGENIC), status="entered-in-error")
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE)), gone))
    assert said(reply) == [("BRCA1", "germline", "indeterminate")]
    assert codes(reply) == ["withdrawn"]


def test_a_withdrawn_variant_leaves_no_answer(knowledge: Knowledge) -> None:
    gone = variant(gene(BRCA1), source(GERMLINE), meaning(PATHOGENIC), status="entered-in-error")
    assert said(ask(knowledge, bundle(condition(), gone))) == []


def test_an_absent_variant_is_a_negative_result_of_each_gene_it_names(knowledge: Knowledge) -> None:
    """The shape of mCODE's pertinent negative: several genes in one Observation."""
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), gene(PIK3CA), gene(STK11), source(SOMATIC), value=ABSENT)))
    assert said(reply) == [("BRCA1", "somatic", "not-found"), ("PIK3CA", "somatic", "not-found")]


@pytest.mark.parametrize("code", ["LA18198-4", "LA11884-6"])
def test_no_call_and_indeterminate_are_no_result(code: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE), value=code)))
    assert said(reply) == [("BRCA1", "germline", "indeterminate")]


def test_a_variant_without_a_value_may_be_there_or_not(knowledge: Knowledge) -> None:
    """Genomics Reporting asks for Present where a variant was found; without it nothing says so."""
    silent = observation(VARIANT, name="v", component=[gene(BRCA1), source(GERMLINE), meaning(PATHOGENIC)])
    assert said(ask(knowledge, bundle(condition(), silent))) == [("BRCA1", "germline", "indeterminate")]


def test_a_panel_says_which_genes_were_looked_at(knowledge: Knowledge) -> None:
    panel = observation(REGION, name="panel", component=[gene(BRCA1, BRCA2, STK11, "1748"), source(GERMLINE)])
    reply = ask(knowledge, bundle(condition(), panel))
    assert said(reply) == [("BRCA1", "germline", "not-found"), ("BRCA2", "germline", "not-found")]
    assert codes(reply) == []


def test_a_gene_that_we_do_not_read_is_no_unmapped_code(knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), variant(gene(STK11), source(SOMATIC), meaning(PATHOGENIC))))
    assert said(reply) == []
    assert codes(reply) == []
    assert any(issue.code == "not-used-by-a-rule" for issue in reply.issues)


@pytest.mark.parametrize(
    "named",
    [
        gene("BRCA1"),
        gene("brca1", system="http://www.genenames.org"),
        gene("HGNC:1100"),
        component(GENE, {"valueCodeableConcept": {"text": "BRCA1"}}),
    ],
)
def test_a_gene_is_known_by_its_identifier_or_its_symbol(named: Resource, knowledge: Knowledge) -> None:
    assert said(ask(knowledge, bundle(condition(), variant(named, source(GERMLINE), meaning(PATHOGENIC))))) == [
        ("BRCA1", "germline", "pathogenic")
    ]


def test_two_registries_may_name_one_gene_and_another_registry_alone_names_another(knowledge: Knowledge) -> None:
    """The shape of mCODE's example CNV: the HGNC identifier beside the one of NCBI."""
    ncbi = "https://www.ncbi.nlm.nih.gov/gene"
    both = {
        "code": concept(GENE),
        "valueCodeableConcept": {"coding": [{"system": HGNC, "code": "HGNC:1100"}, {"system": ncbi, "code": "672"}]},
    }
    other = component(GENE, coded("1029", system=ncbi))
    reply = ask(knowledge, bundle(condition(), variant(both, source(GERMLINE), name="a"), variant(other, source(SOMATIC), name="b")))
    assert said(reply) == [("BRCA1", "germline", "indeterminate")]
    assert codes(reply) == []


def test_a_value_and_an_interpretation_that_contradict_each_other_are_no_result(knowledge: Knowledge) -> None:
    negative = [concept("NEG", system="http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation")]
    reply = ask(knowledge, bundle(condition(), variant(gene(BRCA1), source(GERMLINE), meaning(PATHOGENIC), interpretation=negative)))
    assert said(reply) == [("BRCA1", "germline", "indeterminate")]


def test_a_display_of_another_gene_stops_the_code(knowledge: Knowledge) -> None:
    wrong = component(GENE, coded(STK11, system=HGNC, display="BRCA1"))
    reply = ask(knowledge, bundle(condition(), variant(wrong, source(GERMLINE), meaning(PATHOGENIC))))
    assert said(reply) == []
    assert "unmapped-value" in codes(reply)


def test_the_order_of_what_was_sent_changes_nothing(knowledge: Knowledge) -> None:
    resources = [
        condition(),
        variant(gene(BRCA1), source(GERMLINE), name="a"),
        implication("a", meaning("LA26333-7"), name="old", effectiveDateTime="2022-01-01"),
        implication("a", meaning(PATHOGENIC), name="new", effectiveDateTime="2025-01-01"),
        variant(gene(BRCA1), source(SOMATIC), meaning("LA6675-8"), name="b"),
        observation(REGION, name="panel", component=[gene(BRCA1, BRCA2)]),
    ]
    forward, backward = ask(knowledge, bundle(*resources)), ask(knowledge, bundle(*resources[::-1]))
    assert outcome(forward) == outcome(backward)
    assert said(forward) == [("BRCA1", "germline", "pathogenic"), ("BRCA1", "somatic", "not-found"), ("BRCA2", "unknown", "not-found")]


def test_what_is_inherited_belongs_to_both_cancers_and_the_tumors_own_to_one(knowledge: Knowledge) -> None:
    two = [condition("l", side=LEFT_BREAST), condition("r", side=RIGHT_BREAST)]
    germline = [variant(gene(BRCA1), source(GERMLINE), name="g"), implication("g", meaning(PATHOGENIC))]
    tumor = [variant(gene(PIK3CA), source(SOMATIC), meaning(PATHOGENIC), name="t", focus=[reference("Condition/l")])]
    unnamed = [variant(gene(PIK3CA), source(SOMATIC), meaning(PATHOGENIC), name="u")]
    reply = ask(knowledge, bundle(*two, *germline, *tumor, *unnamed))
    assert said(reply) == [("BRCA1", "germline", "pathogenic"), ("PIK3CA", "somatic", "pathogenic"), ("BRCA1", "germline", "pathogenic")]
    assert {issue.place.reference for issue in reply.issues if issue.code == "side-unknown" and issue.place} == {"Observation/u"}


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("21636-6", coded("LA6577-6"), ("BRCA1", "unknown", "not-found")),
        ("38530-2", coded("LA6576-8"), ("BRCA2", "unknown", "indeterminate")),
        ("21636-6", text("wild type"), ("BRCA1", "unknown", "not-found")),
        ("100761-6", coded("LA26333-7"), ("PALB2", "unknown", "uncertain")),
    ],
)
def test_single_gene_results_are_read(code: str, value: Resource, expected: Said, knowledge: Knowledge) -> None:
    assert said(ask(knowledge, bundle(condition(), observation(code, value)))) == [expected]


def test_a_single_gene_result_may_name_its_origin_beside_it(knowledge: Knowledge) -> None:
    result = observation("21636-6", coded(PATHOGENIC), component=[source(GERMLINE)])
    assert said(ask(knowledge, bundle(condition(), result))) == [("BRCA1", "germline", "pathogenic")]


@pytest.mark.parametrize("as_condition", [False, True], ids=["observation", "condition"])
def test_a_snomed_finding_of_a_mutation_is_read(as_condition: bool, knowledge: Knowledge) -> None:
    """412734009 says that a mutation is there, not what it means nor whether it is inherited."""
    told = observation(concept("405823003", system=SNOMED), coded("412734009", system=SNOMED))
    sent = condition("finding", code="412734009") if as_condition else told
    reply = ask(knowledge, bundle(condition(), sent))
    assert said(reply) == [("BRCA1", "unknown", "indeterminate")]
    answer = the(reply, Result.GENE_ALTERATION)
    assert isinstance(answer, Undetermined)
    assert answer.missing == ("clinical significance of the BRCA1 alteration", "whether the BRCA1 alteration is germline or somatic")


def test_a_refuted_finding_says_nothing(knowledge: Knowledge) -> None:
    refuted = condition("finding", code="412734009", verificationStatus={"coding": [{"code": "refuted"}]})
    assert said(ask(knowledge, bundle(condition(), refuted))) == []


def test_blood_is_no_tissue(knowledge: Knowledge) -> None:
    blood = {"resourceType": "Specimen", "id": "b", "subject": reference("Patient/p"), "type": concept("119297000", system=SNOMED)}
    of_blood = {"specimen": reference("Specimen/b")}
    er = observation(ER_PERCENT, percent(90), name="er", **of_blood)
    found = variant(gene(PIK3CA), source(SOMATIC), meaning(PATHOGENIC), **of_blood)
    burden = observation(TMB, {"valueQuantity": {"value": 12, "code": "{mut}/Mb"}}, name="t", **of_blood)
    reply = ask(knowledge, bundle(condition(), blood, er, found, burden))
    assert {answer.about.result for answer in all_answers(reply)} == {Result.GENE_ALTERATION, Result.TMB_CATEGORY}
    assert all("from-blood" in answer.flags for answer in all_answers(reply))
    assert written(reply, "tmb-category")[0]["specimen"] == reference("Specimen/b")
    assert any(issue.code == "not-used-by-a-rule" and issue.place and issue.place.reference == "Observation/er" for issue in reply.issues)


def test_the_model_that_indications_rest_on(knowledge: Knowledge) -> None:
    """S84: whether the germline was tested; S89, S91: what was found in the tumor."""
    panel = observation(REGION, name="panel", component=[gene(BRCA1), source(GERMLINE)])
    found = variant(gene(PIK3CA), source(SOMATIC), meaning("LA26332-9"), effectiveDateTime="2025-05-01")
    (case,) = ask(knowledge, bundle(condition(), panel, found)).cases
    known = genomics_of(case)
    assert known.was_tested("BRCA1", Origin.GERMLINE)
    assert not known.was_tested("BRCA1", Origin.SOMATIC)
    assert not known.was_tested("ESR1")
    assert known.alterations("BRCA1") == ()
    (pik3ca,) = known.alterations("PIK3CA")
    assert (pik3ca.origin, pik3ca.significance, pik3ca.taken_on) == (Origin.SOMATIC, Significance.LIKELY_PATHOGENIC, "2025-05-01")
    assert {fact.word for fact in pik3ca.facts} == {"variant", "gene-studied", "genomic-source", "clinical-significance"}


def test_the_answer_names_gene_and_origin_in_public_codes(knowledge: Knowledge) -> None:
    """G2: LOINC 48018-6 with the HGNC identifier, LOINC 48002-0 with its answer; one identity for each gene and origin."""
    pairs = [(BRCA1, GERMLINE), (BRCA1, SOMATIC), (BRCA2, GERMLINE)]
    variants = [variant(gene(one), source(of), meaning(PATHOGENIC), name=f"v{number}") for number, (one, of) in enumerate(pairs)]
    reply = ask(knowledge, bundle(condition(), *variants))
    answers = written(reply, "gene-alteration")
    named = [
        {part["code"]["coding"][1]["code"]: part["valueCodeableConcept"]["coding"][0] for part in one["component"][:2]} for one in answers
    ]
    assert [(one[GENE]["code"], one[SOURCE]["code"]) for one in named] == [
        ("HGNC:1100", GERMLINE),
        ("HGNC:1100", SOMATIC),
        ("HGNC:1101", GERMLINE),
    ]
    assert len({one["identifier"][0]["value"] for one in answers}) == len(pairs)
    assert all(models.check(json.dumps(one).encode(), "Observation", bindings=knowledge.outputs.bindings) == [] for one in answers)


def test_every_gene_and_origin_has_its_public_code(knowledge: Knowledge) -> None:
    components = knowledge.outputs.coded_components
    genes = set(knowledge.facts["gene-studied"].values) - {knowledge.facts["gene-studied"].rest}
    assert set(components["gene"].values) == genes
    assert set(components["origin"].values) == set(Origin)


# What fixes the unit: the tumor mutational burden profile of Genomics Reporting 2.0.0, and how others write it.
@pytest.mark.parametrize("unit", ["1/1000000{Base}", "1/1000000", "{mutations}/{megabase}", "{mut}/Mb", "mut/Mb"])
@pytest.mark.parametrize(("value", "expected"), [(10, "high"), (9.99, "not-high"), (57.1, "high")])
def test_tmb_is_mutations_per_megabase(unit: str, value: float, expected: str, knowledge: Knowledge) -> None:
    """B-15: at least ten, inclusive; another panel is flagged (C-28)."""
    reply = ask(knowledge, bundle(condition(), observation(TMB, {"valueQuantity": {"value": value, "code": unit}})))
    answer = the(reply, Result.TMB_CATEGORY)
    assert isinstance(answer, Determined)
    assert answer.value == expected
    assert answer.flags == ("assay-dependent",)


@pytest.mark.parametrize(
    ("quantity", "issue"),
    [
        ({"value": 412, "code": "{mutations}"}, "unknown-unit"),
        ({"value": 412, "code": "1"}, "unknown-unit"),
        ({"value": 412}, "unit-missing"),
    ],
)
def test_a_total_count_of_mutations_is_no_burden(quantity: Resource, issue: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), observation(TMB, {"valueQuantity": quantity})))
    assert all_answers(reply) == []
    assert codes(reply) == [issue]


def test_the_interpretation_beside_the_number_is_compared_with_it(knowledge: Knowledge) -> None:
    high = [concept("H", system="http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation")]
    quantity = {"valueQuantity": {"value": 6, "code": "{mut}/Mb"}}
    answer = the(ask(knowledge, bundle(condition(), observation(TMB, quantity, interpretation=high))), Result.TMB_CATEGORY)
    assert isinstance(answer, Determined)
    assert answer.value == "not-high"
    assert "asserted-vs-computed" in answer.flags


def test_a_named_assay_takes_the_flag_away(knowledge: Knowledge) -> None:
    named = observation(TMB, {"valueQuantity": {"value": 12, "code": "{mut}/Mb"}}, method={"text": "FoundationOne CDx"})
    assert the(ask(knowledge, bundle(condition(), named)), Result.TMB_CATEGORY).flags == ()


@pytest.mark.parametrize(("code", "value"), [("LA26203-2", "msi-high-or-dmmr"), ("LA26202-4", "stable"), ("LA14122-8", "stable")])
def test_msi_as_reported(code: str, value: str, knowledge: Knowledge) -> None:
    """B-16."""
    answer = the(ask(knowledge, bundle(condition(), observation(MSI, coded(code)))), Result.MSI_CATEGORY)
    assert isinstance(answer, Determined)
    assert answer.value == value


def test_unstable_without_a_degree_is_told_and_not_guessed(knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), observation(MSI, coded("LA14123-6"))))
    assert all_answers(reply) == []
    assert codes(reply)


def test_a_lost_repair_protein_is_deficient_repair(knowledge: Knowledge) -> None:
    proteins = [observation(code, coded("LA6576-8"), name=code) for code in ("81691-8", "81692-6", "81693-4")]
    lost, kept = (observation("81694-2", coded(code), name="pms2") for code in ("LA6577-6", "LA6576-8"))
    values = [the(ask(knowledge, bundle(condition(), *proteins, pms2)), Result.MSI_CATEGORY) for pms2 in (lost, kept)]
    assert [one.value for one in values if isinstance(one, Determined)] == ["msi-high-or-dmmr", "stable"]


def score(value: float, unit: str = "", around: str = "", **more: object) -> Resource:
    """A combined positive score, alone or inside an Observation of this LOINC code."""
    quantity = {"valueQuantity": {"value": value} | ({"unit": unit, "code": unit} if unit else {})}
    code = concept(CPS, system=NCIT)
    return observation(around, component=[{"code": code, **quantity}], **more) if around else observation(code, quantity, **more)


@pytest.mark.parametrize(
    ("sent", "value", "flags"),
    [
        (score(10), "cps-10-or-more", ("assay-unknown",)),
        (score(9), "cps-below-10", ("assay-unknown",)),
        (score(10, "%"), "cps-10-or-more", ("assay-unknown", "cps-with-percent")),
        (score(10, around="85147-7"), "cps-10-or-more", ()),
        (score(0.5, "%", method={"text": "PD-L1 IHC 22C3 pharmDx"}), "cps-below-10", ("cps-with-percent",)),
    ],
)
def test_the_combined_positive_score_has_its_class(sent: Resource, value: str, flags: tuple[str, ...], knowledge: Knowledge) -> None:
    """B-17, C-22: inclusive at ten, a number without a unit, 22C3."""
    answer = the(ask(knowledge, bundle(condition(), sent)), Result.PD_L1_CATEGORY)
    assert isinstance(answer, Determined)
    assert (answer.value, answer.flags) == (value, flags)


@pytest.mark.parametrize(
    "sent",
    [
        observation("83053-9", percent(60)),
        observation("83057-0", coded("LA6576-8")),
        observation("83052-1", coded("LA6576-8")),
        observation(concept("C199175", system=NCIT), percent(5)),
    ],
    ids=["TPS", "SP142", "22C3 presence", "IC"],
)
def test_no_other_score_or_clone_feeds_the_rule(sent: Resource, knowledge: Knowledge) -> None:
    """B-17: TPS and SP142 IC are other scores."""
    answer = the(ask(knowledge, bundle(condition(), sent)), Result.PD_L1_CATEGORY)
    assert isinstance(answer, Undetermined)
    assert answer.missing == ("PD-L1 combined positive score (clone 22C3)",)
    assert answer.possible == ()


def test_a_score_above_a_hundred_is_no_score(knowledge: Knowledge) -> None:
    assert codes(ask(knowledge, bundle(condition(), score(120)))) == ["implausible-value"]


def test_every_biomarker_says_what_it_is_good_for(knowledge: Knowledge) -> None:
    """B-39: predictive, and integral as the review uses the word (S42)."""
    sent = [
        variant(gene(BRCA1), source(GERMLINE), meaning(PATHOGENIC)),
        observation(TMB, {"valueQuantity": {"value": 12, "code": "{mut}/Mb"}}, name="t"),
        observation(MSI, coded("LA26203-2"), name="m"),
        score(12, name="c"),
    ]
    answers = all_answers(ask(knowledge, bundle(condition(), *sent)))
    assert len(answers) == len(sent)
    for answer in answers:
        assert any(sentence.startswith("Biomarker (BEST): predictive. Role: integral") for sentence in answer.context), answer.about


@pytest.mark.parametrize(("identifier", "origin"), [(BRCA1, SOMATIC), (PALB2, GERMLINE), ("11998", SOMATIC)])
def test_no_use_is_claimed_where_no_label_names_one(identifier: str, origin: str, knowledge: Knowledge) -> None:
    """C-20, W23: somatic BRCA1, PALB2 and TP53."""
    answer = the(
        ask(knowledge, bundle(condition(), variant(gene(identifier), source(origin), meaning(PATHOGENIC)))), Result.GENE_ALTERATION
    )
    assert not any(sentence.startswith("Biomarker (BEST)") for sentence in answer.context)


def test_public_codes_stand_beside_ours(knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(condition(), observation(MSI, coded("LA14122-8"))))
    (answer,) = written(reply, "msi-category")
    assert {
        "system": LOINC,
        "code": MSI,
        "display": "Microsatellite instability [Interpretation] in Cancer specimen Qualitative",
    } in answer["code"]["coding"]
    assert {"system": LOINC, "code": "LA14122-8", "display": "Stable"} in answer["valueCodeableConcept"]["coding"]


@pytest.mark.parametrize("is_contained", [False, True])
def test_an_implication_keeps_its_profile_or_does_not_claim_it(is_contained: bool, knowledge: Knowledge) -> None:
    """Genomics Reporting 2.0.0, therapeutic-implication: no value, and an Observation in derivedFrom; a contained one has no address."""
    burden = observation(TMB, {"valueQuantity": {"value": 12, "code": "{mut}/Mb"}}, name="t")
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": concept("51969-4"), "subject": burden["subject"]}
    held = report | {"contained": [burden], "result": [reference("#t")]}
    reply = ask(knowledge, bundle(condition(), condition("liver", code="94381002"), held if is_contained else burden))
    (hint,) = [one for one in written(reply, "therapy-hint") if "pembrolizumab-tmb" in one["code"]["text"]]

    claims = "therapeutic-implication" in json.dumps(hint.get("meta", {}))
    assert claims is not is_contained
    assert ("valueCodeableConcept" in hint) is is_contained
    assert ("derivedFrom" in hint) is claims
