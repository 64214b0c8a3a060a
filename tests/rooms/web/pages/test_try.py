"""Can a Bundle be tried without a server, without the script, and without leaving a trace?"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient

BROKEN = '{"resourceType": "Bundle",\n "entry": [{"resource": }]}'


@pytest.fixture
def bundle(root: Path) -> str:
    return (root / "fixtures/her2-positive-fdg-response/input.json").read_text(encoding="utf-8")


def words(html: str) -> str:
    """The text of a page as it is read, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_pasted_text_becomes_the_page_of_the_patient(client: FlaskClient, bundle: str) -> None:
    answer = client.post("/try", data={"bundle": bundle})

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    said = words(answer.text)
    assert "Right breast histology ductal" in said
    assert "Clinical prognostic stage Stage IIIA" in said
    assert "Early FDG response, 2026-02-23 pCR not excluded" in said


def test_a_file_does_the_same_and_counts_before_text(client: FlaskClient, bundle: str) -> None:
    form = {"file": (BytesIO(bundle.encode()), "patient.json"), "bundle": "something else"}
    answer = client.post("/try", data=form, content_type="multipart/form-data")

    assert answer.status_code == 200
    assert "Right breast" in answer.text


def test_the_page_of_an_example_is_the_page_of_its_bundle(client: FlaskClient, bundle: str) -> None:
    example = client.get("/try/her2-positive-fdg-response").text
    posted = client.post("/try", data={"bundle": bundle.replace("\n", "\r\n")}).text

    shown, sent = (words(html.partition("<main")[2]) for html in (example, posted))
    assert shown.replace("Synthetic example ", "") == sent


def test_a_scheme_that_is_chosen_in_the_form_is_used(client: FlaskClient, root: Path) -> None:
    bundle = (root / "fixtures/bilateral/input.json").read_text(encoding="utf-8")
    said = words(client.post("/try", data={"bundle": bundle, "scheme": ["subtype=stgallen2011", "fdg-staging=nccn"]}).text)

    assert "stgallen2011, chosen for this request or site" in said


@pytest.mark.parametrize(
    "sent",
    [
        BROKEN,
        "",
        "{}",
        '{"resourceType": "Patient"}',
        '{"resourceType": "Bundle", "entry": []}',
        "[" * 100_000,
        '{"resourceType": "Bundle", "entry": 1}',
    ],
)
def test_a_broken_bundle_gets_the_issues_and_the_status_of_the_api(client: FlaskClient, sent: str) -> None:
    page = client.post("/try", data={"bundle": sent})
    api = client.post("/fhir/$interpret-breast-cancer", data=sent, content_type="application/fhir+json")
    issues = [issue["details"]["text"] for issue in json.loads(api.data).get("issue", [])]

    if sent:
        assert page.status_code == api.status_code
        assert all(text in words(page.text) for text in issues)
    else:
        assert (page.status_code, "no Bundle was sent" in words(page.text)) == (400, True)


def test_the_place_of_the_fault_is_marked_in_what_was_pasted(client: FlaskClient) -> None:
    answer = client.post("/try", data={"bundle": BROKEN})

    assert "line 2, column 25" in answer.text
    assert "<code> &#34;entry&#34;: [{&#34;resource&#34;: <mark>}</mark>]}</code>" in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_what_was_pasted_is_still_there_to_be_mended(client: FlaskClient) -> None:
    area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", client.post("/try", data={"bundle": BROKEN}).text, re.DOTALL)

    assert area is not None
    assert unescape(area.group(1)) == BROKEN


def test_an_issue_of_an_entry_shows_the_entry(client: FlaskClient, root: Path) -> None:
    bundle = (root / "fixtures/one-bad-entry/input.json").read_text(encoding="utf-8")
    said = words(client.post("/try", data={"bundle": bundle}).text)

    assert 'tumor-size: the unit is "in", expected mm or cm Observation/unknown-unit at Bundle.entry[13].resource.component[0]' in said
    line = next(number for number, text in enumerate(bundle.split("\n"), 1) if '"in"' in text)
    marked = [int(found) for found in re.findall(r"line (\d+), column", said)]
    assert any(line - 20 <= one <= line for one in marked)


def test_markup_in_what_was_sent_is_shown_and_never_run(client: FlaskClient, bundle: str) -> None:
    evil = bundle.replace("Axillary node, right", "<script>alert(1)</script>").replace('"p01"', '"p01"')
    answer = client.post("/try", data={"bundle": evil})

    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    refused = client.post("/try", data={"bundle": "</textarea><script>alert(1)</script>"})
    assert "<script>alert" not in refused.text


def test_a_program_is_told_where_to_send(client: FlaskClient, bundle: str) -> None:
    answer = client.post("/try", data=bundle, content_type="application/fhir+json")

    assert (answer.status_code, "/fhir/$interpret-breast-cancer" in answer.text) == (415, True)


def test_a_form_that_breaks_off_is_said_to(client: FlaskClient) -> None:
    answer = client.post("/try", data=b"--x\r\nContent-Disposition: form-data; name=", content_type="multipart/form-data; boundary=x")

    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert client.post("/try", data=b"abc", content_type="multipart/form-data").status_code == 400


def test_too_much_is_refused_in_words(visitor: Callable[..., FlaskClient]) -> None:
    answer = visitor(max_body_bytes=1000).post("/try", data={"bundle": "x" * 2000})

    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert "ADAPTER_MAX_BODY_BYTES" in answer.text


def test_nothing_that_was_posted_is_kept_or_logged(
    client: FlaskClient, bundle: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a few megabytes would go to the disk of the service if the framework read the form."""
    asked_for: list[str] = []
    monkeypatch.setattr(tempfile, "gettempdir", lambda: asked_for.append("a place for a file"))
    caplog.set_level(logging.DEBUG)
    large = bundle.replace("p01", "secret-patient") + " " * 3_000_000
    head = '--cut\r\nContent-Disposition: form-data; name="file"; filename="secret-name.json"\r\n\r\n'
    answer = client.post("/try", data=f"{head}{large}\r\n--cut--\r\n".encode(), content_type="multipart/form-data; boundary=cut")

    assert answer.status_code == 200
    assert "secret" not in caplog.text
    assert asked_for == []
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_an_unknown_example_is_not_found_in_words(client: FlaskClient) -> None:
    answer = client.get("/try/nothing")

    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_an_unforeseen_fault_is_a_page_without_anything_of_the_inside(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = client.application.extensions["desk"]

    def explode(*_: object) -> None:
        raise ZeroDivisionError("Jane Doe, born 1961-03-04")

    client.application.extensions["desk"] = desk._replace(interpret=explode)
    answer = client.post("/try", data={"bundle": "{}"})

    assert (answer.status_code, answer.mimetype, "incident" in answer.text) == (500, "text/html", True)
    assert "Jane" not in answer.text
