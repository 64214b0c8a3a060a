"""The page for developers: complete, without a script, and with nothing that is fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

from flask import Flask
from flask.testing import FlaskClient


class Page(HTMLParser):
    """Every element of a page with its attributes, the texts of its code elements, and whether each element was closed."""

    VOID = frozenset({"meta", "link", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "code":
            self.texts.append(data)


def page(client: FlaskClient) -> Page:
    answer = client.get("/docs")
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    return Page(answer.get_data(as_text=True))


def test_every_address_of_the_document_stands_on_the_page(client: FlaskClient) -> None:
    assert set(client.get("/openapi.json").json["paths"]) <= set(page(client).texts)


def test_the_page_runs_nothing_and_fetches_nothing_from_elsewhere(client: FlaskClient) -> None:
    found = page(client)

    assert found.open == []
    assert {tag for tag, _ in found.elements} & {"script", "style", "iframe", "img", "object"} == set()
    assert [name for _, attributes in found.elements for name in attributes if name == "style" or name.startswith("on")] == []
    addresses = [attributes[name] for _, attributes in found.elements for name in ("href", "src") if attributes.get(name)]
    assert [one for one in addresses if not one.startswith(("/", "#"))] == []
    assert "'unsafe" not in client.get("/docs").headers["Content-Security-Policy"]


def test_every_link_of_the_page_leads_somewhere(client: FlaskClient) -> None:
    found = page(client)
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    links = {attributes["href"] for _, attributes in found.elements if "href" in attributes}

    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert {client.get(link).status_code for link in links if link.startswith("/")} == {200}


def test_the_stylesheet_fetches_nothing(client: FlaskClient) -> None:
    answer = client.get("/docs/reference.css")

    assert answer.mimetype == "text/css"
    assert re.findall(r"url\(|@import|http", answer.get_data(as_text=True)) == []


def test_the_examples_of_the_page_that_are_get_are_answered(client: FlaskClient) -> None:
    asked = [text for text in page(client).texts if text.startswith("curl 'http://localhost")]

    assert len(asked) > 5
    for text in asked:
        address = re.fullmatch(r"curl 'http://localhost([^']+)'", text)[1]
        assert client.get(address).status_code == 200, address


def test_the_page_says_whether_something_can_be_asked_for_later(service: Callable[..., Flask]) -> None:
    assert "has no database" in service().test_client().get("/docs").get_data(as_text=True)
    kept = service(database="sqlite://", keep_answers_hours=7).test_client().get("/docs").get_data(as_text=True)
    assert "after 7 hours" in kept


def test_the_examples_of_the_page_name_the_public_address(service: Callable[..., Flask]) -> None:
    client = service(public_url="https://adapter.hospital.example").test_client()
    texts = Page(client.get("/docs", headers={"Host": "evil.example"}).get_data(as_text=True)).texts
    examples = [text for text in texts if text.startswith("curl")]

    assert len(examples) > 5
    assert [text for text in examples if "https://adapter.hospital.example/" not in text or "evil" in text] == []
