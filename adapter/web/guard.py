"""Who is asking, and may they? Each route says what it needs, and a service with a route that says nothing does not start.

A blueprint says it for all its routes (`needs_all`), a route for itself (`@needs`). There are three answers: everyone may
ask, the route looks itself, or a bearer token with the scopes of an operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Blueprint, Flask, current_app, g, request

from adapter.facts.frozen import Frozen

View = TypeVar("View", bound=Callable[..., object])


class Need(Frozen):
    """What one route needs: nobody in particular, a check of its own (and which), or a token for an operation."""

    kind: Literal["public", "own-check", "bearer"]
    says: str


class Caller(Frozen):
    """Who asks, as far as a token proved it; what it may do is in its scopes, and no token is kept."""

    client: str = ""
    user: str = ""
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    patient: str = ""
    # The id of the token, by which its authorization server can find it.
    token_id: str = ""
    # Whether the token reaches no further than the patient in context.
    only_patient: bool = False


class Unguarded(Exception):
    """A route says nothing of who may ask; that is a fault of ours, and nothing is served."""


# Whether a caller may do an operation; it raises what the caller is to be told. Returns who it is.
Gate = Callable[[str], Caller]

PUBLIC = Need(kind="public", says="holds nothing of a patient")


def own_check(says: str) -> Need:
    """A route that looks itself who asks; `says` names the check."""
    return Need(kind="own-check", says=says)


def bearer(operation: str) -> Need:
    """A route that needs a token whose scopes allow this operation."""
    return Need(kind="bearer", says=operation)


def needs(need: Need) -> Callable[[View], View]:
    """Say of one route what it needs."""

    def mark(view: View) -> View:
        view.need = need  # type: ignore[attr-defined]  # A function may carry what is said of it.
        return view

    return mark


def needs_all(blueprint: Blueprint, need: Need) -> None:
    """Say of all routes of a blueprint what they need, except those that say it themselves."""
    blueprint.record(lambda state: _said(state.app.extensions).__setitem__(blueprint.name, need))


def enforce(app: Flask, gate: Gate) -> None:
    """Hold every request against what its route needs; raises Unguarded where a route says nothing."""
    silent = sorted({rule.rule for rule in app.url_map.iter_rules() if said_need(app, rule.endpoint) is None})
    if silent:
        raise Unguarded(f"these routes do not say who may ask them: {', '.join(silent)}")
    app.extensions["gate"] = gate
    app.before_request(_check)


def caller() -> Caller:
    """Who is asking; nobody in particular where the route is public or looks itself."""
    found: Caller = g.get("caller", Caller())
    return found


def allow(operation: str) -> Caller:
    """Hold the request against an operation that only its body or its job tells; raises what the caller is to be told."""
    gate: Gate = current_app.extensions["gate"]
    g.operation = operation
    g.caller = gate(operation)
    return caller()


def on_this_machine() -> None:
    """Let pass whom a service without authorization answers: this machine, and no name or page that only points at it."""
    allow("interpret")


def need_of(app: Flask, endpoint: str) -> Need:
    """What a route said that it needs."""
    need = said_need(app, endpoint)
    if need is None:
        raise Unguarded(f"{endpoint} does not say who may ask")
    return need


def _check() -> None:
    # A question about the methods of an address is answered by the framework, without asking a route.
    if request.endpoint is None or request.method == "OPTIONS":
        return
    need = need_of(current_app, request.endpoint)
    if need.kind == "bearer":
        allow(need.says)


def said_need(app: Flask, endpoint: str) -> Need | None:
    """What a route said that it needs, or None where it says nothing."""
    found = getattr(app.view_functions.get(endpoint), "need", None)
    return found if isinstance(found, Need) else _said(app.extensions).get(endpoint.rpartition(".")[0])


def _said(extensions: dict[str, Any]) -> dict[str, Need]:
    said: dict[str, Need] = extensions.setdefault("needs", {})
    return said
