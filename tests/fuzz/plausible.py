"""Bundles that an oncology service could send, made by hypothesis from the words of our books, and then broken in places.

Unlike the bent fixtures these combine freely: any question with any value, on any specimen, lesion and day.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from tests.fuzz.bent import spots
from tests.fuzz.words import DATES, NUMBERS, REFERENCES, STATUSES, UNITS, WRONG

Made = dict[str, Any]
# What most Bundles ask about, so that rules with many inputs meet many of them.
_COMMON = (
    *("er-percent", "er-status", "pr-percent", "pr-status", "her2-ihc", "her2-ish", "her2-status", "her2-cep17-ratio", "her2-copies"),
    *("ki67-percent", "grade", "t-category", "n-category", "m-category", "tumor-size", "nodes-positive", "oncotype-score", "suv-bw"),
)
NAMES = tuple("abcdefghijklmnop")
_BREAST_CANCERS = ("254837009", "372064008", "93796005", "254838004", "363346000")
_SITES = ("80248007", "73056007", "76752008", "10200004", "39607008", "272673000", "7771000", "24028007")
_TEXTS = (
    "3+",
    "2+",
    ">=95 %",
    "<1%",
    "cT1c",
    "pN1mi",
    "positive",
    "negative",
    "G2",
    "IIA",
    "0",
    "12 mm",
    "1.2 cm",
    "22",
    "not amplified",
    "5-10 %",
    "x",
)


@cache
def words() -> Knowledge:
    """The books, read once."""
    return load()


@cache
def _codings(role: str, fact: str = "") -> tuple[Made, ...]:
    """The codes that our books have in this role, for all facts or for one."""
    rows = words().codes[role].items()
    return tuple({"system": key[0], "code": key[1]} for key, found in rows if not fact or any(fact in row.fact.split() for row in found))


@cache
def _facts() -> tuple[str, ...]:
    """Every fact that can be asked for by a code."""
    return tuple(
        sorted({row.fact for found in words().codes["observation"].values() for row in found if _codings("observation", row.fact)})
    )


def _rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any], parts: int = 12) -> st.SearchStrategy[Any]:
    """The usual, and once in so many times the odd."""
    return st.integers(0, parts).flatmap(lambda drawn: odd if drawn == parts else usual)


@cache
def _days() -> st.SearchStrategy[str]:
    plain = st.builds(lambda month, day: f"2025-{month:02d}-{day:02d}", st.integers(1, 12), st.integers(1, 28))
    return _rarely(plain, st.sampled_from(DATES))


@cache
def _numbers() -> st.SearchStrategy[Any]:
    plain = st.one_of(st.integers(0, 100), st.decimals(0, 60, places=1).map(float), st.sampled_from((0, 1, 2, 4, 6, 10, 20, 50, 99, 100)))
    return _rarely(plain, st.sampled_from([number for number in NUMBERS if number == number]))


@cache
def _concept(role: str) -> st.SearchStrategy[Made]:
    known = st.lists(st.sampled_from(_codings(role)), min_size=1, max_size=2)
    strange = st.fixed_dictionaries(
        {}, optional={"system": st.text(max_size=8), "code": st.text(max_size=8), "display": st.text(max_size=20)}
    )
    return st.builds(lambda coding: {"coding": coding}, _rarely(known, st.lists(strange, max_size=3)))


def _of(system: str, codes: tuple[str, ...]) -> st.SearchStrategy[Made]:
    return st.sampled_from(codes).map(lambda code: {"coding": [{"system": system, "code": code}]})


@cache
def _site() -> st.SearchStrategy[Made]:
    return _of("http://snomed.info/sct", _SITES)


@cache
def _reference(*kinds: str) -> st.SearchStrategy[Made]:
    plain = st.builds(lambda kind, name: {"reference": f"{kind}/{name}"}, st.sampled_from(kinds), st.sampled_from(NAMES))
    return _rarely(plain, st.sampled_from(REFERENCES).map(lambda odd: {"reference": odd}))


@cache
def _values() -> st.SearchStrategy[Made]:
    quantity = st.fixed_dictionaries(
        {"value": _numbers(), "unit": st.sampled_from(UNITS)}, optional={"comparator": st.sampled_from(("<", "<=", ">", ">="))}
    )
    return st.one_of(
        quantity.map(lambda made: {"valueQuantity": made | {"system": "http://unitsofmeasure.org", "code": made["unit"]}}),
        _concept("value").map(lambda made: {"valueCodeableConcept": made}),
        _rarely(st.sampled_from(_TEXTS), st.text(max_size=30)).map(lambda made: {"valueString": made}),
        st.builds(
            lambda low, high: {"valueRange": {"low": {"value": low, "unit": "%"}, "high": {"value": high, "unit": "%"}}},
            _numbers(),
            _numbers(),
        ),
        st.integers(-1, 300).map(lambda made: {"valueInteger": made}),
        st.just({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}),
        st.just({}),
    )


@cache
def _answered(fact: str) -> st.SearchStrategy[Made]:
    """One question, mostly with a value of its own kind."""
    asked = st.sampled_from(_codings("observation", fact)).map(lambda coding: {"code": {"coding": [coding]}})
    own = _codings("value", fact)
    fitting = st.sampled_from(own).map(lambda coding: {"valueCodeableConcept": {"coding": [coding]}}) if own else _values()
    return st.builds(lambda question, value: question | value, asked, st.one_of(fitting, fitting, _values()))


@cache
def _observation() -> st.SearchStrategy[Made]:
    strange = st.builds(lambda code, value: {"code": code, **value}, _concept("observation"), _values())
    said = _rarely(st.one_of(st.sampled_from(_COMMON), st.sampled_from(_facts())).flatmap(_answered), strange)
    frame = st.fixed_dictionaries(
        {"status": _rarely(st.just("final"), st.sampled_from(STATUSES), 6), "effectiveDateTime": _days()},
        optional={
            "specimen": _reference("Specimen"),
            "focus": st.lists(_reference("Condition", "BodyStructure"), min_size=1, max_size=2),
            "bodySite": _site(),
            "method": _concept("value"),
            "hasMember": st.lists(_reference("Observation"), min_size=1, max_size=3),
            "derivedFrom": st.lists(_reference("Observation", "ImagingStudy"), min_size=1, max_size=2),
            "partOf": st.lists(_reference("ImagingStudy", "Procedure"), min_size=1, max_size=1),
            "component": st.lists(said, min_size=1, max_size=4),
            "interpretation": st.just([{"coding": [{"code": "POS"}]}]),
        },
    )
    return st.builds(lambda one, value: {"resourceType": "Observation", **one, **value}, frame, said)


@cache
def _condition() -> st.SearchStrategy[Made]:
    code = _of("http://snomed.info/sct", _BREAST_CANCERS)
    fields = {"code": st.one_of(code, code, _concept("condition"))}
    optional = {"bodySite": st.lists(_site(), min_size=1, max_size=2), "onsetDateTime": _days(), "recordedDate": _days()}
    return st.fixed_dictionaries(fields, optional=optional).map(lambda made: {"resourceType": "Condition", **made})


@cache
def _treatment() -> st.SearchStrategy[Made]:
    drug = st.sampled_from(sorted(words().drugs)).map(lambda name: {"text": name})
    kinds = st.sampled_from(("MedicationRequest", "MedicationAdministration", "MedicationStatement"))
    fields = {"status": st.sampled_from(("completed", "active", "stopped", "not-done")), "medicationCodeableConcept": drug}
    return st.builds(
        lambda kind, made, day: {"resourceType": kind, **made, ("authoredOn" if kind == "MedicationRequest" else "effectiveDateTime"): day},
        kinds,
        st.fixed_dictionaries(fields),
        _days(),
    )


@cache
def _around() -> st.SearchStrategy[Made]:
    """What stands around the results: specimens, lesions, scans, surgery and reports."""
    specimen = st.builds(
        lambda site, day: {"resourceType": "Specimen", "collection": {"bodySite": site, "collectedDateTime": day}}, _site(), _days()
    )
    lesion = st.builds(
        lambda site, name: {"resourceType": "BodyStructure", "location": site, "identifier": [{"value": name}]},
        _site(),
        st.text(max_size=3),
    )
    scan = _days().map(lambda day: {"resourceType": "ImagingStudy", "status": "available", "started": day})
    surgery = st.builds(
        lambda day, code: {"resourceType": "Procedure", "status": "completed", "performedDateTime": day, "code": code},
        _days(),
        _concept("value"),
    )
    report = st.builds(
        lambda results, day: {"resourceType": "DiagnosticReport", "status": "final", "result": results, "effectiveDateTime": day},
        st.lists(_reference("Observation"), max_size=4),
        _days(),
    )
    return st.one_of(specimen, lesion, scan, surgery, report)


@st.composite
def bundles(draw: st.DrawFn) -> Made:
    """One patient's Bundle, broken in none, one or a few places."""
    resources = [*draw(st.lists(_condition(), min_size=1, max_size=2)), *draw(_resources())]
    for number, one in enumerate(resources):
        one["subject"] = {"reference": "Patient/p"}
        one["id"] = NAMES[number] if draw(st.integers(0, 9)) else draw(st.sampled_from(NAMES))
    _lead(resources)
    sender = {
        "resourceType": "Patient",
        "id": "p",
        "gender": draw(st.sampled_from(("female", "male", "unknown"))),
        "birthDate": draw(_days()),
    }
    whole: Made = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (sender, *resources)]}
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 3)))):
        _break(draw, whole)
    return whole


def _lead(resources: list[Made]) -> None:
    """Let each reference lead to one of the resources of its type, where there is any."""
    ids: dict[str, list[str]] = {}
    for one in resources:
        ids.setdefault(one["resourceType"], []).append(one["id"])
    for spot in list(spots(resources)):
        kind, _, name = str(spot.value).partition("/")
        if spot.key == "reference" and kind in ids and name in NAMES:
            spot.holder[spot.key] = f"{kind}/{ids[kind][NAMES.index(name) % len(ids[kind])]}"


def _break(draw: st.DrawFn, whole: Made) -> None:
    """Replace, empty or remove one element, found by walking down from a resource."""
    holder: Any = whole["entry"][draw(st.integers(0, len(whole["entry"]) - 1))]
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or not holder[key] or draw(st.integers(0, 9)) == 0:
            break
        holder = holder[key]
    if draw(st.integers(0, 3)) == 0:
        del holder[key]
    else:
        holder[key] = draw(st.one_of(st.sampled_from(WRONG), st.text(max_size=20), st.integers()))


def made_bundle(choices: bytes) -> bytes:
    """The Bundle that these bytes choose among all that hypothesis could make; always the same for the same bytes."""
    found: list[Made] = []
    _maker(found.append)(choices)
    return json.dumps(found[0] if found else {"resourceType": "Bundle", "entry": []}).encode()


@cache
def _resources() -> st.SearchStrategy[list[Made]]:
    kinds = st.one_of(_observation(), _observation(), _observation(), _condition(), _treatment(), _around())
    return st.lists(kinds, min_size=3, max_size=12)


def _maker(take: Callable[[Made], None]) -> Callable[[bytes], object]:
    """What turns bytes into one Bundle; hypothesis offers this to fuzzers that choose for it."""

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bundles())
    def keep(made: Made) -> None:
        take(made)

    return cast("Callable[[bytes], object]", keep.hypothesis.fuzz_one_input)
