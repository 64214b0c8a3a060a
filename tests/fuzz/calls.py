"""Which request is number n? Made from the seed and the number alone, so that any one can be made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.fuzz.addresses import ACCEPTED, OUTSIDE, PLACES, QUERIES, SEARCHES
from tests.fuzz.asked import FHIR_JSON, INTERPRET, STAGE, Call, any_bundle, post
from tests.fuzz.bent import bent
from tests.fuzz.described import described
from tests.fuzz.envelopes import odd_parameter, wrapped
from tests.fuzz.neighbours import hook_call, notified
from tests.fuzz.plausible import made_bundle
from tests.fuzz.torn import TEARS
from tests.fuzz.words import CELLS


def call(seed: str, number: int) -> Call:
    """Request number `number` of this seed."""
    chance = Random(f"{seed}/{number}")  # noqa: S311 - seeded, so that a failure comes back.
    (kind,) = chance.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
    return KINDS[kind][1](chance)._replace(kind=kind)


def _bent_bundle(chance: Random) -> bytes:
    whole = bent(json.loads(any_bundle(chance)), chance, lambda: json.loads(any_bundle(chance)))
    return json.dumps(whole, ensure_ascii=chance.random() < 0.5 or "\\ud" in json.dumps(whole)).encode()


def _torn(chance: Random) -> Call:
    return post(INTERPRET, chance.choice(TEARS)(any_bundle(chance), chance))


def _bent(chance: Random) -> Call:
    return post(INTERPRET, _bent_bundle(chance))


def _bent_and_torn(chance: Random) -> Call:
    body = _bent_bundle(chance)
    for _ in range(chance.choice((1, 1, 2))):
        # A tear may leave bytes that are no text; the tears that need text are for whole messages only.
        body = chance.choice(TEARS[:-1])(body, chance)
    return post(INTERPRET, body)


def _made(chance: Random) -> Call:
    return post(INTERPRET, made_bundle(chance.randbytes(8192)))


_SIGNS = ("positive", "negative", "+", "-")
_PLAIN = {
    "basis": ("clinical", "anatomic", "pathological"),
    "t": ("T1c", "T2", "T4d", "Tis", "pT2", "cT1"),
    "n": ("N0", "N1", "pN1mi", "N3"),
    "m": ("M0", "M1"),
    "grade": ("G1", "G2", "3"),
    "her2": (*_SIGNS, "3+", "2+"),
    "er": _SIGNS,
    "pr": _SIGNS,
    "oncotype": ("9", "25", ""),
}


def _staged(chance: Random) -> Call:
    """The stage of cells of any kind, asked in the URL or in Parameters."""
    cells = {name: chance.choice(_PLAIN[name]) for name in _PLAIN if chance.random() < 0.9}
    for name in chance.sample(sorted(_PLAIN), chance.choice((0, 0, 1, 1, 3, 9))):
        cells[name] = chance.choice(CELLS)
    if chance.random() < 0.5:
        extra = f"&{chance.choice(QUERIES)}" if chance.random() < 0.2 else ""
        return Call("", "GET", f"{STAGE}?{urlencode(cells)}{extra}", {}, b"")
    given: list[Any] = [{"name": name, chance.choice(("valueString", "valueCode")): cell} for name, cell in cells.items()]
    given += [odd_parameter(chance)] if chance.random() < 0.3 else []
    return post(STAGE, json.dumps({"resourceType": "Parameters", "parameter": given}).encode())


def _asked(chance: Random) -> Call:
    """Everything that can be looked up, and much that cannot, with any method."""
    path = chance.choice(OUTSIDE) if chance.random() < 0.15 else f"/fhir/{chance.choice(PLACES)}"
    query = chance.choice(("", "", f"?{chance.choice(SEARCHES)}", f"?{chance.choice(QUERIES)}"))
    method = chance.choice(("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
    if method == "POST":
        form = chance.choice((b"", b"_id=result", b"{}", b"\xff", b"url=" + b"x" * 9999))
        return post(path + query, form, chance.choice(("application/x-www-form-urlencoded", FHIR_JSON, "")))
    return Call("", method, path + query, {"Accept": chance.choice(ACCEPTED)} if chance.random() < 0.3 else {}, b"")


def _documented(chance: Random) -> Call:
    """What schemathesis makes of our OpenAPI document."""
    made = described(chance)
    return Call("", made.method, made.path, made.headers, made.body)


def _hooked(chance: Random) -> Call:
    path, body = hook_call(json.loads(any_bundle(chance)), chance)
    return post(path, body, chance.choice(("application/json",) * 18 + ("text/plain", "")))


def _notified(chance: Random) -> Call:
    path, body = notified(json.loads(any_bundle(chance)), chance)
    method = chance.choice(("POST", "POST", "POST", "PUT", "DELETE"))
    return post(path, body)._replace(method=method)


KINDS: dict[str, tuple[int, Callable[[Random], Call]]] = {
    "bent": (38, _bent),
    "torn": (12, _torn),
    "bent and torn": (8, _bent_and_torn),
    "made by hypothesis": (16, _made),
    "envelope": (7, wrapped),
    "made by schemathesis": (6, _documented),
    "CDS Hooks": (5, _hooked),
    "notification": (3, _notified),
    "stage": (3, _staged),
    "looked up": (3, _asked),
}
