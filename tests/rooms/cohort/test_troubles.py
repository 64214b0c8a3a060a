"""A run that is killed, refused, short of disk or of packages: it says why, keeps what is done, and touches nothing of others."""

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
from pathlib import Path
from shutil import copytree

import pytest

from adapter.cli import main
from adapter.cohort.trouble import Halted, told
from tests.rooms.cohort.conftest import PATIENTS, command, lines

FILES = ("results.ndjson", "cases.parquet", "aside.ndjson", "run.json")
pytestmark = pytest.mark.timeout(300)


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
