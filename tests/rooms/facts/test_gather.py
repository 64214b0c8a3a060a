"""Which cancer does a fact speak of, and which tissue does it belong to? What cannot be told is never guessed."""

from __future__ import annotations

import pytest

from adapter.facts.vocabulary import Sampling, Side, SpecimenKind, Timing
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply
from tests.sending import (
    BREAST,
    CLINICAL_T,
    ER_PERCENT,
    LEFT_BREAST,
    PATHOLOGICAL_T,
    PR_STATUS,
    RIGHT_BREAST,
    SIZE,
    STAGE,
    Resource,
    ask,
    bundle,
    codes,
    condition,
    identifiers,
    observation,
    percent,
    reference,
    snomed,
    specimen,
    text,
)

BIOPSY, AXILLA = "86273004", "68171009"
LIVER: Resource = {"coding": [{"system": "https://hospital.example/sites", "code": "LIVER"}], "text": "Liver"}
PRIMARY_CANCER = {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-primary-cancer-condition"]}
LUNG = {**condition("lung", meta=PRIMARY_CANCER), "code": {"text": "Carcinoma of lung"}}
TREATMENT = {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-related-medication-request"]}


def er(name: str = "o", value: float = 95, **more: object) -> Resource:
    return observation(ER_PERCENT, percent(value), name=name, **more)


def sides(reply: Reply) -> dict[str, list[str]]:
    """What each side holds: the names of its facts' resources."""
    return {str(case.side): [fact.origin.reference for fact in case.facts] for case in reply.cases}


LEFT, RIGHT = condition("left", side=LEFT_BREAST), condition("right", side=RIGHT_BREAST)
APART = {"left": ["Observation/a"], "right": ["Observation/b"]}


class TestTwoCancers:
    def test_a_specimen_tells_them_apart(self, knowledge: Knowledge) -> None:
        tissue = [specimen("l", site=LEFT_BREAST), specimen("r", site=RIGHT_BREAST)]
        results = [er("a", specimen=reference("Specimen/l")), er("b", specimen=reference("Specimen/r"))]
        assert sides(ask(knowledge, bundle(LEFT, RIGHT, *tissue, *results))) == APART

    def test_the_focus_tells_them_apart(self, knowledge: Knowledge) -> None:
        results = [er("a", focus=[reference("Condition/left")]), er("b", focus=[reference("Condition/right")])]
        assert sides(ask(knowledge, bundle(LEFT, RIGHT, *results))) == APART

    def test_the_body_site_tells_them_apart(self, knowledge: Knowledge) -> None:
        results = [er("a", bodySite=snomed(LEFT_BREAST)), er("b", bodySite=snomed(RIGHT_BREAST))]
        assert sides(ask(knowledge, bundle(LEFT, RIGHT, *results))) == APART

    def test_a_group_tells_it_for_its_members(self, knowledge: Knowledge) -> None:
        t = observation(CLINICAL_T, text("T2"), name="a")
        group = observation(STAGE, text("IIA"), name="g", focus=[reference("Condition/left")], hasMember=[reference("Observation/a")])
        assert sorted(sides(ask(knowledge, bundle(LEFT, RIGHT, t, group)))["left"]) == ["Observation/a", "Observation/g"]

    def test_a_fact_that_names_neither_belongs_to_none_and_says_so(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, RIGHT, er("a")))
        assert sides(reply) == {"left": [], "right": []}
        assert codes(reply) == ["side-unknown"]

    def test_one_condition_of_both_breasts_is_two_cases_with_two_names(self, knowledge: Knowledge) -> None:
        both = condition("both", side="63762007")
        results = [er("a", bodySite=snomed(LEFT_BREAST)), er("b", bodySite=snomed(RIGHT_BREAST))]
        reply = ask(knowledge, bundle(both, *results))
        assert sides(reply) == APART
        assert [case.key for case in reply.cases] == ["both-left", "both-right"]

    def test_a_condition_without_a_side_never_gives_two_cases_one_name(self, knowledge: Knowledge) -> None:
        results = [er("a", bodySite=snomed(LEFT_BREAST)), er("b", bodySite=snomed(RIGHT_BREAST))]
        reply = ask(knowledge, bundle(condition(), *results))
        assert [case.key for case in reply.cases] == ["c-left", "c-right"]
        assert len(identifiers(reply)) == sum(len(answers) for _, answers in reply.answers)

    def test_a_condition_that_belongs_to_neither_side_says_so(self, knowledge: Knowledge) -> None:
        assert codes(ask(knowledge, bundle(LEFT, RIGHT, condition("c")))) == ["side-unknown"]

    def test_the_side_of_a_tissue_opens_a_case_of_its_own(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, er("a", bodySite=snomed(LEFT_BREAST)), er("b", bodySite=snomed(RIGHT_BREAST))))
        assert sides(reply) == APART
        assert [case.flags for case in reply.cases] == [(), ("no-condition",)]

    def test_two_conditions_of_one_side_are_one_case(self, knowledge: Knowledge) -> None:
        assert len(ask(knowledge, bundle(LEFT, condition("again", side=LEFT_BREAST), er("a"))).cases) == 1


class TestAnotherCondition:
    def test_a_fact_about_it_is_left_out_and_named(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, LUNG, observation(CLINICAL_T, text("T2"), focus=[reference("Condition/lung")])))
        assert sides(reply) == {"left": []}
        assert codes(reply) == ["about-another-condition"]

    def test_with_only_another_cancer_on_file_no_stage_is_ours(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LUNG, observation(CLINICAL_T, text("T2"), name="t"), observation(STAGE, text("IIA"), name="g")))
        assert reply.cases == ()
        assert codes(reply) == ["about-another-condition"] * 2

    def test_one_that_was_not_sent_is_not_taken_for_ours(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, er("a", focus=[reference("Condition/gone")]), er("b")))
        assert sides(reply) == {"left": ["Observation/b"]}
        assert codes(reply) == ["about-another-condition"]

    def test_two_that_were_not_sent_are_not_mixed(self, knowledge: Knowledge) -> None:
        results = [er(name, focus=[reference(f"Condition/{name}")]) for name in "ab"]
        reply = ask(knowledge, bundle(*results))
        assert codes(reply) == ["about-another-condition"] * 2

    def test_a_metastasis_of_the_one_cancer_is_about_it(self, knowledge: Knowledge) -> None:
        secondary = {**condition("m"), "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C78.0"}]}}
        reply = ask(knowledge, bundle(LEFT, secondary, er("a", focus=[reference("Condition/m")])))
        assert sides(reply) == {"left": ["Observation/a", "Condition/m"]}

    def test_a_result_that_is_about_a_metastasis_is_of_its_tissue(self, knowledge: Knowledge) -> None:
        secondary = {**condition("m"), "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C78.0"}]}}
        reply = ask(knowledge, bundle(LEFT, secondary, er("a", focus=[reference("Condition/m")])))
        assert [(one.kind, one.body_site) for one in reply.cases[0].specimens] == [("metastasis", "lung")]

    @pytest.mark.parametrize("status", ["entered-in-error", "refuted"])
    def test_a_withdrawn_one_is_none_of_ours(self, status: str, knowledge: Knowledge) -> None:
        withdrawn = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": status}]}
        reply = ask(knowledge, bundle(condition(verificationStatus=withdrawn), er("a", focus=[reference("Condition/c")])))
        assert reply.cases == ()
        assert codes(reply) == ["withdrawn", "about-another-condition"]

    def test_without_any_the_case_says_so(self, knowledge: Knowledge) -> None:
        (case,) = ask(knowledge, bundle(er())).cases
        assert (case.key, case.flags) == ("no-condition", ("no-condition",))

    @pytest.mark.parametrize("related", ["Condition/colon", "Condition/gone"])
    def test_a_metastasis_that_names_another_primary_is_not_of_the_breast(self, related: str, knowledge: Knowledge) -> None:
        """Whatever the code of that primary is, and whether it was sent or not."""
        colon = {**condition("colon"), "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C18.9"}]}}
        reply = ask(knowledge, bundle(LEFT, colon, liver(related)))
        assert sides(reply) == {"left": []}
        assert codes(reply) == ["about-another-condition"]

    def test_a_metastasis_that_names_its_primary_is_of_it_beside_another_cancer(self, knowledge: Knowledge) -> None:
        assert sides(ask(knowledge, bundle(LEFT, LUNG, liver("Condition/left")))) == {"left": ["Condition/liver"]}


def liver(related: str | None = None) -> Resource:
    """A secondary cancer of the liver, with the primary that it names (R4 condition-related)."""
    names = {"url": "http://hl7.org/fhir/StructureDefinition/condition-related", "valueReference": reference(related or "")}
    return condition("liver", code="94381002") | ({"extension": [names]} if related else {})


LIVER_TISSUE = er("m", specimen=reference("Specimen/liver"))
LIVER_SPECIMEN: Resource = {**specimen("liver"), "collection": {"bodySite": snomed("10200004")}}


class TestAMetastasisOfTwoCancers:
    """W15 and C-25: tissue of a metastasis governs the cancer that sent it, and each one that may have."""

    def test_without_a_primary_its_tissue_is_of_both(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(LEFT, RIGHT, LIVER_SPECIMEN, liver(), LIVER_TISSUE))
        assert [sorted(facts) for facts in sides(reply).values()] == [["Condition/liver", "Observation/m"]] * 2

    def test_tissue_that_names_it_is_of_the_primary_that_it_names(self, knowledge: Knowledge) -> None:
        tissue = LIVER_TISSUE | {"focus": [reference("Condition/liver")]}
        reply = ask(knowledge, bundle(LEFT, RIGHT, LIVER_SPECIMEN, liver("Condition/left"), tissue))
        assert {side: sorted(facts) for side, facts in sides(reply).items()} == {"left": ["Condition/liver", "Observation/m"], "right": []}

    def test_a_cancer_in_situ_sends_none_while_an_invasive_one_is_on_file(self, knowledge: Knowledge) -> None:
        dcis = condition("right", code="109889007", side=RIGHT_BREAST)
        reply = ask(knowledge, bundle(LEFT, dcis, liver()))
        assert sides(reply) == {"left": ["Condition/liver"], "right": []}
        assert {case.primaries for case in reply.cases} == {1}


class TestTissue:
    def test_results_without_a_specimen_share_one(self, knowledge: Knowledge) -> None:
        (case,) = ask(knowledge, bundle(condition(), er("a"), observation(PR_STATUS, text("positive"), name="b"))).cases
        assert [one.key for one in case.specimens] == ["unnamed-site-unknown-unknown"]
        assert not case.specimens[0].named

    def test_the_day_parts_two_values_of_one_test(self, knowledge: Knowledge) -> None:
        results = [er("a", 95, effectiveDateTime="2024-01-01"), er("b", 5, effectiveDateTime="2024-06-01")]
        (case,) = ask(knowledge, bundle(condition(), *results)).cases
        assert [one.key for one in case.specimens] == ["unnamed-site-unknown-unknown-2024-01-01", "unnamed-site-unknown-unknown-2024-06-01"]

    def test_the_same_value_on_two_days_parts_nothing(self, knowledge: Knowledge) -> None:
        results = [er("a", effectiveDateTime="2024-01-01"), er("b", effectiveDateTime="2024-06-01")]
        (case,) = ask(knowledge, bundle(condition(), *results)).cases
        assert len(case.specimens) == 1

    def test_two_values_of_one_day_are_one_specimen_that_contradicts_itself(self, knowledge: Knowledge) -> None:
        results = [er(name, value, effectiveDateTime="2024-01-01") for name, value in (("a", 95), ("b", 0))]
        (case,) = ask(knowledge, bundle(condition(), *results)).cases
        assert len(case.specimens) == 1

    @pytest.mark.parametrize(
        ("site", "kind"), [(LEFT_BREAST, SpecimenKind.PRIMARY), (AXILLA, SpecimenKind.REGIONAL_NODE), (None, SpecimenKind.UNKNOWN)]
    )
    def test_the_site_tells_what_the_tissue_is(self, site: str | None, kind: SpecimenKind, knowledge: Knowledge) -> None:
        (case,) = ask(knowledge, bundle(condition(), specimen("s", site=site), er(specimen=reference("Specimen/s")))).cases
        assert case.specimens[0].kind is kind

    def test_a_site_that_nobody_maps_is_not_called_a_metastasis(self, knowledge: Knowledge) -> None:
        (case,) = ask(knowledge, bundle(condition(), er(bodySite=LIVER))).cases
        assert case.specimens[0].kind is SpecimenKind.UNKNOWN

    def test_the_method_tells_how_it_was_taken(self, knowledge: Knowledge) -> None:
        (case,) = ask(knowledge, bundle(condition(), er(method=snomed(BIOPSY), bodySite=snomed(BREAST)))).cases
        assert (case.specimens[0].key, case.specimens[0].sampling) == ("unnamed-breast-biopsy", Sampling.BIOPSY)


class TestTiming:
    @staticmethod
    def timing(taken: str | None, began: str, knowledge: Knowledge) -> Timing:
        order = {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order", "subject": reference("Patient/p")}
        drug = {"medicationCodeableConcept": {"text": "docetaxel"}, "authoredOn": began, "meta": TREATMENT}
        tissue = specimen("s", site=LEFT_BREAST, day=taken)
        (case,) = ask(knowledge, bundle(LEFT, order | drug, tissue, er(specimen=reference("Specimen/s")))).cases
        return case.specimens[0].timing

    @pytest.mark.parametrize(
        ("taken", "began", "timing"),
        [
            ("2024-01-01", "2024-02-01", Timing.BEFORE_TREATMENT),
            ("2024-02-01", "2024-02-01", Timing.BEFORE_TREATMENT),
            ("2024-02-02", "2024-02-01", Timing.AFTER_TREATMENT),
            ("2023", "2024-02-01", Timing.BEFORE_TREATMENT),
            ("2024-03", "2024-02-01", Timing.AFTER_TREATMENT),
            ("2024-02", "2024-02-15", Timing.UNKNOWN),
            ("2024", "2024-02-15", Timing.UNKNOWN),
            ("2024-02-15", "2024", Timing.UNKNOWN),
            ("2024-02", "2024-02", Timing.UNKNOWN),
            (None, "2024-02-01", Timing.UNKNOWN),
        ],
    )
    def test_it_is_told_only_as_far_as_the_dates_tell(self, taken: str | None, began: str, timing: Timing, knowledge: Knowledge) -> None:
        assert self.timing(taken, began, knowledge) is timing

    def test_surgery_of_one_side_is_a_treatment_of_a_case_whose_side_is_unknown(self, knowledge: Knowledge) -> None:
        profile = {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-related-surgical-procedure"]}
        surgery = {"resourceType": "Procedure", "id": "s", "status": "completed", "subject": reference("Patient/p"), "meta": profile}
        (case,) = ask(knowledge, bundle(condition(), surgery | {"bodySite": [snomed(LEFT_BREAST)]}, er())).cases
        assert [one.kind for one in case.treatments] == ["surgery"]


class TestLastingNames:
    def test_they_do_not_depend_on_the_order_of_entries(self, knowledge: Knowledge) -> None:
        results = [er("a", 95, effectiveDateTime="2024-01-01"), er("b", 5, effectiveDateTime="2024-06-01")]
        everything = [condition(), *results, observation(SIZE, {"valueQuantity": {"value": 25, "unit": "mm"}}, name="c")]
        assert identifiers(ask(knowledge, bundle(*everything))) == identifiers(ask(knowledge, bundle(*everything[::-1])))

    def test_they_do_not_change_when_a_date_is_corrected(self, knowledge: Knowledge) -> None:
        before, after = (
            ask(knowledge, bundle(condition(), er("a", effectiveDateTime=day), observation(PATHOLOGICAL_T, text("T2"), name="t")))
            for day in ("2024-01-01", "2024-01-02")
        )
        assert identifiers(before) == identifiers(after)

    def test_they_do_not_change_when_a_value_is_corrected(self, knowledge: Knowledge) -> None:
        before, after = (ask(knowledge, bundle(condition(), er("a", value))) for value in (95, 5))
        assert identifiers(before) == identifiers(after)


def test_the_case_of_a_side_is_known_by_it(knowledge: Knowledge) -> None:
    (case,) = ask(knowledge, bundle(condition(), er(bodySite=snomed(LEFT_BREAST)))).cases
    assert (case.key, case.side) == ("c", Side.LEFT)


def test_thousands_of_conditions_and_results_are_gathered(knowledge: Knowledge) -> None:
    conditions = [condition(f"c{number}") for number in range(3000)]
    results = [er(f"o{number}", number % 100, effectiveDateTime="2024-01-01") for number in range(3000)]
    (case,) = ask(knowledge, bundle(*conditions, *results), trusted=True).cases
    assert len(case.conditions) == 3000
