"""Hostile input, asked through the whole service: a short seeded part of `make fuzz`, and that the fuzzer finds what is planted."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from flask import Flask

from adapter.knowledge.books import Knowledge
from adapter.pipeline import Reply, Request
from adapter.web.desk import desk, put
from tests.fuzz import envelopes
from tests.fuzz.asked import INTERPRET, Call, fixtures
from tests.fuzz.calls import KINDS, call
from tests.fuzz.invariants import faults
from tests.fuzz.kept import read
from tests.fuzz.plausible import made_bundle
from tests.fuzz.service import Service, peak_bytes, whole_service
from tests.fuzz.tally import Tally
from tests.fuzz.workers import MOST_BYTES, Plan, one, run

SEED, REQUESTS = "in make test", 600


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return whole_service(tmp_path_factory.mktemp("fuzz"))


def plan(folder: Path, **changed: object) -> Plan:
    return Plan(seed=SEED, requests=6, workers=2, patience=60, folder=folder)._replace(**changed)


# The short run


@pytest.mark.timeout(600)
def test_hundreds_of_hostile_requests_break_no_promise(service: Service, tmp_path: Path) -> None:
    tally = Tally()
    for number in range(REQUESTS):
        one(service, plan(tmp_path), number, call(SEED, number), tally)

    assert tally.failed == {}, f"kept in {tmp_path}"
    assert set(tally.kinds) == set(KINDS)
    # A fuzzer that is refused at the door tests the door alone.
    assert tally.interpreted > REQUESTS / 3
    assert tally.accounted > REQUESTS
    assert peak_bytes() < MOST_BYTES


@pytest.mark.parametrize("number", range(len(envelopes.BOMBS)))
def test_a_small_body_that_unpacks_to_very_much_is_refused(number: int, service: Service) -> None:
    bomb = Call("bomb", "POST", INTERPRET, {"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"}, envelopes.packed(number))

    got = service.send(bomb)

    assert len(bomb.body) < 1_000_000
    assert got.status in (400, 413)
    assert faults(service, bomb, got, thoroughly=False) == []


# Every request can be made again


def test_a_number_and_a_seed_are_always_the_same_request() -> None:
    assert [call("s", number) for number in range(60)] == [call("s", number) for number in range(60)]
    assert [call("s", number) for number in range(60)] != [call("t", number) for number in range(60)]


def test_hypothesis_makes_bundles_that_are_answered(service: Service) -> None:
    """The strategy is worth its time only while most of what it makes gets past the door, and gets answers."""
    chance = Random(7)  # noqa: S311 - seeded, so that a failure comes back.
    made = [made_bundle(chance.randbytes(8192)) for _ in range(60)]
    got = [service.send(Call("made", "POST", INTERPRET, {"Content-Type": "application/fhir+json"}, body)) for body in made]

    answers = [heard.reply.answers for one in got for heard in one.heard]
    assert sum(one.status == 200 for one in got) > 40
    assert sum(len(given) > 0 for reply in answers for _, given in reply) > 15
    assert len({kind for body in made for kind in _kinds(body)}) >= 9


def _kinds(body: bytes) -> Iterator[str]:
    for entry in json.loads(body)["entry"]:
        kind = entry["resource"].get("resourceType") if isinstance(entry, dict) and isinstance(entry.get("resource"), dict) else None
        if isinstance(kind, str):
            yield kind


# What is planted is found


class Planted:
    """A pipeline with a fault in it."""

    def __init__(self, service: Service, spoil: object) -> None:
        self.service, self.spoil = service, spoil

    def __enter__(self) -> Service:
        with self.service.app.app_context():
            self.whole = desk()
            put(self.service.app.extensions, self.whole._replace(interpret=self._interpret))
        return self.service

    def __exit__(self, *_: object) -> None:
        put(self.service.app.extensions, self.whole)

    def _interpret(self, parts: list[bytes], books: Knowledge, request: Request) -> Reply:
        reply = self.spoil(self.whole.interpret(parts, books, request))
        self.service.heard[-1] = self.service.heard[-1]._replace(reply=reply)
        return reply


def good() -> Call:
    return Call("good", "POST", INTERPRET, {"Content-Type": "application/fhir+json"}, fixtures()[0])


def spoilt(service: Service, spoil: object) -> list[str]:
    with Planted(service, spoil):
        return faults(service, good(), service.send(good()), thoroughly=True)


def _explode(reply: Reply) -> Reply:
    raise ZeroDivisionError


def _forget(reply: Reply) -> Reply:
    """A reply that uses nothing, names nothing and counts nothing."""
    return reply.but(answers=(), issues=())


def _replaced(old: bytes, new: bytes) -> object:
    return lambda reply: reply.but(bundle=reply.bundle.replace(old, new))


def test_an_ordinary_bundle_has_no_fault(service: Service) -> None:
    assert faults(service, good(), service.send(good()), thoroughly=True) == []


def test_a_crash_is_found(service: Service) -> None:
    assert spoilt(service, _explode) == ["status 500"]


def test_a_loss_is_found(service: Service) -> None:
    assert any(fault.startswith("lost: Bundle.entry[") for fault in spoilt(service, _forget))


def test_an_answer_that_is_not_fhir_is_found(service: Service) -> None:
    assert any("not valid FHIR" in fault for fault in spoilt(service, _replaced(b'"status":"final"', b'"status":7')))


def test_an_answer_that_changes_is_found(service: Service) -> None:
    counted = iter(range(9))
    change = lambda reply: reply.but(bundle=reply.bundle.replace(b"Stage ", b"Stage %d" % next(counted)))  # noqa: E731
    assert spoilt(service, change) == ["another answer when asked again"]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_refusal_without_an_outcome_is_found(status: int, service: Service) -> None:
    got = service.send(good())._replace(status=status, body=b"{}", heard=())
    assert faults(service, good(), got, thoroughly=False) == [f"status {status} without an OperationOutcome"]


# A request that never ends, or ends its process, is named and kept


def _harmless(seed: str, number: int) -> Call:
    return Call("lookup", "GET", f"/{number}", {}, b"")


class Bare(Service):
    """A service that answers everything but one number; `at_three` says what becomes of that."""

    def __init__(self, at_three: object) -> None:
        self.app, self.heard = Flask("bare"), []
        self.app.add_url_rule("/<int:number>", view_func=lambda number: at_three() if number == 3 else "fine", endpoint="bare")


def _hanging(folder: Path) -> Service:
    return Bare(lambda: time.sleep(3600))


def _dying(folder: Path) -> Service:
    return Bare(lambda: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("start", "words"), [(_hanging, "no answer within 2 s"), (_dying, "died with exit code -9")])
def test_a_request_that_hangs_or_kills_is_kept_and_the_rest_is_asked(start: object, words: str, tmp_path: Path) -> None:
    tally = run(plan(tmp_path, make=_harmless, start=start, patience=2), lambda so_far: None)

    (found,) = tally.failed[3]
    assert words in found
    assert list(tally.failed) == [3]
    assert tally.requests == 5
    assert read(tmp_path / f"{SEED}-3.json") == _harmless(SEED, 3)


@pytest.mark.timeout(300)
def test_the_stack_of_a_request_that_hangs_is_kept(tmp_path: Path) -> None:
    run(plan(tmp_path, make=_harmless, start=_hanging, patience=2), lambda so_far: None)

    assert "test_fuzz.py" in (tmp_path / f"{SEED}-stack-1.txt").read_text()
