"""What can be asked of the adapter? R4 operations: B2 to B5."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.settings import Settings

INTERPRET, STAGE = "/fhir/$interpret-breast-cancer", "/fhir/$stage-breast-cancer"
FHIR = {"Content-Type": "application/fhir+json"}
BUNDLE = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"valueQuantity":{"value":2.50}}}]}'


TUMOR = {"basis": "anatomic", "t": "T2", "n": "N1", "m": "M0"}


def parameters(*given: bytes) -> bytes:
    """A Parameters body with these parameters."""
    return b'{"resourceType":"Parameters","parameter":[' + b",".join(given) + b"]}"


def said(answer: object) -> list[tuple[str, str]]:
    """The parameters of an answer as names and values."""
    body = json.loads(answer.data)
    assert body["resourceType"] == "Parameters"
    return [(one["name"], next(value for key, value in one.items() if key.startswith("value"))) for one in body["parameter"]]


def test_b2_a_bare_bundle_may_be_posted(client: FlaskClient, behind: object) -> None:
    """B2: "exactly one input parameter of type Resource (irrespective of other possible parameters)" may be POSTed bare."""
    answer = client.post(INTERPRET, data=BUNDLE, headers=FHIR)

    assert answer.status_code == 200
    assert behind.parts == [BUNDLE]


def test_b2_a_bundle_in_parameters_arrives_digit_by_digit(client: FlaskClient, behind: object) -> None:
    """B2: POST with Parameters; the bytes of the Bundle are not written anew on the way."""
    body = parameters(b'{"name":"bundle","resource":' + BUNDLE + b"}", b'{"name":"scheme","valueString":"subtype=stgallen2011"}')

    answer = client.post(INTERPRET, data=body, headers=FHIR)

    assert answer.status_code == 200
    assert behind.parts == [BUNDLE]
    assert behind.request.schemes == {"subtype": "stgallen2011"}


def test_b2_a_scheme_stands_in_the_url_beside_a_bare_bundle(service: Callable[..., Flask], behind: object) -> None:
    client = service(schemes="subtype=maisonneuve2014,fdg-staging=eanm").test_client()

    client.post(f"{INTERPRET}?scheme=subtype=stgallen2011", data=BUNDLE, headers=FHIR)

    assert behind.request.schemes == {"subtype": "stgallen2011", "fdg-staging": "eanm"}


@pytest.mark.parametrize(
    "body",
    [
        parameters(),
        parameters(b'{"name":"bundle"}'),
        parameters(b'{"name":"bundle","resource":{}}', b'{"name":"bundle","resource":{}}'),
        parameters(b'{"name":"bundle","resource":{}}', b'{"name":"patient","valueString":"Jane"}'),
        parameters(b'{"name":"bundle","resource":{}}', b'{"name":"scheme","valueString":"stgallen2011"}'),
        parameters(b'{"name":"bundle","resource":{}}', b'{"name":"scheme"}'),
    ],
)
def test_parameters_that_cannot_be_used_are_400(client: FlaskClient, behind: object, body: bytes) -> None:
    answer = client.post(INTERPRET, data=body, headers=FHIR)

    assert (answer.status_code, behind.parts) == (400, [])
    assert "Jane" not in answer.text


def test_b4_the_response_is_the_bundle_itself(client: FlaskClient) -> None:
    """B4: a single out parameter named `return` that is a Resource: the response is that resource, no Parameters."""
    body = json.loads(client.post(INTERPRET, data=BUNDLE, headers=FHIR).data)

    assert body["resourceType"] == "Bundle"


def test_b5_the_returned_bundle_is_a_collection(client: FlaskClient) -> None:
    """B5: a returned Bundle has type `collection` unless it has search semantics."""
    assert json.loads(client.post(INTERPRET, data=BUNDLE, headers=FHIR).data)["type"] == "collection"


def test_b3_primitives_may_be_asked_by_get(client: FlaskClient, behind: object) -> None:
    """B3: GET SHALL be supported when every input is primitive and affectsState is false."""
    answer = client.get(f"{STAGE}?basis=anatomic&t=T2&n=N0%28i%2B%29&m=M0&_format=json")

    assert answer.status_code == 200
    assert (behind.query.t, behind.query.n, behind.query.m) == ("T2", "N0(i+)", "M0")
    assert said(answer)[:2] == [("result", "anatomic-stage"), ("stage", "IIB")]
    assert {name for name, _ in said(answer)} == {"result", "stage", "why", "rule", "source"}


def test_b3_head_is_answered_where_get_is(client: FlaskClient) -> None:
    answer = client.head(f"{STAGE}?basis=anatomic&t=T2&n=N1")

    assert (answer.status_code, answer.data) == (200, b"")


def test_b4_other_out_parameters_are_wrapped(client: FlaskClient, behind: object) -> None:
    """B4: any other name than `return` is wrapped in Parameters; what is unknown is said and never an error."""
    body = parameters(
        b'{"name":"basis","valueCode":"anatomic"}', b'{"name":"t","valueString":"T2"}', b'{"name":"oncotype","valueInteger":8}'
    )

    answer = client.post(STAGE, data=body, headers=FHIR)

    assert answer.status_code == 200
    assert behind.query.oncotype == "8"
    named = said(answer)
    assert ("kind", "indeterminate") in named
    assert [value for name, value in named if name == "possible"] == ["IIA", "IIB"]
    assert [value for name, value in named if name == "missing"] == ["N category"]
    assert "stage" not in dict(named)


@pytest.mark.parametrize("query", ["t=T2&n=N1", "basis=anatomic&t=T2&t=T3", "basis=anatomic&tumour=T2", "basis=&t=T2", "basis=both&t=T2"])
def test_a_query_that_cannot_be_used_is_400(client: FlaskClient, query: str) -> None:
    assert client.get(f"{STAGE}?{query}").status_code == 400


def test_a_post_to_stage_that_is_not_parameters_is_400(client: FlaskClient) -> None:
    assert client.post(STAGE, data=BUNDLE, headers=FHIR).status_code == 400


PATIENT = {"resourceType": "Patient", "id": "p1"}
CANCER = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C50.912"}]},
}
RECEPTOR = {
    "resourceType": "Observation",
    "id": "er",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85329-1"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2024-03-01",
    "valueQuantity": {"value": 95, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
}


def test_b5_results_that_are_not_persisted_have_no_id() -> None:
    """B5: type `collection`; resources not persisted have no id. Asked of the whole service, with nothing faked."""
    sent = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (PATIENT, CANCER, RECEPTOR)]}

    answer = create_app(Settings()).test_client().post(INTERPRET, data=json.dumps(sent), headers=FHIR)

    bundle = json.loads(answer.data)
    written = [entry["resource"] for entry in bundle["entry"]]
    assert (answer.status_code, bundle["type"]) == (200, "collection")
    assert any(one["resourceType"] == "Observation" for one in written)
    assert [one["resourceType"] for one in written if "id" in one] == []


def test_b3_the_whole_service_stages_by_get_and_by_post_alike() -> None:
    client = create_app(Settings()).test_client()
    body = parameters(*(f'{{"name":"{name}","valueString":"{value}"}}'.encode() for name, value in TUMOR.items()))

    asked = client.get(STAGE, query_string=TUMOR)
    posted = client.post(STAGE, data=body, headers=FHIR)

    assert dict(said(asked))["stage"] == "IIB"
    assert said(asked) == said(posted)


def test_a_cell_that_cannot_be_read_is_422() -> None:
    answer = create_app(Settings()).test_client().get(STAGE, query_string=TUMOR | {"t": "T9"})

    assert (answer.status_code, json.loads(answer.data)["resourceType"]) == (422, "OperationOutcome")


def test_a_site_without_the_prognostic_tables_is_told_so() -> None:
    """The setting reaches the operation: the licence of these tables is the site's decision."""
    prognostic = {"t": "T2", "n": "N1", "m": "M0", "grade": "G2", "her2": "negative", "er": "positive", "pr": "positive"}

    answer = create_app(Settings(prognostic_tables=False)).test_client().get(STAGE, query_string=prognostic | {"basis": "clinical"})

    named = dict(said(answer))
    assert "stage" not in named
    assert "switched off" in named["why"]


# NDJSON.

LINES = {"Content-Type": "application/fhir+ndjson"}


@pytest.mark.parametrize("kind", ["application/fhir+ndjson", "application/ndjson", "application/x-ndjson; charset=utf-8"])
def test_a_line_is_answered_by_a_line(client: FlaskClient, kind: str) -> None:
    answer = client.post(INTERPRET, data=BUNDLE + b"\r\n\n" + BUNDLE + b"\n", headers={"Content-Type": kind})

    assert (answer.status_code, answer.mimetype) == (200, "application/fhir+ndjson")
    assert [json.loads(line)["resourceType"] for line in answer.data.split(b"\n") if line] == ["Bundle", "Bundle"]


def test_a_bad_line_is_an_operation_outcome_in_its_place(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    bad = [
        b"{broken",
        b'{"resourceType":"Bundle","id":"refuse"}',
        b'{"resourceType":"Bundle","id":"explode"}',
        b'{"resourceType":"Parameters"}',
    ]
    answer = client.post(INTERPRET, data=b"\n".join([BUNDLE, *bad, BUNDLE]), headers=LINES)
    said = [json.loads(line) for line in answer.data.splitlines()]

    assert [one["resourceType"] for one in said] == ["Bundle", *["OperationOutcome"] * 4, "Bundle"]
    codes = [one["issue"][0]["details"]["coding"][0]["code"] for one in said[1:5]]
    assert codes == ["broken-json", "no-patient", "internal-error", "missing-element"]
    assert "Jane" not in answer.get_data(as_text=True) + caplog.text


def test_lines_are_answered_one_at_a_time(client: FlaskClient, behind: object) -> None:
    """The second line is only worked on when the first answer has been taken: never more than one result is in memory."""
    with client.post(INTERPRET, data=b"\n".join([BUNDLE, BUNDLE.replace(b"2.50", b"3.50")]), headers=LINES, buffered=False) as answer:
        given = iter(answer.response)
        next(given)
        assert behind.parts == [BUNDLE]
        next(given)
        assert behind.parts != [BUNDLE]


def test_lines_are_bounded_like_any_body(service: Callable[..., Flask]) -> None:
    assert service(max_body_bytes=300).test_client().post(INTERPRET, data=b"\n".join([BUNDLE] * 9), headers=LINES).status_code == 413
    assert service(max_entries=8).test_client().post(INTERPRET, data=b"{}\n" * 9, headers=LINES).status_code == 413
    assert service(max_entries=9).test_client().post(INTERPRET, data=b"{}\n" * 9, headers=LINES).status_code == 200


@pytest.mark.parametrize(
    ("accept", "wanted", "status"), [("*/*", "", 200), ("application/fhir+json", "", 406), ("", "ndjson", 200), ("", "json", 406)]
)
def test_a3_lines_are_answered_in_lines_or_not_at_all(client: FlaskClient, accept: str, wanted: str, status: int) -> None:
    """A3: 406 for an unsupported Accept."""
    query = f"?_format={wanted}" if wanted else ""

    assert client.post(f"{INTERPRET}{query}", data=BUNDLE, headers=LINES | ({"Accept": accept} if accept else {})).status_code == status


def test_a_scheme_in_the_url_counts_for_every_line(client: FlaskClient, behind: object) -> None:
    client.post(f"{INTERPRET}?scheme=subtype=stgallen2011", data=BUNDLE, headers=LINES).get_data()

    assert behind.request.schemes == {"subtype": "stgallen2011"}


def test_what_stands_in_the_url_and_is_no_input_is_refused(client: FlaskClient) -> None:
    assert client.post(f"{INTERPRET}?schem=subtype=stgallen2011", data=BUNDLE, headers=FHIR).status_code == 400
