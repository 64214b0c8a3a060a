"""The way from the record to the page, the knowledge and the operations, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from adapter.app import create_app
from adapter.facts.case import UnmappedCode
from adapter.joined import workplace
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk
from tests.browser.conftest import DESKTOP, gravest
from tests.peers.authorization import Authority, authorization_server
from tests.peers.running import free_port
from tests.rooms.web.pages.test_launch import PATIENT, RECORD

pytestmark = pytest.mark.browser

ODD = UnmappedCode(role="observation", system="https://lab.example/codes", code="ER-X", display="Estrogen receptor, local")


@pytest.fixture
def site(knowledge: Knowledge, tmp_path: Path) -> Iterator[tuple[str, Authority]]:
    """The service beside a record that launches it, and that record."""
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    with authorization_server(Authority(RECORD, PATIENT, redirect_uris=(f"{public}/launch/callback",))) as authority:
        settings = Settings(
            fhir_servers=(authority.base,), public_url=public, launch_client_id="onco-app", database=f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        )
        place = workplace(settings, knowledge)
        place.note("lab", {ODD: 3})
        place.lookout.write()
        server = make_server("127.0.0.1", port, create_app(settings, Desk(settings, knowledge, interpret, stage, place)), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield public, authority
        server.shutdown()
        thread.join()
        server.server_close()
        place.engine.dispose()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_a_clinician_comes_from_the_record_to_the_page_of_the_patient(site: tuple[str, Authority], page: Page, axe: str) -> None:
    public, authority = site
    page.goto(f"{public}/launch?iss={authority.base}&launch={authority.launch()}")

    expect(page).to_have_url(f"{public}/patient/{PATIENT}")
    expect(page.get_by_role("region", name="At a glance").locator(".stage").first).to_contain_text("Stage")
    assert page.evaluate("document.cookie") == ""
    assert gravest(page, axe) == []


def test_a_launch_from_an_unknown_record_is_said_on_a_page(site: tuple[str, Authority], page: Page, axe: str) -> None:
    page.goto(f"{site[0]}/launch?iss=https://elsewhere.example/fhir&launch=x")

    expect(page.get_by_role("heading", level=1)).to_have_text("This record is not known here")
    assert gravest(page, axe) == []


def test_an_answer_leads_to_its_row_in_the_table_of_the_manual(site: tuple[str, Authority], page: Page, axe: str, pictures: Path) -> None:
    page.goto(f"{site[0]}/try/luminal-b-like-stage-iib")
    page.locator(".card", has=page.get_by_role("heading", name="Clinical prognostic stage", exact=True)).locator("summary").click()
    page.get_by_role("link", name="row c-C-G2--++").first.click()

    marked = page.locator("td.marked")
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text("IIA")
    page.screenshot(path=pictures / "table.png")
    assert gravest(page, axe) == []


@pytest.mark.parametrize(
    "path", ["/knowledge", "/knowledge?q=pertuzumab", "/knowledge/topics/her2", "/knowledge/sources", "/operations", "/docs"]
)
def test_the_desk_has_no_serious_finding(site: tuple[str, Authority], page: Page, axe: str, path: str) -> None:
    page.goto(f"{site[0]}{path}")
    assert gravest(page, axe) == []


def test_a_terminologist_finds_a_code_and_takes_its_row_along(site: tuple[str, Authority], page: Page, axe: str, pictures: Path) -> None:
    page.goto(f"{site[0]}/operations")
    page.get_by_role("link", name="Codes that our maps do not have").click()
    expect(page.get_by_role("row", name="ER-X")).to_contain_text("3")
    page.screenshot(path=pictures / "unmapped.png")
    with page.expect_download() as given:
        page.get_by_role("link", name="codes.csv of lab").click()
    assert "ER-X" in Path(given.value.path()).read_text()
    assert gravest(page, axe) == []


def test_the_search_is_reached_and_sent_by_keyboard(site: tuple[str, Authority], page: Page) -> None:
    page.goto(f"{site[0]}/knowledge")
    page.get_by_label("Search rules, codes, drugs and sources").focus()
    page.keyboard.type("oncotype")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="found for")).to_be_visible()
