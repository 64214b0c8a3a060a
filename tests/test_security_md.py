"""SECURITY.md names the test that proves each measure, so each of them has to be there."""

from __future__ import annotations

import re
from pathlib import Path


def test_every_test_that_security_md_names_is_there(root: Path) -> None:
    words = (root / "SECURITY.md").read_text(encoding="utf-8")
    named = {Path(found).name for found in re.findall(r"[a-z_/]*test_[a-z_]+\.py", words)}
    present = {path.name for path in (root / "tests").rglob("test_*.py")}

    assert len(named) > 10
    assert named - present == set()


def test_every_threat_names_a_measure_and_a_proof(root: Path) -> None:
    table = (root / "SECURITY.md").read_text(encoding="utf-8").partition("## Threats")[2].partition("## Scopes")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]

    assert [row for row in rows if len(row) != 3 or not all(row)] == []
