"""Is every page safe by itself: one stylesheet, one script, no word in a template that medicine would have to answer for?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from adapter.knowledge.books import Knowledge
from adapter.web.pages.frame import POLICY

PAGES = ["/", "/try", "/try/her2-positive-fdg-response", "/try/bilateral", "/try/one-bad-entry", "/try/nothing"]


@pytest.mark.parametrize("address", PAGES)
def test_every_page_carries_the_policy_and_nothing_that_it_would_block(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    policy = answer.headers["Content-Security-Policy"]

    assert policy == POLICY
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=\"/static/)", answer.text) == []
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("address", PAGES)
def test_a_page_loads_nothing_from_elsewhere(client: FlaskClient, address: str) -> None:
    """It works offline: every address that a browser would load by itself is ours."""
    loaded = re.findall(r"<(?:link|script|img|iframe|source)[^>]*\s(?:href|src)=\"([^\"]+)\"", client.get(address).text)

    assert {one.partition("?")[0] for one in loaded} == {"/static/icon.svg", "/static/page.css", "/static/page.js"}


def test_what_a_page_loads_is_here_and_leads_nowhere_else(client: FlaskClient) -> None:
    for name in ("icon.svg", "page.css", "page.js", "inter.woff2"):
        with client.get(f"/static/{name}") as answer:
            assert answer.status_code == 200
            assert b"http" not in answer.data.replace(b"http://www.w3.org/2000/svg", b"")


@pytest.mark.parametrize("address", PAGES)
def test_every_link_inside_a_page_has_its_place_once(client: FlaskClient, address: str) -> None:
    html = client.get(address).text
    names = re.findall(r"\sid=\"([^\"]+)\"", html)
    wanted = set(re.findall(r"href=\"#([^\"]+)\"", html))

    assert len(names) == len(set(names))
    assert wanted <= set(names)


@pytest.mark.parametrize("address", PAGES[:5])
def test_the_intended_use_stands_on_every_page(client: FlaskClient, knowledge: Knowledge, address: str) -> None:
    assert knowledge.publication.usage in client.get(address).text


def test_the_front_page_leads_to_the_rest(client: FlaskClient) -> None:
    links = set(re.findall(r"href=\"(/[^\"#]*)\"", client.get("/").text.partition("<body>")[2]))

    assert {"/try", "/try/her2-positive-fdg-response", "/fhir/metadata"} <= links
    assert all(client.get(link).status_code == 200 for link in links)


def test_an_unknown_address_of_the_api_is_still_an_operation_outcome(client: FlaskClient) -> None:
    assert client.get("/fhir/nothing").json["resourceType"] == "OperationOutcome"


def test_templates_hold_no_clinical_word(root: Path, knowledge: Knowledge) -> None:
    """What a result, an answer or a flag is called comes from mappings/outputs, and every heading about them from the page room."""
    called = {shape.display.lower() for shape in knowledge.outputs.results.values()}
    called |= {flag.display.lower() for flag in knowledge.outputs.flags.values()}
    called |= set("estrogen her2 suv percist fdg fes ajcc tumor cancer receptor metasta stage specimen lesion uptake indication".split())
    for template in (root / "adapter/web/pages/templates").iterdir():
        said = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
        shown = re.sub(r"<[^>]*>", " ", said).lower().replace("breast-cancer fhir adapter", "").replace("$interpret-breast-cancer", "")
        assert [word for word in called if word in shown] == [], template.name


@pytest.mark.parametrize("name", sorted(path.parent.name for path in (Path(__file__).parents[4] / "fixtures").glob("*/input.json")))
def test_every_example_has_a_page_whose_links_have_their_place(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/try/{name}")
    names = re.findall(r"\sid=\"([^\"]+)\"", answer.text)

    assert answer.status_code == 200
    assert len(names) == len(set(names))
    assert set(re.findall(r"href=\"#([^\"]+)\"", answer.text)) <= set(names)
