"""Can a clinician review the basis of an answer from the answer alone? H1, H2 (45 CFR 170.315(b)(11)), F1, A17."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from adapter.fhir.models import check
from adapter.knowledge.books import Knowledge
from adapter.pipeline import Request, interpret

FIXTURES = sorted((Path(__file__).parents[3] / "fixtures").glob("*/input.json"))
RELATED_ARTIFACT = "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact"
BASE = "https://breast-adapter.example/fhir"

# R4 4.0.1, CodeSystem library-type and ValueSet related-artifact-type.
LIBRARY_TYPES = {"logic-library", "model-definition", "asset-collection", "module-definition"}
ARTIFACT_TYPES = {"documentation", "justification", "citation", "predecessor", "successor", "derived-from", "depends-on", "composed-of"}


@pytest.fixture
def served(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """Every Library that is served, by its canonical address with its version."""
    found = [entry["resource"] for entry in json.loads(client.get("/fhir/Library").data)["entry"]]
    return {f"{one['url']}|{one['version']}": one for one in found}


def said_of(library: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the extensions of a Library say: for each item, its other parts."""
    parts = ({part["url"]: part for part in one["extension"]} for one in library["extension"])
    return {one["item"]["valueCoding"]["code"]: {name: part for name, part in one.items() if name != "item"} for one in parts}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_h2_f1_every_result_leads_to_a_library_that_is_served(path: Path, served: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """F1: the policy is the rule set; H2: the source attributes of the rule that answered are one step away."""
    reply = interpret([path.read_bytes()], knowledge, Request(issued=datetime(2026, 11, 22, tzinfo=UTC)))
    written = [entry["resource"] for entry in json.loads(reply.bundle)["entry"]]
    results = [one for one in written if one["resourceType"] == "Observation"]
    rules = [answer.rule for _, answers in reply.answers for answer in answers]

    for result, rule in zip(results, rules, strict=True):
        (extension,) = (one for one in result["extension"] if one["url"] == RELATED_ARTIFACT)
        artifact = extension["valueRelatedArtifact"]
        assert artifact["type"] in ARTIFACT_TYPES
        assert served[artifact["resource"]]["id"] == knowledge.rule_topic[rule]
    for provenance in (one for one in written if one["resourceType"] == "Provenance"):
        (policy,) = provenance["policy"]
        parts = {part["resource"] for part in served[policy]["relatedArtifact"] if part["type"] == "composed-of"}
        assert {result["extension"][0]["valueRelatedArtifact"]["resource"] for result in results} <= parts


def test_h2_the_whole_is_composed_of_every_rule_set(served: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    whole = served.pop(f"{BASE}/Library/knowledge|{knowledge.version}")

    assert [part["resource"] for part in whole["relatedArtifact"]] == list(served)
    assert {knowledge.rule_topic[rule] for rule in knowledge.rules} <= {one["id"] for one in served.values()}


def test_h2_every_library_is_valid_and_holds_all_thirteen_attributes(served: dict[str, dict[str, Any]], knowledge: Knowledge) -> None:
    """H2: citation, developer, funding, release and revision dates, and whether each attribute of a patient is used."""
    patient = [one.word for one in knowledge.publication.attributes]
    for library in served.values():
        said = said_of(library)
        assert check(json.dumps(library).encode(), "Library") == []
        assert library["type"]["coding"][0]["code"] in LIBRARY_TYPES
        assert re.fullmatch(r"[A-Z]([A-Za-z0-9_]){0,254}", library["name"]), "R4 invariant lib-0"
        assert library["publisher"]
        assert library["date"]
        assert library["lastReviewDate"]
        assert list(said) == ["funding", "release-date", *patient]
        assert all(isinstance(said[word]["used"]["valueBoolean"], bool) for word in patient)
        assert "research and integration testing" in library["purpose"].lower()
        assert {one["type"] for one in library["relatedArtifact"]} <= ARTIFACT_TYPES


def test_h2_a_rule_set_cites_its_sources_and_says_what_it_uses(client: FlaskClient) -> None:
    """TAILORx is N Engl J Med 2018;379:111 and RxPONDER N Engl J Med 2021;385:2336; the flag of the first asks for the age."""
    library = json.loads(client.get("/fhir/Library/oncotype-dx").data)
    said, cited = said_of(library), " ".join(one["citation"] for one in library["relatedArtifact"])

    assert "2018;379" in cited
    assert "2021;385" in cited
    assert {word for word, parts in said.items() if "used" in parts and parts["used"]["valueBoolean"]} == {
        "date-of-birth",
        "menopausal-status",
    }
    assert said["date-of-birth"]["text"]["valueString"]
    assert said["race"] == {"used": {"url": "used", "valueBoolean": False}}


def test_h2_a_licence_and_a_state_that_a_topic_names_are_repeated(client: FlaskClient) -> None:
    library = json.loads(client.get("/fhir/Library/ajcc8").data)

    assert "American College of Surgeons" in library["copyright"]
    assert "not licensed by the American College of Surgeons" in library["description"]


def test_h2_the_extension_is_defined_where_it_points(client: FlaskClient, served: dict[str, dict[str, Any]]) -> None:
    """Every extension on a Library is one of ours, with a definition and with codes that are all published."""
    used = {(one["url"], one["extension"][0]["valueCoding"]["code"]) for library in served.values() for one in library["extension"]}
    (url,) = {address for address, _ in used}
    definition = json.loads(client.get("/fhir/StructureDefinition/source-attribute").data)
    codes = json.loads(client.get("/fhir/CodeSystem/source-attribute").data)["concept"]

    assert (definition["url"], definition["type"], definition["context"][0]["expression"]) == (url, "Extension", "Library")
    assert {code for _, code in used} == {one["code"] for one in codes}
    assert json.loads(client.get("/fhir/ValueSet/source-attribute").data)["compose"]["include"] == [
        {"system": f"{BASE}/CodeSystem/source-attribute"}
    ]


def test_a17_libraries_are_listed_found_by_url_and_spared_a_second_reading(client: FlaskClient) -> None:
    """A17, A7, A9, A16."""
    listed = [one["type"] for one in json.loads(client.get("/fhir/metadata").data)["rest"][0]["resource"]]
    found = json.loads(client.get(f"/fhir/Library?url={BASE}/Library/her2").data)
    first = client.get("/fhir/Library/her2")
    again = client.get("/fhir/Library/her2", headers={"If-None-Match": first.headers["ETag"]})

    assert "Library" in listed
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["her2"]
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/fhir/Library/none").status_code == 404


def test_h2_who_made_the_definitions_and_when_stands_in_the_books_alone(client: FlaskClient, knowledge: Knowledge) -> None:
    """H2, items (2) and (4)."""
    made = knowledge.publication.made
    kinds = ("OperationDefinition", "CodeSystem", "StructureDefinition", "ValueSet", "Library")
    ours = [entry["resource"] for kind in kinds for entry in json.loads(client.get(f"/fhir/{kind}").data)["entry"]]

    for one in [*ours, json.loads(client.get("/fhir/metadata").data)]:
        assert (one["publisher"], one["date"]) == (made.developer, made.revised_on.isoformat())
