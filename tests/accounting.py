"""Was anything dropped in silence? Each Observation and DiagnosticReport is used in an answer, named in an issue, or counted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from adapter.pipeline import Reply

_ACCOUNTED = ("Observation", "DiagnosticReport")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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
    received = [one for number, part in enumerate(parts) for one in _received(json.loads(part.removeprefix(_BYTE_ORDER_MARK)), number)]
    spoken, paths = _spoken_of(reply), _paths(reply)
    rest = [one for one in received if not one.names & spoken and not _has_place(one, paths)]
    names = {name for one in received for name in one.names}
    lost = [one.where for one in rest if one.kind == "DiagnosticReport" and not one.results & names]
    observations = [one.where for one in rest if one.kind == "Observation"]
    # The issue that counts says how many and not which, so it can account for that many and no more.
    return lost + (observations if len(observations) > _counted(reply) else [])


def _received(content: object, number: int) -> Iterator[Received]:
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle":
        yield from _with_contained(content, "", f"part[{number}]")
        return
    for index, entry in enumerate(_listed(content, "entry")):
        if isinstance(entry, dict):
            yield from _with_contained(entry.get("resource"), _text(entry, "fullUrl"), f"Bundle.entry[{index}].resource")


def _with_contained(resource: object, url: str, where: str) -> Iterator[Received]:
    if not isinstance(resource, dict):
        return
    kind, name = _text(resource, "resourceType"), _text(resource, "id")
    # A resource without an id is known by its fullUrl without the version, whole or by its last two parts, else by its place.
    plain = url.partition("/_history/")[0]
    names = frozenset(one for one in (f"{kind}/{name}" if name else "", plain, "/".join(plain.split("/")[-2:])) if one) or frozenset(
        {where}
    )
    if kind in _ACCOUNTED:
        yield Received(kind, where, names, _results(resource, names))
    for index, inner in enumerate(_listed(resource, "contained")):
        if isinstance(inner, dict) and inner.get("resourceType") in _ACCOUNTED:
            inside = frozenset(f"{one}#{_text(inner, 'id') or index}" for one in names)
            yield Received(inner["resourceType"], f"{where}.contained[{index}]", inside, _results(inner, names))


def _results(resource: Resource, names: frozenset[str]) -> frozenset[str]:
    """The names of a report's results; those of contained ones begin with the name of the report."""
    given = [_text(result, "reference") for result in _listed(resource, "result") if isinstance(result, dict)]
    references = [reference for reference in given if reference]
    inside = {f"{name}{reference}" for reference in references if reference.startswith("#") for name in names}
    return frozenset(inside | set(references))


# What was sent may be of any shape: an element of another type than FHIR gives it counts as absent here.


def _listed(holder: Resource, name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []


def _text(holder: Resource, name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""


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
