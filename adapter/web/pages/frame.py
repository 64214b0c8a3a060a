"""What does every page have? Templates, a strict Content-Security-Policy, the navigation, and a page for what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from jinja2 import StrictUndefined

from adapter.facts.case import Issue
from adapter.page.directions import in_place
from adapter.page.faults import told
from adapter.web.desk import desk

# Everything comes from this service, and nothing inside a page runs or styles by itself.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Where a person can go from every page, in this order; an address that is not served is left out.
NAVIGATION = (
    ("pages.start", "Start"),
    ("pages.try_it", "Try it"),
    ("patient_pages.choose", "Patients"),
    ("knowledge.overview", "Knowledge"),
    ("operations_pages.overview", "Operations"),
)
_BLUEPRINTS: set[str] = set()


def page_blueprint(name: str) -> Blueprint:
    """A blueprint whose answers are pages: they carry the policy, and what goes wrong in them is told as a page."""
    made = Blueprint(name, __name__, template_folder="templates")
    made.after_request(_guarded)
    made.record_once(_strict)
    _BLUEPRINTS.add(name)
    return made


def is_page() -> bool:
    """Whether the address that is being answered is one of a page."""
    return request.blueprint in _BLUEPRINTS


def page(template: str, *, status: int = HTTPStatus.OK, **values: object) -> Response:
    """A template with these values as an answer."""
    return make_response(render_template(template, **values), status)


def trouble_page(status: HTTPStatus | int, issues: Sequence[Issue]) -> Response:
    """The same issues as the API tells, in words."""
    known = HTTPStatus(status)
    return page("trouble.html", status=known, number=known.value, title=known.phrase, issues=told(issues))


def _strict(state: BlueprintSetupState) -> None:
    """A word that a template misses is a fault, not an empty place."""
    words = state.app.jinja_env
    words.undefined = StrictUndefined
    words.finalize = _in_place
    words.trim_blocks = words.lstrip_blocks = True
    words.globals["navigation"] = _navigation
    words.globals["usage"] = lambda: desk().knowledge.publication.usage


def _in_place(value: object) -> object:
    """Every text that a template shows; one that is markup already, or that a template escapes itself, stays as it is."""
    return in_place(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _navigation() -> list[tuple[str, str, bool]]:
    """The address and name of each place to go, and whether it is the one that is shown."""
    served = [(endpoint, name) for endpoint, name in NAVIGATION if endpoint in current_app.view_functions]
    return [(url_for(endpoint), name, request.endpoint == endpoint) for endpoint, name in served]


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    # A form that is sent without a referrer would not say from which origin it comes.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
