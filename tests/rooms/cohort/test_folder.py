"""Which files are read, and whether they are still the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapter.cohort.folder import files_in, print_of
from adapter.cohort.trouble import Halted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of an export, and two that are none."""
    for name in ("b.ndjson", "a.ndjson.gz", "notes.txt", "errors.ndjson.bak"):
        (tmp_path / name).write_text("{}\n")
    return tmp_path


def manifest(folder: Path, *names: str) -> None:
    """An output manifest that lists these files, as the server of a Bulk Data export gives it."""
    output = [{"type": "Patient", "url": f"https://server.example/files/{name}"} for name in names]
    error = [{"type": "OperationOutcome", "url": "https://server.example/files/errors.ndjson"}]
    (folder / "manifest.json").write_text(json.dumps({"transactionTime": "2026-11-01T00:00:00Z", "output": output, "error": error}))


def test_every_ndjson_file_is_read_in_the_order_of_names(folder: Path) -> None:
    assert [path.name for path in files_in(folder)] == ["a.ndjson.gz", "b.ndjson"]


def test_with_a_manifest_only_its_output_is_read(folder: Path) -> None:
    (folder / "errors.ndjson").write_text("{}\n")
    manifest(folder, "b.ndjson", "a.ndjson")

    assert [path.name for path in files_in(folder)] == ["a.ndjson.gz", "b.ndjson"]


def test_a_file_that_the_manifest_lists_and_nobody_fetched_is_named(folder: Path) -> None:
    manifest(folder, "b.ndjson", "c.ndjson")

    with pytest.raises(Halted, match=r"c\.ndjson.*Fetch them"):
        files_in(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"output": 1}'])
def test_a_broken_manifest_is_said_to_be_one(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)

    with pytest.raises(Halted, match="no Bulk Data manifest"):
        files_in(folder)


def test_a_folder_without_ndjson_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(Halted, match=r"no NDJSON file.*\.ndjson\.gz"):
        files_in(tmp_path)
    with pytest.raises(Halted, match="no folder"):
        files_in(tmp_path / "absent")


def test_the_fingerprint_changes_with_the_content_and_with_the_files(folder: Path) -> None:
    before = print_of(files_in(folder))
    assert print_of(files_in(folder)) == before

    (folder / "b.ndjson").write_text('{"a": 1}\n')
    changed = print_of(files_in(folder))
    (folder / "c.ndjson").write_text("{}\n")

    assert len({before, changed, print_of(files_in(folder))}) == 3
