"""Requests that schemathesis makes from our OpenAPI document: as it says, and wrong in each way that it rules out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, NamedTuple, cast

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from adapter.app import create_app
from adapter.settings import Settings

_HERE = "http://localhost"
# What requests and schemathesis add by themselves; some of it differs each time.
_OF_A_CONNECTION = {"content-length", "user-agent", "accept-encoding", "connection", "x-schemathesis-testcaseid"}


class Described(NamedTuple):
    """One request: method, path with query, headers, body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document of a service with a FHIR server behind it, which has every route."""
    app = create_app(Settings(auth="none", fhir_servers=("http://127.0.0.1:9",), database="sqlite://"))
    return cast("dict[str, Any]", app.test_client().get("/openapi.json").json)


@cache
def makers() -> tuple[Callable[[bytes], Described | None], ...]:
    """For each operation of the document, what turns bytes into a request that fits it, and into one that does not."""
    schema = schemathesis.openapi.from_dict(document())
    operations = [found.ok() for found in schema.get_all_operations()]
    return tuple(_maker(operation, mode) for operation in operations for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))


def _maker(operation: Any, mode: GenerationMode) -> Callable[[bytes], Described | None]:  # noqa: ANN401 - generic in schemathesis.
    found: list[Described] = []

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def keep(case: Any) -> None:  # noqa: ANN401 - the same.
        sent = requests.Request(**_asked(case)).prepare()
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
        found.append(Described(str(sent.method), sent.path_url, _headers(sent), body))

    def make(choices: bytes) -> Described | None:
        found.clear()
        keep.hypothesis.fuzz_one_input(choices)
        return found[0] if found else None

    return make


def _asked(case: Any) -> dict[str, Any]:  # noqa: ANN401 - the same.
    """What schemathesis would hand to requests, without what concerns a connection."""
    known = ("method", "url", "headers", "params", "cookies", "json", "data", "files")
    return {name: value for name, value in case.as_transport_kwargs(base_url=_HERE).items() if name in known}


def _headers(sent: requests.PreparedRequest) -> dict[str, str]:
    pairs = ((_text(name), _text(value)) for name, value in sent.headers.items())
    return {name: value for name, value in pairs if name.lower() not in _OF_A_CONNECTION}


def _text(word: str | bytes) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def described(chance: Random) -> Described:
    """One request of one operation; an operation that nothing can be wrong with gives none, and then another is asked."""
    for _ in range(20):
        made = chance.choice(makers())(chance.randbytes(4096))
        if made is not None:
            return made
    return Described("GET", "/openapi.json", {}, b"")
