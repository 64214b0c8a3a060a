"""Does the page of a patient say only what is so, and can it be read whatever was sent?"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.rooms.web.pages.test_try import words

EVERYTHING = "Nothing: every answer that was asked for could be given."
Changed = Callable[[Callable[[dict[str, Any]], object]], str]


@pytest.fixture
def changed(client: FlaskClient, root: Path) -> Changed:
    """The page of the patient with two PET scans, where each Observation was changed first."""

    def shown(change: Callable[[dict[str, Any]], object]) -> str:
        bundle = json.loads((root / "fixtures/her2-positive-fdg-response/input.json").read_text(encoding="utf-8"))
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "Observation":
                change(entry["resource"])
        return client.post("/try", data={"bundle": json.dumps(bundle)}).text

    return shown


def without_value(observation: dict[str, Any]) -> None:
    for one in (observation, *observation.get("component", ())):
        for name in [name for name in one if name.startswith("value")]:
            del one[name]
            one["dataAbsentReason"] = {"text": "unknown"}


def without_unit(observation: dict[str, Any]) -> None:
    if observation.get("valueQuantity", {}).get("unit") != "%":
        for name in {"unit", "code", "system"} & set(observation.get("valueQuantity", ())):
            del observation["valueQuantity"][name]


def test_everything_could_be_answered_only_where_it_was(changed: Changed) -> None:
    assert EVERYTHING in words(changed(lambda _: None))


def test_a_case_without_any_value_has_no_answer_and_says_where_to_look(changed: Changed) -> None:
    page = changed(without_value)

    assert EVERYTHING not in words(page)
    assert "No answer could be given. Something that was sent has no value or could not be used: What was sent and needs a look" in words(
        page
    )
    assert '<a href="#issues">What was sent and needs a look</a>' in page


def test_values_that_were_refused_are_not_passed_over(changed: Changed) -> None:
    """The answers from tissue stand; no uptake has a unit, so that nothing is said of the scans."""
    said = words(changed(without_unit))

    assert EVERYTHING not in said
    assert "No answer is open, but something that was sent has no value or could not be used: What was sent" in said


def test_nothing_is_offered_to_be_opened_or_headed_where_there_is_nothing(changed: Changed) -> None:
    page, full = changed(without_value), changed(lambda _: None)

    for part in ("data-open-all", 'id="rules"', 'href="#rules"', 'id="sources"'):
        assert part in full
        assert part not in page


@pytest.mark.parametrize("scenario", ["pet-two-scans-one-day", "pet-naf-bone", "pet-ffnp-and-parp-numbers"])
def test_nothing_allows_an_answer_only_where_there_is_none(client: FlaskClient, changed: Changed, scenario: str) -> None:
    sentence = "Nothing that was sent allows an answer about this cancer."

    assert sentence not in words(client.get(f"/try/{scenario}").text)
    assert sentence in words(changed(without_value))


def test_an_open_answer_about_scans_says_why_with_the_uptake(client: FlaskClient) -> None:
    uptake = words(client.get("/try/pet-two-scans-one-day").text).partition("Uptake of each lesion")[2].partition("What is missing")[0]

    assert "Change of uptake Not assessable the scans with fdg-f18 of 2026-01-07 cannot be put in order" in uptake


def test_a_name_does_not_turn_around_what_stands_beside_it(client: FlaskClient, root: Path) -> None:
    """U+202E would mirror "-45 %"; a Hebrew or Arabic name would take the number after it along."""
    bundle = (root / "fixtures/her2-positive-fdg-response/input.json").read_text(encoding="utf-8")
    hebrew = "\u05d1\u05dc\u05d5\u05d8\u05ea \u05dc\u05d9\u05de\u05e4\u05d4"
    sent = bundle.replace("Axillary node, right", f"\u202e{hebrew}\u200f").replace("Primary tumor, right breast", "Primary\u2067 tumor")
    page = client.post("/try", data={"bundle": sent}).text

    assert not any(mark in page for mark in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067")
    assert page.count(hebrew) == page.count(f"\u2068{hebrew}\u2069")
    assert f"<h4><bdi>\u2068{hebrew}\u2069</bdi></h4>" in page
    assert "<bdi>Primary tumor</bdi>" in page


def test_what_is_to_be_mended_comes_back_as_it_was_sent(client: FlaskClient) -> None:
    sent = '{"name": "\u202e\u05d1\u05dc", "entry": }'

    assert sent in unescape(client.post("/try", data={"bundle": sent}).text)
