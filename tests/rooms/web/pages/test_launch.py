"""The launch from the record to the page of its patient, as a browser does it, against a server that enforces SMART (C3)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.peers.authorization import Authority, authorization_server
from tests.peers.running import ROOT

PUBLIC = "http://127.0.0.1:8080"
BACK = f"{PUBLIC}/launch/callback"
SENT = json.loads((ROOT / "fixtures" / "luminal-b-like-stage-iib" / "input.json").read_bytes())
RECORD = [entry["resource"] for entry in SENT["entry"]]
PATIENT = next(one["id"] for one in RECORD if one["resourceType"] == "Patient")


@pytest.fixture
def authority() -> Iterator[Authority]:
    with authorization_server(Authority(RECORD, PATIENT, redirect_uris=(BACK,))) as running:
        yield running


@pytest.fixture
def app(authority: Authority, tmp_path: Path, knowledge: Knowledge) -> Flask:
    settings = Settings(
        auth="smart",
        auth_issuers=("https://auth.example",),
        auth_jwks=("https://auth.example/jwks",),
        auth_token_url="https://auth.example/token",  # noqa: S106 - It is an address.
        fhir_servers=(authority.base,),
        public_url=PUBLIC,
        launch_client_id="onco-app",
        database=f"sqlite:///{tmp_path / 'jobs.sqlite'}",
    )
    return made(settings, knowledge)


def made(settings: Settings, knowledge: Knowledge) -> Flask:
    return create_app(settings, Desk(settings, knowledge, interpret, stage, workplace(settings, knowledge)))


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def sent_away(browser: FlaskClient, address: str) -> str:
    """Where our service sends the browser."""
    answer = browser.get(address)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


def at_the_authority(url: str) -> str:
    """Where the authorization server sends the browser, without the name of the host."""
    back = requests.get(url, allow_redirects=False, timeout=5).headers["Location"]
    return back.removeprefix(PUBLIC)


def through(browser: FlaskClient, address: str) -> str:
    """The address of the page at the end of a launch."""
    return sent_away(browser, at_the_authority(sent_away(browser, address)))


def test_a_launch_from_the_record_ends_on_the_page_of_its_patient(browser: FlaskClient, authority: Authority) -> None:
    where = through(browser, f"/launch?iss={authority.base}&launch={authority.launch()}")
    page = browser.get(where)
    assert (where, page.status_code) == (f"/patient/{PATIENT}", 200)
    assert "Stage IIA" in page.get_data(as_text=True)


def test_a_standalone_launch_and_an_address_of_a_patient_lead_to_the_same_page(browser: FlaskClient) -> None:
    assert sent_away(browser, f"/patient/{PATIENT}") == "/launch"
    assert browser.get(through(browser, "/launch")).status_code == 200


def test_the_browser_holds_a_key_that_no_script_reads_and_nothing_of_the_token(browser: FlaskClient, authority: Authority) -> None:
    answers = [browser.get("/launch")]
    answers.append(browser.get(at_the_authority(answers[0].headers["Location"])))
    for answer in answers:
        (cookie,) = answer.headers.getlist("Set-Cookie")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    (token,) = authority.tokens
    assert not [one for one in answers if token in str(one.headers) or token in one.get_data(as_text=True)]
    keys = [answer.headers["Set-Cookie"].partition(";")[0] for answer in answers]
    assert keys[0] != keys[1]


def test_the_launch_of_one_patient_opens_no_other(browser: FlaskClient) -> None:
    through(browser, "/launch")
    page = browser.get("/patient/somebody-else")
    assert (page.status_code, "another patient" in page.get_data(as_text=True)) == (403, True)


def test_an_issuer_that_is_not_on_the_list_is_not_called(browser: FlaskClient) -> None:
    page = browser.get("/launch?iss=http://127.0.0.1:9/fhir&launch=x")
    text = page.get_data(as_text=True)
    assert (page.status_code, "not on the list" in text, "127.0.0.1:9" in text) == (403, True, False)


def test_a_wrong_state_a_second_use_and_another_browser_get_a_page_and_no_token(
    app: Flask, browser: FlaskClient, authority: Authority
) -> None:
    back = at_the_authority(sent_away(browser, "/launch"))
    stranger = app.test_client().get(back)
    assert (stranger.status_code, "not known here" in stranger.get_data(as_text=True)) == (400, True)
    code = parse_qs(urlsplit(back).query)["code"][0]
    wrong = browser.get(f"/launch/callback?code={code}&state=made-up")
    assert (wrong.status_code, "another launch" in wrong.get_data(as_text=True)) == (400, True)
    assert browser.get(back).status_code == 400
    assert authority.tokens == set()


def test_a_person_who_is_refused_reads_so(browser: FlaskClient, authority: Authority) -> None:
    authority.denies = True
    page = browser.get(at_the_authority(sent_away(browser, "/launch")))
    assert (page.status_code, "gave no access" in page.get_data(as_text=True)) == (403, True)


def test_a_launch_that_has_ended_is_said_on_a_page_and_the_next_visit_begins_another(browser: FlaskClient, authority: Authority) -> None:
    """A token that lived for a millisecond."""
    authority.lives = 0.001  # type: ignore[assignment]  # Servers send whole seconds; a test does not want to wait for one.
    where = through(browser, "/launch")
    page = browser.get(where)
    assert (page.status_code, "The launch has ended" in page.get_data(as_text=True)) == (401, True)
    assert sent_away(browser, where) == "/launch"


def test_ending_a_launch_forgets_it(browser: FlaskClient) -> None:
    where = through(browser, "/launch")
    assert 'action="/launch/end"' in browser.get(where).get_data(as_text=True)
    assert browser.post("/launch/end").status_code == 303
    assert sent_away(browser, where) == "/launch"


def test_a_record_that_does_not_answer_is_said_to_be_away(browser: FlaskClient, tmp_path: Path, knowledge: Knowledge) -> None:
    settings = Settings(
        auth="none",
        fhir_servers=("http://127.0.0.1:9/fhir",),
        public_url=PUBLIC,
        launch_client_id="onco-app",
        database=f"sqlite:///{tmp_path / 'x'}",
    )
    page = made(settings, knowledge).test_client().get("/launch", base_url="http://localhost:8080")
    assert (page.status_code, "cannot be reached" in page.get_data(as_text=True)) == (503, True)


def test_nothing_of_a_launch_is_logged(browser: FlaskClient, authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        word = authority.launch()
        where = sent_away(browser, f"/launch?iss={authority.base}&launch={word}")
        back = at_the_authority(where)
        browser.get(sent_away(browser, back))
    secrets = [word, *authority.tokens, *parse_qs(urlsplit(where).query)["state"], *parse_qs(urlsplit(back).query)["code"], PATIENT]
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("adapter"))
    assert said
    assert not [secret for secret in secrets if secret in said]
