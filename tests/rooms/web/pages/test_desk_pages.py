"""The knowledge desk and the operations page: everything opens, and a code that nobody maps comes out as a row to fill in."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.delivery import outbox
from adapter.delivery.jobs import State, Work
from adapter.delivery.workplace import Workplace
from adapter.facts.case import UnmappedCode
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.unmapped import COLUMNS
from adapter.web.desk import Desk

ODD = UnmappedCode(role="observation", system="https://lab.example/codes", code="ER-X", display="Estrogen receptor in tissue <script>")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(auth="none", fhir_servers=("https://fhir.example/r4",), database=f"sqlite:///{tmp_path / 'jobs.sqlite'}")


@pytest.fixture
def place(settings: Settings, knowledge: Knowledge) -> Iterator[Workplace]:
    made = workplace(settings, knowledge)
    yield made
    made.engine.dispose()


@pytest.fixture
def app(settings: Settings, knowledge: Knowledge, place: Workplace) -> Flask:
    return create_app(settings, Desk(settings, knowledge, interpret, stage, place))


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def text(browser: FlaskClient, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return answer.get_data(as_text=True)


def test_every_topic_and_rule_opens_from_the_knowledge_page(browser: FlaskClient, knowledge: Knowledge) -> None:
    topics = re.findall(r'href="(/knowledge/topics/[^"]+)"', text(browser, "/knowledge"))
    assert len(topics) == len(knowledge.topics)
    rules = {rule for topic in topics for rule in re.findall(r'href="(/knowledge/rules/[^"]+)"', text(browser, topic))}
    assert len(rules) == len(knowledge.rules)
    for rule in sorted(rules):
        assert "Checked on" in text(browser, rule)


def test_the_row_of_an_answer_is_marked_in_its_table(browser: FlaskClient) -> None:
    page = text(browser, "/knowledge/rules/clinical-prognostic-stage?row=c-C-G2--%2B%2B")
    assert page.count("this patient") == 1


def test_a_search_shows_what_it_found_and_escapes_what_was_typed(browser: FlaskClient) -> None:
    assert "85337-4" in text(browser, "/knowledge?q=85337-4")
    assert "<script>alert" not in text(browser, "/knowledge?q=<script>alert(1)</script>")


def test_every_source_has_an_anchor(browser: FlaskClient, knowledge: Knowledge) -> None:
    page = text(browser, "/knowledge/sources")
    assert all(f'id="{source}"' in page for source in knowledge.sources)


@pytest.mark.parametrize("address", ["/knowledge/topics/nothing", "/knowledge/rules/nothing"])
def test_what_is_not_there_is_a_page_that_says_so(browser: FlaskClient, address: str) -> None:
    answer = browser.get(address)
    assert (answer.status_code, "<h1>404" in answer.get_data(as_text=True)) == (404, True)


def test_a_code_that_nobody_maps_comes_out_as_a_row_to_fill_in(browser: FlaskClient, place: Workplace) -> None:
    place.note("lab", {ODD: 3})
    place.lookout.write()
    page = text(browser, "/operations/unmapped")
    assert "ER-X" in page
    assert "<script>" not in page.replace('<script src="', "")
    (row,) = csv.DictReader(StringIO(text(browser, "/operations/unmapped.csv?sender=lab")))
    assert tuple(row) == COLUMNS
    assert (row["code"], row["fact"]) == ("ER-X", "")
    assert row["note"].startswith("seen 3 times; perhaps er-status")
    assert list(csv.DictReader(StringIO(text(browser, "/operations/unmapped.csv?sender=ward")))) == []


def test_an_interpretation_counts_what_was_not_understood(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(settings)
    body = b"""{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p"}},
      {"resource":{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/p"},
      "code":{"coding":[{"system":"https://lab.example","code":"ER1","display":"Estrogen receptor"}]},"valueString":"positive"}}]}"""
    browser = app.test_client()
    answer = browser.post("/fhir/$interpret-breast-cancer", data=body, content_type="application/fhir+json", base_url="http://localhost")
    assert answer.status_code == 200
    app.extensions["desk"].workplace.lookout.write()
    assert "ER1" in text(browser, "/operations/unmapped")
    app.extensions["desk"].workplace.engine.dispose()


def test_a_dead_job_is_shown_with_its_reason_and_asked_for_again(browser: FlaskClient, place: Workplace) -> None:
    now = datetime.now(UTC)
    job = outbox.enqueue(place.engine, "https://fhir.example/r4", Work.WRITE, "Patient/p1", "request", now)
    leased = outbox.lease_next(place.engine, "worker", place.patience, now)
    outbox.dead(place.engine, leased, "the server refused it", now)
    assert "the server refused it" in text(browser, "/operations")
    assert browser.post(f"/operations/jobs/{job.id}/retry").status_code == 303
    again = outbox.show(place.engine, job.id).follows
    assert outbox.show(place.engine, again).state is State.QUEUED
    assert browser.post(f"/operations/jobs/{job.id}/retry").status_code == 409


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_cannot_send_the_form(browser: FlaskClient, headers: dict[str, str]) -> None:
    assert browser.post("/operations/jobs/x/retry", headers=headers).status_code == 403


class TestWithAuthorization:
    """With ADAPTER_AUTH=smart the pages of operators ask for their secret, and the knowledge stays open."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        (tmp_path / "secret").write_text("a long secret\n")
        return Settings(
            auth="smart",
            auth_issuers=("https://auth.example",),
            auth_jwks=("https://auth.example/jwks",),
            auth_token_url="https://auth.example/token",  # noqa: S106 - It is an address.
            public_url="https://adapter.example",
            fhir_servers=("https://fhir.example/r4",),
            database=f"sqlite:///{tmp_path / 'jobs.sqlite'}",
            operator_secret_file=tmp_path / "secret",
        )

    @pytest.mark.parametrize("address", ["/operations", "/operations/unmapped", "/operations/unmapped.csv", "/try"])
    def test_only_the_secret_opens_them(self, browser: FlaskClient, address: str) -> None:
        without = browser.get(address)
        assert (without.status_code, without.headers["WWW-Authenticate"].lower().startswith("basic")) == (401, True)
        assert browser.get(address, auth=("me", "wrong")).status_code == 401
        assert browser.get(address, auth=("me", "a long secret")).status_code == 200

    def test_a_patient_is_opened_from_the_record_only(self, browser: FlaskClient) -> None:
        assert browser.get("/patient/p1").status_code == 403
        assert browser.get("/knowledge").status_code == 200
        assert browser.get("/").status_code == 200
