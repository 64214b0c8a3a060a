"""What does this service offer? R4 http: A7, A9, A16, A17, A23."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.fhir.operation_definitions import STAGE_INPUTS

KINDS = ("OperationDefinition", "CodeSystem", "StructureDefinition", "ValueSet", "Library", "ConceptMap")


def test_a17_metadata_returns_a_capability_statement(client: FlaskClient) -> None:
    """A17: `GET [base]/metadata` returns CapabilityStatement; what is not listed is not supported."""
    answer = client.get("/fhir/metadata")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/fhir+json; charset=utf-8")
    rest = json.loads(answer.data)["rest"][0]
    assert {one["name"] for one in rest["operation"]} == {"interpret-breast-cancer", "stage-breast-cancer"}
    assert {one["type"] for one in rest["resource"]} == set(KINDS)


def test_a17_everything_listed_is_served_and_everything_served_is_listed(client: FlaskClient) -> None:
    """A17: what is not listed is not supported."""
    rest = json.loads(client.get("/fhir/metadata").data)["rest"][0]
    for one in [*rest["operation"], *(operation for resource in rest["resource"] for operation in resource.get("operation", []))]:
        found = json.loads(client.get(f"/fhir/OperationDefinition?url={one['definition']}").data)
        assert found["total"] == 1
    assert listed_addresses(client) == served_addresses(client)


def listed_addresses(client: FlaskClient) -> set[str]:
    """Every address that the CapabilityStatement says is there, with * for an id."""
    rest = json.loads(client.get("/fhir/metadata").data)["rest"][0]
    found = {f"/fhir/${one['name']}" for one in rest["operation"]}
    for resource in rest["resource"]:
        base = f"/fhir/{resource['type']}"
        interactions = {one["code"] for one in resource.get("interaction", [])}
        found |= {f"{base}/*"} if "read" in interactions else set()
        found |= {base, f"{base}/_search"} if "search-type" in interactions else set()
        for one in resource.get("operation", []):
            defined = json.loads(client.get(f"/fhir/OperationDefinition?url={one['definition']}").data)["entry"][0]["resource"]
            found |= {f"{base}/${one['name']}"} if defined["type"] else set()
            found |= {f"{base}/*/${one['name']}"} if defined["instance"] else set()
    return found


# What R4 gives an address of its own: the statement itself, the asynchronous pattern, and where a Subscription sends what it has to say.
OF_R4 = ("/fhir/metadata", "/fhir/jobs/", "/fhir/subscription-notification/")


def served_addresses(client: FlaskClient) -> set[str]:
    """Every FHIR address that is registered, with * for an id."""
    rules = [rule.rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/fhir") and "/." not in rule.rule]
    found = set()
    for rule in rules:
        kinds = re.search(r"<any\(([^)]*)\):\w+>", rule)
        for kind in kinds[1].split(", ") if kinds else [""]:
            found.add(re.sub(r"<[^<>]+>", "*", rule.replace(kinds[0], kind) if kinds else rule))
    return {one for one in found if not one.startswith(OF_R4)}


def test_a17_the_etag_changes_with_content_and_spares_a_second_reading(client: FlaskClient) -> None:
    """A17, A7, A9: a weak ETag; 304 for If-None-Match."""
    first = client.get("/fhir/metadata")
    again = client.get("/fhir/metadata", headers={"If-None-Match": first.headers["ETag"]})
    other = client.get("/fhir/CodeSystem/result")

    assert first.headers["ETag"].startswith('W/"')
    assert (again.status_code, again.data) == (304, b"")
    assert other.headers["ETag"] != first.headers["ETag"]


def test_a23_the_capability_statement_has_everything_that_is_mandatory(client: FlaskClient) -> None:
    """A23: status, date, kind, fhirVersion, format; kind=instance needs implementation.description; operations a definition."""
    statement = json.loads(client.get("/fhir/metadata").data)

    assert (statement["kind"], statement["status"], statement["fhirVersion"]) == ("instance", "active", "4.0.1")
    assert statement["date"]
    assert statement["implementation"]["description"]
    assert "application/fhir+json" in statement["format"]
    assert all(one["name"] and one["definition"].startswith("http") for one in statement["rest"][0]["operation"])


def test_a22_head_is_answered_where_get_is(client: FlaskClient) -> None:
    answer = client.head("/fhir/metadata")

    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_a16_a_search_is_a_searchset_whose_self_link_names_what_was_used(client: FlaskClient, kind: str) -> None:
    """A16: GET and POST [type]/_search; searchset Bundle; `self` link with the parameters really used."""
    everything = json.loads(client.get(f"/fhir/{kind}?unknown=1").data)
    one = everything["entry"][0]["resource"]
    narrowed = json.loads(client.post(f"/fhir/{kind}/_search", data={"_id": one["id"]}).data)
    nothing = json.loads(client.get(f"/fhir/{kind}?_id=none").data)

    assert (everything["type"], everything["total"]) == ("searchset", len(everything["entry"]))
    assert everything["link"] == [{"relation": "self", "url": f"http://localhost/fhir/{kind}"}]
    assert [entry["resource"] for entry in narrowed["entry"]] == [one]
    assert narrowed["link"][0]["url"].endswith(f"?_id={one['id']}")
    assert (nothing["total"], "entry" in nothing) == (0, False)


def test_every_definition_is_read_under_its_id_and_is_what_r4_asks_for(client: FlaskClient) -> None:
    for kind in KINDS:
        for entry in json.loads(client.get(f"/fhir/{kind}").data)["entry"]:
            resource = entry["resource"]
            assert json.loads(client.get(f"/fhir/{kind}/{resource['id']}").data) == resource
            assert entry["fullUrl"] == resource["url"] == f"https://breast-adapter.example/fhir/{kind}/{resource['id']}"


def test_b7_operation_definitions_have_their_required_elements(client: FlaskClient) -> None:
    """B7: OperationDefinition needs name, status, kind, code, system, type, instance; `affectsState` decides GET."""
    stage = json.loads(client.get("/fhir/OperationDefinition/stage-breast-cancer").data)

    assert {"name", "status", "kind", "code", "system", "type", "instance"} <= stage.keys()
    assert stage["affectsState"] is False
    assert {one["name"] for one in stage["parameter"] if one["use"] == "in"} == set(STAGE_INPUTS)


def test_an_unknown_definition_is_404(client: FlaskClient) -> None:
    assert client.get("/fhir/CodeSystem/none").status_code == 404


def test_health_says_alive_and_which_knowledge_is_ready(client: FlaskClient) -> None:
    assert json.loads(client.get("/health/live").data) == {"status": "ok"}
    ready = json.loads(client.get("/health/ready").data)
    assert ready["status"] == "ok"
    assert ready["software"]
    assert ready["knowledge"]


def test_a23_every_definition_is_valid_r4(client: FlaskClient) -> None:
    """A23, B7: what a model of the resource types can see; R4B did not change these types."""
    get_model = import_module("fhir.resources.R4B").get_fhir_model_class
    bundles = [json.loads(client.get(f"/fhir/{kind}").data) for kind in KINDS]
    said = json.loads(client.get("/fhir/$stage-breast-cancer?basis=anatomic&t=T2").data)

    for resource in [
        json.loads(client.get("/fhir/metadata").data),
        said,
        *bundles,
        *(one["resource"] for b in bundles for one in b["entry"]),
    ]:
        get_model(resource["resourceType"]).model_validate(resource)


def test_no_code_of_ours_stands_twice(client: FlaskClient) -> None:
    for entry in json.loads(client.get("/fhir/CodeSystem").data)["entry"]:
        codes = [concept["code"] for concept in entry["resource"]["concept"]]
        assert len(codes) == len(set(codes)) == entry["resource"]["count"], entry["resource"]["id"]


def test_every_code_system_of_ours_that_is_written_is_published(client: FlaskClient, root: Path) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (root / "adapter" / "fhir").glob("*.py"))
    written = set(re.findall(r'\bours\("([a-z-]+)"', sources)) | set(re.findall(r"canonical\}/CodeSystem/([a-z]+)\b", sources))
    published = {entry["resource"]["id"] for entry in json.loads(client.get("/fhir/CodeSystem").data)["entry"]}

    assert {"result", "answer", "issue"} <= written <= published


def test_the_value_sets_that_are_published_are_the_ones_that_are_bound_to_or_mapped(client: FlaskClient) -> None:
    defined = [entry["resource"] for entry in json.loads(client.get("/fhir/StructureDefinition").data)["entry"]]
    elements = [element for one in defined for element in one["differential"]["element"]]
    bound = {one["binding"]["valueSet"] for one in elements if "binding" in one}
    maps = [entry["resource"] for entry in json.loads(client.get("/fhir/ConceptMap").data)["entry"]]
    mapped = {one[end] for one in maps for end in ("sourceUri", "targetUri")}
    published = {entry["resource"]["url"] for entry in json.loads(client.get("/fhir/ValueSet").data)["entry"]}

    assert bound | mapped == published


def test_the_profile_for_pet_has_examples_and_names_what_is_measured(client: FlaskClient) -> None:
    elements = json.loads(client.get("/fhir/StructureDefinition/pet-uptake").data)["differential"]["element"]

    assert {"radiopharmaceutical", "uptake-time", "blood-glucose", "injected-activity", "liver-mean", "liver-sd"} <= {
        one["sliceName"] for one in elements if "sliceName" in one
    }
    assert sum("example" in one for one in elements) == 3


def test_a_procedure_that_names_a_tracer_is_not_offered_as_one(client: FlaskClient) -> None:
    tracers = json.loads(client.get("/fhir/ValueSet/pet-tracer").data)["compose"]["include"]
    snomed = {one["code"] for part in tracers if part["system"] == "http://snomed.info/sct" for one in part["concept"]}

    assert "35321007" in snomed
    assert "443271005" not in snomed


def test_every_input_code_that_the_profile_asks_for_is_published(client: FlaskClient) -> None:
    inputs = json.loads(client.get("/fhir/CodeSystem/input").data)
    known = {one["code"] for one in inputs["concept"]}
    elements = json.loads(client.get("/fhir/StructureDefinition/pet-uptake").data)["differential"]["element"]
    asked = [coding for one in elements for coding in one.get("patternCodeableConcept", {}).get("coding", [])]
    sets = [entry["resource"] for entry in json.loads(client.get("/fhir/ValueSet").data)["entry"]]
    asked += [
        {"system": part["system"], **one} for found in sets for part in found["compose"]["include"] for one in part.get("concept", [])
    ]

    ours = {one["code"] for one in asked if one["system"] == inputs["url"]}
    assert ours
    assert ours <= known


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/CodeSystem/result", "/fhir/ValueSet", "/openapi.json"])
def test_a7_a9_every_definition_has_a_weak_tag_and_may_be_kept(client: FlaskClient, path: str) -> None:
    """A7: the ETag is weak; A9: 304 for If-None-Match, and everything for another tag."""
    tag = client.get(path).headers["ETag"]

    assert tag.startswith('W/"')
    assert client.get(path, headers={"If-None-Match": f'W/"other", {tag}'}).status_code == 304
    assert client.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_a7_the_tag_is_the_one_of_the_content_and_not_of_its_layout(client: FlaskClient) -> None:
    tags = {client.get(f"/fhir/CodeSystem/result{query}").headers["ETag"] for query in ("", "?_format=json")}

    assert len(tags) == 1


def test_a8_what_stands_under_another_version_is_412(client: FlaskClient) -> None:
    """A8: `If-Match` mismatch -> 412; A10: on failure a body with OperationOutcome."""
    tag = client.get("/fhir/CodeSystem/result").headers["ETag"]
    assert client.get("/fhir/CodeSystem/result", headers={"If-Match": tag}).status_code == 200
    assert client.get("/openapi.json", headers={"If-Match": 'W/"other"'}).json["resourceType"] == "OperationOutcome"
    answer = client.get("/fhir/CodeSystem/result", headers={"If-Match": 'W/"other"'})

    assert (answer.status_code, answer.json["resourceType"]) == (412, "OperationOutcome")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a8_definitions_are_not_changed_over_http(client: FlaskClient, method: str) -> None:
    answer = client.open("/fhir/CodeSystem/result", method=method)

    assert (answer.status_code, answer.json["resourceType"]) == (405, "OperationOutcome")
    assert {"GET", "HEAD"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("kind", KINDS)
def test_a16_get_and_post_find_the_same(client: FlaskClient, kind: str) -> None:
    """A16: search by GET and by POST [type]/_search; a parameter in the URL and one in the form both count."""
    url = client.get(f"/fhir/{kind}").json["entry"][0]["resource"]["url"]
    asked = client.get(f"/fhir/{kind}", query_string={"url": url}).json
    posted = client.post(f"/fhir/{kind}/_search", data={"url": url}).json
    mixed = client.post(f"/fhir/{kind}/_search?url={url}", data={"_id": "none"}).json

    assert asked == posted
    assert (asked["total"], mixed["total"]) == (1, 0)


def test_a16_a_search_that_has_to_be_exact_refuses_what_it_does_not_know(client: FlaskClient) -> None:
    """A16: failure 4xx with OperationOutcome; R4 search: `Prefer: handling=strict`."""
    strict = {"Prefer": "handling=strict"}

    assert client.get("/fhir/CodeSystem?name=x", headers=strict).status_code == 400
    assert client.get("/fhir/CodeSystem?_id=result&_format=json", headers=strict).json["total"] == 1
    assert client.get("/fhir/CodeSystem?name=x", headers={"Prefer": "handling=lenient"}).status_code == 200


def test_a16_a_search_by_a_form_takes_a_form_only(client: FlaskClient) -> None:
    """A3, A16: 415 for an unsupported posted format."""
    answer = client.post("/fhir/CodeSystem/_search", data=b"{}", content_type="application/fhir+json")

    assert (answer.status_code, answer.json["resourceType"]) == (415, "OperationOutcome")


def test_a22_head_is_answered_everywhere_as_get_is(client: FlaskClient) -> None:
    """A22: HEAD where GET is: the same status and headers, and no body."""
    rules = [rule for rule in client.application.url_map.iter_rules() if "GET" in rule.methods]
    names = {"kind": "CodeSystem", "name": "result", "job": "x", "filename": "page.css"}

    assert rules
    for rule in rules:
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda found: names[found[1]], rule.rule)
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.data) == (got.status_code, b""), path
        assert [head.headers.get(name) for name in ("Content-Type", "ETag")] == [got.headers.get(name) for name in ("Content-Type", "ETag")]


def test_a22_a_request_id_that_was_sent_is_sent_back(client: FlaskClient) -> None:
    assert client.get("/fhir/metadata", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/fhir/metadata").headers["X-Request-Id"]


def test_b1_b7_every_operation_says_where_it_is_asked(client: FlaskClient) -> None:
    """B1: system, type and instance; B7: required elements, and `affectsState` decides GET."""
    rules = {rule.rule: rule.methods for rule in client.application.url_map.iter_rules()}
    for entry in client.get("/fhir/OperationDefinition").json["entry"]:
        one = entry["resource"]
        assert {"name", "status", "kind", "code", "system", "type", "instance", "affectsState"} <= one.keys()
        assert one["system"] or one["resource"]
        is_primitive = all(part.get("type", "R")[0].islower() for part in one["parameter"] if part["use"] == "in" and part["min"] > 0)
        if one["system"]:
            methods = rules[f"/fhir/${one['code']}"]
            assert ("GET" in methods) == (is_primitive and not one["affectsState"]), one["id"]


def test_b8_only_what_is_named_for_it_changes_anything(client: FlaskClient) -> None:
    """B8: a pure operation and a separate write operation."""
    changing = {
        entry["resource"]["id"] for entry in client.get("/fhir/OperationDefinition").json["entry"] if entry["resource"]["affectsState"]
    }

    assert changing == {"interpret-and-write"}


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SEARCH = "/fhir/CodeSystem/_search"


def refusal(answer: object) -> tuple[int, str, str]:
    """The status, the FHIR code and the words of a refusal."""
    issue = answer.json["issue"][0]
    return answer.status_code, issue["code"], issue["details"]["text"]


class Endless(io.RawIOBase):
    """A body without an end, and how much of it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.was_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:
        into[:] = b"%41" * (len(into) // 3) + b"A" * (len(into) % 3)
        self.was_read += len(into)
        return len(into)


@pytest.mark.parametrize("sent", [b"_id=" + b"%41" * 22_000, b"x" * 65_537, gzip.compress(b"_id=" + b"A" * 10_000_000)])
def test_a_search_form_over_the_limit_is_413(client: FlaskClient, sent: bytes) -> None:
    """The form is public, so it is bounded before it is read: as it comes, and as it is unpacked."""
    packed = {"Content-Encoding": "gzip"} if sent.startswith(b"\x1f\x8b") else {}
    status, code, text = refusal(client.post(SEARCH, data=sent, headers=FORM | packed))

    assert (status, code, "65536 bytes" in text) == (413, "too-long", True)


def test_a_search_form_of_unknown_length_is_read_up_to_the_limit_only(client: FlaskClient) -> None:
    endless = Endless()
    stream = {"wsgi.input": endless, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}

    assert client.post(SEARCH, headers=FORM, environ_overrides=stream).status_code == 413
    assert endless.was_read < 1_000_000


def test_a_search_form_never_may_be_larger_than_any_other_body(service: Callable[..., Flask]) -> None:
    client = service(max_body_bytes=100).test_client()

    assert client.post(SEARCH, data=b"_id=" + b"x" * 100, headers=FORM).status_code == 413
    assert client.post(SEARCH, data=b"_id=result", headers=FORM).json["total"] == 1


def test_a_search_form_of_very_many_parameters_is_413(client: FlaskClient) -> None:
    assert client.post(SEARCH, data=b"x=&" * 1000, headers=FORM).status_code == 413


def test_a_search_form_is_read_as_browsers_and_libraries_write_it(client: FlaskClient) -> None:
    named = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}

    assert client.post(SEARCH, data=b"_id=res%75lt,none&x=+", headers=named).json["total"] == 1
    assert client.post(SEARCH, data=gzip.compress(b"_id=result"), headers=FORM | {"Content-Encoding": "gzip"}).json["total"] == 1
    assert client.post(SEARCH, data=b"_id=%FF\xff", headers=FORM).json["total"] == 0
    assert client.post(SEARCH).json["total"] == client.get("/fhir/CodeSystem").json["total"]


def test_a_search_form_that_does_not_say_what_it_is_is_not_passed_over(client: FlaskClient) -> None:
    """A3: what is not known to be a form could be anything, and an answer without its parameters would look like an answer to them."""
    assert client.post(SEARCH, data=b"_id=result").status_code == 415


PUBLIC = "https://adapter.hospital.example/oncology"


def test_a16_the_links_of_a_search_lead_to_the_public_address(service: Callable[..., Flask]) -> None:
    """A proxy or a caller may write anything into Host; what is kept of a search has to lead back here."""
    client, lied = service(public_url=f"{PUBLIC}/").test_client(), {"Host": "evil.example"}

    for answer in (client.get("/fhir/CodeSystem?_id=result", headers=lied), client.post(SEARCH, data={"_id": "result"}, headers=lied)):
        assert [link["url"] for link in answer.json["link"]] == [f"{PUBLIC}/fhir/CodeSystem?_id=result"]


@pytest.mark.parametrize("asked", ["url:below=http", "_id:not=result", "url:missing=true", "_count:exact=1", "_id=result&url:above=x"])
def test_a16_a_modifier_that_is_not_supported_is_refused_by_name(client: FlaskClient, asked: str) -> None:
    """R4 search: servers SHALL reject a search with a modifier that they do not support for that parameter."""
    modified = next(part for part in asked.split("&") if ":" in part).partition("=")[0]

    for answer in (client.get(f"/fhir/CodeSystem?{asked}"), client.post(SEARCH, data=asked, headers=FORM)):
        status, code, text = refusal(answer)
        assert (status, code, modified in text) == (400, "not-supported", True)


def test_a16_a_modifier_of_a_parameter_that_is_not_known_is_passed_over_with_it(client: FlaskClient) -> None:
    answer = client.get("/fhir/CodeSystem?name:exact=x&_id=result").json

    assert (answer["total"], answer["link"]) == (1, [{"relation": "self", "url": "http://localhost/fhir/CodeSystem?_id=result"}])
    assert client.get("/fhir/CodeSystem?name:exact=x", headers={"Prefer": "handling=strict"}).status_code == 400


def test_a16_never_more_is_shown_than_was_asked_for_and_the_links_lead_through_everything(client: FlaskClient) -> None:
    """R4 search: _count: the server SHALL NOT return more; `next` leads on, and the last page has none."""
    everything = client.get("/fhir/CodeSystem").json
    pages, address = [], "/fhir/CodeSystem?_count=4&unknown=1"
    while address:
        page = client.get(address.removeprefix("http://localhost")).json
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert (page["total"], client.get(links["self"].removeprefix("http://localhost")).json) == (everything["total"], page)
        pages.append(page["entry"])
        address = links.get("next", "")

    assert [len(entries) for entries in pages[:-1]] == [4] * (len(pages) - 1)
    assert len(pages[-1]) <= 4
    assert [entry for entries in pages for entry in entries] == everything["entry"]


def test_a16_the_next_page_keeps_the_filters(client: FlaskClient) -> None:
    answer = client.post(SEARCH, data={"_id": "result,answer,flag", "_count": "2"}).json

    assert (answer["total"], len(answer["entry"])) == (3, 2)
    assert [link["url"] for link in answer["link"]] == [
        "http://localhost/fhir/CodeSystem?_id=result%2Canswer%2Cflag&_count=2",
        "http://localhost/fhir/CodeSystem?_id=result%2Canswer%2Cflag&_count=2&_offset=2",
    ]


@pytest.mark.parametrize("asked", ["_count=0", "_summary=count", "_summary=count&_count=2", "_count=5&_offset=2147483647"])
def test_a16_the_total_can_be_had_alone(client: FlaskClient, asked: str) -> None:
    """R4 search: `_count=0` is the same as `_summary=count`: the number and no entry."""
    answer = client.get(f"/fhir/CodeSystem?{asked}").json

    assert (answer["total"], "entry" in answer) == (client.get("/fhir/CodeSystem").json["total"], False)
    assert answer["link"] == [{"relation": "self", "url": f"http://localhost/fhir/CodeSystem?{asked}"}]


@pytest.mark.parametrize(
    "asked", ["_count=-1", "_count=1e9", "_count=", "_count=x", "_count=%D9%A3", "_count=2147483648", "_count=1&_count=2", "_offset=-1"]
)
def test_a16_a_count_that_is_none_is_refused(client: FlaskClient, asked: str) -> None:
    """R4 search: a parameter whose content is wrong is an error."""
    assert client.get(f"/fhir/CodeSystem?{asked}").status_code == 400


def test_a16_a_summary_that_is_not_made_gives_everything_and_is_no_part_of_the_self_link(client: FlaskClient) -> None:
    """R4 search: a server may return more than a summary; who is strict is told."""
    whole = client.get("/fhir/CodeSystem?_summary=true")

    assert whole.json == client.get("/fhir/CodeSystem").json
    assert client.get("/fhir/CodeSystem?_summary=true", headers={"Prefer": "handling=strict"}).status_code == 400
    assert client.get("/fhir/CodeSystem?_summary=count&_count=1", headers={"Prefer": "handling=strict"}).status_code == 200
    assert client.get("/fhir/CodeSystem?_summary=everything").status_code == 400
