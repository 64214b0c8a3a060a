"""One HTTP request, and where it takes its Bundle from."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
INTERPRET, STAGE = "/fhir/$interpret-breast-cancer", "/fhir/$stage-breast-cancer"
FHIR_JSON = "application/fhir+json"


class Call(NamedTuple):
    """One HTTP request, and the kind of hostility in it."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@cache
def fixtures() -> tuple[bytes, ...]:
    """The Bundles of every fixture, without the blanks."""
    return tuple(json.dumps(json.loads(path.read_bytes())).encode() for path in sorted(FIXTURES.glob("*/input.json")))


def post(path: str, body: bytes, media: str = FHIR_JSON, **headers: str) -> Call:
    """A POST of this body."""
    return Call("", "POST", path, {"Content-Type": media, **headers}, body)


def any_bundle(chance: Random) -> bytes:
    """The Bundle of one of the fixtures."""
    return chance.choice(fixtures())
