"""Apache Spark gives what one machine gives: every result, every row, everything that was kept aside, every count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import duckdb
import pytest

from adapter.cli import main
from tests.rooms.cohort.conftest import command, lines
from tests.rooms.cohort.test_run import SPOILED

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

# What the JVM has to be as strict about as we are, and what it may not lose on the way.
_OWN = b'"subject":{"reference":"Patient/c000001"}}'
ODD = (
    *(line for line, _ in SPOILED),
    b"{'resourceType':'Observation','id':'quotes','subject':{'reference':'Patient/c000001'}}",
    b'{"resourceType":"Observation","id":"nan","valueQuantity":{"value":NaN},' + _OWN,
    b'{"resourceType":"Observation","id":"two",' + _OWN + b' {"resourceType":"Observation"}',
    b'  {"resourceType":"Observation","id":"space","status":"final","code":{"text":"umlaut \xc3\xa4"},' + _OWN + b"  ",
    b'{"resourceType":"Observation","id":"slash","status":"final","code":{"text":"x"},'
    + _OWN.replace(b"Patient/", b"https:\\/\\/s.example\\/Patient\\/"),
    b'{"resourceType":"Observation","id":"brace","status":"final","code":{"text":"} {"},' + _OWN,
    b'{"resourceType":"Observation","id":"inner","code":{"text":"x"},"contained":[{"resourceType":"Specimen","id":"s"}],' + _OWN,
    b'{"resourceType":"Encounter","id":"visit",' + _OWN,
    b'{"resourceType":"Medication","id":"unused"}',
    b'{"resourceType":"Patient"}',
    # A specimen that is reached in two steps, a panel that ties, a blood specimen of what is only counted, and a resource within another.
    b'{"resourceType":"Specimen","id":"piece","parent":[{"reference":"Specimen/whole"}]}',
    b'{"resourceType":"Specimen","id":"whole"}',
    b'{"resourceType":"Specimen","id":"blood"}',
    b'{"resourceType":"Observation","id":"counted","status":"final","code":{"text":"x"},"specimen":{"reference":"Specimen/piece"},' + _OWN,
    b'{"resourceType":"Observation","id":"hb","status":"final","code":{"text":"y"},"specimen":{"reference":"Specimen/blood"},' + _OWN,
    b'{"resourceType":"Observation","id":"group","code":{"text":"x"},"hasMember":[{"reference":"Observation/hb"}],"focus":null,' + _OWN,
    b'{"resourceType":"CarePlan","id":"plan","contained":[{"resourceType":"Observation","id":"in"}],' + _OWN,
)


@pytest.fixture(scope="session")
def odd(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small export with lines that are broken, foreign or only strange."""
    folder = copytree(export, tmp_path_factory.mktemp("odd") / "in")
    (folder / "Observation.9.ndjson").write_bytes(b"\n".join([b"", *ODD, b""]))
    return folder


@pytest.fixture(scope="session")
def alone(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one machine makes of it."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert main(command(odd, out)) == 0
    return out


@pytest.fixture(scope="session")
def together(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What Spark makes of it, and everything that it said."""
    out = tmp_path_factory.mktemp("together") / "out"
    words = command(odd, out, "--engine", "spark", "--master", "local[2]", "--partitions", "3")
    # As from a shell where the environment was not activated: "python3" is then another Python, which has no adapter.
    elsewhere = os.pathsep.join(place for place in os.environ["PATH"].split(os.pathsep) if Path(place) != Path(sys.executable).parent)
    environment = os.environ | {"PATH": elsewhere}
    ended = subprocess.run([sys.executable, "-m", "adapter", *words], capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return out, ended.stdout + ended.stderr


def parts(folder: Path) -> list[str]:
    """The lines of all parts, in the order of their names."""
    return [line for path in sorted(folder.glob("part-*")) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_result_is_the_same_in_the_same_order(alone: Path, together: tuple[Path, str]) -> None:
    assert parts(together[0] / "results.ndjson") == (alone / "results.ndjson").read_text(encoding="utf-8").splitlines()


def test_every_row_is_the_same(alone: Path, together: tuple[Path, str]) -> None:
    here, there = (
        duckdb.read_parquet(str(place)).order("patient_id, case_id")
        for place in (alone / "cases.parquet", together[0] / "cases.parquet" / "*.parquet")
    )

    assert there.columns == here.columns
    assert [str(one) for one in there.types] == [str(one) for one in here.types]
    assert there.fetchall() == here.fetchall()


def test_everything_kept_aside_is_the_same(alone: Path, together: tuple[Path, str]) -> None:
    here = lines(alone / "aside.ndjson")

    assert len(here) > len(SPOILED)
    assert [json.loads(line) for line in parts(together[0] / "aside.ndjson")] == here


def test_every_count_is_the_same(alone: Path, together: tuple[Path, str]) -> None:
    here, there = json.loads((alone / "run.json").read_bytes()), json.loads(parts(together[0] / "run.json")[0])

    assert {name: there[name] for name in here if name != "signature"} == {name: here[name] for name in here if name != "signature"}


def test_the_log_quotes_no_line_of_the_input(together: tuple[Path, str]) -> None:
    assert "Jane" not in together[1]
    assert "c000001" not in together[1]


def test_the_summary_reads_what_spark_wrote(alone: Path, together: tuple[Path, str]) -> None:
    assert main(["cohort-summary", str(together[0])]) == 0
    assert main(["cohort-summary", str(alone)]) == 0

    page = "summary/index.html"
    assert (together[0] / page).read_text(encoding="utf-8") == (alone / page).read_text(encoding="utf-8")


def test_a_run_that_is_there_is_not_written_over(odd: Path, alone: Path, together: tuple[Path, str]) -> None:
    words = command(odd, together[0], "--engine", "spark", "--master", "local[1]")
    ended = subprocess.run([sys.executable, "-m", "adapter", *words], capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "--anew" in ended.stderr
