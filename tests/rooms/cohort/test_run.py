"""A whole export on one machine: the same answers as one by one, nothing lost, and the same bytes after a kill."""

from __future__ import annotations

import errno
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
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
from adapter.cohort.trouble import Halted, told
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret
from tests.rooms.cohort.conftest import ISSUED, PATIENTS, command, lines

FILES = ("results.ndjson", "cases.parquet", "aside.ndjson", "run.json")
pytestmark = pytest.mark.timeout(300)


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
    for name in FILES[:3]:
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


def test_a_run_that_was_killed_goes_on_and_gives_the_same_bytes(export: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "adapter", *command(export, out, "--unit", "0.1")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    units = out / ".work" / "answered"
    while not list(units.glob("*.json")) and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in units.glob("*.json")}
    assert kept, "the run was over before it could be killed"
    assert not (out / "run.json").exists()

    assert main(command(export, out, "--unit", "0.1")) == 0
    for name in FILES:
        assert (out / name).read_bytes() == (done / name).read_bytes(), name
    assert not (out / ".work").exists()


def test_a_run_that_is_done_is_not_done_again(export: Path, done: Path) -> None:
    before = {name: (done / name).stat().st_mtime_ns for name in FILES}

    assert main(command(export, done, "--unit", "0.1")) == 0
    assert {name: (done / name).stat().st_mtime_ns for name in FILES} == before


@pytest.mark.parametrize(
    ("change", "words"),
    [("input", "other inputs"), ("option", "other options")],
)
def test_a_changed_input_or_option_is_refused_until_asked_for_anew(
    change: str, words: str, export: Path, done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = copytree(export, tmp_path / "in"), copytree(done, tmp_path / "out")
    more = ("--scheme", "subtype=stgallen2011") if change == "option" else ()
    if change == "input":
        (source / "Patient.9.ndjson").write_text('{"resourceType":"Patient","id":"later"}\n')
    for path in export.iterdir():
        os.utime(source / path.name, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))

    assert main(command(source, out, "--unit", "0.1", *more)) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "--anew" in said
    assert (out / "results.ndjson").read_bytes() == (done / "results.ndjson").read_bytes()
    assert main(command(source, out, "--unit", "0.1", "--anew", *more)) == 0
    assert (out / "cases.parquet").read_bytes() != (done / "cases.parquet").read_bytes() or change == "input"


def test_a_full_disk_is_said_and_what_was_done_is_kept(export: Path, done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    link = out / "results.ndjson.draft"
    process = subprocess.Popen([sys.executable, "-m", "adapter", *command(export, out, "--unit", "0.1")], stderr=subprocess.PIPE, text=True)
    while not (out / ".work" / "plan.json").exists():
        time.sleep(0.01)
    # The results are written here at the end, and Linux answers as a full disk does.
    link.symlink_to("/dev/full")
    _, said = process.communicate()

    assert process.returncode == 1
    assert "the disk is full" in said
    link.unlink(missing_ok=True)
    assert main(command(export, out, "--unit", "0.1")) == 0
    assert (out / "results.ndjson").read_bytes() == (done / "results.ndjson").read_bytes()


def test_a_folder_that_is_not_ours_is_left_alone(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").write_text("chapter one")

    assert main(command(export, tmp_path)) == 1
    assert "is not empty" in capsys.readouterr().err
    (tmp_path / "results.ndjson").write_text("of somebody else")
    assert main(command(export, tmp_path, "--anew")) == 1
    assert (tmp_path / "thesis.tex").read_text() == "chapter one"
    assert (tmp_path / "results.ndjson").read_text() == "of somebody else"


def test_a_place_that_cannot_be_written_is_said(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")

    assert main(command(export, tmp_path / "file" / "out")) == 1
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full. What is done is kept"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "File name too long"),
    ],
)
def test_what_the_disk_refuses_is_a_sentence_that_names_the_place(number: int, words: str) -> None:
    with pytest.raises(Halted, match=rf"{words}.*/results/x"), told():
        raise OSError(number, os.strerror(number), "/results/x")


def test_a_damaged_file_is_named(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = copytree(export, tmp_path / "in")
    (source / "Patient.8.ndjson.gz").write_bytes(gzip.compress(b'{"resourceType":"Patient","id":"z"}\n' * 50)[:-12])

    assert main(command(source, tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert "Patient.8.ndjson.gz is damaged" in said
    assert not (tmp_path / "out" / "results.ndjson").exists()


def test_a_patient_who_is_refused_keeps_the_place_and_is_named_aside(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source = copytree(export, tmp_path / "in")
    (source / "Patient.9.ndjson").write_text('{"resourceType":"Patient","id":"alone"}\n')
    monkeypatch.setenv("ADAPTER_MAX_ENTRIES", "20")

    assert main(command(source, tmp_path / "out")) == 0
    results, aside = lines(tmp_path / "out" / "results.ndjson"), lines(tmp_path / "out" / "aside.ndjson")
    assert [one["resourceType"] for one in results] == ["Bundle", *["OperationOutcome"] * PATIENTS]
    assert [one["patient"] for one in aside] == [f"Patient/c{number:06d}" for number in range(PATIENTS)]
    assert {one["reason"].partition(":")[0] for one in aside} == {"refused-patient"}
    assert json.loads((tmp_path / "out" / "run.json").read_bytes())["kept_aside"] == {"refused-patient": PATIENTS}
    assert "c000001" not in capfd.readouterr().err


@pytest.mark.parametrize("words", [("--memory", "much"), ("--memory", "2"), ("--unit", "0"), ("--jobs", "0"), ("--jobs", "x")])
def test_an_option_that_makes_no_sense_is_refused_before_anything_is_done(
    words: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cohort", str(tmp_path), str(tmp_path / "out"), *words])

    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_second_run_in_the_same_folder_is_refused(export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-m", "adapter", *command(export, tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "out" / ".work" / "plan.json").exists():
            time.sleep(0.01)
        assert main(command(export, tmp_path / "out")) == 1
        assert "another run is at work" in capsys.readouterr().err
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("package", ["duckdb", "pyarrow", "tqdm"])
def test_without_its_packages_the_command_names_the_extra(package: str, export: Path, tmp_path: Path) -> None:
    words = command(export, tmp_path / "out")
    code = f"import sys; sys.modules[{package!r}] = None; from adapter.cli import main; sys.exit(main({words!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "[cohort]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_terminal_sees_how_far_the_run_is_and_a_file_does_not(export: Path, tmp_path: Path) -> None:
    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    words = [sys.executable, "-m", "adapter", *command(export, tmp_path / "out")]
    subprocess.run(words, stderr=theirs, stdout=subprocess.DEVNULL, check=True)
    seen = os.read(mine, 65_536).decode()
    os.close(mine)
    os.close(theirs)

    assert f"{PATIENTS}/{PATIENTS}" in seen.replace(".0", "")
    assert "interpreting" in seen
    assert not subprocess.run([*words, "--anew"], capture_output=True, check=True).stderr


def test_no_other_command_pays_for_the_cohort() -> None:
    code = "import sys, adapter.cli; print([n for n in ('duckdb', 'pyarrow', 'matplotlib', 'pyspark', 'tqdm') if n in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
