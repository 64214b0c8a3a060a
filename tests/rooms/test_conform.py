"""Does `onco-adapter conform` tell a right answer from a wrong one, and say what is wrong with a folder? A hospital runs it in its CI."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from werkzeug.serving import make_server

from adapter import cli
from adapter.app import create_app
from adapter.conform import GOLDEN, lasting, read_fixtures, tried
from adapter.fhir.outgoing import decode
from adapter.settings import Settings

SCENARIO = "luminal-b-like-stage-iib"

Resource = dict[str, Any]


@pytest.fixture
def own(root: Path, tmp_path: Path) -> Path:
    """A hospital's folder with one fixture and no expectation yet."""
    place = tmp_path / "ours" / "one"
    place.mkdir(parents=True)
    shutil.copy(root / "fixtures" / SCENARIO / "input.json", place)
    return place.parent


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The base of this adapter, served over HTTP."""
    server = make_server("127.0.0.1", 0, create_app(Settings(auth="none")), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fhir"
    server.shutdown()
    thread.join()


def run(*arguments: object) -> int:
    return cli.main(["conform", *map(str, arguments)])


def golden(folder: Path) -> Resource:
    content: Resource = json.loads((folder / "one" / GOLDEN).read_text(encoding="utf-8"))
    return content


@pytest.mark.timeout(300)
def test_every_claim_of_our_own_fixtures_holds_in_the_fhir_that_is_answered(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    count = len([*(root / "fixtures").glob("*/input.json")])

    assert run() == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{count} fixtures: {count} passed, 0 failed."


def test_a_service_at_an_address_is_asked_the_same(service: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root / "fixtures" / SCENARIO, "--url", service) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out


def test_a_service_that_is_not_there_fails_each_fixture_and_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root / "fixtures" / SCENARIO, "--url", "http://127.0.0.1:9/fhir") == 1
    assert "no answer: POST: unreachable" in capsys.readouterr().out


def test_an_input_that_is_refused_fails_its_fixture_alone(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "one" / "expected.json").write_text('{"answers": []}')
    (own / "two").mkdir()
    (own / "two" / "input.json").write_text('{"resourceType": "Observation"}')

    assert run(own) == 1
    assert "2 fixtures: 1 passed, 1 failed." in capsys.readouterr().out


def test_a_golden_file_is_written_by_accept_and_by_nothing_else(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(own) == 1
    assert "record the answer as golden.json with --accept" in capsys.readouterr().out
    assert not (own / "one" / GOLDEN).exists()

    assert run(own, "--accept") == 0
    assert "1 accepted" in capsys.readouterr().out
    before = (own / "one" / GOLDEN).read_bytes()
    assert run(own) == 0
    assert (own / "one" / GOLDEN).read_bytes() == before


def test_another_answer_fails_with_the_difference_and_leaves_the_golden_file(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(own, "--accept")
    text = (own / "one" / GOLDEN).read_text(encoding="utf-8")
    other = text.replace('"code": "IIA"', '"code": "IIB"')
    assert other != text
    (own / "one" / GOLDEN).write_text(other, encoding="utf-8")
    capsys.readouterr()

    assert run(own) == 1
    printed = capsys.readouterr().out
    assert '-       "code": "IIB"'.replace(" ", "") in printed.replace(" ", "")
    assert '+       "code": "IIA"'.replace(" ", "") in printed.replace(" ", "")
    assert (own / "one" / GOLDEN).read_text(encoding="utf-8") == other
    assert run(own, "--accept") == 0
    assert (own / "one" / GOLDEN).read_text(encoding="utf-8") == text


def test_a_claim_that_does_not_hold_stops_accept(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Claims made by hand are the authority; an answer that breaks one is never recorded as right."""
    claim = {"result": "clinical-prognostic-stage", "value": "IV"}
    (own / "one" / "expected.json").write_text(json.dumps({"answers": [claim]}))

    assert run(own, "--accept") == 1
    assert "expected value IV, got IIA" in capsys.readouterr().out
    assert not (own / "one" / GOLDEN).exists()


def test_a_golden_file_holds_nothing_that_changes_from_run_to_run(own: Path) -> None:
    run(own, "--accept")
    text = json.dumps(golden(own))

    for word in ("issued", "recorded", "edition"):
        assert (f'"{word}"' in text) is (word == "edition")
    device = next(entry for entry in golden(own)["entry"] if entry["resource"]["resourceType"] == "Device")
    assert device["fullUrl"] == "urn:device"
    assert {one["value"] for one in device["resource"]["version"]} == {"edition"}


def test_another_edition_of_the_rules_with_the_same_answers_is_no_difference(own: Path) -> None:
    run(own, "--accept")
    (fixture,) = read_fixtures(own)
    said = golden(own)
    for entry in said["entry"]:
        for extension in entry["resource"].get("extension", ()):
            extension["valueRelatedArtifact"]["resource"] += "|0123456789ab"
    later = json.dumps(said).replace('"urn:device"', '"urn:uuid:other"').encode()

    assert tried(fixture, lambda _: later).state == "passed"


@pytest.mark.parametrize("content", [b"[]", b"3", b'{"resourceType": "OperationOutcome"}', b"<html>"])
def test_an_answer_that_is_no_bundle_fails(content: bytes, own: Path) -> None:
    """Such as the page of a proxy that answers 200."""
    (fixture,) = read_fixtures(own)

    assert tried(fixture, lambda _: content).state == "failed"
    assert tried(fixture, lambda _: content, accept=True).state == "failed"
    assert not (own / "one" / GOLDEN).exists()


def test_decimals_keep_their_digits_in_a_golden_file() -> None:
    assert '"value": 2.50' in lasting(decode(b'{"value": 2.50}'))


def test_ours_cannot_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--accept") == 2
    assert "claims made by hand" in capsys.readouterr().err


def test_a_build_server_reads_the_result(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "one" / "expected.json").write_text(json.dumps({"answers": [{"result": "er-status", "value": "negative"}]}))
    report = tmp_path / "report.xml"

    assert run(own, "--junit", report, "--json", "-") == 1
    suite = fromstring(report.read_text(encoding="utf-8"))  # noqa: S314 - the file is our own.
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "er-status" in str(suite.findall("testcase/failure")[0].text)
    machine = json.loads(capsys.readouterr().out)
    assert (machine["fixtures"], machine["failed"], machine["outcomes"][0]["state"]) == (1, 1, "failed")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (None, "is no folder"),
        ({}, "holds no fixture"),
        ({"a/note.txt": ""}, "has no input.json"),
        ({"a/input.json": "{"}, "is no JSON"),
        ({"a/input.json": "[]"}, "holds no JSON object"),
        ({"a/input.json": "{}", "a/expected.json": "nonsense"}, "is no JSON"),
        ({"a/input.json": "{}", "a/expected.json": '{"claims": []}'}, "has no list `answers`"),
        ({"a/input.json": "{}", "a/expected.json": '{"answers": ["er-status"]}'}, "of objects with a `result`"),
        ({"a/input.json": "{}", "a/expected.json": '{"answers": [{"value": "positive"}]}'}, "of objects with a `result`"),
    ],
)
def test_a_broken_folder_is_wrong_use_and_the_message_says_where(
    files: dict[str, str] | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder"
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if files == {}:
        folder.mkdir()

    assert run(folder) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--url", "http://hospital.example/fhir"), "--url cannot be used"),
        (("--url", "http://127.0.0.1:9/fhir", "--token-file", "/nowhere/token"), "cannot be read"),
        (("--json", "/nowhere/report.json"), "cannot be written"),
    ],
)
def test_what_cannot_be_used_is_wrong_use(arguments: tuple[str, ...], told: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root / "fixtures" / SCENARIO, *arguments) == 2
    assert told in capsys.readouterr().err
