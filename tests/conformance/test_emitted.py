"""What can be said of everything we emit without a validator: `make conformance` says the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapter.knowledge.books import Knowledge
from tests.conformance.emitted import Emitted, everything, scenarios


@pytest.fixture(scope="module")
def emitted(knowledge: Knowledge) -> list[Emitted]:
    """Every body, made once."""
    return list(everything(knowledge))


def elements(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a FHIR resource is a tree of any JSON.
    """Every element with its path."""
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from elements(child, f"{path}.{name}")


@pytest.mark.timeout(300)
def test_every_kind_of_body_is_judged(emitted: list[Emitted]) -> None:
    """Results, transactions and retractions of every fixture; definitions, refusals, audit events, Subscriptions."""
    kinds = [name.partition("/")[0] for name, _ in emitted]

    assert {kind: kinds.count(kind) for kind in ("result", "write-back", "retraction")} == dict.fromkeys(
        ("result", "write-back", "retraction"), len(scenarios())
    )
    assert set(kinds) == {"result", "write-back", "retraction", "served", "said", "refused", "audit", "subscription"}
    assert len({name for name, _ in emitted}) == len(emitted)


@pytest.mark.timeout(300)
def test_every_code_system_is_named_by_an_absolute_address(emitted: list[Emitted]) -> None:
    """R4 datatypes#Coding; HAPI's validator only warns of a system such as `LOINC`, because it does not know it."""
    systems = {
        (name, path, node["system"])
        for name, body in emitted
        for path, node in elements(json.loads(body))
        if isinstance(node, dict) and "code" in node and isinstance(node.get("system"), str)
    }

    assert systems
    assert [one for one in systems if not urlsplit(one[2]).scheme] == []


@pytest.mark.timeout(300)
def test_every_profile_that_is_claimed_is_one_that_the_validator_knows(emitted: list[Emitted]) -> None:
    """Of mCODE, US Core or Genomics Reporting, in the versions that the packages hold, or our own."""
    claimed = {url for _, body in emitted for _, node in elements(json.loads(body)) for url in _profiles(node)}

    known = ("http://hl7.org/fhir/us/mcode/", "http://hl7.org/fhir/uv/genomics-reporting/")
    assert claimed
    assert [url for url in claimed if not url.startswith(known)] == []


def _profiles(node: object) -> list[str]:
    return node.get("meta", {}).get("profile", []) if isinstance(node, dict) and isinstance(node.get("meta"), dict) else []


@pytest.mark.timeout(300)
def test_a18_a_transaction_names_each_resource_once_and_nothing_is_empty(emitted: list[Emitted]) -> None:
    """A18: a resource once; R4 json: no null, no empty string, object or list, but for the entries of a search that found nothing."""
    for name, body in emitted:
        resource = json.loads(body)
        assert [path for path, node in elements(resource) if node in (None, "", {}, [])] == [], name
        if resource.get("type") == "transaction":
            urls = [entry["fullUrl"] for entry in resource["entry"]]
            assert len(urls) == len(set(urls)), name
