"""G8: DICOM's codes for SUVs and their UCUM units; the annotation carries the meaning, and two kinds are never compared.

The codes and the units are those of pydicom's tables of DICOM PS3.16, not ours.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import pytest
from pydicom.sr.codedict import codes as dicom

from adapter.facts.answers import Answer, Determined
from adapter.facts.imaging import images
from adapter.facts.uptake import Normalisation
from adapter.facts.vocabulary import Result
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply
from tests.rooms.fhir.test_pet_reading import DCM, asked, codes_of, concept, quantity, seen, study, uptake


class Kind(NamedTuple):
    """One kind of SUV: DICOM's code, its unit, and what the uptake was divided by."""

    code: str
    unit: str
    normalisation: Normalisation


def kind(name: str, unit: str, normalisation: Normalisation) -> Kind:
    return Kind(getattr(dicom.DCM, name).value, getattr(dicom.UCUM, f"StandardizedUptakeValue{unit}").value, normalisation)


KINDS = [
    kind("Suvbw", "BodyWeight", Normalisation.BODY_WEIGHT),
    kind("Suvlbm", "LeanBodyMassJames", Normalisation.LEAN_BODY_MASS),
    kind("Suvbsa", "BodySurfaceArea", Normalisation.BODY_SURFACE_AREA),
    kind("Suvibw", "IdealBodyWeight", Normalisation.IDEAL_BODY_WEIGHT),
    kind("SuvlbmJanma", "LeanBodyMassJanma", Normalisation.LEAN_BODY_MASS_JANMAHASATIAN),
    kind("SuvlbmJames128", "LeanBodyMassJames128Multiplier", Normalisation.LEAN_BODY_MASS_JAMES),
]


def one(name: str, value: str, kind: Kind, unit: str = "", day: str = "2026-01-10") -> dict[str, Any]:
    """The uptake of one lesion on one scan."""
    said = {"code": concept((DCM, kind.code)), "valueQuantity": quantity(value, unit or kind.unit), "effectiveDateTime": day}
    return uptake(name, partOf=[{"reference": f"ImagingStudy/{name}-scan"}], **said)


def changes(knowledge: Knowledge, before: Kind, after: Kind) -> list[Answer]:
    scans = [study("a-scan"), study("b-scan", started="2026-03-10T09:00:00Z")]
    reply = asked(knowledge, *scans, one("a", "8.0", before), one("b", "4.0", after, day="2026-03-10"))
    return [answer for _, answers in reply.answers for answer in answers if answer.about.result is Result.UPTAKE_CHANGE]


def no_value(reply: Reply) -> bool:
    return all(one.value is None for one in images(reply.cases[0]).uptakes)


def test_g8_dicom_has_these_codes() -> None:
    assert [one.code for one in KINDS] == ["126401", "126402", "126403", "126404", "126405", "126406"]
    assert KINDS[0].unit == "g/ml{SUVbw}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.code)
def test_g8_each_code_with_its_own_unit_says_what_the_uptake_was_divided_by(kind: Kind, knowledge: Knowledge) -> None:
    assert [found.normalisation for found in seen(knowledge, one("a", "3.5", kind)).uptakes] == [kind.normalisation]


@pytest.mark.parametrize(("kind", "other"), list(permutations(KINDS, 2)), ids=lambda one: one.code)
def test_g8_the_unit_of_another_kind_is_an_issue_and_no_value(kind: Kind, other: Kind, knowledge: Knowledge) -> None:
    """The UCUM annotation carries the meaning: bw, lbm and bsa must never be compared."""
    reply = asked(knowledge, one("a", "3.5", kind, other.unit))

    assert "unit-contradicts-code" in codes_of(reply)
    assert no_value(reply)


@pytest.mark.parametrize(("before", "after"), list(permutations(KINDS, 2)), ids=lambda one: one.code)
def test_g8_two_kinds_are_never_compared(before: Kind, after: Kind, knowledge: Knowledge) -> None:
    assert not [answer for answer in changes(knowledge, before, after) if isinstance(answer, Determined)]


@pytest.mark.parametrize("kind", KINDS[:1], ids=lambda one: one.code)
def test_g8_one_kind_is_compared_with_itself(kind: Kind, knowledge: Knowledge) -> None:
    """So that the test above could fail: from 8.0 to 4.0 is a fall by half."""
    found = changes(knowledge, kind, kind)

    assert [answer.value for answer in found if isinstance(answer, Determined)] == ["-50"]
