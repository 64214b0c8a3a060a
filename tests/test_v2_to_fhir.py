"""Are results read that began as HL7 v2? Each OBX form as HL7's segment map OBX[Observation] turns it into FHIR (V2-to-FHIR STU1, G7).

The map joins the four parts of an SN with `+` by spaces, so a HER2 score of 3+ arrives as the string ` 3 + `.
"""

from __future__ import annotations

from typing import Any

import pytest

from adapter.knowledge.books import Knowledge
from tests.sending import (
    ER_PERCENT,
    ER_STATUS,
    HER2_IHC,
    HER2_RATIO,
    KI67,
    NEGATIVE,
    POSITIVE,
    SIZE,
    ask,
    bundle,
    coded,
    codes,
    condition,
    observation,
    shown,
    specimen,
    text,
    values,
)

UCUM = "http://unitsofmeasure.org"
ABSENCES = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

Resource = dict[str, Any]


def obx(code: str, value: Resource, **more: object) -> bytes:
    """The one result of a report about one patient with breast cancer, from one specimen."""
    said = {"specimen": {"reference": "Specimen/s"}, "effectiveDateTime": "2026-01-01", **more}
    return bundle(condition(), specimen(day="2026-01-01"), observation(code, value, **said))


def quantity(value: float, unit: str = "%", **more: object) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **more}


@pytest.mark.parametrize("arrived", [" 3 + ", "3 +", " 3 +", "3+", "3 + "])
def test_g7_her2_3_plus_arrives_as_a_string(arrived: str, knowledge: Knowledge) -> None:
    """SN `^3^+`: `+` valueString, so HER2 "3+" arrives as a string."""
    reply = ask(knowledge, obx(HER2_IHC, text(arrived)))

    assert shown(reply)["her2-ihc"] == "3+"
    assert values(reply)["her2-status"] == "positive"
    assert codes(reply) == []


@pytest.mark.parametrize(
    ("comparator", "value", "read", "status"),
    [
        ("<", 1, "0 to under 1", "negative"),
        (">", 10, "over 10 to 100", "positive"),
        (">=", 95, "95 to 100", "positive"),
        ("<=", 10, "0 to 10", None),
        ("<", 5, "0 to under 5", None),
    ],
)
def test_g7_an_sn_comparator_is_an_interval_and_never_the_number(
    comparator: str, value: int, read: str, status: str | None, knowledge: Knowledge
) -> None:
    """SN `<^1`: comparator Quantity. ER is negative below 1 % and low positive up to 10 %, so `<5` leaves both open."""
    reply = ask(knowledge, obx(ER_PERCENT, {"valueQuantity": quantity(value, comparator=comparator)}))

    assert shown(reply)["er-percent"] == read
    assert values(reply).get("er-status") == status


def test_g7_an_sn_with_a_hyphen_is_a_range(knowledge: Knowledge) -> None:
    """SN `20^-^30`: Range; all of it is above 10 %, so ER is positive, and 5 to 20 % would leave it open."""
    said = {"valueRange": {"low": quantity(20), "high": quantity(30)}}
    open_ = {"valueRange": {"low": quantity(5), "high": quantity(20)}}

    assert values(ask(knowledge, obx(ER_PERCENT, said)))["er-status"] == "positive"
    assert "er-status" not in values(ask(knowledge, obx(ER_PERCENT, open_)))


def test_g7_an_sn_with_a_colon_is_a_ratio(knowledge: Knowledge) -> None:
    """SN `^2.5^:^1`: Ratio, as HER2 to CEP17 is reported."""
    ratio = {"valueRatio": {"numerator": {"value": 2.5}, "denominator": {"value": 1}}}

    assert shown(ask(knowledge, obx(HER2_RATIO, ratio)))["her2-cep17-ratio"] == "2.5"


def test_g7_nm_is_a_quantity(knowledge: Knowledge) -> None:
    """NM with OBX-6 in UCUM."""
    assert shown(ask(knowledge, obx(KI67, {"valueQuantity": quantity(22.5)})))["ki67-percent"] == "22.5"
    assert shown(ask(knowledge, obx(SIZE, {"valueQuantity": quantity(23, "mm")})))["tumor-size"] == "23"


@pytest.mark.parametrize(("code", "status"), [(POSITIVE, "positive"), (NEGATIVE, "negative")])
def test_g7_ce_and_cwe_are_a_codeable_concept(code: str, status: str, knowledge: Knowledge) -> None:
    """CE/CWE: CodeableConcept, with a code, or with CWE-9 as its text alone."""
    for value in (coded(code), {"valueCodeableConcept": {"text": status}}):
        assert values(ask(knowledge, obx(ER_STATUS, value)))["er-status"] == status


def test_g7_an_is_has_a_code_of_the_site_and_is_named_until_the_site_maps_it(knowledge: Knowledge) -> None:
    """IS: CodeableConcept with a code of a user's table and no system; nobody knows what it means, so it is an issue and no answer."""
    reply = ask(knowledge, obx(ER_STATUS, {"valueCodeableConcept": {"coding": [{"code": "P"}]}}))

    assert "er-status" not in values(reply)
    assert codes(reply) == ["unmapped-value"]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_g7_obx_11_x_d_and_w_withdraw_a_result(status: str, knowledge: Knowledge) -> None:
    """OBX-11 X (cannot be obtained), D and W (wrong): nothing rests on such a result, and an issue names it."""
    reply = ask(knowledge, obx(ER_PERCENT, {"valueQuantity": quantity(90)}, status=status))

    assert "er-percent" not in shown(reply)
    assert "er-status" not in values(reply)
    assert codes(reply) == ["withdrawn"]


@pytest.mark.parametrize("reason", ["not-asked", "unknown", "error", "not-performed"])
def test_g7_obx_11_n_and_x_without_a_value_are_no_result(reason: str, knowledge: Knowledge) -> None:
    """OBX-11 N (not asked) and X have no status of FHIR in the map; what arrives is the reason why there is no value."""
    absent = {"dataAbsentReason": {"coding": [{"system": ABSENCES, "code": reason}]}}
    reply = ask(knowledge, obx(ER_PERCENT, absent))

    assert "er-percent" not in shown(reply)
    assert "er-status" not in values(reply)
    assert codes(reply) == ["absent"]


@pytest.mark.parametrize(("status", "used"), [("preliminary", True), ("corrected", True), ("amended", True), ("registered", False)])
def test_g7_obx_11_p_c_a_and_i(status: str, *, used: bool, knowledge: Knowledge) -> None:
    """OBX-11 P, S: preliminary; C: corrected; A: amended; I: registered, which has no result yet."""
    reply = ask(knowledge, obx(ER_PERCENT, {"valueQuantity": quantity(90)}, status=status))

    assert ("er-percent" in shown(reply)) is used


def test_g7_obx_17_is_the_method_and_obx_4_changes_nothing(knowledge: Knowledge) -> None:
    """OBX-17 method; OBX-4 sub-id: an extension, which says which OBX it was and nothing about the patient."""
    sub_id = [{"url": "http://hl7.org/fhir/uv/v2mappings/StructureDefinition/obx-sub-id", "valueString": "1.1"}]
    method = {"text": "Immunohistochemistry"}
    plain = ask(knowledge, obx(ER_PERCENT, {"valueQuantity": quantity(90)}))
    full = ask(knowledge, obx(ER_PERCENT, {"valueQuantity": quantity(90)}, method=method, extension=sub_id))

    assert values(full) == values(plain)
    assert values(full)["er-status"] == "positive"
