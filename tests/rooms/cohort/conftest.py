"""What the tests of the cohort share: a small export, and a run over it, made once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapter.cli import main
from tests.cohort.people import cohort, write

ISSUED = "2026-11-01T00:00:00+00:00"
PATIENTS = 24
PER_PATIENT = 45


def command(source: Path, out: Path, *more: str) -> list[str]:
    """The command line of a run whose results do not depend on the hour."""
    return ["cohort", str(source), str(out), "--issued", ISSUED, "--jobs", "1", *more]


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of an NDJSON file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small export: several files for each type, some resources that name their patient only indirectly."""
    folder = tmp_path_factory.mktemp("export") / "in"
    write(folder, cohort(PATIENTS, per_patient=PER_PATIENT), files=2)
    return folder


@pytest.fixture(scope="session")
def done(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unbroken run over it, in several units of work."""
    out = tmp_path_factory.mktemp("done") / "out"
    assert main(command(export, out, "--unit", "0.1")) == 0
    return out
