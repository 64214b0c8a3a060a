"""A whole export on one machine: the same answers as one by one, nothing lost, and every column told."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow.parquet as pq
import pytest

from adapter.cli import main
from adapter.cohort.table import COLUMNS, described
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret
from tests.rooms.cohort.conftest import ISSUED, PATIENTS, command, lines

_SCT, _DCM, _UCUM = "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM", "http://unitsofmeasure.org"
_OF_PATIENT = {"subject": {"reference": "Patient/p1"}}
_PRIMARY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-primary-cancer-condition"
FILES = ("results.ndjson", "cases.parquet", "aside.ndjson")
pytestmark = pytest.mark.timeout(300)


def _code(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


_PANEL = (
    {"resourceType": "Patient", "id": "p1"},
    {"resourceType": "Condition", "id": "c1", "meta": {"profile": [_PRIMARY]}, "code": _code(_SCT, "353431000119107"), **_OF_PATIENT},
    {
        "resourceType": "BodyStructure",
        "id": "b1",
        "identifier": [{"system": "http://x.example/l", "value": "primary"}],
        "location": _code(_SCT, "80248007"),
        "patient": _OF_PATIENT["subject"],
    },
)


def _measured(number: int, day: str, value: int) -> list[dict[str, Any]]:
    """A scan as DICOM reports are converted: a study, a group with the study and the lesion, and an SUV with neither."""
    suv = {"value": value, "unit": "g/ml{SUVbw}", "system": _UCUM, "code": "g/ml{SUVbw}"}
    tracer = {"code": _code(_DCM, "123001"), "valueCodeableConcept": _code(_SCT, "35321007")}
    of_scan = {"status": "final", "effectiveDateTime": day, **_OF_PATIENT}
    group = {
        "focus": [{"reference": "Condition/c1"}, {"reference": "BodyStructure/b1"}],
        "partOf": [{"reference": f"ImagingStudy/s{number}"}],
        "hasMember": [{"reference": f"Observation/v{number}"}],
    }
    return [
        {"resourceType": "ImagingStudy", "id": f"s{number}", "status": "available", "started": f"{day}T09:00:00Z", **_OF_PATIENT},
        {"resourceType": "Observation", "id": f"g{number}", "code": _code(_DCM, "125007"), **of_scan, **group},
        {
            "resourceType": "Observation",
            "id": f"v{number}",
            "code": _code(_DCM, "126401"),
            "method": _code(_SCT, "56851009"),
            "focus": [{"reference": "Condition/c1"}],
            "valueQuantity": suv,
            "component": [tracer],
            **of_scan,
        },
    ]


def records(export: Path) -> dict[str, list[dict[str, Any]]]:
    """The resources of each patient, found in the simplest way: by subject, else by the id that begins with the patient's."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    shared = []
    for path in sorted(export.iterdir()):
        for resource in lines(path):
            subject = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
            if resource["resourceType"] in ("Organization", "Provenance"):
                continue
            if resource["resourceType"] == "Medication":
                shared.append(resource)
            else:
                found[subject.removeprefix("Patient/") or resource["id"].partition("-")[0]].append(resource)
    for mine in found.values():
        text = json.dumps(mine)
        mine += [one for one in shared if f'Medication/{one["id"]}"' in text]
    return found


def answers(bundle: dict[str, Any]) -> list[str]:
    """Everything that a result Bundle says, without the places that issues name by number."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    for resource in resources:
        for issue in resource.get("issue", ()):
            issue.pop("expression", None)
    return sorted(json.dumps(one, sort_keys=True) for one in resources)


def test_each_patient_gets_what_one_call_answers(export: Path, done: Path, knowledge: Knowledge) -> None:
    request = Request(issued=datetime.fromisoformat(ISSUED), trusted=True)
    results = lines(done / "results.ndjson")
    one_by_one = records(export)

    assert len(results) == len(one_by_one) == PATIENTS
    for result, (_, resources) in zip(results, sorted(one_by_one.items()), strict=True):
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
        assert answers(result) == answers(json.loads(interpret([json.dumps(bundle).encode()], knowledge, request).bundle))


def test_a2_every_line_is_a_patients_or_counted_or_kept_aside(export: Path, done: Path) -> None:
    said = json.loads((done / "run.json").read_bytes())

    assert said["lines"] == sum(len(lines(path)) for path in export.iterdir())
    assert said["patients"] == PATIENTS
    assert said["no_patient_data"] == {"Organization": 1, "Provenance": PATIENTS}
    assert said["kept_aside"] == {}
    assert (done / "aside.ndjson").read_bytes() == b""


def test_the_table_has_a_row_for_each_case_with_what_the_results_say(done: Path) -> None:
    rows = pq.read_table(done / "cases.parquet").to_pylist()
    staged = {
        (resource["subject"]["reference"], resource.get("valueCodeableConcept", {}).get("coding", [{}])[0].get("code"))
        for bundle in lines(done / "results.ndjson")
        for resource in (entry["resource"] for entry in bundle["entry"])
        if any(
            coding["code"] == "clinical-prognostic-stage"
            for coding in resource.get("code", {}).get("coding", ())
            if isinstance(coding, dict)
        )
    }

    assert len(rows) == json.loads((done / "run.json").read_bytes())["cases"]
    assert [(row["patient_id"], row["case_id"]) for row in rows] == sorted((row["patient_id"], row["case_id"]) for row in rows)
    assert {(f"Patient/{row['patient_id']}", row["clinical_prognostic_stage"]) for row in rows} == staged


def test_what_is_undetermined_is_seen_with_its_kind_and_what_is_possible(done: Path) -> None:
    rows = pq.read_table(done / "cases.parquet").to_pylist()
    open_stages = [row for row in rows if row["clinical_prognostic_stage"] is None and row["clinical_prognostic_stage_kind"] is not None]

    assert open_stages
    assert {row["clinical_prognostic_stage_kind"] for row in open_stages} <= {"indeterminate", "not-applicable", "not-assessable"}
    assert any(row["clinical_prognostic_stage_possible"] for row in open_stages)
    assert all(row["clinical_prognostic_stage_kind"] is None for row in rows if row["clinical_prognostic_stage"] is not None)


def test_every_column_is_typed_and_says_what_it_holds(root: Path, done: Path) -> None:
    schema = pq.read_schema(done / "cases.parquet")

    assert [field.name for field in schema] == [column.name for column in COLUMNS]
    assert all(field.metadata[b"description"] for field in schema)
    assert not any(str(field.type) == "null" for field in schema)
    assert described() in (root / "adapter" / "cohort" / "COLUMNS.md").read_text(encoding="utf-8")


def test_compressed_files_give_the_same_bytes(export: Path, done: Path, tmp_path: Path) -> None:
    packed = tmp_path / "in"
    packed.mkdir()
    for path in export.iterdir():
        (packed / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))

    assert main(command(packed, tmp_path / "out", "--unit", "0.1")) == 0
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (done / name).read_bytes()


def test_a_checked_run_gives_the_same_table_for_valid_input(export: Path, done: Path, tmp_path: Path) -> None:
    assert main(command(export, tmp_path / "out", "--checked", "--unit", "0.1")) == 0

    assert pq.read_table(tmp_path / "out" / "cases.parquet").equals(pq.read_table(done / "cases.parquet"))


SPOILED = (
    (b'{"resourceType":"Observation","id":"torn","note":"Jane Doe', "broken-json"),
    (b'{"resourceType":"Observation","id":"latin","note":"Jane D\xf6e"}', "not-utf-8"),
    (b'{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/Jane-Doe"}}', "unknown-patient"),
    (b'{"resourceType":"Observation","id":"y","status":"final","code":{"text":"Jane Doe"}}', "no-patient"),
    (b'{"resourceType":"Bundle","type":"collection"}', "bundle"),
    (b'{"id":"Jane Doe"}', "not-a-resource"),
)


def test_what_cannot_be_used_is_kept_whole_with_its_place_and_reason(
    export: Path, done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = copytree(export, tmp_path / "in")
    (source / "Observation.9.ndjson").write_bytes(b"\r\n".join([b"", *(line for line, _ in SPOILED), b"", b""]))

    assert main(command(source, tmp_path / "out", "--unit", "0.1")) == 0

    aside = lines(tmp_path / "out" / "aside.ndjson")
    texts = [b64decode(one["base64"]) if "base64" in one else one["text"].encode() for one in aside]
    assert [(one["file"], one["line"], one["reason"].partition(":")[0]) for one in aside] == [
        ("Observation.9.ndjson", number, reason) for number, (_, reason) in enumerate(SPOILED, start=2)
    ]
    assert texts == [line for line, _ in SPOILED]
    assert json.loads((tmp_path / "out" / "run.json").read_bytes())["kept_aside"] == {reason: 1 for _, reason in SPOILED}
    assert (tmp_path / "out" / "results.ndjson").read_bytes() == (done / "results.ndjson").read_bytes()
    said = capfd.readouterr()
    assert "Jane" not in said.out + said.err + json.dumps([one["reason"] for one in aside])


def test_what_several_patients_point_at_is_shared_only_where_it_may_be(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    people = [{"resourceType": "Patient", "id": name} for name in ("a", "b")]
    indirect = [
        {"resourceType": "Medication", "id": "drug", "code": {"text": "letrozole"}},
        {"resourceType": "Specimen", "id": "of-a", "parent": [{"reference": "Specimen/before"}]},
        {"resourceType": "Specimen", "id": "before"},
        {"resourceType": "Specimen", "id": "of-both"},
        {"resourceType": "Medication", "id": "unused", "code": {"text": "letrozole"}},
    ]
    reports = [
        {
            "resourceType": "DiagnosticReport",
            "id": "r-a",
            "subject": {"reference": "Patient/a"},
            "specimen": [{"reference": "Specimen/of-a"}],
        },
        {
            "resourceType": "DiagnosticReport",
            "id": "s-a",
            "subject": {"reference": "Patient/a"},
            "specimen": [{"reference": "Specimen/of-both"}],
        },
        {
            "resourceType": "DiagnosticReport",
            "id": "s-b",
            "subject": {"reference": "Patient/b"},
            "specimen": [{"reference": "Specimen/of-both"}],
        },
    ]
    given = [
        {
            "resourceType": "MedicationStatement",
            "id": name,
            "subject": {"reference": f"Patient/{name}"},
            "medicationReference": {"reference": "Medication/drug"},
        }
        for name in ("a", "b")
    ]
    (source / "all.ndjson").write_text("\n".join(json.dumps(one) for one in (*people, *indirect, *reports, *given)))

    assert main(command(source, tmp_path / "out")) == 0
    aside = {json.loads(one["text"])["id"]: one["reason"].partition(":")[0] for one in lines(tmp_path / "out" / "aside.ndjson")}
    assert aside == {"of-both": "several-patients", "unused": "no-patient"}


def test_the_scan_and_lesion_of_a_panel_are_those_of_its_members(tmp_path: Path, knowledge: Knowledge) -> None:
    """A Measurement Group asks for nothing itself, and its SUV has neither lesion nor study of its own."""
    resources = [*_PANEL, *_measured(0, "2026-01-05", 10), *_measured(1, "2026-02-20", 4)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources))
    bundle = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}).encode()
    assert main(command(tmp_path / "in", tmp_path / "out")) == 0
    reply = interpret([bundle], knowledge, Request(issued=datetime.fromisoformat(ISSUED), trusted=True))

    assert b"http://x.example/l|primary" in reply.bundle
    assert answers(lines(tmp_path / "out" / "results.ndjson")[0]) == answers(json.loads(reply.bundle))


def test_a_bracket_in_the_name_of_a_folder_is_no_pattern(export: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "run[1]"
    (tmp_path / "run1").mkdir()
    assert main(command(export, out, "--unit", "0.1")) == 0
    assert main(["cohort-summary", str(out)]) == 0

    assert (out / "cases.parquet").read_bytes() == (done / "cases.parquet").read_bytes()


def test_a_scheme_that_there_is_not_is_refused_before_anything_is_read(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(export, tmp_path / "out", "--scheme", "subtype=stgallen11")) != 0

    assert "stgallen2011" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_not_read_is_named(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copytree(export, tmp_path / "in")
    (folder / "more").mkdir()
    (folder / "notes.txt").write_text("x")
    first = next(folder.glob("Patient*.ndjson"))
    first.rename(folder / first.name.replace(".ndjson", ".NDJSON"))
    assert main(command(folder, tmp_path / "out")) == 0

    report = json.loads((tmp_path / "out" / "run.json").read_bytes())
    assert (report["not_read"], report["patients"]) == (["more", "notes.txt"], PATIENTS)
    assert "more, notes.txt" in capsys.readouterr().out
