"""What does a route take and give? Each route is described beside itself; the OpenAPI document and the page for people are made from that.

A route without a description fails a test. Operations are described once, by their OperationDefinition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import unwrap
from typing import Any, Literal, TypeVar

from pydantic import Field

from adapter.facts.frozen import Frozen
from adapter.web.negotiation import FORMATS, JSON_TYPES, NDJSON_TYPES

View = TypeVar("View", bound=Callable[..., object])
Method = Literal["GET", "POST", "PUT", "DELETE"]

JSON, HTML, CSS, TEXT = "application/json", "text/html", "text/css", "text/plain"
TRUE_OR_FALSE = {"type": "string", "enum": ["true", "false"]}


class Given(Frozen):
    """One parameter of a query or one header of a request."""

    name: str
    words: str
    schema_: Mapping[str, Any] = Field(default={"type": "string"}, alias="schema")
    required: bool = False
    repeats: bool = False
    place: Literal["query", "header"] = "query"


class Reply(Frozen):
    """What may come back under one status: in which media types, in which of the shapes of openapi.py, with which headers.

    With `lines`, NDJSON comes back to who sent NDJSON.
    """

    words: str
    shape: str = ""
    types: tuple[str, ...] = JSON_TYPES
    headers: tuple[str, ...] = ()
    lines: bool = False


class Call(Frozen):
    """One method of one route. With `operation`, the id of an OperationDefinition, that says the rest about what goes in.

    `without` are the inputs of the operation that this route does not take.
    """

    summary: str = ""
    words: str = ""
    operation: str = ""
    is_fhir: bool = True
    query: tuple[Given, ...] = ()
    without: tuple[str, ...] = ()
    body: Mapping[str, str] = {}
    body_is_optional: bool = False
    replies: Mapping[int, Reply]
    refusals: frozenset[int] = frozenset()


GENERAL = (
    Given(name="_format", words="The format of the answer; it counts before Accept", schema={"type": "string", "enum": sorted(FORMATS)}),
    Given(name="_pretty", words="Lay the answer out over several lines", schema=TRUE_OR_FALSE),
)

PARAMETERS = dict.fromkeys(JSON_TYPES, "Parameters")
LINES = dict.fromkeys(NDJSON_TYPES, "Lines")
PREFER = Given(name="Prefer", words="`respond-async` asks for an answer later (R4 asynchronous pattern)", place="header")
ACCEPTED = Reply(words="Accepted; ask again at Content-Location", types=(), headers=("Content-Location", "Retry-After", "X-Progress"))

_CALLS: dict[Callable[..., object], dict[str, Call]] = {}


def described(**calls: Call) -> Callable[[View], View]:
    """Describe a route: `@described(GET=Call(...), POST=Call(...))`, below the decorators of the framework."""

    def describe(view: View) -> View:
        _CALLS.setdefault(unwrap(view), {}).update(calls)
        return view

    return describe


def call_of(view: Callable[..., object], method: str) -> Call | None:
    """How this method of a route is described, or None; HEAD is described by GET."""
    return _CALLS.get(unwrap(view), {}).get("GET" if method == "HEAD" else method)
