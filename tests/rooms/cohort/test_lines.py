"""Whose a line is, and how much of it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.cohort.folder import Stretch, stretches
from adapter.cohort.lines import Look, Sieve, lines_of

HEMOGLOBIN = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
RECEPTOR = {"coding": [{"system": "http://loinc.org", "code": "85329-1"}]}


def look(resource: dict[str, Any] | bytes) -> Look:
    """What is found out about one line, where only the receptor asks for something."""
    sieve = Sieve(frozenset({"Observation", "Patient", "Specimen"}), lambda code: b"85329-1" in code)
    return sieve.look(resource if isinstance(resource, bytes) else json.dumps(resource).encode())


@pytest.mark.parametrize(
    "reference",
    ["Patient/a.1", "Patient/a.1/_history/3", "https://server.example/fhir/Patient/a.1", "https://s.example/Patient/a.1/_history/2"],
)
@pytest.mark.parametrize("field", ["subject", "patient"])
def test_the_patient_is_found_however_the_reference_is_written(field: str, reference: str) -> None:
    assert look({"resourceType": "Specimen", "id": "s", field: {"reference": reference}}).patient == "Patient/a.1"


@pytest.mark.parametrize(
    "subject",
    [{}, {"reference": "Group/g"}, {"reference": "#p"}, {"identifier": {"value": "1"}}, {"reference": "urn:uuid:0-1"}, [], "text"],
)
def test_what_names_no_patient_is_nobodys(subject: object) -> None:
    found = look({"resourceType": "Specimen", "id": "s", "subject": subject})

    assert (found.kind, found.patient, found.aside) == ("Specimen", None, "")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"resourceType":"Observation","note":"Jane Doe', "broken-json"),
        (b'{"resourceType":"Observation"} {"name":"Jane Doe"}', "broken-json"),
        (b'{"resourceType":"Observation","note":"Jane Doe \xff"}', "not-utf-8"),
        (b'{"name":"Jane Doe"}', "not-a-resource"),
        (b'["Jane Doe"]', "not-a-resource"),
        (b'{"resourceType":["Jane Doe"]}', "not-a-resource"),
        (b'{"resourceType":"Bundle","id":"Jane Doe"}', "bundle"),
        (b'{"a":' * 100_000, "broken-json"),
    ],
)
def test_a_line_that_cannot_be_read_has_a_reason_that_quotes_nothing(line: bytes, reason: str) -> None:
    found = look(line)

    assert found.aside.partition(":")[0] == reason
    assert "Jane" not in found.aside


def test_a2_an_observation_that_asks_for_nothing_goes_on_only_to_be_counted() -> None:
    sent = {"resourceType": "Observation", "id": "h", "code": HEMOGLOBIN, "subject": {"reference": "Patient/p"}, "note": [{"text": "long"}]}
    kept = json.loads(look(sent).text)

    assert kept.items() >= {"resourceType": "Observation", "id": "h", "code": HEMOGLOBIN, "subject": {"reference": "Patient/p"}}.items()
    assert "note" not in kept


@pytest.mark.parametrize(
    "more",
    [
        {"code": RECEPTOR},
        {"component": [{"code": HEMOGLOBIN}, {"code": RECEPTOR}]},
        {"contained": [{"resourceType": "Specimen", "id": "s"}]},
    ],
)
def test_an_observation_that_can_matter_goes_on_as_it_is(more: dict[str, Any]) -> None:
    sent = {"resourceType": "Observation", "id": "o", "code": HEMOGLOBIN, "valueQuantity": {"value": 2.50}} | more

    assert look(sent).text == json.dumps(sent).encode()


@pytest.mark.parametrize("field", ["hasMember", "partOf", "derivedFrom", "focus"])
def test_an_observation_through_which_another_is_read_goes_on_as_it_is(field: str) -> None:
    """The study and the lesion of an SUV may stand in the panel that holds it, whatever the code of the panel."""
    resource = {
        "resourceType": "Observation",
        "id": "panel",
        "code": {"text": "Measurement Group"},
        field: [{"reference": "ImagingStudy/s"}],
    }

    assert json.loads(look(resource).text) == resource


def test_the_specimen_of_what_is_only_counted_is_still_referred_to() -> None:
    specimen = {"reference": "Specimen/blood"}
    resource = {"resourceType": "Observation", "id": "hb", "code": {"text": "hemoglobin"}, "specimen": specimen, "valueString": "12"}

    assert json.loads(look(resource).text)["specimen"] == specimen
    assert "valueString" not in json.loads(look(resource).text)


def test_what_stands_inside_a_resource_that_is_not_read_goes_on_to_be_told() -> None:
    resource = {"resourceType": "CarePlan", "id": "plan", "contained": [{"resourceType": "Observation", "id": "er"}]}

    assert json.loads(look(resource).text) == resource


def test_a_line_that_is_too_long_keeps_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapter.cohort.lines.MOST_BYTES", 10)
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"one\n" + b"x" * 35 + b"\nthree\n" + b"y" * 9 + b"\nfive")
    cut = [list(lines_of(one)) for one in stretches([path], 7)]

    assert [line for part in cut for line in part] == [b"one", b"x" * 10, b"three", b"y" * 9, b"five"]
    assert look(b"x" * 10).aside == "too-long: it has more than 10 bytes"


def test_two_copies_with_another_content_stay_apart() -> None:
    one, other = ({"resourceType": "Observation", "id": "h", "code": HEMOGLOBIN, "valueInteger": number} for number in (1, 2))

    assert look(one).text != look(other).text
    assert look(one).text == look(one).text


@given(content=st.lists(st.text(alphabet="ab", max_size=5), max_size=20), size=st.integers(min_value=1, max_value=40), ends=st.booleans())
def test_however_a_file_is_cut_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, content: list[str], size: int, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.ndjson"
    path.write_text("\n".join(content) + ("\n" if ends else ""))
    whole = list(lines_of(Stretch(0, 0, str(path), 0, path.stat().st_size)))

    assert [line for piece in stretches([path], size) for line in lines_of(piece)] == whole
    assert [line.decode() for line in whole] == path.read_text().split("\n")[: len(whole)]


def test_the_stretches_of_a_compressed_file_are_one(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(b"x" * 100)

    assert len(stretches([path], 10)) == 1
