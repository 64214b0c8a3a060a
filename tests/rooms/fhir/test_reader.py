"""Does a statement say what was sent, and of whom, of which tissue and when? (R4 Observation, DiagnosticReport, Patient)"""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.statements import Absent, Coded, Measured, Sent, Statement, Text, Value
from adapter.fhir.arrival import Arrived
from adapter.fhir.bundle import arrived
from adapter.fhir.outcome import Refusal
from adapter.fhir.reader import sent
from tests.sending import (
    ABOUT,
    BREAST,
    ER_PERCENT,
    ER_STATUS,
    LEFT,
    PATIENT,
    SNOMED,
    Resource,
    bundle,
    concept,
    condition,
    entry,
    observation,
    percent,
    reference,
    snomed,
    specimen,
)

OTHER_CODE = "2093-3"


def is_relevant(code: Coded) -> bool:
    return all(coding.code != OTHER_CODE for coding in code.codings)


def read(*resources: object, patient: Resource | None = PATIENT) -> tuple[Sent, Arrived]:
    found = arrived([bundle(*resources, patient=patient)], 1000)
    return sent(found, is_relevant), found


def one(*resources: object) -> Statement:
    (statement,) = read(*resources)[0].statements
    return statement


def value(**sent_value: object) -> Value:
    return one(observation(ER_PERCENT, sent_value)).value


def told(*resources: object) -> list[str]:
    return [issue.code for issue in read(*resources)[1].issues]


def er(name: str = "o", **more: object) -> Resource:
    return observation(ER_PERCENT, percent(95), name=name, **more)


def report(*results: str, **more: object) -> Resource:
    code = concept("60568-3")
    return {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": code, "result": [*map(reference, results)], **more}


class TestValues:
    def test_a_decimal_keeps_its_digits(self) -> None:
        raw = bundle(observation(ER_PERCENT, percent(0))).replace(b'"value": 0', b'"value": 2.50')
        (statement,) = sent(arrived([raw], 10), is_relevant).statements
        assert isinstance(statement.value, Measured)
        assert str(statement.value.interval.exact) == "2.50"

    @pytest.mark.parametrize(("comparator", "shown"), [("<", "<1"), ("<=", "<=1"), (">", ">1"), (">=", ">=1")])
    def test_a_comparator_makes_an_interval(self, comparator: str, shown: str) -> None:
        found = value(valueQuantity={"value": 1, "comparator": comparator, "unit": "%"})
        assert isinstance(found, Measured)
        assert (str(found.interval), found.interval.exact) == (shown, None)

    def test_an_unknown_comparator_is_never_dropped(self) -> None:
        assert value(valueQuantity={"value": 1, "comparator": "~"}) == Text(text="~1")

    @pytest.mark.parametrize("number", [b"1e400", b"1e-400", b"1e999999", b"9" * 200, b'"NaN"', b'"-Infinity"'])
    def test_a_number_that_no_measurement_has_is_no_number(self, number: bytes) -> None:
        raw = bundle(observation(ER_PERCENT, {"valueQuantity": {"value": 5}})).replace(b'{"value": 5}', b'{"value": ' + number + b"}")
        (statement,) = sent(arrived([raw], 10), is_relevant).statements
        assert statement.value == Text(text="a number out of range")

    def test_the_code_of_a_unit_counts_before_its_name(self) -> None:
        found = value(valueQuantity={"value": 5, "unit": "percent of nuclei", "code": "%"})
        assert isinstance(found, Measured)
        assert found.unit == "%"

    def test_a_range_holds_both_ends(self) -> None:
        found = value(valueRange={"low": {"value": 1, "unit": "%"}, "high": {"value": 10, "unit": "%"}})
        assert isinstance(found, Measured)
        assert (str(found.interval), found.unit) == ("1 to 10", "%")

    def test_a_range_with_one_end_is_open(self) -> None:
        found = value(valueRange={"low": {"value": 95, "unit": "%"}})
        assert isinstance(found, Measured)
        assert str(found.interval) == ">=95"

    @pytest.mark.parametrize(
        "sent_range",
        [
            {"low": {"value": 1, "unit": "cm"}, "high": {"value": 20, "unit": "mm"}},
            {"low": {"value": 10}, "high": {"value": 1}},
            {"low": {"value": 1, "comparator": "<"}, "high": {"value": 10}},
        ],
        ids=["two units", "upside down", "a comparator"],
    )
    def test_a_range_on_no_one_scale_stays_text(self, sent_range: Resource) -> None:
        assert isinstance(value(valueRange=sent_range), Text)

    def test_a_ratio_is_told_as_a_ratio_and_never_as_its_quotient(self) -> None:
        assert value(valueRatio={"numerator": {"value": 12}, "denominator": {"value": 12}}) == Text(text="12:12")

    def test_a_comparator_in_a_ratio_is_never_dropped(self) -> None:
        assert value(valueRatio={"numerator": {"value": 1, "comparator": "<"}, "denominator": {"value": 8}}) == Text(text="<1 : 8")

    def test_a_boolean_is_positive_or_negative(self) -> None:
        assert value(valueBoolean=True) == Text(text="positive")
        assert value(valueBoolean=False) == Text(text="negative")

    def test_an_integer_is_a_number(self) -> None:
        found = value(valueInteger=3)
        assert isinstance(found, Measured)
        assert found.interval.exact == Decimal(3)

    @pytest.mark.parametrize(
        "sent_value", [{"valueDateTime": "2024-01-01"}, {"valueTime": "10:00:00"}, {"valuePeriod": {}}, {"valueSampledData": {}}]
    )
    def test_a_value_of_another_type_is_a_value_all_the_same(self, sent_value: Resource) -> None:
        assert isinstance(value(**sent_value), Text)

    def test_a_reason_for_no_value_is_kept(self) -> None:
        found = value(dataAbsentReason=concept("not-performed"))
        assert isinstance(found, Absent)
        assert found.reason.codings[0].code == "not-performed"

    @pytest.mark.parametrize("sent_value", [{}, {"valueQuantity": {}}, {"valueRange": {}}, {"valueRatio": {}}])
    def test_an_empty_value_is_none(self, sent_value: Resource) -> None:
        assert isinstance(value(**sent_value), Absent)


class TestThePatient:
    def test_none_is_refused(self) -> None:
        with pytest.raises(Refusal) as caught:
            read({**er(), "subject": {}}, patient=None)
        assert (caught.value.status, caught.value.issues[0].code) == (422, "no-patient")

    @pytest.mark.parametrize(
        "second",
        [
            {"resourceType": "Patient", "id": "q"},
            {**er(), "subject": reference("Patient/q")},
            {**condition(), "subject": reference("Patient/q")},
            {**specimen(), "subject": reference("Patient/q")},
            {**report("Observation/o"), "subject": reference("Patient/q")},
            {**er(), "subject": {"identifier": {"system": "urn:mrn", "value": "2"}}},
        ],
        ids=["two Patients", "an Observation", "a Condition", "a Specimen", "a report", "an identifier"],
    )
    def test_a_second_one_is_refused_whoever_names_it(self, second: Resource) -> None:
        with pytest.raises(Refusal) as caught:
            read(er("a"), second)
        assert caught.value.issues[0].code == "several-patients"

    def test_one_id_on_two_servers_is_two_patients(self) -> None:
        urls = ["https://ours.example/fhir", "https://theirs.example/fhir"]
        with pytest.raises(Refusal) as caught:
            read(*[entry(PATIENT, f"{url}/Patient/p") for url in urls], patient=None)
        assert caught.value.issues[0].code == "several-patients"

    def test_a_resource_without_a_subject_is_of_the_one_patient(self) -> None:
        resource = er()
        del resource["subject"]
        assert len(read(resource)[0].statements) == 1

    def test_a_subject_alone_is_enough(self) -> None:
        assert read(er(), patient=None)[0].patient.reference == "Patient/p"

    def test_a_logical_subject_is_the_patient_with_that_identifier(self) -> None:
        named = {"system": "urn:mrn", "value": "1"}
        found, _ = read({**er(), "subject": {"identifier": named}}, patient={**PATIENT, "identifier": [named]})
        assert found.patient.reference == "Patient/p"

    def test_contained_patients_are_one_when_they_share_an_identifier(self) -> None:
        inner = {"resourceType": "Patient", "id": "inner", "identifier": [{"system": "urn:mrn", "value": "1"}]}
        holders = [{**er(name), "subject": reference("#inner"), "contained": [inner]} for name in ("a", "b")]
        found, _ = read(*holders, patient=None)
        assert (found.patient.key, len(found.statements)) == ("urn:mrn|1", 2)

    def test_contained_patients_without_an_identifier_are_two(self) -> None:
        inner = {"resourceType": "Patient", "id": "inner"}
        with pytest.raises(Refusal):
            read(*[{**er(name), "subject": reference("#inner"), "contained": [inner]} for name in ("a", "b")], patient=None)

    @pytest.mark.parametrize("name", ["Device/d", "Group/g", "Location/l"])
    def test_a_result_about_no_person_is_left_out_and_named(self, name: str) -> None:
        found, all_of_it = read(er("a"), {**er("b"), "subject": reference(name)})
        assert [statement.place.reference for statement in found.statements] == ["Observation/a"]
        assert [issue.code for issue in all_of_it.issues] == ["not-this-patient"]

    def test_an_unreadable_birth_date_is_told_without_repeating_it(self) -> None:
        _, found = read(er(), patient={**PATIENT, "birthDate": "13.07.1961"})
        assert [issue.code for issue in found.issues] == ["bad-date"]
        assert "1961" not in found.issues[0].text


class TestDates:
    @pytest.mark.parametrize(
        ("as_sent", "day"),
        [
            ("2024", "2024"),
            ("2024-02", "2024-02"),
            ("2024-02-29", "2024-02-29"),
            ("2024-02-29T10:00:00Z", "2024-02-29"),
            ("2024-02-29T10:00:00.123+05:30", "2024-02-29"),
        ],
    )
    def test_a_date_is_as_precise_as_it_was_sent(self, as_sent: str, day: str) -> None:
        assert one(er(effectiveDateTime=as_sent)).taken_on == day

    @pytest.mark.parametrize(
        "bad", ["29.02.2024", "2024-13", "2024-02-30", "2023-02-29", "20240229", "soon", "2024-1-1", "T", "2" * 10_000]
    )
    def test_what_is_no_date_is_an_issue_and_the_value_stays(self, bad: str) -> None:
        found, all_of_it = read(er(effectiveDateTime=bad))
        assert found.statements[0].taken_on is None
        assert [issue.code for issue in all_of_it.issues] == ["bad-date"]

    def test_a_period_counts_by_its_end(self) -> None:
        assert one(er(effectivePeriod={"start": "2024-01-01", "end": "2024-01-03"})).taken_on == "2024-01-03"

    def test_a_result_without_a_date_has_that_of_its_report(self) -> None:
        assert one(er(), report("Observation/o", effectiveDateTime="2024-01-02")).taken_on == "2024-01-02"
        own = er(effectiveDateTime="2024-01-01")
        assert one(own, report("Observation/o", effectiveDateTime="2024-01-02")).taken_on == "2024-01-01"


class TestSpecimens:
    def test_a_result_has_the_specimen_of_its_report(self) -> None:
        assert one(er(), specimen(), report("Observation/o", specimen=[reference("Specimen/s")])).specimen == "Specimen/s"

    def test_its_own_specimen_counts_before_that_of_the_report(self) -> None:
        own = er(specimen=reference("Specimen/t"))
        assert one(own, specimen("t"), report("Observation/o", specimen=[reference("Specimen/s")])).specimen == "Specimen/t"

    def test_a_report_of_two_specimens_lends_neither(self) -> None:
        assert one(er(), report("Observation/o", specimen=[reference("Specimen/s"), reference("Specimen/t")])).specimen is None

    @pytest.mark.parametrize("order", [1, -1])
    def test_two_reports_that_name_two_specimens_lend_neither(self, order: int) -> None:
        reports = [{**report("Observation/o", specimen=[reference(f"Specimen/{name}")]), "id": f"r{name}"} for name in "st"][::order]
        assert one(er(), *reports).specimen is None

    def test_a_specimen_contained_in_the_report_is_the_one_of_its_results(self) -> None:
        inner = {"resourceType": "Specimen", "id": "s"}
        assert one(er(), report("Observation/o", contained=[inner], specimen=[reference("#s")])).specimen == "DiagnosticReport/r#s"

    def test_a_withdrawn_report_lends_nothing_and_is_named(self) -> None:
        gone = report("Observation/o", status="entered-in-error", specimen=[reference("Specimen/s")], effectiveDateTime="2024-01-01")
        statement = one(er(), gone)
        assert (statement.specimen, statement.taken_on) == (None, None)
        assert told(er(), gone) == ["withdrawn"]


class TestMembers:
    def test_a_result_that_was_not_sent_is_named(self) -> None:
        assert told(er(), report("Observation/o", "Observation/gone")) == ["member-not-sent"]

    def test_a_member_that_was_not_sent_is_named(self) -> None:
        assert told(er(hasMember=[reference("Observation/gone")])) == ["member-not-sent"]

    def test_a_member_that_is_not_read_is_not_missing(self) -> None:
        assert told(er(hasMember=[reference("QuestionnaireResponse/q")]), {"resourceType": "QuestionnaireResponse", "id": "q"}) == []

    def test_a_report_without_results_is_named(self) -> None:
        assert told(report()) == ["no-value"]

    def test_contained_results_are_read(self) -> None:
        found, _ = read(report("#inner", contained=[er("inner")]))
        assert [statement.place.reference for statement in found.statements] == ["DiagnosticReport/r#inner"]


class TestComponents:
    def test_they_have_method_specimen_date_focus_and_status_of_their_observation(self) -> None:
        whole = observation(
            ER_STATUS,
            component=[{"code": concept(ER_PERCENT), **percent(5)}],
            method=snomed("117617002"),
            specimen=reference("Specimen/s"),
            effectiveDateTime="2024-01-01",
            focus=[reference("Condition/c")],
            status="preliminary",
            bodySite=snomed(BREAST),
        )
        part = one(whole, specimen(), condition())
        assert (part.specimen, part.taken_on, part.focus, part.status) == ("Specimen/s", "2024-01-01", ("Condition/c",), "preliminary")
        assert part.method is not None
        assert part.body_site is not None
        assert part.parent is not None
        assert part.place.path == "Bundle.entry[1].resource.component[0]"

    def test_a_value_beside_components_is_read_too(self) -> None:
        whole = observation(ER_STATUS, {"valueString": "positive"}, component=[{"code": concept(ER_PERCENT), **percent(5)}])
        assert len(read(whole)[0].statements) == 2


def test_a_condition_is_the_focus_and_a_body_structure_the_lesion() -> None:
    statement = one(er(focus=[reference("BodyStructure/b"), reference("Condition/c")]), condition())
    assert statement.focus == ("Condition/c",)
    assert statement.lesion is not None
    assert statement.lesion.reference == "BodyStructure/b"


def test_the_laterality_of_a_body_site_stands_beside_it() -> None:
    extension = {"url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier", "valueCodeableConcept": snomed(LEFT)}
    statement = one(er(bodySite={**snomed(BREAST), "extension": [extension]}))
    assert statement.body_site is not None
    assert [(coding.system, coding.code) for coding in statement.body_site.codings] == [(SNOMED, BREAST), (SNOMED, LEFT)]


def test_what_nobody_asks_for_is_counted_by_its_code() -> None:
    found, _ = read(observation(OTHER_CODE, percent(5), name="a"), observation(OTHER_CODE, percent(6), name="b"), er())
    assert found.other_codes == {f"http://loinc.org|{OTHER_CODE}": 2}
    assert len(found.statements) == 1


def test_a_key_is_the_id_unless_two_servers_share_it() -> None:
    urls = ["https://ours.example/fhir", "https://theirs.example/fhir"]
    found, _ = read(*[entry({**condition(), "subject": {}}, f"{url}/Condition/c") for url in urls])
    assert [condition.key for condition in found.conditions] == [f"{url}/Condition/c" for url in urls]
    assert read(condition())[0].conditions[0].key == "c"


class TestResultsThatAreNone:
    """Found by `make fuzz`: a report whose results are no Observations said nothing, and nothing said so."""

    @pytest.mark.parametrize(
        "named", [{"resourceType": "Condition", "id": "x", "subject": ABOUT}, {"resourceType": "Encounter", "id": "x", "subject": ABOUT}]
    )
    def test_a_result_of_another_type_is_named(self, named: Resource) -> None:
        _, found = read(report(f"{named['resourceType']}/x"), named)
        (issue,) = [issue for issue in found.issues if issue.code == "not-used"]
        assert (issue.place.reference, issue.place.path) == ("DiagnosticReport/r", "Bundle.entry[1].resource.result[0]")

    def test_a_report_that_names_itself_is_told_so(self) -> None:
        assert "not-used" in told(report("DiagnosticReport/r"))

    def test_an_observation_is_a_result(self) -> None:
        assert "not-used" not in told(report("Observation/o"), er())
