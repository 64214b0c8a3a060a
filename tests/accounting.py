"""Was anything dropped in silence? Each Observation and DiagnosticReport is used in an answer, named in an issue, or counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from adapter.pipeline import Reply

_ACCOUNTED = ("Observation", "DiagnosticReport")
_COUNT = re.compile(r"^(\d+) ")

Resource = dict[str, Any]


class Received(NamedTuple):
    """One resource that was sent: its type, where it stands, its names, and the results that a report speaks through."""

    kind: str
    where: str
    names: frozenset[str]
    results: frozenset[str]


def unaccounted(parts: Sequence[bytes], reply: Reply) -> list[str]:
    """The place of every Observation and DiagnosticReport that the reply neither uses, nor names, nor counts."""
    received = [one for number, part in enumerate(parts) for one in _received(json.loads(part), number)]
    spoken, paths = _spoken_of(reply), _paths(reply)
    rest = [one for one in received if not one.names & spoken and not _has_place(one, paths)]
    names = {name for one in received for name in one.names}
    lost = [one.where for one in rest if one.kind == "DiagnosticReport" and not one.results & names]
    observations = [one.where for one in rest if one.kind == "Observation"]
    # The issue that counts says how many and not which, so it can account for that many and no more.
    return lost + (observations if len(observations) > _counted(reply) else [])


def _received(content: Resource, number: int) -> Iterator[Received]:
    if content.get("resourceType") != "Bundle":
        yield from _with_contained(content, "", f"part[{number}]")
        return
    for index, entry in enumerate(content.get("entry", ())):
        if isinstance(entry.get("resource"), dict):
            yield from _with_contained(entry["resource"], str(entry.get("fullUrl", "")), f"Bundle.entry[{index}].resource")


def _with_contained(resource: Resource, url: str, where: str) -> Iterator[Received]:
    kind = str(resource.get("resourceType"))
    # A resource without an id is known by its fullUrl, whole or by its last two parts.
    names = frozenset(
        name for name in (f"{kind}/{resource['id']}" if resource.get("id") else "", url, "/".join(url.split("/")[-2:])) if name
    )
    if kind in _ACCOUNTED:
        yield Received(kind, where, names, _results(resource, names))
    for index, inner in enumerate(resource.get("contained", ())):
        if inner.get("resourceType") in _ACCOUNTED:
            inside = frozenset(f"{name}#{inner.get('id')}" for name in names)
            yield Received(inner["resourceType"], f"{where}.contained[{index}]", inside, frozenset())


def _results(resource: Resource, names: frozenset[str]) -> frozenset[str]:
    """The names of a report's results; those of contained ones begin with the name of the report."""
    references = [result["reference"] for result in resource.get("result", ()) if result.get("reference")]
    inside = {f"{name}{reference}" for reference in references if reference.startswith("#") for name in names}
    return frozenset(inside | set(references))


def _spoken_of(reply: Reply) -> set[str]:
    """Every resource that an answer rests on or that an issue names."""
    answers = [answer for _, given in reply.answers for answer in given]
    facts = [fact for answer in answers for fact in (*answer.used, *answer.members)]
    facts += [one.fact for answer in answers for one in answer.asserted]
    return {fact.origin.reference for fact in facts} | {issue.place.reference for issue in reply.issues if issue.place}


def _paths(reply: Reply) -> set[str]:
    return {issue.place.path for issue in reply.issues if issue.place}


def _has_place(one: Received, paths: set[str]) -> bool:
    """True when an issue stands at the resource, inside it, or at the whole of what holds it."""
    entry = one.where.partition(".resource")[0]
    return any(path in (entry, f"{entry}.resource") or path.startswith(one.where) for path in paths)


def _counted(reply: Reply) -> int:
    found = [_COUNT.match(issue.text) for issue in reply.issues if issue.code == "not-relevant"]
    return sum(int(count[1]) for count in found if count)
