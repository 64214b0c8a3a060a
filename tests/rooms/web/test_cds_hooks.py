"""What a clinical record may ask: CDS Hooks 2.0.1, D1 to D10. Shapes are held against HL7's logical models (tests/peers/cds_client.py)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapter.app import create_app
from adapter.delivery.tables import METADATA
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.cds_client import RESPONSE, SERVICES, call, faults, nothings, order_call, resources, searchset
from tests.peers.faulty import Breakage, Line, line_to
from tests.peers.hospital import Patient
from tests.peers.running import ROOT

OVERVIEW = "/cds-services/breast-cancer-interpretations"
ORDERS = "/cds-services/breast-cancer-indications"
# A server names its resources by type and id; these two scenarios are messages that name theirs by urn:uuid.
SCENARIOS = sorted(
    {path.parent.name for path in (ROOT / "fixtures").glob("*/input.json")} - {"er-loss-liver-metastasis", "synthea-urn-uuid"}
)
# A token as an authorization server could make it, to look for afterwards.
TOKEN = "planted-7f3c9d1e.token_that-nobody~keeps"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@pytest.fixture
def client(knowledge: Knowledge) -> FlaskClient:
    settings = Settings(auth="none")
    return create_app(settings, Desk(settings, knowledge, interpret, stage)).test_client()


@pytest.fixture
def templates(client: FlaskClient) -> dict[str, str]:
    found: dict[str, str] = client.get("/cds-services").json["services"][0]["prefetch"]
    return found


def cards_of(client: FlaskClient, asked: dict[str, Any], where: str = OVERVIEW) -> list[dict[str, Any]]:
    answer = client.post(where, json=asked)
    assert answer.status_code == 200, answer.text
    cards: list[dict[str, Any]] = answer.json["cards"]
    return cards


def refusal(client: FlaskClient, asked: object, where: str = OVERVIEW) -> tuple[int, str]:
    answer = client.post(where, json=asked)
    outcome = json.loads(answer.data)
    assert outcome["resourceType"] == "OperationOutcome"
    return answer.status_code, " ".join(issue["details"]["text"] for issue in outcome["issue"])


# Discovery


def test_d1_discovery_lists_each_service_with_its_hook(client: FlaskClient) -> None:
    """D1: `GET {base}/cds-services` -> {"services":[...]}, 200; hook, description, id REQUIRED; title RECOMMENDED."""
    answer = client.get("/cds-services")

    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert faults(answer.json, SERVICES) == []
    assert {one["hook"] for one in answer.json["services"]} == {"patient-view", "order-select"}
    assert all(one["title"] and one["usageRequirements"] for one in answer.json["services"])


def test_d1_each_service_that_is_listed_answers_at_its_id(client: FlaskClient) -> None:
    """D1: the {id} portion of the URL to this service."""
    for one in client.get("/cds-services").json["services"]:
        assert client.post(f"/cds-services/{one['id']}", json={}).status_code == 400


def test_d3_the_templates_are_reads_by_id_and_searches_by_type(templates: dict[str, str]) -> None:
    """D3: reads by id and type searches; token equality, `_count`; a token is the path of a context field in double braces."""
    read = re.compile(r"Patient/\{\{context\.patientId\}\}")
    search = re.compile(r"[A-Z][A-Za-z]+\?patient=\{\{context\.patientId\}\}&_count=\d+")
    assert templates["patient"] == "Patient/{{context.patientId}}"
    assert all(read.fullmatch(one) or search.fullmatch(one) for one in templates.values())


def test_d3_the_templates_ask_for_all_that_is_read_of_a_patient_on_a_server(line: Line, hospital: FlaskClient, patient: Patient) -> None:
    """D3: what a fetch by patient asks the server for, a client is asked for too."""
    line.fail(Breakage.ANSWER_STATUS, path="everything", status=404)
    hospital.get(f"/fhir/{patient.reference}/$interpret-breast-cancer")
    searched = {match.group(1) for _, path, _ in line.seen if (match := re.match(r"/fhir/([A-Za-z]+)\?patient=", path))}

    asked = {re.split(r"[/?]", one)[0] for one in hospital.get("/cds-services").json["services"][0]["prefetch"].values()}
    assert {"Observation", "Condition"} <= searched <= asked


def test_the_example_of_the_readme_is_answered_with_a_card(client: FlaskClient, root: Path) -> None:
    words = (root / "README.md").read_text(encoding="utf-8")
    found = re.search(r"/cds-services/breast-cancer-interpretations -d '(\{.*?\})'", words, re.DOTALL)
    assert found

    (card,) = cards_of(client, json.loads(found[1]))
    assert "Estrogen receptor status: [Positive]" in card["detail"]


# Cards


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_d4_the_cards_of_every_scenario_have_the_shape_of_the_standard(
    client: FlaskClient, templates: dict[str, str], scenario: str
) -> None:
    """D4: summary (<140 characters), indicator info|warning|critical, source.label REQUIRED; overrideReasons need display."""
    answer = client.post(OVERVIEW, json=_answerable(call(templates, scenario)))

    assert faults(answer.json, RESPONSE) == []
    assert answer.json["cards"]
    assert len({card["uuid"] for card in answer.json["cards"]}) == len(answer.json["cards"])


def _answerable(asked: dict[str, Any]) -> dict[str, Any]:
    """A scenario without a Patient of its own names its patient all the same; a client would have sent the Patient."""
    if asked["prefetch"]["patient"] is None:
        asked["prefetch"]["patient"] = {"resourceType": "Patient", "id": asked["context"]["patientId"]}
    return asked


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_d6_nothing_that_is_said_is_null_or_empty(client: FlaskClient, templates: dict[str, str], scenario: str) -> None:
    """D6: no null, "", [] or {} except `cards: []`."""
    assert nothings(client.post(OVERVIEW, json=_answerable(call(templates, scenario))).json) == []
    assert nothings(client.get("/cds-services").json) == []


def test_d4_a_card_says_stage_receptors_extent_and_what_is_missing(client: FlaskClient, templates: dict[str, str]) -> None:
    """D4: detail is GFM. The stage is the one of the fixture's README, which was made by hand."""
    (card,) = cards_of(client, call(templates))

    assert card["summary"].startswith("Left breast: Clinical prognostic stage: Stage IIA")
    headings = re.findall(r"^\*\*(.+?)\*\*$", card["detail"], re.MULTILINE)
    assert [one.partition(" (")[0] for one in headings][:3] == ["Stage", "Receptors and subtype", "Extent"]
    assert "Recommended tests that are not on file" in headings
    assert card["indicator"] == "info"


def test_a_card_shows_each_specimen_that_may_govern(client: FlaskClient, templates: dict[str, str]) -> None:
    """Two specimens of one day that differ: neither is left out, and the summary names no subtype."""
    asked = call(templates)
    about = {"reference": f"Patient/{asked['context']['patientId']}"}
    tissue = [{"resourceType": "Specimen", "id": name, "subject": about} for name in ("a", "b")]
    code = {"coding": [{"system": "http://loinc.org", "code": "85319-2"}]}
    her2 = [
        {"resourceType": "Observation", "id": name, "status": "final", "code": code, "subject": about, "valueString": value}
        | {"specimen": {"reference": f"Specimen/{name}"}}
        for name, value in (("a", "0"), ("b", "3+"))
    ]
    kept = {key: asked["prefetch"][key] for key in ("patient", "condition")}
    asked["prefetch"] = {key: searchset([]) for key in templates} | kept | {"observation": searchset(her2), "specimen": searchset(tissue)}

    (card,) = cards_of(client, asked)
    assert "HER2 status: [Negative]" in card["detail"]
    assert "HER2 status: [Positive]" in card["detail"]
    assert card["detail"].count("Governing specimen not known") >= len(tissue)
    assert faults({"cards": [card]}, RESPONSE) == []


def test_d4_two_cancers_have_two_cards(client: FlaskClient, templates: dict[str, str]) -> None:
    sides = {card["summary"].partition(":")[0] for card in cards_of(client, call(templates, "bilateral"))}
    assert sides == {"Left breast", "Right breast"}


def test_h1_the_response_on_pet_is_shown_with_its_reason(client: FlaskClient, templates: dict[str, str]) -> None:
    """H1: the clinician can review the basis: the answer of the fixture, which was made by hand, with its reason and a link."""
    (card,) = cards_of(client, call(templates, "pet-fdg-day-15-unlikely"))
    pet = card["detail"].partition("**Response on PET**")[2].partition("**")[0]

    assert re.search(r"Early FDG.*\[.*unlikely.*\]\(<http", pet, re.IGNORECASE)


def test_h1_no_card_tells_anybody_what_to_do(client: FlaskClient, templates: dict[str, str]) -> None:
    """H1: not time-critical; no directive wording. D5: no suggestions, no systemActions."""
    directive = re.compile(
        r"\b(you|should|administer|prescribe|initiate|discontinue|switch to|give|avoid|consider|we recommend|treat with)\b", re.IGNORECASE
    )
    for scenario in SCENARIOS:
        answer = client.post(OVERVIEW, json=_answerable(call(templates, scenario))).json
        assert "systemActions" not in answer
        for card in answer["cards"]:
            assert "suggestions" not in card
            assert card["indicator"] != "critical"
            assert directive.search(f"{card['summary']}\n{card['detail']}") is None, card["detail"]
            assert "it does not direct treatment" in card["detail"]


def test_h2_the_source_of_each_card_is_a_rule_set_that_is_served(client: FlaskClient, templates: dict[str, str]) -> None:
    """H2: one document per rule set, served at an endpoint and on each card's source.url."""
    cards = cards_of(client, call(templates)) + cards_of(client, _olaparib(templates), ORDERS)
    for card in cards:
        addresses = [card["source"]["url"], *(link["url"] for link in card["links"]), *re.findall(r"\(<(.+?)>\)", card["detail"])]
        for url in addresses:
            found = client.get(url.removeprefix("http://localhost").partition("#")[0])
            assert (found.status_code, json.loads(found.data)["resourceType"]) == (200, "Library")


def test_d4_the_codes_of_a_card_are_in_code_systems_that_are_served(client: FlaskClient, templates: dict[str, str]) -> None:
    (card,) = cards_of(client, call(templates))
    for coding in [card["source"]["topic"], *card["overrideReasons"]]:
        served = json.loads(client.get("/fhir/CodeSystem/" + coding["system"].rpartition("/")[2]).data)
        assert served["url"] == coding["system"]
        assert (coding["code"], coding["display"]) in {(one["code"], one["display"]) for one in served["concept"]}


def test_the_links_lead_to_the_answers_that_the_operation_gives(client: FlaskClient, templates: dict[str, str]) -> None:
    """The anchor of a link is the lasting identifier of a result, whichever way it was asked for."""
    entries = [{"resource": one} for one in resources("luminal-b-like-stage-iib")]
    bundle = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})
    told = client.post("/fhir/$interpret-breast-cancer", data=bundle, content_type="application/fhir+json")
    results = [entry["resource"] for entry in json.loads(told.data)["entry"] if entry["resource"]["resourceType"] == "Observation"]

    (card,) = cards_of(client, call(templates))
    anchors = set(re.findall(r"\(<[^>]+#(.+?)>\)", card["detail"]))
    assert anchors
    assert anchors <= {one["identifier"][0]["value"] for one in results}


def test_d4_words_of_a_sender_stay_words(client: FlaskClient, templates: dict[str, str]) -> None:
    """A hostile name of a lesion brings no link, no HTML and no new list into a card."""
    asked = json.dumps(call(templates, "pet-fdg-day-15-unlikely"))
    evil = "x](https://evil.example) <img src=x> | www.evil.example\n- **do this**"
    named = re.sub(r'"description": "[^"]*"', lambda _: f'"description": {json.dumps(evil)}', asked)
    assert named != asked

    (card,) = cards_of(client, json.loads(named))
    shown = re.search(r"x\\\].*?(?=: \[)", card["detail"])
    assert shown, "the lesion is named on one line"
    # Taking the escaped marks away leaves no mark that Markdown or a browser would act on.
    assert re.search(r"[<>\[\]|*]|://|www\.", re.sub(r"\\.", "", shown[0])) is None


def test_a_patient_without_breast_cancer_has_no_card(client: FlaskClient, templates: dict[str, str]) -> None:
    """Section CDS Service Response: no decision support for the user is a 200 with an empty list."""
    asked = call(templates)
    asked["prefetch"] = {key: searchset([]) for key in templates} | {"patient": asked["prefetch"]["patient"]}

    assert client.post(OVERVIEW, json=asked).json == {"cards": []}


# What cannot be answered is never an empty list.


def test_d3_a_missing_key_without_a_server_is_412(client: FlaskClient, templates: dict[str, str]) -> None:
    """D3: missing key = not satisfied; unable to get needed data -> 412, with an OperationOutcome that names the key."""
    asked = call(templates)
    del asked["prefetch"]["observation"]

    status, text = refusal(client, asked)
    assert status == 412
    assert "prefetch.observation" in text


def test_d3_no_prefetch_at_all_and_no_server_is_412(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    del asked["prefetch"]

    assert refusal(client, asked)[0] == 412


def test_d3_null_says_that_there_is_nothing(client: FlaskClient, templates: dict[str, str]) -> None:
    """D3: null = asked and empty. Without specimens the stage is the same, and nothing is called missing."""
    asked = call(templates)
    asked["prefetch"] |= {"procedure": None, "imagingStudy": None, "bodyStructure": None}

    (card,) = cards_of(client, asked)
    assert card["indicator"] == "info"
    assert "could not be read" not in card["detail"]


def test_d3_a_null_patient_is_412(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    asked["prefetch"]["patient"] = None

    assert refusal(client, asked)[0] == 412


@pytest.mark.parametrize("key", ["observation", "condition", "patient"])
def test_d3_an_outcome_in_the_place_of_needed_data_is_412(client: FlaskClient, templates: dict[str, str], key: str) -> None:
    """D3: an OperationOutcome may stand in the key."""
    asked = call(templates)
    asked["prefetch"][key] = OUTCOME

    status, text = refusal(client, asked)
    assert (status, f"prefetch.{key}" in text) == (412, True)


def test_d3_an_outcome_in_the_place_of_other_data_is_said_on_the_card(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    asked["prefetch"]["procedure"] = OUTCOME

    (card,) = cards_of(client, asked)
    assert card["indicator"] == "warning"
    assert card["detail"].startswith("**Not everything could be read")
    assert "Procedure could not be read" in card["detail"]


def test_d3_an_error_inside_a_search_is_said_on_the_card(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    found = asked["prefetch"]["specimen"]
    found["entry"].append({"resource": OUTCOME, "search": {"mode": "outcome"}})

    assert cards_of(client, asked)[0]["indicator"] == "warning"


def test_d3_further_pages_that_cannot_be_fetched_are_missing_data(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    asked["prefetch"]["observation"]["link"] = [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]

    status, text = refusal(client, asked)
    assert (status, "further pages" in text) == (412, True)


def test_a_resource_that_cannot_be_read_is_said_even_where_no_cancer_was_found(client: FlaskClient, templates: dict[str, str]) -> None:
    """A failing service is never an empty list: the resource that is broken may be the cancer."""
    asked = call(templates)
    patient = asked["prefetch"]["patient"]
    asked["prefetch"] = {key: searchset([]) for key in templates} | {"patient": patient}
    asked["prefetch"]["condition"] = searchset([{"resourceType": "Condition", "id": "c", "code": 5}])

    (card,) = cards_of(client, asked)
    assert card["source"]["topic"]["code"] == "incomplete-data"
    assert faults({"cards": [card]}, RESPONSE) == []


def test_a_cancer_without_a_usable_result_is_said_with_what_could_not_be_used(client: FlaskClient, templates: dict[str, str]) -> None:
    """LOINC 16112-5 asks whether there are receptors; a percentage under it is no answer to that."""
    asked = call(templates)
    about = {"reference": f"Patient/{asked['context']['patientId']}"}
    code = {"coding": [{"system": "http://loinc.org", "code": "16112-5"}]}
    value = {"value": 90, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    wrong = {"resourceType": "Observation", "id": "o", "status": "final", "code": code, "subject": about, "valueQuantity": value}
    condition = asked["prefetch"]["condition"]
    asked["prefetch"] = {key: searchset([]) for key in templates} | {"patient": asked["prefetch"]["patient"], "condition": condition}
    asked["prefetch"]["observation"] = searchset([wrong])

    (card,) = cards_of(client, asked)
    assert card["source"]["topic"]["code"] == "incomplete-data"
    assert "Observation/o: er-status: a percentage was sent" in card["detail"]
    assert faults({"cards": [card]}, RESPONSE) == []


def test_a_fault_of_ours_is_an_error_and_no_empty_list(knowledge: Knowledge, templates: dict[str, str]) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("Jane Doe")

    settings = Settings(auth="none")
    answer = create_app(settings, Desk(settings, knowledge, broken, stage)).test_client().post(OVERVIEW, json=call(templates))
    assert answer.status_code == 500
    assert "Jane" not in answer.text


# Requests that do not fit


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"hook": "order-sign"}, "patient-view"),
        ({"hookInstance": ""}, "hookInstance"),
        ({"context": {"userId": "Practitioner/1"}}, "context.patientId"),
        ({"context": {"userId": "Practitioner/1", "patientId": "Patient/p01"}}, "context.patientId"),
        ({"context": {"patientId": "p01"}}, "context.userId"),
        ({"fhirAuthorization": {"access_token": "t", "token_type": "Bearer"}}, "fhirServer"),
        ({"fhirServer": "https://x.example", "fhirAuthorization": {"token_type": "Bearer"}}, "access_token"),
        ({"fhirServer": "https://x.example", "fhirAuthorization": {"access_token": "a b\r\nX: y", "token_type": "Bearer"}}, "access_token"),
        (
            {"fhirServer": "https://x.example", "fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "patient": "p9"}},
            "another",
        ),
        ({"prefetch": {"patient": {"resourceType": "Patient", "id": "somebody"}}}, "another patient"),
        ({"prefetch": {"patient": {"resourceType": "Bundle"}}}, "prefetch.patient"),
        ({"prefetch": {"patient": 7}}, "prefetch.patient"),
        ({"prefetch": []}, "no CDS Hooks request"),
    ],
)
def test_d2_a_request_that_does_not_fit_is_told_what_to_send(
    client: FlaskClient, templates: dict[str, str], change: dict[str, object], where: str
) -> None:
    """D2: hook, hookInstance, context REQUIRED; fhirServer REQUIRED when fhirAuthorization is given."""
    status, text = refusal(client, call(templates) | change)
    assert (status, where in text) == (400, True), text


def test_an_unknown_service_is_404_and_names_the_known_ones(client: FlaskClient, templates: dict[str, str]) -> None:
    status, text = refusal(client, call(templates), "/cds-services/nothing")
    assert (status, "breast-cancer-interpretations" in text) == (404, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"prefetch": {"patient": }}', b"\xff\xfe"])
def test_a_body_that_is_no_request_is_400(client: FlaskClient, body: bytes) -> None:
    answer = client.post(OVERVIEW, data=body, content_type="application/json")
    assert (answer.status_code, json.loads(answer.data)["resourceType"]) == (400, "OperationOutcome")


def test_results_of_two_patients_are_refused(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = call(templates)
    asked["prefetch"]["observation"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/somebody-else"}

    assert refusal(client, asked)[0] == 422


def test_d10_fields_of_the_ballot_of_3_0_change_nothing(client: FlaskClient, templates: dict[str, str]) -> None:
    """D10: target 2.0.1, tolerate 3.0-ballot fields; D9: SMART v2 scopes beside v1."""
    asked = call(templates)
    lent = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/Observation.rs",
        "subject": "x",
        "patient": "p01",
    }
    lent["patient"] = asked["context"]["patientId"]
    more = {
        "version": "STU3",
        "hookVersion": "2.0",
        "extension": {"com.example.x": 1},
        "fhirServer": "https://ehr.example",
        "fhirAuthorization": lent,
    }

    def plain(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in card.items() if name != "uuid"} for card in cards]

    assert plain(cards_of(client, asked | more)) == plain(cards_of(client, asked))


# Orders


def _olaparib(templates: dict[str, str]) -> dict[str, Any]:
    drug = {"medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01XK01", "display": "Olaparib"}]}}
    return order_call(templates, "gbrca-triple-negative-metastatic", drug)


def test_d10_a_selected_drug_shows_how_its_indications_stand(client: FlaskClient, templates: dict[str, str]) -> None:
    """The fixture was made by hand: germline BRCA1, HER2 negative, metastatic, chemotherapy before. One label fits, the other does not."""
    (card,) = cards_of(client, _olaparib(templates), ORDERS)

    assert faults({"cards": [card]}, RESPONSE) == []
    assert card["summary"].startswith(
        "Right breast, olaparib: published indications: 1 with every condition met; 1 with a condition not met"
    )
    met, unmet = card["detail"].split("**Indication with a condition not met**")
    assert "2018-01-12" in met
    assert re.search(r"Not met: extent of the disease.*metastatic, the indication names early", unmet)
    assert "Biopsy of a metastasis" in unmet
    assert card["links"][0]["url"].endswith("#olaparib-metastatic")


def test_d10_what_is_not_known_of_an_indication_is_named(client: FlaskClient, templates: dict[str, str]) -> None:
    """In the fixture nobody sent PIK3CA: the indication of alpelisib cannot be told, and the card says what is not known."""
    drug = {"medicationCodeableConcept": {"text": "Piqray 150 mg"}}
    (card,) = cards_of(client, order_call(templates, "de-novo-metastatic-her2-positive", drug), ORDERS)

    assert re.search(r"Not met: .*HER2 status: positive, the indication names negative", card["detail"])
    assert re.search(r"Not known: .*PIK3CA", card["detail"])


def test_d10_the_orders_of_the_example_of_the_standard_concern_nothing_here(client: FlaskClient, templates: dict[str, str]) -> None:
    """The selections of the R4 example of order-select: a diet and amoxicillin with clavulanate (RxNorm 617993)."""
    asked = order_call(templates, "gbrca-triple-negative-metastatic")
    drug = "Amoxicillin 120 MG/ML / clavulanate potassium 8.58 MG/ML Oral Suspension"
    coding = [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "617993", "display": drug}]
    patient = {"reference": f"Patient/{asked['context']['patientId']}"}
    request = {"resourceType": "MedicationRequest", "id": "smart-MedicationRequest-103", "status": "draft", "intent": "order"}
    request |= {"medicationCodeableConcept": {"coding": coding, "text": drug}, "subject": patient}
    diet = {"resourceType": "NutritionOrder", "id": "pureeddiet-simple", "status": "draft", "patient": patient, "dateTime": "2014-09-17"}
    asked["context"] |= {
        "selections": ["NutritionOrder/pureeddiet-simple", "MedicationRequest/smart-MedicationRequest-103"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": diet}, {"resource": request}]},
    }
    assert client.post(ORDERS, json=asked).json == {"cards": []}
    del asked["prefetch"]
    assert client.post(ORDERS, json=asked).json == {"cards": []}, "no data are needed to see that"


def test_a_selected_order_that_cannot_be_read_is_no_empty_list(client: FlaskClient, templates: dict[str, str]) -> None:
    broken, good = {"medicationCodeableConcept": {"coding": "olaparib"}}, {"medicationCodeableConcept": {"text": "talazoparib"}}
    status, _ = refusal(client, order_call(templates, "gbrca-triple-negative-metastatic", broken), ORDERS)
    assert status == 412

    cards = cards_of(client, order_call(templates, "gbrca-triple-negative-metastatic", broken, good), ORDERS)
    assert [card["source"]["topic"]["code"] for card in cards] == ["published-indication", "incomplete-data"]


def test_only_the_selected_orders_are_spoken_of(client: FlaskClient, templates: dict[str, str]) -> None:
    drugs = [{"medicationCodeableConcept": {"text": name}} for name in ("olaparib", "talazoparib")]
    asked = order_call(templates, "gbrca-triple-negative-metastatic", *drugs)
    asked["context"]["selections"] = ["MedicationRequest/draft-1"]

    assert [card["summary"].split(":")[0] for card in cards_of(client, asked, ORDERS)] == ["Right breast, talazoparib"]


def test_a_medication_that_the_order_points_at_is_found_or_read_by_its_printed_name(client: FlaskClient, templates: dict[str, str]) -> None:
    pointed = {"medicationReference": {"reference": "Medication/m1", "display": "LYNPARZA 150 MG TABLET"}}
    assert len(cards_of(client, order_call(templates, "gbrca-triple-negative-metastatic", pointed), ORDERS)) == 1

    del pointed["medicationReference"]["display"]
    asked = order_call(templates, "gbrca-triple-negative-metastatic", pointed)
    status, text = refusal(client, asked, ORDERS)
    assert (status, "does not show its drug" in text) == (412, True)

    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "talazoparib"}}
    asked["context"]["draftOrders"]["entry"].append({"resource": medication})
    assert "talazoparib" in cards_of(client, asked, ORDERS)[0]["summary"]


def test_an_order_whose_codes_disagree_is_shown_and_not_guessed(client: FlaskClient, templates: dict[str, str]) -> None:
    coding = [{"system": "http://www.whocc.no/atc", "code": "L01XK01", "display": "Tamoxifen"}]
    drugs = [{"medicationCodeableConcept": {"coding": coding}}, {"medicationCodeableConcept": {"text": "talazoparib"}}]
    cards = cards_of(client, order_call(templates, "gbrca-triple-negative-metastatic", *drugs), ORDERS)

    assert [card["source"]["topic"]["code"] for card in cards] == ["published-indication", "incomplete-data"]
    assert "its display names tamoxifen" in cards[1]["detail"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"selections": ["MedicationRequest/elsewhere"]}, "context.selections"),
        ({"selections": []}, "context.selections"),
        ({"draftOrders": None}, "context.draftOrders"),
        ({"draftOrders": []}, "context.draftOrders"),
    ],
)
def test_an_order_that_does_not_fit_is_told_what_to_send(
    client: FlaskClient, templates: dict[str, str], change: dict[str, object], where: str
) -> None:
    asked = _olaparib(templates)
    asked["context"] |= change

    status, text = refusal(client, asked, ORDERS)
    assert (status, where in text) == (400, True), text


def test_an_order_for_another_patient_is_refused(client: FlaskClient, templates: dict[str, str]) -> None:
    asked = _olaparib(templates)
    asked["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/somebody-else"}

    assert refusal(client, asked, ORDERS) == (400, "the selected order is for another patient than context.patientId")


# A client's own server, with the token that it lends


@pytest.fixture
def line(sekmet_base: str) -> Iterator[Line]:
    with line_to(sekmet_base) as line:
        yield line


@pytest.fixture
def app(line: Line, knowledge: Knowledge, tmp_path: Path) -> Flask:
    settings = Settings(auth="none", fhir_servers=(line.base,), database=f"sqlite:///{tmp_path / 'outbox.sqlite'}", fhir_timeout=2)
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


@pytest.fixture
def hospital(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def patient(sekmet_base: str) -> Patient:
    found = Patient(sekmet_base, f"c{uuid4().hex[:10]}")
    found.admit()
    return found


def lent(line: Line, patient: Patient, **changes: object) -> dict[str, Any]:
    """A call of a client that prefetches nothing and lends a token for its server."""
    token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read", "subject": "cds-service4"}
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "fhirServer": line.base,
        "fhirAuthorization": token,
        "context": {"userId": "Practitioner/example", "patientId": patient.id_of("p01")},
    } | changes


def test_d3_what_was_not_sent_is_fetched_with_the_token_that_was_lent(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    """D3, D9: from a real server; the answer is the one of the same patient prefetched."""
    (card,) = cards_of(hospital, lent(line, patient))

    assert card["summary"].startswith("Left breast: Clinical prognostic stage: Stage IIA")
    assert {headers.get("Authorization") for _, _, headers in line.seen} == {f"Bearer {TOKEN}"}
    assert {method for method, _, _ in line.seen} == {"GET"}


def test_d3_only_the_missing_key_is_fetched(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    templates = hospital.get("/cds-services").json["services"][0]["prefetch"]
    mine = list(patient.resources.values())
    prefetch = {key: searchset([one for one in mine if one["resourceType"] == t.split("?")[0]]) for key, t in templates.items() if "?" in t}
    prefetch["patient"] = patient.resources["p01"]
    del prefetch["observation"]

    (card,) = cards_of(hospital, lent(line, patient, prefetch=prefetch))
    assert card["summary"].startswith("Left breast: Clinical prognostic stage: Stage IIA")
    assert {path.split("?")[0].removeprefix("/fhir/") for _, path, _ in line.seen} == {"metadata", "Observation"}


def test_d9_the_token_is_nowhere_afterwards(
    hospital: FlaskClient, line: Line, patient: Patient, tmp_path: Path, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    """D9: transient: never stored, logged or queued. The whole database and every log line are searched for a planted token."""
    caplog.set_level(logging.DEBUG)
    line.fail(Breakage.ANSWER_STATUS, path="/Procedure", status=500)
    assert hospital.post(OVERVIEW, json=lent(line, patient)).status_code == 200
    line.fail(Breakage.ANSWER_STATUS, path="/Observation", status=403, times=9)
    assert hospital.post(OVERVIEW, json=lent(line, patient)).status_code == 412

    engine = app.extensions["desk"].workplace.engine
    with engine.connect() as connection:
        kept = {table.name: connection.execute(select(table)).all() for table in METADATA.sorted_tables}
    assert len(kept["audit"]) > 5, "each reading is audited"
    assert "planted" not in repr(kept)
    assert all(b"planted" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert caplog.records
    assert "planted" not in caplog.text
    assert patient.name not in " ".join(record.getMessage() for record in caplog.records if record.name.startswith("adapter"))


def test_d9_a_server_that_is_not_on_the_list_never_sees_the_token(
    hospital: FlaskClient, sekmet_base: str, line: Line, patient: Patient
) -> None:
    """No request goes to a URL that a caller names unless it is on the list of the site."""
    with line_to(sekmet_base) as elsewhere:
        status, text = refusal(hospital, lent(elsewhere, patient))
        assert (status, "ADAPTER_FHIR_SERVERS" in text) == (412, True)
        assert elsewhere.seen == []


def test_d9_a_next_link_that_leaves_the_server_is_not_followed(
    hospital: FlaskClient, line: Line, sekmet_base: str, patient: Patient
) -> None:
    with line_to(sekmet_base) as elsewhere:
        following = {"relation": "next", "url": f"{elsewhere.base}/Observation?page=2"}
        prefetch = {"observation": searchset([], link=[following])}
        assert refusal(hospital, lent(line, patient, prefetch=prefetch))[0] == 412
        assert elsewhere.seen == []


def test_d3_a_page_that_was_left_out_is_fetched(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    """Section Example of Pagination in Prefetch: the service fetches the next page itself."""
    found = [one for one in patient.resources.values() if one["resourceType"] == "Observation"]
    following = {"relation": "next", "url": f"{line.base}/Observation?patient={patient.id_of('p01')}&_count=50"}
    asked = lent(line, patient, prefetch={"observation": searchset(found[:1], link=[following])})

    (card,) = cards_of(hospital, asked)
    assert card["summary"].startswith("Left breast: Clinical prognostic stage: Stage IIA")


@pytest.mark.parametrize("path", ["/Patient/", "/Condition", "/Observation"])
@pytest.mark.parametrize("status", [401, 403, 404, 500, 429])
def test_d3_needed_data_that_the_server_does_not_give_is_412(
    hospital: FlaskClient, line: Line, patient: Patient, path: str, status: int
) -> None:
    line.fail(Breakage.ANSWER_STATUS, path=path, status=status, times=9)

    assert refusal(hospital, lent(line, patient))[0] == 412


def test_other_data_that_the_server_does_not_give_is_said_on_the_card(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    line.fail(Breakage.ANSWER_STATUS, path="/Specimen?", status=403, times=9)

    (card,) = cards_of(hospital, lent(line, patient))
    assert card["indicator"] == "warning"
    assert "Specimen could not be read" in card["detail"]
    assert "Jane Doe" not in card["detail"], "what a server says in an error may be about a patient"


def test_d3_a_server_that_hangs_up_is_412(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    line.fail(Breakage.CUT_BODY, path="/Observation", times=9)

    assert refusal(hospital, lent(line, patient))[0] == 412


def test_a_patient_whom_the_server_does_not_know_is_412(hospital: FlaskClient, line: Line, patient: Patient) -> None:
    asked = lent(line, patient, context={"userId": "Practitioner/example", "patientId": "nobody"})

    assert refusal(hospital, asked)[0] == 412


def test_every_link_of_a_card_leads_to_the_page_of_the_patient_and_an_anchor_on_it(
    hospital: FlaskClient, line: Line, patient: Patient
) -> None:
    cards = cards_of(hospital, lent(line, patient))
    links = {link for card in cards for link in re.findall(r"http://localhost(/patient/[^\s#]+#[0-9a-z-]+)", json.dumps(card))}
    page = hospital.get(f"/patient/{patient.id_of('p01')}").get_data(as_text=True)

    assert links
    assert {link.partition("#")[0] for link in links} == {f"/patient/{patient.id_of('p01')}"}
    anchors = [link.partition("#")[2] for link in links]
    assert [anchor for anchor in anchors if f'id="{anchor}"' not in page] == []
