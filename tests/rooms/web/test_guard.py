"""Who may ask: a route that does not say it keeps the service from starting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask

from adapter.web.guard import PUBLIC, Caller, Unguarded, bearer, caller, enforce, need_of, needs, needs_all, own_check


def app_with(*blueprints: Blueprint) -> Flask:
    app = Flask("guarded", static_folder=None)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    return app


def blueprint(name: str = "one") -> Blueprint:
    made = Blueprint(name, __name__)
    made.add_url_rule("/open", "open", lambda: caller().client)
    return made


def test_a_service_with_a_silent_route_does_not_start() -> None:
    with pytest.raises(Unguarded, match="/open"):
        enforce(app_with(blueprint()), lambda _: Caller())


def test_a_framework_that_adds_a_route_of_its_own_is_noticed() -> None:
    with pytest.raises(Unguarded, match="/static"):
        enforce(Flask("guarded", static_folder="static"), lambda _: Caller())


def test_a_blueprint_says_it_for_its_routes_and_for_no_others() -> None:
    said, silent = blueprint(), blueprint("two")
    needs_all(said, PUBLIC)

    enforce(app_with(said), lambda _: Caller())
    with pytest.raises(Unguarded):
        enforce(app_with(said, silent), lambda _: Caller())


def test_a_route_says_it_before_its_blueprint() -> None:
    made = blueprint()
    needs_all(made, PUBLIC)
    made.add_url_rule("/closed", "closed", needs(bearer("stage"))(lambda: caller().client))
    app, asked = app_with(made), []

    def gate(operation: str) -> Caller:
        asked.append(operation)
        return Caller(client="ehr")

    enforce(app, gate)
    client = app.test_client()

    assert (client.get("/open").text, client.get("/closed").text, asked) == ("", "ehr", ["stage"])
    assert need_of(app, "one.closed") == bearer("stage")


def test_nothing_of_a_route_runs_before_its_gate() -> None:
    made, ran = blueprint(), []
    needs_all(made, bearer("stage"))
    made.add_url_rule("/late", "late", lambda: ran.append(1) or "ran", methods=["GET", "POST", "DELETE"])
    app = app_with(made)
    app.register_error_handler(PermissionError, lambda _: ("no", 403))

    def gate(_: str) -> Caller:
        raise PermissionError

    enforce(app, gate)

    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert app.test_client().open("/late", method=method).status_code == 403
    assert app.test_client().options("/late").status_code == 200
    assert app.test_client().get("/nowhere").status_code == 404
    assert ran == []


def test_a_route_that_looks_itself_is_let_through() -> None:
    made = blueprint()
    needs_all(made, own_check("a secret"))
    app = app_with(made)
    enforce(app, lambda _: pytest.fail("the route looks itself"))

    assert app.test_client().get("/open").status_code == 200


def test_every_route_of_the_service_says_who_may_ask(service: Callable[..., Flask]) -> None:
    app = service()

    assert all(need_of(app, rule.endpoint).says for rule in app.url_map.iter_rules())
