"""What does a code of theirs stand for here? R4's $translate, held against the code lists themselves and R4's own definition of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

TRANSLATE = "/fhir/ConceptMap/$translate"
FHIR = {"Content-Type": "application/fhir+json"}
BASE = "https://breast-adapter.example/fhir"
# LOINC 85337-4 is the ER result of mCODE's tumor marker tests.
ER = {"system": "http://loinc.org", "code": "85337-4"}
NOT_MAPPED = {"system": "http://loinc.org", "code": "8867-4"}


def said(answer: object) -> dict[str, object]:
    """The out parameters: result, message, and the matches as a list of parts by name."""
    body = answer.json
    assert (answer.status_code, body["resourceType"]) == (200, "Parameters")
    plain = {one["name"]: next(v for k, v in one.items() if k.startswith("value")) for one in body["parameter"] if "part" not in one}
    return plain | {"matches": [one["part"] for one in body["parameter"] if one["name"] == "match"]}


def part(match: list[dict[str, object]], name: str) -> object:
    return next(value for one in match if one["name"] == name for key, value in one.items() if key.startswith("value"))


def concepts(answer: object) -> set[tuple[str, str]]:
    coded = [part(match, "concept") for match in said(answer)["matches"] if any(one["name"] == "concept" for one in match)]
    return {(one["system"], one["code"]) for one in coded}


def posted(client: FlaskClient, *given: dict[str, object], path: str = TRANSLATE) -> object:
    return client.post(path, data=json.dumps({"resourceType": "Parameters", "parameter": list(given)}), headers=FHIR)


def test_b3_a_code_is_translated_by_get(client: FlaskClient) -> None:
    """B3: every input of this form is a primitive, and nothing is changed."""
    found = said(client.get(TRANSLATE, query_string=ER))
    (match,) = found["matches"]

    assert found["result"] is True
    assert "mCODE" in found["message"]
    assert part(match, "equivalence") == "relatedto"
    assert part(match, "concept") == {"system": f"{BASE}/CodeSystem/fact", "code": "er-status", "display": "ER status"}
    assert part(match, "source").startswith(f"{BASE}/ConceptMap/observation-biomarkers-er|")


def test_b2_a_code_is_translated_by_post_in_each_of_its_forms(client: FlaskClient) -> None:
    coding, other = ER | {"display": "ER"}, NOT_MAPPED
    answers = [
        posted(client, {"name": "code", "valueCode": ER["code"]}, {"name": "system", "valueUri": ER["system"]}),
        posted(client, {"name": "coding", "valueCoding": coding}),
        posted(client, {"name": "codeableConcept", "valueCodeableConcept": {"coding": [other, coding], "text": "ER"}}),
        posted(client, {"name": "coding", "valueCoding": coding}, path="/fhir/ConceptMap/observation-biomarkers-er/$translate"),
    ]

    assert [concepts(answer) for answer in answers] == [{(f"{BASE}/CodeSystem/fact", "er-status")}] * 4


def test_a_code_that_is_not_mapped_is_no_error(client: FlaskClient) -> None:
    """R4: `result` is false and `message` says why."""
    found = said(client.get(TRANSLATE, query_string=NOT_MAPPED))

    assert (found["result"], found["matches"]) == (False, [])
    assert "http://loinc.org|8867-4" in found["message"]


def test_a_code_that_is_left_out_on_purpose_is_unmatched(client: FlaskClient) -> None:
    """R4: true only if a match has an equivalence that is not unmatched."""
    found = said(client.get(TRANSLATE, query_string={"system": "http://loinc.org", "code": "14130-9"}))

    assert (found["result"], [part(match, "equivalence") for match in found["matches"]]) == (False, ["unmatched"])


@pytest.mark.parametrize("system", ["urn:oid:2.16.840.1.113883.6.1", "https://loinc.org", "LN"])
def test_a_system_may_be_named_in_any_spelling_that_is_read(client: FlaskClient, system: str) -> None:
    assert concepts(client.get(TRANSLATE, query_string={"system": system, "code": ER["code"]})) == {
        (f"{BASE}/CodeSystem/fact", "er-status")
    }


@pytest.mark.parametrize(
    ("named", "is_found"),
    [
        ({"url": f"{BASE}/ConceptMap/observation-biomarkers-er"}, True),
        ({"url": f"{BASE}/ConceptMap/observation-biomarkers-pr"}, False),
        ({"source": f"{BASE}/ValueSet/observation-biomarkers-er"}, True),
        ({"source": "http://hl7.org/fhir/ValueSet/observation-codes"}, False),
        ({"target": f"{BASE}/ValueSet/fact"}, True),
        ({"target": f"{BASE}/ValueSet/word"}, False),
        ({"targetsystem": f"{BASE}/CodeSystem/fact"}, True),
        ({"targetsystem": "http://snomed.info/sct"}, False),
        ({"conceptMapVersion": "0"}, False),
    ],
)
def test_a_map_is_chosen_by_what_was_named(client: FlaskClient, named: dict[str, str], is_found: bool) -> None:
    found = said(client.get(TRANSLATE, query_string=ER | named))

    assert (found["result"], bool(found["message"])) == (is_found, True)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"code": "85337-4"}, 400),
        ({"system": "http://loinc.org"}, 400),
        (ER | {"reverse": "true"}, 400),
        (ER | {"coding": "x"}, 400),
        (ER | {"url": "http://example.org/ConceptMap/none"}, 404),
        (ER | {"_format": "xml"}, 406),
    ],
)
def test_what_cannot_be_asked_is_refused(client: FlaskClient, query: dict[str, str], status: int) -> None:
    answer = client.get(TRANSLATE, query_string=query)

    assert (answer.status_code, answer.json["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize(
    "given",
    [
        [{"name": "coding", "valueString": "x"}],
        [{"name": "coding", "valueCoding": {"code": "x"}}],
        [{"name": "codeableConcept", "valueCodeableConcept": {"text": "ER"}}],
        [{"name": "coding", "valueCoding": ER}, {"name": "codeableConcept", "valueCodeableConcept": {"coding": [ER]}}],
        [{"name": "coding", "valueCoding": ER}, {"name": "coding", "valueCoding": ER}],
        [{"name": "conceptMap", "resource": {"resourceType": "ConceptMap"}}],
    ],
)
def test_parameters_that_cannot_be_used_are_400(client: FlaskClient, given: list[dict[str, object]]) -> None:
    assert posted(client, *given).status_code == 400


def test_an_unknown_url_of_a_map_is_404_and_says_where_all_are(client: FlaskClient) -> None:
    answer = client.get(TRANSLATE, query_string=ER | {"url": "http://example.org/ConceptMap/none"})

    assert (answer.status_code, "GET /fhir/ConceptMap lists them all" in answer.get_data(as_text=True)) == (404, True)


def test_an_unknown_map_is_404(client: FlaskClient) -> None:
    assert client.get("/fhir/ConceptMap/none/$translate", query_string=ER).status_code == 404
    assert client.get("/fhir/ConceptMap/observation-biomarkers-er/$translate", query_string=ER | {"url": "x"}).status_code == 400


def code_lists(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every row of every code list as it stands in its file, with its folder."""
    mappings = root / "mappings"
    for path in sorted(mappings.rglob("codes.csv")):
        folder = path.parent.relative_to(mappings).as_posix()
        if not folder.startswith("senders/_"):
            with path.open(encoding="utf-8", newline="") as lines:
                yield from ((folder, row) for row in csv.DictReader(lines))


def test_every_row_of_every_code_list_stands_in_a_concept_map(client: FlaskClient, root: Path) -> None:
    maps = {entry["resource"]["id"]: entry["resource"] for entry in client.get("/fhir/ConceptMap").json["entry"]}
    drawn = {
        (name, group["source"], element["code"], target.get("code", ""), *facts)
        for name, one in maps.items()
        for group in one["group"]
        for element in group["element"]
        for target in element["target"]
        for facts in ([needed["value"] for needed in target.get("dependsOn", [{"value": ""}])],)
    }
    written = set()
    for folder, row in code_lists(root):
        name, system = f"{row['role']}-{folder.replace('/', '-')}", row["system"].replace("[base]", BASE)
        is_answer = row["role"] != "observation" and row["value"]
        for fact in row["fact"].split() if is_answer else [""]:
            written.add((name, system, row["code"], row["value"] if is_answer else row["fact"], "" if fact == "*" else fact))

    assert len(written) > 1000
    assert drawn == written


def test_every_word_that_is_mapped_to_is_in_its_code_system(client: FlaskClient) -> None:
    known = {
        (entry["resource"]["url"], concept["code"])
        for entry in client.get("/fhir/CodeSystem").json["entry"]
        for concept in entry["resource"]["concept"]
    }
    maps = [entry["resource"] for entry in client.get("/fhir/ConceptMap").json["entry"]]
    targets = {
        (group["target"], target["code"])
        for one in maps
        for group in one["group"]
        for element in group["element"]
        for target in element["target"]
        if "code" in target
    }

    assert targets <= known


def test_a_hospitals_own_codes_are_translated_too(service: Callable[..., Flask], root: Path, tmp_path: Path) -> None:
    from adapter.app import create_app
    from adapter.settings import Settings

    folder = tmp_path / "senders" / "our hospital_1"
    folder.mkdir(parents=True)
    for path in (root / "mappings" / "senders" / "_template").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    client = create_app(Settings(mappings=tmp_path)).test_client()
    answer = client.get(TRANSLATE, query_string={"system": "https://hospital.example/lab-codes", "code": "ER-PCT"})

    assert concepts(answer) == {(f"{BASE}/CodeSystem/fact", "er-percent")}
    assert client.get(part(said(answer)["matches"][0], "source").partition("|")[0].replace(BASE, "/fhir")).status_code == 200
