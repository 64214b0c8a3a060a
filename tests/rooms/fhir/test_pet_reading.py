"""PET as senders write it: every place where kind, tracer and lesion may stand, and what is refused instead of guessed."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapter.facts.imaging import images
from adapter.facts.measurements import exactly
from adapter.facts.uptake import Derivation, Images, Normalisation, Presence
from adapter.facts.vocabulary import Result, Side
from adapter.fhir.models import check
from adapter.fhir.profiles import pet_uptake
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import DEFAULT_CANONICAL, load
from adapter.pipeline import Reply, Request, interpret
from adapter.web.metadata import _pet

SCT, DCM, LOINC = "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM", "http://loinc.org"
INPUT = f"{DEFAULT_CANONICAL}/CodeSystem/input"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
SUV_BW, SUV_LBM, SUV = (DCM, "126401"), (DCM, "126402"), (DCM, "126400")
MAXIMUM, MEAN, PEAK = (SCT, "56851009"), (SCT, "373098007"), (DCM, "126031")
FDG, FES = (SCT, "35321007"), (SCT, "926372005")
LEFT_BREAST, LIVER = (SCT, "80248007"), (SCT, "10200004")
# What stands between two of these is written without its quotes.
MARK = "\u00a7"


def concept(*codes: tuple[str, str], text: str = "") -> dict[str, Any]:
    """A CodeableConcept of these codes."""
    coding = [{"system": system, "code": code} for system, code in codes]
    return ({"coding": coding} if coding else {}) | ({"text": text} if text else {})


def quantity(value: str, unit: str) -> dict[str, Any]:
    """A Quantity with a UCUM code; the value is written to JSON with the digits it is typed with."""
    return {"value": f"{MARK}{value}{MARK}", "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def uptake(name: str, value: str | None = "5.1", **more: object) -> dict[str, Any]:
    """A pet-uptake Observation: SUVmax by body weight of FDG in the left breast, unless `more` says otherwise; None removes."""
    usual: dict[str, Any] = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": concept(SUV_BW),
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-01-10",
        "method": concept(MAXIMUM),
        "bodySite": concept(LEFT_BREAST),
        "component": [tracer(FDG)],
    }
    if value is not None:
        usual["valueQuantity"] = quantity(value, "g/ml{SUVbw}")
    return {key: part for key, part in (usual | more).items() if part is not None}


def tracer(code: tuple[str, str]) -> dict[str, Any]:
    """The component that names the radiopharmaceutical."""
    return {"code": concept((DCM, "123001")), "valueCodeableConcept": concept(code)}


def component(code: tuple[str, str], value: str, unit: str) -> dict[str, Any]:
    """A measured component."""
    return {"code": concept(code), "valueQuantity": quantity(value, unit)}


def administration(drug: dict[str, Any] | None, **more: object) -> dict[str, Any]:
    """A drug or tracer that was given on the day of the scan, unless `more` says otherwise."""
    usual: dict[str, Any] = {
        "resourceType": "MedicationAdministration",
        "id": "m",
        "status": "completed",
        "medicationCodeableConcept": drug,
        "subject": refer("Patient/p"),
        "effectiveDateTime": "2026-01-10",
    }
    return {key: part for key, part in (usual | more).items() if part is not None}


def asked(knowledge: Knowledge, *resources: dict[str, Any]) -> Reply:
    """The reply to a patient with one left breast cancer and these resources."""
    patient = {"resourceType": "Patient", "id": "p", "gender": "female"}
    cancer = {
        "resourceType": "Condition",
        "id": "c",
        "code": concept((SCT, "353431000119107")),
        "subject": {"reference": "Patient/p"},
        "bodySite": [concept(LEFT_BREAST)],
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (patient, cancer, *resources)]}
    text = json.dumps(bundle, ensure_ascii=False).replace(f'"{MARK}', "").replace(f'{MARK}"', "")
    return interpret([text.encode()], knowledge, Request(issued=datetime(2026, 11, 22, tzinfo=UTC)))


def seen(knowledge: Knowledge, *resources: dict[str, Any]) -> Images:
    """What the adapter makes of these resources."""
    reply = asked(knowledge, *resources)
    assert len(reply.cases) == 1
    return images(reply.cases[0])


def codes_of(reply: Reply) -> set[str]:
    return {issue.code for issue in reply.issues}


def texts_of(reply: Reply) -> str:
    return " | ".join(issue.text for issue in reply.issues)


def study(name: str = "s", **more: object) -> dict[str, Any]:
    """An ImagingStudy."""
    head = {"resourceType": "ImagingStudy", "id": name, "status": "available", "subject": {"reference": "Patient/p"}}
    return head | {"started": "2026-01-10T09:00:00Z"} | more


def body_structure(name: str, **more: object) -> dict[str, Any]:
    """A BodyStructure."""
    return {"resourceType": "BodyStructure", "id": name, "patient": {"reference": "Patient/p"}} | more


def refer(to: str) -> dict[str, str]:
    return {"reference": to}


class TestKind:
    def test_a_pet_uptake_observation_is_read_whole(self, knowledge: Knowledge) -> None:
        found = seen(
            knowledge,
            uptake(
                "a",
                component=[
                    tracer(FDG),
                    component((INPUT, "uptake-time"), "62", "min"),
                    component((INPUT, "blood-glucose"), "5.5", "mmol/L"),
                    component((DCM, "123006"), "350", "MBq"),
                    component((INPUT, "liver-mean"), "2.1", "g/ml"),
                    component((INPUT, "liver-sd"), "0.3", "g/ml"),
                    component((INPUT, "blood-pool-mean"), "1.5", "g/ml"),
                ],
            ),
        )
        scan, one, lesion = found.scans[0], found.uptakes[0], found.lesions[0]
        assert (scan.tracer, scan.day, scan.uptake_minutes, scan.activity_mbq) == (
            "fdg-f18",
            "2026-01-10",
            exactly(Decimal(62)),
            exactly(Decimal(350)),
        )
        assert (scan.liver_mean, scan.liver_sd, scan.blood_pool_mean) == tuple(exactly(Decimal(text)) for text in ("2.1", "0.3", "1.5"))
        assert scan.glucose_mg_dl is not None
        assert scan.glucose_mg_dl.exact == Decimal("5.5") * Decimal("18.02")
        assert (one.value, one.normalisation, one.derivation, one.presence) == (
            exactly(Decimal("5.1")),
            Normalisation.BODY_WEIGHT,
            Derivation.MAXIMUM,
            Presence.MEASURED,
        )
        assert (lesion.site, lesion.side) == ("breast", Side.LEFT)

    @pytest.mark.parametrize(
        ("code", "normalisation"),
        [
            ("126401", Normalisation.BODY_WEIGHT),
            ("126402", Normalisation.LEAN_BODY_MASS),
            ("126403", Normalisation.BODY_SURFACE_AREA),
            ("126404", Normalisation.IDEAL_BODY_WEIGHT),
            ("126405", Normalisation.LEAN_BODY_MASS_JANMAHASATIAN),
            ("126406", Normalisation.LEAN_BODY_MASS_JAMES),
        ],
    )
    def test_each_dicom_code_has_its_normalisation(self, knowledge: Knowledge, code: str, normalisation: Normalisation) -> None:
        assert (
            seen(knowledge, uptake("a", code=concept((DCM, code)), valueQuantity=quantity("4.0", "1"))).uptakes[0].normalisation
            is normalisation
        )

    @pytest.mark.parametrize(("code", "derivation"), [(MAXIMUM, "maximum"), (MEAN, "mean"), (PEAK, "peak")])
    def test_the_derivation_is_read_wherever_it_stands(self, knowledge: Knowledge, code: tuple[str, str], derivation: str) -> None:
        by_method = uptake("a", method=concept(code))
        by_component = uptake(
            "a", method=None, component=[tracer(FDG), {"code": concept((DCM, "121401")), "valueCodeableConcept": concept(code)}]
        )
        by_second_coding = uptake("a", method=None, code=concept(SUV_BW, code))
        by_extension = uptake(
            "a",
            method=None,
            code=concept(SUV_BW) | {"extension": [{"url": "http://example.org/modifier", "valueCodeableConcept": concept(code)}]},
        )
        for one in (by_method, by_component, by_second_coding, by_extension):
            assert seen(knowledge, one).uptakes[0].derivation == derivation

    def test_two_derivations_that_differ_are_none(self, knowledge: Knowledge) -> None:
        one = uptake("a", method=concept(MEAN), code=concept(SUV_BW, MAXIMUM))
        assert seen(knowledge, one).uptakes[0].derivation is None

    def test_components_of_one_observation_keep_their_own_derivation(self, knowledge: Knowledge) -> None:
        parts = [
            {"code": concept(SUV_BW, MAXIMUM), "valueQuantity": quantity("8.1", "g/ml")},
            {"code": concept(SUV_BW, MEAN), "valueQuantity": quantity("4.4", "g/ml")},
            tracer(FDG),
        ]
        found = seen(knowledge, uptake("a", None, code=concept(text="PET lesion"), method=None, component=parts))
        assert {one.derivation: one.value for one in found.uptakes} == {
            Derivation.MAXIMUM: exactly(Decimal("8.1")),
            Derivation.MEAN: exactly(Decimal("4.4")),
        }

    def test_a_missing_derivation_is_not_guessed(self, knowledge: Knowledge) -> None:
        assert seen(knowledge, uptake("a", method=None)).uptakes[0].derivation is None

    def test_the_unspecified_suv_has_no_normalisation_whatever_its_unit(self, knowledge: Knowledge) -> None:
        assert seen(knowledge, uptake("a", code=concept(SUV))).uptakes[0].normalisation is None

    def test_the_unspecified_suv_takes_its_normalisation_from_the_method(self, knowledge: Knowledge) -> None:
        one = uptake("a", code=concept(SUV), method=concept((DCM, "126410"), MAXIMUM))
        assert seen(knowledge, one).uptakes[0].normalisation is Normalisation.BODY_WEIGHT


class TestUnits:
    @pytest.mark.parametrize("unit", ["g/ml{SUVbw}", "{SUVbw}g/ml", "g/mL", "g/ml", "1"])
    def test_the_units_of_an_suv(self, knowledge: Knowledge, unit: str) -> None:
        assert seen(knowledge, uptake("a", valueQuantity=quantity("5.10", unit))).uptakes[0].value == exactly(Decimal("5.10"))

    def test_the_plain_unit_says_nothing_of_the_kind(self, knowledge: Knowledge) -> None:
        lean = uptake("a", code=concept(SUV_LBM), valueQuantity=quantity("3.5", "g/mL"))
        assert seen(knowledge, lean).uptakes[0].normalisation is Normalisation.LEAN_BODY_MASS

    @pytest.mark.parametrize(
        ("code", "unit"), [(SUV_LBM, "g/ml{SUVbw}"), (SUV_BW, "{SUVlbm}g/ml"), ((DCM, "126403"), "g/ml"), (SUV_BW, "cm2/ml{SUVbsa}")]
    )
    def test_a_unit_that_contradicts_the_code_is_an_issue(self, knowledge: Knowledge, code: tuple[str, str], unit: str) -> None:
        reply = asked(knowledge, uptake("a", code=concept(code), valueQuantity=quantity("3.5", unit)))
        assert "unit-contradicts-code" in codes_of(reply)
        assert all(one.value is None for one in images(reply.cases[0]).uptakes)

    @pytest.mark.parametrize(
        ("value", "unit", "code"),
        [
            ("5.1", "Bq/ml", "unknown-unit"),
            ("5.1", "%", "unknown-unit"),
            ("-1", "g/ml", "implausible-value"),
            ("100.1", "g/ml", "implausible-value"),
        ],
    )
    def test_what_is_no_suv_is_an_issue(self, knowledge: Knowledge, value: str, unit: str, code: str) -> None:
        assert code in codes_of(asked(knowledge, uptake("a", valueQuantity=quantity(value, unit))))

    def test_a_missing_unit_is_an_issue_that_says_what_to_send(self, knowledge: Knowledge) -> None:
        reply = asked(knowledge, uptake("a", valueQuantity={"value": 5.1}))
        assert "unit-missing" in codes_of(reply)
        assert "an SUV, such as g/ml or 1" in texts_of(reply)

    @pytest.mark.parametrize(("value", "unit"), [("350", "MBq"), ("350000000", "Bq"), ("350000", "kBq"), ("0.35", "GBq")])
    def test_the_units_of_an_activity(self, knowledge: Knowledge, value: str, unit: str) -> None:
        found = seen(knowledge, uptake("a", component=[tracer(FDG), component((DCM, "123006"), value, unit)]))
        assert found.scans[0].activity_mbq == exactly(Decimal(350))

    def test_a_millicurie_is_37_megabecquerel(self, knowledge: Knowledge) -> None:
        found = seen(knowledge, uptake("a", component=[tracer(FDG), component((DCM, "123006"), "10", "mCi")]))
        assert found.scans[0].activity_mbq == exactly(Decimal(370))

    @pytest.mark.parametrize(("value", "unit"), [("350", "Bq"), ("350000000", "MBq")])
    def test_megabecquerel_taken_for_becquerel_is_an_issue(self, knowledge: Knowledge, value: str, unit: str) -> None:
        reply = asked(knowledge, uptake("a", component=[tracer(FDG), component((DCM, "123006"), value, unit)]))
        assert "implausible-value" in codes_of(reply)
        assert images(reply.cases[0]).scans[0].activity_mbq is None

    @pytest.mark.parametrize(("value", "unit"), [("60", "min"), ("3600", "s"), ("1", "h")])
    def test_an_uptake_time_is_in_exact_minutes(self, knowledge: Knowledge, value: str, unit: str) -> None:
        found = seen(knowledge, uptake("a", component=[tracer(FDG), component((INPUT, "uptake-time"), value, unit)]))
        assert found.scans[0].uptake_minutes == exactly(Decimal(60))

    def test_glucose_of_11_1_mmol_reaches_200_mg(self, knowledge: Knowledge) -> None:
        found = seen(knowledge, uptake("a", component=[tracer(FDG), component((LOINC, "2339-0"), "11.1", "mmol/L")]))
        glucose = found.scans[0].glucose_mg_dl
        assert glucose is not None
        assert glucose.exact is not None
        assert glucose.exact >= Decimal(200)


class TestWrongCodes:
    def test_an_allelic_frequency_that_is_called_suvmax_is_an_issue(self, knowledge: Knowledge) -> None:
        code = {"coding": [{"system": LOINC, "code": "81258-6", "display": "SUVmax"}]}
        reply = asked(knowledge, uptake("a", code=code, valueQuantity=quantity("5.1", "g/mL")))
        assert "display-names-another" in codes_of(reply)
        assert images(reply.cases[0]).uptakes == ()

    def test_a_code_with_a_wrong_check_digit_is_an_issue(self, knowledge: Knowledge) -> None:
        code = {"coding": [{"system": LOINC, "code": "81258-0", "display": "SUV max"}]}
        assert "wrong-check-digit" in codes_of(asked(knowledge, uptake("a", code=code, component=None)))

    def test_a_local_code_without_a_map_is_an_issue(self, knowledge: Knowledge) -> None:
        code = {"coding": [{"system": "https://hospital.example/pet", "code": "SUVMAX", "display": "SUVmax"}]}
        assert "unmapped-code" in codes_of(asked(knowledge, uptake("a", code=code, component=None)))


class TestTracer:
    def test_on_the_report(self, knowledge: Knowledge) -> None:
        report = {
            "resourceType": "DiagnosticReport",
            "id": "r",
            "status": "final",
            "code": concept((SCT, "443271005")),
            "subject": refer("Patient/p"),
            "effectiveDateTime": "2026-01-10",
            "result": [refer("Observation/a")],
        }
        assert seen(knowledge, uptake("a", component=None), report).scans[0].tracer == "fdg-f18"

    def test_on_the_procedure_it_is_part_of(self, knowledge: Knowledge) -> None:
        act = {
            "resourceType": "Procedure",
            "id": "x",
            "status": "completed",
            "code": concept((SCT, "443271005")),
            "subject": refer("Patient/p"),
        }
        assert seen(knowledge, uptake("a", component=None, partOf=[refer("Procedure/x")]), act).scans[0].tracer == "fdg-f18"

    def test_on_the_administration_of_its_day_with_the_activity(self, knowledge: Knowledge) -> None:
        given = administration(concept(FES), effectiveDateTime="2026-01-10T08:00:00Z", dosage={"dose": quantity("222", "MBq")})
        found = seen(knowledge, uptake("a", component=None), given)
        assert (found.scans[0].tracer, found.scans[0].activity_mbq) == ("fes-f18", exactly(Decimal(222)))

    def test_on_a_medication_that_is_referred_to(self, knowledge: Knowledge) -> None:
        drug = {"resourceType": "Medication", "id": "d", "code": concept(text="18F-FES")}
        given = administration(None, medicationReference=refer("Medication/d"))
        assert seen(knowledge, uptake("a", component=None), drug, given).scans[0].tracer == "fes-f18"

    def test_on_the_imaging_study_by_its_procedure(self, knowledge: Knowledge) -> None:
        one = study(procedureCode=[concept((SCT, "443271005"))])
        assert seen(knowledge, uptake("a", component=None, partOf=[refer("ImagingStudy/s")]), one).scans[0].tracer == "fdg-f18"

    def test_on_the_series_as_the_german_module_writes_it(self, knowledge: Knowledge) -> None:
        url = "https://www.medizininformatik-initiative.de/fhir/ext/modul-bildgebung/StructureDefinition/mii-ex-bildgebung-modalitaet-pt"
        parts = [
            {"url": "radiopharmaceutical", "valueCodeableConcept": concept(FDG)},
            {"url": "radionuclideTotalDose", "valueQuantity": {"value": 196, "unit": "Megabecquerel"}},
        ]
        one = study(series=[{"uid": "1.2.3", "modality": {"system": DCM, "code": "PT"}, "extension": [{"url": url, "extension": parts}]}])
        found = seen(knowledge, uptake("a", component=None, derivedFrom=[refer("ImagingStudy/s")]), one)
        assert (found.scans[0].tracer, found.scans[0].activity_mbq) == ("fdg-f18", exactly(Decimal(196)))

    def test_a_withdrawn_administration_gives_no_tracer(self, knowledge: Knowledge) -> None:
        given = administration(concept(FES), status="entered-in-error")
        assert seen(knowledge, uptake("a", component=None), given).scans[0].tracer is None

    def test_an_administration_of_another_day_gives_no_tracer(self, knowledge: Knowledge) -> None:
        given = administration(concept(FES), effectiveDateTime="2026-01-11")
        assert seen(knowledge, uptake("a", component=None), given).scans[0].tracer is None

    def test_a_drug_is_a_treatment_with_its_first_and_last_day(self, knowledge: Knowledge) -> None:
        period = {"start": "2026-01-12", "end": "2026-02-20"}
        given = administration(concept(text="Drug"), effectiveDateTime=None, effectivePeriod=period, reasonReference=[refer("Condition/c")])
        treatments = asked(knowledge, uptake("a"), given).cases[0].treatments
        assert [(one.kind, one.started_on, one.last_on) for one in treatments] == [("systemic", "2026-01-12", "2026-02-20")]

    def test_a_tracer_is_no_treatment(self, knowledge: Knowledge) -> None:
        given = administration(concept(FDG), reasonReference=[refer("Condition/c")])
        assert asked(knowledge, uptake("a"), given).cases[0].treatments == ()

    def test_ligands_are_tracers_of_their_own(self, knowledge: Knowledge) -> None:
        for word in ("fapi-04-ga68", "fapi-46-ga68", "fapi-74-f18"):
            assert seen(knowledge, uptake("a", component=[tracer((INPUT, word))])).scans[0].tracer == word

    def test_an_antibody_without_a_name_is_an_issue(self, knowledge: Knowledge) -> None:
        reply = asked(knowledge, uptake("a", component=[tracer((DCM, "126511"))]))
        assert "unmapped-value" in codes_of(reply)
        assert images(reply.cases[0]).scans[0].tracer is None


class TestLesion:
    def test_a_body_structure_in_focus_is_recognised_on_the_next_scan(self, knowledge: Knowledge) -> None:
        lesion = body_structure(
            "b1", description="Lesion A", location=concept((SCT, "76752008")), locationQualifier=[concept((SCT, "7771000"))]
        )
        found = seen(
            knowledge,
            lesion,
            uptake("a", bodySite=None, focus=[refer("Condition/c"), refer("BodyStructure/b1")]),
            uptake("b", "3.06", bodySite=None, focus=[refer("BodyStructure/b1")], effectiveDateTime="2026-01-25"),
        )
        assert [one.lesion for one in found.uptakes] == ["BodyStructure/b1"] * 2
        assert (found.lesions[0].reference, found.lesions[0].site, found.lesions[0].side) == ("BodyStructure/b1", "breast", Side.LEFT)
        assert found.lesions[0].label == "Lesion A"

    def test_two_body_structures_with_one_identifier_are_one_lesion(self, knowledge: Knowledge) -> None:
        same = {"identifier": [{"system": "http://hospital.example/lesions", "value": "L1"}]}
        found = seen(
            knowledge,
            body_structure("b1", **same),
            body_structure("b2", **same),
            uptake("a", focus=[refer("BodyStructure/b1")]),
            uptake("b", focus=[refer("BodyStructure/b2")], effectiveDateTime="2026-01-25"),
        )
        assert {one.lesion for one in found.uptakes} == {"http://hospital.example/lesions|L1"}

    def test_a_body_structure_may_stand_in_an_extension(self, knowledge: Knowledge) -> None:
        extension = [{"url": "http://hl7.org/fhir/StructureDefinition/bodySite", "valueReference": refer("BodyStructure/b1")}]
        assert seen(knowledge, body_structure("b1"), uptake("a", extension=extension)).uptakes[0].lesion == "BodyStructure/b1"

    def test_a_tracking_identifier_names_a_lesion(self, knowledge: Knowledge) -> None:
        label = {"code": concept((DCM, "112039")), "valueString": "Lesion A"}
        found = seen(knowledge, uptake("a", bodySite=None, component=[tracer(FDG), label]))
        assert (found.uptakes[0].lesion, found.lesions[0].label) == ("label-lesion-a", "Lesion A")

    def test_a_site_names_a_lesion_and_its_text_tells_two_apart(self, knowledge: Knowledge) -> None:
        found = seen(
            knowledge,
            uptake("a", bodySite=concept(LIVER, text="segment 4")),
            uptake("b", "7.0", bodySite=concept(LIVER, text="segment 7")),
            uptake("d", bodySite=concept(LEFT_BREAST)),
        )
        assert [one.key for one in found.lesions] == ["site-breast-left", "site-liver-segment-4", "site-liver-segment-7"]
        assert [one.site for one in found.lesions] == ["breast", "liver", "liver"]
        assert [one.label for one in found.lesions] == ["", "liver segment 4", "liver segment 7"]

    def test_a_site_that_we_do_not_know_still_names_its_lesion(self, knowledge: Knowledge) -> None:
        found = seen(knowledge, uptake("a", bodySite=concept((SCT, "81105003"))))
        assert found.lesions[0].key == "site-81105003"

    def test_a_lesion_without_a_name_is_never_one_of_another_scan(self, knowledge: Knowledge) -> None:
        found = seen(knowledge, uptake("a", bodySite=None), uptake("b", bodySite=None, effectiveDateTime="2026-01-25"))
        assert len({one.lesion for one in found.uptakes}) == 2


class TestState:
    def test_resolved_as_a_value(self, knowledge: Knowledge) -> None:
        one = uptake("a", None, valueCodeableConcept=concept((INPUT, "resolved")))
        assert seen(knowledge, one).uptakes[0].presence is Presence.RESOLVED

    def test_new_as_an_interpretation_beside_a_number(self, knowledge: Knowledge) -> None:
        positive = ("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "POS")
        one = seen(knowledge, uptake("a", interpretation=[concept((INPUT, "new-lesion")), concept(positive)])).uptakes[0]
        assert (one.presence, one.avid, one.value) == (Presence.NEW, True, exactly(Decimal("5.1")))

    @pytest.mark.parametrize(("code", "avid"), [("POS", True), ("NEG", False)])
    def test_the_avidity_that_the_reader_saw(self, knowledge: Knowledge, code: str, avid: bool) -> None:
        called = concept(("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", code))
        assert seen(knowledge, uptake("a", interpretation=[called])).uptakes[0].avid is avid
        without_number = seen(knowledge, uptake("a", None, interpretation=[called])).uptakes[0]
        assert (without_number.avid, without_number.presence) == (avid, Presence.NOT_MEASURED)

    def test_not_performed_is_outside_the_field_of_view(self, knowledge: Knowledge) -> None:
        one = uptake("a", None, dataAbsentReason=concept((ABSENT, "not-performed")))
        assert seen(knowledge, one).uptakes[0].presence is Presence.NOT_COVERED

    def test_another_reason_for_no_value_is_only_told(self, knowledge: Knowledge) -> None:
        reply = asked(knowledge, uptake("a", None, dataAbsentReason=concept((ABSENT, "unknown"))))
        assert "absent" in codes_of(reply)
        assert images(reply.cases[0]).uptakes == ()


class TestScanConditions:
    def test_glucose_and_weight_count_on_the_day_of_a_scan_only(self, knowledge: Knowledge) -> None:
        def measured(name: str, code: str, value: str, unit: str, day: str) -> dict[str, Any]:
            head = {"resourceType": "Observation", "id": name, "status": "final", "code": concept((LOINC, code))}
            return head | {"subject": refer("Patient/p"), "effectiveDateTime": day, "valueQuantity": quantity(value, unit)}

        reply = asked(
            knowledge,
            uptake("a"),
            measured("g1", "2339-0", "95", "mg/dL", "2026-01-10"),
            measured("g2", "2339-0", "240", "mg/dL", "2025-12-01"),
            measured("w1", "29463-7", "70", "kg", "2026-01-10"),
            measured("w2", "29463-7", "82", "kg", "2020-01-01"),
        )
        scan = images(reply.cases[0]).scans[0]
        assert scan.glucose_mg_dl == exactly(Decimal(95))
        assert [fact.shown for fact in scan.facts if fact.word == "body-weight"] == ["70"]
        assert "2 Observations ask for nothing" in texts_of(reply)

    def test_a_patient_without_a_scan_has_no_measures_of_one(self, knowledge: Knowledge) -> None:
        weight = {"resourceType": "Observation", "id": "w", "status": "final", "code": concept((LOINC, "29463-7"))}
        weight |= {"subject": refer("Patient/p"), "effectiveDateTime": "2026-01-10", "valueQuantity": quantity("70", "kg")}
        reply = asked(knowledge, weight)
        assert reply.cases[0].facts == ()
        assert "not-relevant" in codes_of(reply)

    def test_an_administration_panel_counts_beside_a_scan_only(self, knowledge: Knowledge) -> None:
        panel = uptake(
            "radiation",
            None,
            code=concept(text="Radiopharmaceutical administration"),
            method=None,
            bodySite=None,
            component=[
                component((DCM, "113507"), "222", "MBq"),
                {"code": concept((SCT, "349358000")), "valueCodeableConcept": concept(FES)},
            ],
        )
        scan = seen(knowledge, uptake("a", component=None), panel).scans[0]
        assert (scan.tracer, scan.activity_mbq) == ("fes-f18", exactly(Decimal(222)))
        alone = asked(knowledge, panel)
        assert alone.cases[0].facts == ()
        assert "1 Observations ask for nothing" in texts_of(alone)

    def test_a_liver_mean_may_be_called_an_suv(self, knowledge: Knowledge) -> None:
        liver = {"code": concept((INPUT, "liver-mean"), text="Liver SUVmean"), "valueQuantity": quantity("2.1", "g/ml{SUVbw}")}
        assert seen(knowledge, uptake("a", component=[tracer(FDG), liver])).scans[0].liver_mean == exactly(Decimal("2.1"))

    def test_an_observation_without_a_day_has_the_day_of_its_study(self, knowledge: Knowledge) -> None:
        found = seen(knowledge, uptake("a", effectiveDateTime=None, partOf=[refer("ImagingStudy/s")]), study())
        assert found.scans[0].day == "2026-01-10"

    def test_a_measurement_on_ct_is_no_scan_and_tells_the_size_of_its_lesion(self, knowledge: Knowledge) -> None:
        label = {"code": concept((DCM, "112039")), "valueString": "Lesion A"}
        size = uptake(
            "ct",
            None,
            code=concept((INPUT, "lesion-size")),
            valueQuantity=quantity("8", "mm"),
            method=None,
            component=[label],
        )
        assert images(asked(knowledge, size).cases[0]) == Images()
        found = seen(knowledge, size, uptake("a", component=[tracer(FDG), label]))
        assert [one.size_mm for one in found.uptakes] == [exactly(Decimal(8))]

    @pytest.mark.parametrize("unit", ["g", "{SUVbw}g", "g{SUVlbm}", "mL", "cm3"])
    def test_total_lesion_glycolysis_stands_beside_the_uptake(self, knowledge: Knowledge, unit: str) -> None:
        """B-25: a gram is g/mL times mL, so an SUV without a unit times a volume is the same number."""
        beside = uptake("a", component=[tracer(FDG), component((DCM, "126033"), "212.50", unit)])
        assert [one.glycolysis_g for one in seen(knowledge, beside).uptakes] == [exactly(Decimal("212.50"))]

    def test_total_lesion_glycolysis_in_another_unit_is_an_issue(self, knowledge: Knowledge) -> None:
        wrong = uptake("a", component=[tracer(FDG), component((DCM, "126033"), "212.5", "mm")])
        assert "unknown-unit" in codes_of(asked(knowledge, wrong))

    def test_total_lesion_glycolysis_alone_is_no_uptake(self, knowledge: Knowledge) -> None:
        alone = uptake("b", None, code=concept((DCM, "126033")), valueQuantity=quantity("50", "g"), method=None, component=None)
        reply = asked(knowledge, alone)
        assert images(reply.cases[0]) == Images()
        assert "lesion-glycolysis 50 is understood; no answer rests on it" in texts_of(reply)
        found = seen(knowledge, alone, uptake("a"))
        assert [(one.kind, one.glycolysis_g) for one in found.uptakes] == [("SUVmax by body weight", exactly(Decimal(50)))]

    def test_glycolysis_of_another_study_is_not_that_of_this_scan(self, knowledge: Knowledge) -> None:
        """Two tracers of one day have each a glycolysis of their own."""
        code = {"code": concept((DCM, "126033")), "method": None, "component": None}
        of_other = uptake("b", None, valueQuantity=quantity("50", "g"), partOf=[refer("ImagingStudy/t")], **code)
        found = seen(knowledge, of_other, uptake("a", partOf=[refer("ImagingStudy/s")]), study())
        assert [one.glycolysis_g for one in found.uptakes] == [None]

    @pytest.mark.parametrize(
        ("unit", "kinds"),
        [
            ("g/ml{SUVbw}", (Normalisation.BODY_WEIGHT,)),
            ("{SUVlbm(James128)}g/mL", (Normalisation.LEAN_BODY_MASS_JAMES,)),
            ("g/ml{SUVlbm(Janma)}", (Normalisation.LEAN_BODY_MASS_JANMAHASATIAN,)),
            ("cm2/ml", (Normalisation.BODY_SURFACE_AREA,)),
            ("g/ml", ()),
            ("1", ()),
            ("{SUV}", ()),
        ],
    )
    def test_liver_and_blood_pool_keep_the_kind_that_their_unit_names(
        self, knowledge: Knowledge, unit: str, kinds: tuple[Normalisation, ...]
    ) -> None:
        """B-22: kinds are not interchangeable, and a bare gram per milliliter says nothing."""
        parts = [component((INPUT, word), "1.2", unit) for word in ("liver-mean", "liver-sd", "blood-pool-mean")]
        scan = seen(knowledge, uptake("a", component=[tracer(FDG), *parts])).scans[0]
        assert (scan.liver_mean, scan.liver_kinds, scan.blood_pool_kinds) == (exactly(Decimal("1.2")), kinds, kinds)

    def test_two_kinds_for_one_liver_are_both_kept(self, knowledge: Knowledge) -> None:
        parts = [component((INPUT, "liver-mean"), "2.4", "g/ml{SUVbw}"), component((INPUT, "liver-sd"), "0.2", "g/ml{SUVlbm}")]
        scan = seen(knowledge, uptake("a", component=[tracer(FDG), *parts])).scans[0]
        assert scan.liver_kinds == (Normalisation.BODY_WEIGHT, Normalisation.LEAN_BODY_MASS)

    def test_a_height_in_metres_that_is_sent_as_centimetres_is_an_issue(self, knowledge: Knowledge) -> None:
        wrong = uptake("a", component=[tracer(FDG), component((LOINC, "8302-2"), "1.65", "cm")])
        assert "implausible-value" in codes_of(asked(knowledge, wrong))


class TestBlockingDrugs:
    RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

    def drug(self, kind: str, status: str, code: dict[str, Any], **more: object) -> dict[str, Any]:
        head = {"resourceType": kind, "id": "d", "status": status, "medicationCodeableConcept": code, "subject": refer("Patient/p")}
        return head | ({"intent": "order"} if kind == "MedicationRequest" else {}) | more

    def blockers(self, knowledge: Knowledge, drug: dict[str, Any]) -> list[tuple[str, str | None]]:
        case = asked(knowledge, uptake("a", "1.2", component=[tracer(FES)]), drug).cases[0]
        return [(fact.shown, fact.taken_on) for fact in case.about("estrogen-receptor-blocker")]

    def test_an_administration_blocks_from_its_last_day(self, knowledge: Knowledge) -> None:
        period = {"start": "2025-10-01", "end": "2025-12-20"}
        drug = self.drug("MedicationAdministration", "completed", concept((self.RXNORM, "727762")), effectivePeriod=period)
        assert self.blockers(knowledge, drug) == [("serd", "2025-12-20")]

    def test_an_active_order_is_taken_now(self, knowledge: Knowledge) -> None:
        drug = self.drug("MedicationRequest", "active", concept(text="Tamoxifen"), authoredOn="2022-01-01")
        assert self.blockers(knowledge, drug) == [("serm", None)]

    def test_an_order_of_old_says_nothing_of_the_last_day(self, knowledge: Knowledge) -> None:
        drug = self.drug("MedicationRequest", "completed", concept((self.RXNORM, "10324")), authoredOn="2022-01-01")
        assert self.blockers(knowledge, drug) == []

    def test_a_statement_says_when_a_drug_was_taken_last(self, knowledge: Knowledge) -> None:
        """B-33: the class of the drug counts, so a drug without a row of its own here blocks as well."""
        period = {"start": "2025-06-01", "end": "2025-12-20"}
        drug = self.drug("MedicationStatement", "completed", concept(text="Elacestrant 345 mg"), effectivePeriod=period)
        assert self.blockers(knowledge, drug) == [("serd", "2025-12-20")]

    def test_a_statement_of_a_drug_that_was_not_taken_blocks_nothing(self, knowledge: Knowledge) -> None:
        drug = self.drug("MedicationStatement", "not-taken", concept((self.RXNORM, "10324")), effectiveDateTime="2025-12-20")
        assert self.blockers(knowledge, drug) == []

    @pytest.mark.parametrize(
        ("status", "period", "says"),
        [
            ("completed", {"start": "2025-01-01", "end": "2026-02-01"}, "(serm from 2025-01-01 to 2026-02-01)"),
            ("active", {"start": "2025-01-01"}, "(serm since 2025-01-01)"),
            ("active", {"start": "2026-02-01"}, "SUVmax by body weight of left breast 1.2 is up to 1.5"),
            ("completed", {"start": "2026-02-01", "end": "2026-03-01"}, "SUVmax by body weight of left breast 1.2 is up to 1.5"),
        ],
    )
    def test_a_drug_blocks_while_it_is_taken_and_not_before(
        self, knowledge: Knowledge, status: str, period: dict[str, str], says: str
    ) -> None:
        """B-33: what counts is whether it was taken in the weeks before the scan, not its last day alone."""
        drug = self.drug("MedicationStatement", status, concept(text="Tamoxifen"), effectivePeriod=period)
        reply = asked(knowledge, uptake("a", "1.2", component=[tracer(FES)]), drug)
        found = [one for _, answers in reply.answers for one in answers if one.about.result is Result.FES_UPTAKE]
        assert [says in one.because for one in found] == [True]

    def test_an_administration_over_a_period_covers_the_scan(self, knowledge: Knowledge) -> None:
        period = {"start": "2025-11-01", "end": "2026-03-01"}
        drug = self.drug("MedicationAdministration", "completed", concept((self.RXNORM, "727762")), effectivePeriod=period)
        reply = asked(knowledge, uptake("a", "1.2", component=[tracer(FES)]), drug)
        assert any("(serd from 2025-11-01 to 2026-03-01)" in one.because for _, answers in reply.answers for one in answers)

    def test_another_drug_blocks_nothing(self, knowledge: Knowledge) -> None:
        drug = self.drug("MedicationRequest", "active", concept((self.RXNORM, "203769")), authoredOn="2022-01-01")
        assert self.blockers(knowledge, drug) == []


class TestSiteFolders:
    HEAD = "role,system,code,display,fact,value,basis,side,note,source\n"

    def test_a_made_up_tracer_is_one_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "tracers" / "made-up"
        folder.mkdir(parents=True)
        folder.joinpath("topic.toml").write_text(
            'topic = "made-up"\ntitle = "A made-up tracer"\n[tracer]\nwords = ["made-up-f18"]\ntarget = "nothing"\n'
            'approved = false\nsource = "site"\ntexts = { "18f-made-up" = "made-up-f18" }\n'
        )
        folder.joinpath("codes.csv").write_text(
            self.HEAD + "value,https://hospital.example/tracers,MU,,radiopharmaceutical,made-up-f18,,,,site\n"
        )
        books = load(extra=tmp_path)
        by_code = uptake("a", component=[tracer(("https://hospital.example/tracers", "MU"))])
        by_text = uptake("a", component=[{"code": concept((DCM, "123001")), "valueString": "18F-made-up"}])
        assert [seen(books, one).scans[0].tracer for one in (by_code, by_text)] == ["made-up-f18"] * 2

    @pytest.mark.parametrize(
        ("words", "texts", "fault"),
        [
            ("made-up-f18", "fdg-f18", "which is not one of its words"),
            ("fdg-f18", "fdg-f18", "tracer fdg-f18 is already declared in"),
        ],
    )
    def test_a_tracer_folder_that_does_not_hold_together_is_refused(self, tmp_path: Path, words: str, texts: str, fault: str) -> None:
        folder = tmp_path / "tracers" / "made-up"
        folder.mkdir(parents=True)
        folder.joinpath("topic.toml").write_text(
            f'topic = "made-up"\ntitle = "A made-up tracer"\n[tracer]\nwords = ["{words}"]\ntarget = "nothing"\n'
            f'approved = false\nsource = "site"\ntexts = {{ "made-up" = "{texts}" }}\n'
        )
        with pytest.raises(BrokenKnowledge, match=fault):
            load(extra=tmp_path)

    def test_a_local_code_names_the_whole_kind(self, tmp_path: Path) -> None:
        folder = tmp_path / "senders" / "hospital"
        folder.mkdir(parents=True)
        folder.joinpath("codes.csv").write_text(
            self.HEAD + "observation,https://hospital.example/pet,SUVMAX,SUVmax,suv-bw,maximum,,,Body weight; confirmed by the site.,site\n"
        )
        local = uptake("a", method=None, code=concept(("https://hospital.example/pet", "SUVMAX")), valueQuantity=quantity("5.1", "g/mL"))
        one = seen(load(extra=tmp_path), local).uptakes[0]
        assert (one.normalisation, one.derivation) == (Normalisation.BODY_WEIGHT, Derivation.MAXIMUM)


def test_the_order_of_arrival_does_not_matter(knowledge: Knowledge) -> None:
    sent = [
        uptake("a", component=None, partOf=[refer("ImagingStudy/s")]),
        uptake("b", "3.06", effectiveDateTime="2026-01-25"),
        study(procedureCode=[concept((SCT, "443271005"))]),
        uptake("d", "2.2", component=[tracer(FES)]),
    ]

    def shown(found: Images) -> str:
        places = [fact.origin.path for scan in found.scans for fact in scan.facts]
        places += [fact.origin.path for one in found.uptakes for fact in one.facts]
        text = msgspec.json.encode(found).decode()
        for place in sorted(set(places), key=len, reverse=True):
            text = text.replace(f'"{place}"', '"path"')
        return text

    assert len({shown(seen(knowledge, *order)) for order in itertools.permutations(sent)}) == 1


def test_the_examples_of_the_profile_are_valid_and_read_without_a_warning(knowledge: Knowledge) -> None:
    narrative = pet_uptake(_pet(knowledge), DEFAULT_CANONICAL)["text"]["div"]
    shown = [json.loads(unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", narrative, re.DOTALL)]
    ours = [one | {"subject": refer("Patient/p")} for one in shown]
    condition = {
        "resourceType": "Condition",
        "id": "left-breast-cancer",
        "code": concept(("http://snomed.info/sct", "254837009")),
        "subject": refer("Patient/p"),
    }
    reply = asked(knowledge, *ours, condition)
    found = images(reply.cases[0])

    assert [check(json.dumps(one).encode(), "Observation") for one in shown] == [[], []]
    assert [issue for issue in reply.issues if issue.severity != "information"] == []
    assert [(one.lesion, one.presence) for one in found.uptakes] == [
        ("BodyStructure/lesion-a", Presence.MEASURED),
        ("BodyStructure/lesion-a", Presence.RESOLVED),
    ]
    assert [scan.tracer for scan in found.scans] == ["fdg-f18", "fdg-f18"]


def test_the_reader_reads_every_code_that_the_profile_asks_for(knowledge: Knowledge) -> None:
    """What the profile tells a sender to write is never answered with an issue about its code."""
    elements = pet_uptake(_pet(knowledge), DEFAULT_CANONICAL)["differential"]["element"]
    samples = {"Quantity": ("valueQuantity", quantity("1", "1")), "string": ("valueString", "A")}
    parts = []
    for code, value in itertools.pairwise(one for one in elements if ":" in one["id"] and "sliceName" not in one):
        if "patternCodeableConcept" in code and value["type"][0]["code"] in samples:
            name, sample = samples[value["type"][0]["code"]]
            parts.append({"code": code["patternCodeableConcept"], name: sample})
    reply = asked(knowledge, uptake("a", component=[tracer(FDG), *parts]))
    assert len(parts) > 10
    assert not {"unmapped-code", "not-relevant", "wrong-check-digit", "display-names-another"} & codes_of(reply)
