"""Messages bent at the level of FHIR: still JSON, and wrong in one way or several that a sender, or somebody worse, could get it wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.words import DATES, KINDS, NUMBERS, REFERENCES, STATUSES, SYSTEMS, UNITS, WRONG

Node = Any


class Spot(NamedTuple):
    """One element: what holds it, and under which key or index."""

    holder: Any
    key: Any

    @property
    def value(self) -> Node:
        """What stands there."""
        return self.holder[self.key]


_SIZES = (300, 3_000, 60_000)


def _copy(node: Node) -> Node:
    """The same once more; the copy of the standard library ends at fewer levels than JSON does here."""
    return json.loads(json.dumps(node))


def bent(bundle: Node, chance: Random, others: Callable[[], Node]) -> Node:
    """The Bundle with one to six bends; `others` gives further Bundles to take parts from."""
    whole = bundle
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        whole = chance.choice(BENDS)(whole, chance, others)
    return whole


def spots(node: Node) -> Iterator[Spot]:
    """Every element of the tree below the root, whatever its depth."""
    waiting = [node]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield Spot(holder, key)
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def _spot(whole: Node, chance: Random, *keys: str) -> Spot | None:
    """One element: of these names, or any."""
    found = [spot for spot in spots(whole) if not keys or spot.key in keys]
    return chance.choice(found) if found else None


def _resources(whole: Node) -> list[Node]:
    entries = whole.get("entry") if isinstance(whole, dict) else None
    listed = entries if isinstance(entries, list) else []
    return [entry["resource"] for entry in listed if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]


def _set(spot: Spot | None, value: Node) -> None:
    if spot is not None:
        spot.holder[spot.key] = value


def wrong_type(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """Something of another kind, at any depth."""
    _set(_spot(whole, chance), _copy(chance.choice(WRONG)))
    return whole


def deleted(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """An element left out."""
    spot = _spot(whole, chance)
    if spot:
        del spot.holder[spot.key]
    return whole


def renamed(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A key in other letters, or the key of something else."""
    spot, other = _spot(whole, chance), _spot(whole, chance)
    if spot and other and isinstance(spot.holder, dict):
        names = (
            spot.key.upper(),
            f"_{spot.key}",
            f"{spot.key} ",
            f"{spot.key}x",
            "",
            str(other.key),
            "extension",
            "resourceType",
            "contained",
        )
        spot.holder[chance.choice(names)] = spot.holder.pop(spot.key)
    return whole


def doubled(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """An element of a list once more, or very often, or a single element made a list."""
    spot = _spot(whole, chance)
    if spot and isinstance(spot.holder, list):
        spot.holder.extend([_copy(spot.value) for _ in range(chance.choice((1, 1, 1, 2, 30)))])
    elif spot:
        spot.holder[spot.key] = [_copy(spot.value)] * chance.choice((1, 2))
    return whole


def swapped(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """Two elements in each other's place: codes, systems, units, values, dates, or whatever."""
    keys = chance.choice((("code",), ("system",), ("unit", "code"), ("display", "text"), ("value",), ("reference",), ("id",), ()))
    one, other = _spot(whole, chance, *keys), _spot(whole, chance, *keys)
    # An element is not put inside itself: that would be a tree without an end, which JSON cannot write.
    if one and other and not (isinstance(one.value, dict | list) or isinstance(other.value, dict | list)):
        one.holder[one.key], other.holder[other.key] = other.value, one.value
    return whole


def another_word(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A system, status, unit, type, date, number or reference that is wrong, rare, or of something else."""
    keys, words = chance.choice(_WORDS)
    _set(_spot(whole, chance, *keys), chance.choice(words))
    return whole


def any_date(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """One date, or every date, out of range, partial or no date."""
    found = [spot for spot in spots(whole) if _is_date(spot.value)]
    date = chance.choice(DATES)
    for spot in found if chance.random() < 0.2 else found and [chance.choice(found)]:
        spot.holder[spot.key] = date
    return whole


def _is_date(value: Node) -> bool:
    return isinstance(value, str) and len(value) >= 10 and value[:4].isdecimal() and value[4] == "-"


def comparator(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A quantity that is less, more, or something unheard of."""
    found = [spot.value for spot in spots(whole) if isinstance(spot.value, dict) and "value" in spot.value and "unit" in spot.value]
    if found:
        chance.choice(found)["comparator"] = chance.choice(("<", "<=", ">", ">=", "ad", "~", "", "=", None, 7, "<" * 999))
    return whole


def deep(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """Lists, objects, extensions or contained resources inside each other."""
    grown: Node = chance.choice(("x", None, {}, {"url": "u"}))
    name = chance.choice(("", "extension", "contained", "component", "coding", "part"))
    for _ in range(chance.choice((3, 30, 90, 150))):
        grown = {"resourceType": "Observation", "url": "u", name: [grown]} if name else [grown]
    resources = _resources(whole)
    if resources:
        chance.choice(resources)[name or "extension"] = [grown]
    return whole


def huge(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A very long text in place of one that was there."""
    found = [spot for spot in spots(whole) if isinstance(spot.value, str)]
    if found:
        spot = chance.choice(found)
        spot.holder[spot.key] = chance.choice((spot.value, "9", " ", "(", "-", "é", "T1", "<", "a b ")) * (chance.choice(_SIZES) // 4)
    return whole


def cycle(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """References that lead back to where they came from."""
    named = [one for one in _resources(whole) if isinstance(one.get("id"), str) and isinstance(one.get("resourceType"), str)]
    ring = chance.sample(named, min(len(named), chance.choice((1, 2, 3))))
    field = chance.choice(
        ("hasMember", "derivedFrom", "focus", "specimen", "result", "partOf", "subject", "reasonReference", "medicationReference")
    )
    for number, one in enumerate(ring):
        following = ring[(number + 1) % len(ring)]
        pointer = {"reference": f"{following['resourceType']}/{following['id']}"}
        one[field] = pointer if field in ("specimen", "subject", "medicationReference") else [pointer]
    return whole


def same_name(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """Two or all resources with one id, with or without versions and fullUrls to tell them apart."""
    resources = _resources(whole)
    for one in resources if chance.random() < 0.3 else chance.sample(resources, min(2, len(resources))):
        one["id"] = "same"
        if chance.random() < 0.5:
            one["meta"] = {"versionId": chance.choice(("1", "2", "x", "²", "")), "lastUpdated": chance.choice(DATES)}
    for entry in whole["entry"] if chance.random() < 0.3 and resources else ():
        if isinstance(entry, dict):
            entry["fullUrl"] = chance.choice(("http://a/Observation/same", "urn:uuid:same", "http://b/Patient/same", ""))
    return whole


def contained(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """Resources put inside others, inside those, or inside themselves."""
    resources = _resources(whole)
    for _ in range(chance.choice((1, 1, 3))):
        if len(resources) >= 2:
            outer, inner = chance.sample(resources, 2)
            copy = _copy(inner) | chance.choice(({}, {"id": "#"}, {"id": ""}, {"id": str(outer.get("id"))}))
            held = outer.setdefault("contained", [])
            if isinstance(held, list):
                held.append(copy)
            if chance.random() < 0.5:
                outer[chance.choice(("hasMember", "result", "focus", "specimen"))] = [{"reference": f"#{copy.get('id')}"}]
    return whole


def crossed(whole: Node, chance: Random, others: Callable[[], Node]) -> Node:
    """Entries of another patient's Bundle, as they are or spoken about this patient."""
    theirs, entries = _copy(others().get("entry", [])), whole.get("entry")
    if isinstance(entries, list):
        entries.extend(chance.sample(theirs, min(len(theirs), chance.choice((1, 3, 8)))))
        if chance.random() < 0.7:
            subject = next((one["subject"] for one in _resources(whole) if "subject" in one), None)
            for one in _resources(whole):
                one.update({"subject": subject} if "subject" in one else {})
            people = [entry for entry in entries if isinstance(entry, dict) and "Patient" in str(entry.get("resource"))[:40]]
            for entry in people[1:]:
                entries.remove(entry)
    return whole


def shuffled(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """The entries in another order."""
    if isinstance(whole.get("entry"), list):
        chance.shuffle(whole["entry"])
    return whole


def bundled(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A Bundle of another type, or entries that are requests, deletions, Bundles or nothing."""
    whole["type"] = chance.choice(("transaction", "batch", "searchset", "history", "document", "message", "none", 7))
    odd = (
        None,
        {},
        {"resource": None},
        {"request": {"method": "DELETE", "url": "Observation/x"}},
        {"resource": _copy(whole)},
        [],
        {"request": 7},
    )
    if isinstance(whole.get("entry"), list):
        whole["entry"].insert(0, chance.choice(odd))
    return whole


def valued_twice(whole: Node, chance: Random, _: Callable[[], Node]) -> Node:
    """A second value, or a value where a reason for none stands."""
    seen = [one for one in _resources(whole) if one.get("resourceType") == "Observation"]
    values = (
        {"valueString": chance.choice(("3+", ">=95 %", "<1%", "cT1c", "positive", "x" * 2_000, "1 of 0", "١٢ mm", "1e9999999 mm", "-5 %"))},
        {"valueQuantity": {"value": chance.choice(NUMBERS), "unit": chance.choice(UNITS)}},
        {"valueRange": {"low": {"value": chance.choice(NUMBERS)}, "high": {"value": chance.choice(NUMBERS)}}},
        {"valueRatio": {"numerator": {"value": chance.choice(NUMBERS)}, "denominator": {"value": chance.choice(NUMBERS)}}},
        {"valueInteger": chance.choice(NUMBERS)},
        {"valueBoolean": True},
        {"valueDateTime": chance.choice(DATES)},
        {"dataAbsentReason": {"coding": [{"code": chance.choice(("unknown", "not-performed", "error", "x"))}]}},
        {"_valueString": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}},
    )
    if seen:
        chance.choice(seen).update(chance.choice(values))
    return whole


_WORDS: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = (
    (("system",), SYSTEMS),
    (("status",), STATUSES),
    (("unit", "code"), UNITS),
    (("resourceType",), KINDS),
    (("value",), NUMBERS),
    (("reference", "fullUrl"), REFERENCES),
)
BENDS = (
    *(
        wrong_type,
        wrong_type,
        wrong_type,
        deleted,
        deleted,
        renamed,
        doubled,
        swapped,
        swapped,
        another_word,
        another_word,
        any_date,
        comparator,
    ),
    *(deep, huge, cycle, same_name, contained, crossed, crossed, shuffled, bundled, valued_twice, valued_twice),
)
