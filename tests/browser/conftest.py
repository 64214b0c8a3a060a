"""A real browser in front of the service: Chromium, driven by Playwright, with a new profile each time and nothing from the network."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from adapter.app import create_app
from adapter.knowledge.books import Knowledge
from adapter.pipeline import interpret, stage
from adapter.settings import Settings
from adapter.web.desk import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

# Without the packages of requirements-peers.lock there is no browser to drive, and `make test` asks for none.
collect_ignore_glob = [] if importlib.util.find_spec("playwright") else ["test_*.py"]

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def address(knowledge: Knowledge) -> Iterator[str]:
    """The service on a port of its own."""
    settings = Settings()
    app = create_app(settings, Desk(settings, knowledge, interpret, stage))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """A page of the service in a new profile; whatever the browser complains of, or asks of anybody else, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def show(path: str, *, may_be_refused: bool = False, **wishes: Any) -> Page:  # noqa: ANN401 - The wishes are those of Playwright.
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **wishes})
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if _is_complaint(message, may_be_refused=may_be_refused) else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not request.url.startswith(address) else None)
        page.goto(f"{address}{path}")
        return page

    yield show
    for context in contexts:
        context.close()
    assert complaints == []


def _is_complaint(message: ConsoleMessage, *, may_be_refused: bool) -> bool:
    """Errors and warnings, but not that the answer to a form was a refusal where that is what is looked for."""
    is_refusal = may_be_refused and "responded with a status of 4" in message.text
    return message.type in ("error", "warning") and not is_refusal


@pytest.fixture(scope="session")
def pictures(root: Path) -> Path:
    """Where the pictures of a run are kept; git does not see it."""
    folder = root / "build/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def axe(root: Path) -> str:
    """The script of axe-core, which looks for what keeps people out."""
    return (root / "build/axe/package/axe.min.js").read_text(encoding="utf-8")


def gravest(page: Page, axe: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds serious or critical on a page, with some of the places."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"]
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in grave]
