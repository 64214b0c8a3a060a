"""Which of our words does a code stand for, and what keeps it from standing for one? Each name of a test is a claim about one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.facts.vocabulary import Basis, Side
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from adapter.terminology.systems import systems_of
from tests.sending import (
    BREAST,
    CLINICAL_N,
    CLINICAL_T,
    ER_PERCENT,
    ER_STATUS,
    GRADE,
    HER2_IHC,
    HER2_STATUS,
    KI67,
    LEFT,
    LOINC,
    MACROMETASTASES,
    NEGATIVE,
    PATHOLOGICAL_T,
    POSITIVE,
    PR_STATUS,
    SIZE,
    SNOMED,
    STAGE,
    Resource,
    ask,
    bundle,
    coded,
    codes,
    concept,
    condition,
    facts,
    observation,
    percent,
    shown,
    snomed,
    text,
    values,
)

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
POS, NEG = concept("POS", system=INTERPRETATION), concept("NEG", system=INTERPRETATION)
LATERALITY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier"
SITE_ROWS = """role,system,code,display,fact,value,basis,side,note,source
observation,https://hospital.example/lab,ER-PCT,ER percent of nuclei,er-percent,,,,,site
observation,https://hospital.example/lab,H2,HER2 score,her2-ihc,,,,,site
value,https://hospital.example/lab,H2P,HER2 score 2+,her2-ihc,2+,,,,site
condition,https://hospital.example/dx,MAMMA-L,Carcinoma of left breast,breast-cancer,invasive,,left,,site
"""


@pytest.fixture(scope="module")
def site_books(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """Our books with the folder of a site mounted over them."""
    folder: Path = tmp_path_factory.mktemp("site")
    sender = folder / "senders" / "hospital"
    sender.mkdir(parents=True)
    (sender / "codes.csv").write_text(SITE_ROWS)
    return load(extra=folder)


def sixty() -> Resource:
    return percent(60)


# The wrong codes of real senders: what was sent, and the issue it must become.
WRONG = {
    "Ki-67 under the code of HER2": (concept(HER2_IHC, display="Ki-67 proliferation index"), sixty(), "display-names-another"),
    "PD-L1 under the code of HER2": (concept(HER2_IHC, display="PD-L1 by immunohistochemistry"), percent(45), "display-names-another"),
    "LI-RADS under the code of HER2": (concept(HER2_IHC, display="LI-RADS category"), text("4"), "display-names-another"),
    "a lesion score under the code of HER2": (concept(HER2_IHC, display="Lesion score"), text("2"), "display-names-another"),
    "Ki-67 in the text of the code of HER2": (
        concept(HER2_IHC, display="HER2 [Presence] in Breast cancer specimen by Immune stain", text="Ki-67"),
        text("2"),
        "display-names-another",
    ),
    "Ki-67 under the code of ER": (concept(ER_STATUS, display="Ki-67 [Interpretation]"), text("Positive"), "display-names-another"),
    "a diagnosis under the code of ER": (
        concept(ER_STATUS, display="AI-assisted pathology diagnosis"),
        text("Positive"),
        "display-names-another",
    ),
    "TP53 under the code of ER": (concept(ER_STATUS, display="TP53"), text("MUTATED"), "display-names-another"),
    "PD-L1 under the code of PR": (concept("40557-1", display="PD-L1 by clone 22C3"), text("Positive"), "display-names-another"),
    "SUVmax under the code of an allelic frequency": (
        concept("81258-6", display="SUVmax"),
        {"valueQuantity": {"value": 8, "unit": "g/mL"}},
        "display-names-another",
    ),
    "an SUV under a code with a wrong check digit": (
        concept("81258-0", display="SUV max"),
        {"valueQuantity": {"value": 8}},
        "wrong-check-digit",
    ),
    "HER2 under a code with a wrong check digit": (concept("85319-0", display="HER2"), text("3+"), "wrong-check-digit"),
    "a number as a LOINC code": (concept("34566"), text("3+"), "wrong-check-digit"),
    "a SNOMED CT identifier under LOINC": (concept("417181009"), text("3+"), "wrong-check-digit"),
    "pT1c with a wrong check digit": (concept(PATHOLOGICAL_T), coded("1228938007", system=SNOMED), "wrong-check-digit"),
    "cT0 shown as stage IV": (
        concept(CLINICAL_T),
        coded("1228882005", system=SNOMED, display="AJCC stage IV"),
        "display-names-another",
    ),
    "cT0 as a stage": (concept(STAGE), coded("1228882005", system=SNOMED), "value-of-another"),
    "stage 4 shown as stage 0": (concept(STAGE), coded("258228008", system=SNOMED, display="Stage 0"), "display-names-another"),
    "an ER positive tumor as a HER2 status": (concept(HER2_STATUS), coded("416053008", system=SNOMED), "value-of-another"),
    "60 % under a code of presence": (concept(ER_STATUS), sixty(), "percent-on-presence-code"),
}


@pytest.mark.parametrize(("code", "value", "issue"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_code_is_an_issue_and_never_a_fact(code: Resource, value: Resource, issue: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(observation(code, value)))
    assert codes(reply) == [issue]
    assert shown(reply) == {}


def test_a_histology_that_is_shown_as_another_is_an_issue_and_no_histology(knowledge: Knowledge) -> None:
    histology = {
        "url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior",
        "valueCodeableConcept": snomed("82711006", "Infiltrating lobular carcinoma"),
    }
    reply = ask(knowledge, bundle(condition(extension=[histology])))
    assert codes(reply) == ["display-names-another"]
    assert reply.cases[0].conditions[0].histology is None


@pytest.mark.parametrize(
    "system",
    [
        "http://snomed.info/sct",
        "https://snomed.info/sct",
        "http://snomed.info/sct/",
        "http://snomed.info/sct/21000210109",
        "http://snomed.info/sct/900000000000207008/version/20240101",
        "urn:oid:2.16.840.1.113883.6.96",
    ],
)
def test_every_spelling_of_snomed_is_one_system(system: str, knowledge: Knowledge) -> None:
    assert systems_of(knowledge).name(system) == SNOMED
    reply = ask(knowledge, bundle(observation(ER_STATUS, coded("10828004", system=system))))
    assert shown(reply) == {"er-status": "positive"}


@pytest.mark.parametrize("system", ["http://loinc.org", "https://loinc.org", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"])
def test_every_spelling_of_loinc_is_one_system(system: str, knowledge: Knowledge) -> None:
    assert shown(ask(knowledge, bundle(observation(concept(ER_PERCENT, system=system), percent(95))))) == {"er-percent": "95"}


class TestTwoCodesAtOnce:
    def test_a_percentage_and_its_status_may_stand_together(self, knowledge: Knowledge) -> None:
        for order in ((ER_PERCENT, ER_STATUS), (ER_STATUS, ER_PERCENT)):
            assert shown(ask(knowledge, bundle(observation(concept(*order), percent(95))))) == {"er-percent": "95"}
            assert shown(ask(knowledge, bundle(observation(concept(*order), text("Positive"))))) == {"er-status": "positive"}

    @pytest.mark.parametrize(
        ("first", "second"), [(ER_STATUS, PR_STATUS), (ER_PERCENT, KI67), (MACROMETASTASES, "92833-3"), (CLINICAL_T, CLINICAL_N)]
    )
    def test_two_that_ask_different_questions_are_not_guessed_between(self, first: str, second: str, knowledge: Knowledge) -> None:
        for order in ((first, second), (second, first)):
            reply = ask(knowledge, bundle(observation(concept(*order), {"valueQuantity": {"value": 5, "unit": "%"}})))
            assert (codes(reply), shown(reply)) == (["codings-disagree"], {})

    def test_two_classifications_are_not_guessed_between(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(concept(CLINICAL_T, PATHOLOGICAL_T), text("T2"))))
        assert (codes(reply), shown(reply)) == (["codings-disagree"], {})

    def test_one_that_names_no_classification_leaves_it_to_the_other(self, knowledge: Knowledge) -> None:
        for order in (("21911-3", PATHOLOGICAL_T), (PATHOLOGICAL_T, "21911-3")):
            (fact,) = facts(ask(knowledge, bundle(observation(concept(*order), text("T2")))))
            assert fact.basis is Basis.PATHOLOGICAL

    def test_an_unknown_one_beside_a_known_one_is_no_harm(self, knowledge: Knowledge) -> None:
        code = {"coding": [{"system": "https://hospital.example/lab", "code": "ER"}, *concept(ER_PERCENT)["coding"]]}
        reply = ask(knowledge, bundle(observation(code, percent(95))))
        assert (codes(reply), shown(reply)) == ([], {"er-percent": "95"})


class TestInterpretation:
    def test_it_states_the_status_beside_a_percentage(self, knowledge: Knowledge) -> None:
        assert shown(ask(knowledge, bundle(observation(ER_PERCENT, percent(95), interpretation=[POS])))) == {
            "er-percent": "95",
            "er-status": "positive",
        }

    def test_it_stands_alone_where_there_is_no_value(self, knowledge: Knowledge) -> None:
        assert shown(ask(knowledge, bundle(observation(ER_STATUS, interpretation=[NEG])))) == {"er-status": "negative"}

    def test_it_is_kept_where_the_value_cannot_be_read_and_the_value_is_told(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(ER_PERCENT, text("many"), interpretation=[POS])))
        assert (codes(reply), shown(reply)) == (["unmapped-value"], {"er-status": "positive"})

    def test_it_is_not_read_where_the_code_is_in_doubt(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(HER2_IHC, sixty(), interpretation=[POS])))
        assert (codes(reply), shown(reply)) == (["percent-on-presence-code"], {})

    def test_one_that_contradicts_the_value_settles_nothing(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(ER_STATUS, coded(POSITIVE), interpretation=[NEG])))
        assert shown(reply) == {"er-status": "negative, positive"}
        assert "er-status" not in values(reply)

    def test_two_that_contradict_each_other_say_nothing(self, knowledge: Knowledge) -> None:
        assert shown(ask(knowledge, bundle(observation(ER_STATUS, interpretation=[POS, NEG])))) == {}


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "issue"), [("entered-in-error", "withdrawn"), ("cancelled", "withdrawn"), ("registered", "no-result-yet")]
    )
    def test_a_result_that_was_taken_back_or_is_not_there_yet_is_not_used(self, status: str, issue: str, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(ER_PERCENT, percent(95), status=status)))
        assert (codes(reply), shown(reply)) == ([issue], {})

    @pytest.mark.parametrize("status", ["", "Final", "entered_in_error", "x" * 1000])
    def test_a_status_that_r4_does_not_know_is_never_taken_for_final(self, status: str, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(ER_PERCENT, percent(95), status=status)), trusted=True)
        assert (codes(reply), shown(reply)) == (["invalid-resource"], {})

    @pytest.mark.parametrize(("newer", "older"), [("amended", "final"), ("corrected", "final"), ("final", "preliminary")])
    def test_the_later_status_counts(self, newer: str, older: str, knowledge: Knowledge) -> None:
        both = [
            observation(ER_PERCENT, percent(95), name="a", status=newer),
            observation(ER_PERCENT, percent(0), name="b", status=older),
        ]
        for order in (both, both[::-1]):
            assert values(ask(knowledge, bundle(*order)))["er-status"] == "positive"


class TestGermanTnm:
    """UICC codes without a prefix: c, p and y stand in an extension of the code, (sn) and (i-) in extensions of the value."""

    URL = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/StructureDefinition/mii-ex-onko-tnm-"
    UICC = "https://www.uicc.org/resources/tnm"

    def extension(self, name: str, code: str) -> Resource:
        return {"url": self.URL + name, "valueCodeableConcept": concept(code, system=self.UICC)}

    def t(self, prefix: str) -> Resource:
        code = {**concept("78873005", system=SNOMED), "extension": [self.extension("cp-praefix", prefix)]}
        return observation(code, coded("T2", system=self.UICC))

    @pytest.mark.parametrize(
        ("prefix", "basis"), [("c", Basis.CLINICAL), ("p", Basis.PATHOLOGICAL), ("yp", Basis.POST_THERAPY_PATHOLOGICAL)]
    )
    def test_the_prefix_names_the_classification(self, prefix: str, basis: Basis, knowledge: Knowledge) -> None:
        (fact,) = facts(ask(knowledge, bundle(self.t(prefix))))
        assert (fact.value, fact.basis) == ("T2", basis)

    def test_a_suffix_is_kept_beside_the_category(self, knowledge: Knowledge) -> None:
        value = {"valueCodeableConcept": {**concept("N0", system=self.UICC), "extension": [self.extension("sn-suffix", "sn")]}}
        (fact,) = facts(ask(knowledge, bundle(observation(concept("371494008", system=SNOMED), value))))
        assert (fact.value, fact.suffixes) == ("N0", ("sn",))

    def n(self, category: str, *suffixes: str) -> Resource:
        value = {**concept(category, system=self.UICC), "extension": [self.extension("itc-suffix", suffix) for suffix in suffixes]}
        return observation(concept("371494008", system=SNOMED), {"valueCodeableConcept": value})

    @pytest.mark.parametrize(("category", "suffix", "value"), [("N0", "i+", "N0(i+)"), ("N0", "(mol+)", "N0(mol+)"), ("N1", "mi", "N1mi")])
    def test_a_suffix_that_is_part_of_the_category_is_read_into_it(
        self, category: str, suffix: str, value: str, knowledge: Knowledge
    ) -> None:
        (fact,) = facts(ask(knowledge, bundle(self.n(category, "sn", suffix))))
        assert fact.value == value

    def test_a_suffix_that_contradicts_the_category_makes_it_none(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(self.n("N1a", "mi")))
        assert (facts(reply), codes(reply)) == ([], ["unmapped-value"])


class TestUnknownCodes:
    def test_one_that_names_an_analyte_is_an_issue(self, knowledge: Knowledge) -> None:
        code = concept("X1", system="https://hospital.example/lab", display="Estrogen receptor percent")
        assert codes(ask(knowledge, bundle(observation(code, percent(95))))) == ["unmapped-code"]

    def test_cholesterol_is_only_counted(self, knowledge: Knowledge) -> None:
        code = concept("2093-3", display="Cholesterol [Mass/volume] in Serum or Plasma")
        reply = ask(knowledge, bundle(observation(code, {"valueQuantity": {"value": 200, "unit": "mg/dL"}})))
        (issue,) = reply.issues
        assert (issue.code, "2093-3 (1)" in issue.text) == ("not-relevant", True)

    def test_a_text_without_a_code_is_an_issue_when_it_names_an_analyte(self, knowledge: Knowledge) -> None:
        assert codes(ask(knowledge, bundle(observation({"text": "HER2 status"}, text("positive"))))) == ["unmapped-code"]

    @pytest.mark.parametrize("code", ["372064008+260837004", "416471007:64572001=372064008", "(((", "", "|"])
    def test_an_expression_is_no_crash(self, code: str, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(concept(code, system=SNOMED, display="HER2"), text("3+"))), trusted=True)
        assert shown(reply) == {}
        assert codes(reply)

    def test_a_code_that_is_left_out_on_purpose_says_why(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation("42914-2", {"valueQuantity": {"value": 15, "unit": "ng/mL"}})))
        assert codes(reply) == ["not-used"]


class TestASite:
    def test_its_own_codes_are_read_like_ours(self, site_books: Knowledge) -> None:
        lab = "https://hospital.example/lab"
        diagnosis = {**condition(), "code": concept("MAMMA-L", system="https://hospital.example/dx")}
        percentage = observation(concept("ER-PCT", system=lab), percent(95), name="a")
        score = observation(concept("H2", system=lab), coded("H2P", system=lab), name="b")
        reply = ask(site_books, bundle(diagnosis, percentage, score))
        assert shown(reply) == {"er-percent": "95", "her2-ihc": "2+"}
        assert [case.side for case in reply.cases] == [Side.LEFT]

    def test_without_its_folder_the_same_codes_are_named(self, knowledge: Knowledge) -> None:
        code = concept("ER-PCT", system="https://hospital.example/lab", display="ER percent of nuclei (estrogen receptor)")
        assert codes(ask(knowledge, bundle(observation(code, percent(95))))) == ["unmapped-code"]


def test_the_side_of_a_site_may_stand_in_its_extension(knowledge: Knowledge) -> None:
    extension = {"url": LATERALITY, "valueCodeableConcept": snomed(LEFT)}
    (fact,) = facts(ask(knowledge, bundle(observation(ER_PERCENT, percent(95), bodySite={**snomed(BREAST), "extension": [extension]}))))
    assert (fact.body_site, fact.side) == ("breast", Side.LEFT)


@pytest.mark.parametrize(
    ("code", "value", "issue"),
    [
        (SIZE, {"valueQuantity": {"value": 25}}, "unit-missing"),
        (SIZE, {"valueQuantity": {"value": 25, "unit": "kg"}}, "unknown-unit"),
        (SIZE, {"valueQuantity": {"value": 25, "unit": "m"}}, "implausible-value"),
        (GRADE, text("3"), "ambiguous-value"),
        (ER_PERCENT, text("1:8"), "unmapped-value"),
        (ER_PERCENT, text("1,234"), "unmapped-value"),
        (ER_PERCENT, {"valueRatio": {"numerator": {"value": 95}, "denominator": {"value": 1}}}, "unmapped-value"),
        (ER_PERCENT, {"dataAbsentReason": concept("not-performed")}, "absent"),
        (ER_PERCENT, {"valueDateTime": "2024-01-01"}, "unmapped-value"),
        (ER_STATUS, coded(POSITIVE, NEGATIVE), "codings-disagree"),
        (ER_PERCENT, {}, "absent"),
    ],
)
def test_a_value_that_cannot_be_used_is_an_issue(code: str, value: Resource, issue: str, knowledge: Knowledge) -> None:
    reply = ask(knowledge, bundle(observation(code, value)))
    assert (codes(reply), shown(reply)) == ([issue], {})
    assert LOINC not in reply.issues[0].text
