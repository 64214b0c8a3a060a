"""DICOM measurement reports (PS3.16 TID 1500): what they say of PET reaches the same facts as FHIR does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian

from adapter.cli import main
from adapter.commands import OK, REFUSED
from adapter.facts.imaging import images_of
from adapter.facts.measurements import exactly
from adapter.facts.uptake import Derivation, Images, Normalisation
from adapter.facts.vocabulary import Side
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret
from adapter.structured_report import NotAReport, bundle_of

Code = tuple[str, str, str]
REPORT: Code = ("126000", "DCM", "Imaging Measurement Report")
MEASUREMENTS: Code = ("126010", "DCM", "Imaging Measurements")
GROUP: Code = ("125007", "DCM", "Measurement Group")
LIBRARY: Code = ("111028", "DCM", "Image Library")
TRACKING: Code = ("112039", "DCM", "Tracking Identifier")
SITE: Code = ("363698007", "SCT", "Finding Site")
SIDE: Code = ("272741003", "SCT", "Laterality")
BREAST: Code = ("76752008", "SCT", "Breast")
LEFT: Code = ("7771000", "SCT", "Left")
DERIVATION: Code = ("121401", "DCM", "Derivation")
MAXIMUM: Code = ("56851009", "SCT", "Maximum")
PEAK: Code = ("126031", "DCM", "Peak Value Within ROI")
SUV_BW: Code = ("126401", "DCM", "SUVbw")
AGENT: Code = ("349358000", "SCT", "Radiopharmaceutical agent")
FDG: Code = ("35321007", "SCT", "Fluorodeoxyglucose F^18^")
DOSE: Code = ("123006", "DCM", "Radionuclide Total Dose")


def coded(code: Code) -> Dataset:
    """An item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def node(kind: str, name: Code, *children: Dataset) -> Dataset:
    """An item of the content tree."""
    item = Dataset()
    item.ValueType = kind
    item.ConceptNameCodeSequence = [coded(name)]
    if children:
        item.ContentSequence = list(children)
    return item


def code_item(name: Code, value: Code, *children: Dataset) -> Dataset:
    item = node("CODE", name, *children)
    item.ConceptCodeSequence = [coded(value)]
    return item


def text_item(name: Code, text: str) -> Dataset:
    item = node("TEXT", name)
    item.TextValue = text
    return item


def number(name: Code, value: str, unit: str, *children: Dataset) -> Dataset:
    item = node("NUM", name, *children)
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [coded((unit, "UCUM", unit))]
    item.MeasuredValueSequence = [measured]
    return item


def suv(value: str, derivation: Code = MAXIMUM) -> Dataset:
    return number(SUV_BW, value, "{SUVbw}g/ml", code_item(DERIVATION, derivation))


def report(date: str, *groups: Dataset, scheme: str = "1") -> bytes:
    """A measurement report with FDG and its dose in the image library."""
    library = node("CONTAINER", LIBRARY, code_item(AGENT, FDG), number(DOSE, "350", "MBq"))
    file = Dataset()
    file.SOPClassUID, file.SOPInstanceUID = ComprehensiveSRStorage, f"1.2.826.0.1.3680043.10.99.{date}.{scheme}"
    file.StudyInstanceUID = f"1.2.826.0.1.3680043.10.98.{date}"
    file.Modality, file.StudyDate, file.PatientID, file.PatientSex, file.PatientName = "SR", date, "P01", "F", "Synthetic^Test"
    file.ValueType = "CONTAINER"
    file.ConceptNameCodeSequence = [coded(REPORT)]
    file.ContentSequence = [library, node("CONTAINER", MEASUREMENTS, *groups)]
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
    content = BytesIO()
    file.save_as(content, enforce_file_format=True)
    return content.getvalue()


def lesion(label: str, *numbers: Dataset) -> Dataset:
    """A measurement group of a lesion in the left breast."""
    site = code_item(SITE, BREAST, code_item(SIDE, LEFT))
    return node("CONTAINER", GROUP, text_item(TRACKING, label), site, *numbers)


def seen(bundle: bytes, knowledge: Knowledge) -> Images:
    """What the adapter makes of the Bundle; it has no issue with it."""
    reply = interpret([bundle], knowledge, Request(issued=datetime(2026, 11, 22, tzinfo=UTC)))
    assert not [issue for issue in reply.issues if issue.severity != "information"], reply.issues
    return images_of(reply.cases[0].facts)


def test_two_reports_become_the_scans_of_one_lesion(knowledge: Knowledge) -> None:
    files = [
        report("20260110", lesion("Lesion A", suv("8.10"), suv("6.0", PEAK))),
        report("20260125", lesion("Lesion A", suv("4.86"))),
    ]
    found = seen(bundle_of(files, knowledge), knowledge)

    assert [(scan.day, scan.tracer, scan.activity_mbq) for scan in found.scans] == [
        ("2026-01-10", "fdg-f18", exactly(Decimal(350))),
        ("2026-01-25", "fdg-f18", exactly(Decimal(350))),
    ]
    maxima = [one for one in found.uptakes if one.derivation is Derivation.MAXIMUM]
    assert [one.value for one in maxima] == [exactly(Decimal("8.10")), exactly(Decimal("4.86"))]
    assert {one.normalisation for one in found.uptakes} == {Normalisation.BODY_WEIGHT}
    assert [(one.label, one.site, one.side) for one in found.lesions] == [("Lesion A", "breast", Side.LEFT)]


def test_the_digits_stay_as_they_stand_in_the_file(knowledge: Knowledge) -> None:
    bundle = bundle_of([report("20260110", lesion("A", suv("8.10")))], knowledge)
    assert b'"value":8.10,' in bundle


def test_total_lesion_glycolysis_stands_beside_the_uptake(knowledge: Knowledge) -> None:
    """B-25; TID 1500 holds it as a number of the same measurement group."""
    glycolysis = number(("126033", "DCM", "Total Lesion Glycolysis"), "212.50", "{SUVbw}g")
    found = seen(bundle_of([report("20260110", lesion("A", suv("5.10"), glycolysis))], knowledge), knowledge)
    assert [(str(one.value), str(one.glycolysis_g)) for one in found.uptakes] == [("5.10", "212.50")]


def test_the_older_unit_is_written_as_ucum_orders_it(knowledge: Knowledge) -> None:
    bundle = bundle_of([report("20260110", lesion("A", suv("8.10")))], knowledge)
    assert b'"unit":"{SUVbw}g/ml"' in bundle
    assert b'"code":"g/ml{SUVbw}"' in bundle


def test_reading_a_report_twice_gives_the_same_bytes_and_no_name(knowledge: Knowledge) -> None:
    file = report("20260110", lesion("A", suv("8.1")))
    assert bundle_of([file], knowledge) == bundle_of([file, file], knowledge)
    assert b"Synthetic" not in bundle_of([file], knowledge)


def test_a_private_scheme_stands_without_a_system(knowledge: Knowledge) -> None:
    private = node("CONTAINER", GROUP, text_item(TRACKING, "A"), code_item(SITE, ("X1", "99LOCAL", "Left breast")), suv("8.1"))
    entries = json.loads(bundle_of([report("20260110", private)], knowledge))["entry"]
    structure = next(entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "BodyStructure")
    assert structure["location"] == {"coding": [{"code": "X1", "display": "Left breast"}]}


def test_what_is_no_report_of_an_suv_is_refused(knowledge: Knowledge) -> None:
    empty = report("20260110", node("CONTAINER", GROUP, text_item(TRACKING, "A")))
    for content, reason in ((b"no DICOM" * 40, "no DICOM file"), (empty, "without a measurement group")):
        with pytest.raises(NotAReport, match=reason):
            bundle_of([content], knowledge)


def test_the_command_writes_a_bundle_or_says_why_not(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    good, bad = tmp_path / "report.dcm", tmp_path / "picture.dcm"
    good.write_bytes(report("20260110", lesion("A", suv("8.1"))))
    bad.write_bytes(b"no DICOM")

    assert main(["read-sr", str(good)]) == OK
    assert json.loads(capsysbinary.readouterr().out)["resourceType"] == "Bundle"
    assert main(["read-sr", str(bad)]) == REFUSED
    assert b"no DICOM file" in capsysbinary.readouterr().err
