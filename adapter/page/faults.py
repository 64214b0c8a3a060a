"""What was wrong with what was sent, and where exactly? Issues in words, with the place in the text marked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from adapter.facts.case import Issue
from adapter.facts.vocabulary import Severity
from adapter.page.shapes import Mark, Told

_WORDS = {Severity.ERROR: "Error", Severity.WARNING: "Warning", Severity.INFORMATION: "Note"}
_POSITION = re.compile(r"line (\d+), column (\d+)")
_STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")
_SPACE = re.compile(r"[ \t\r\n]*")
# Codes that say that something came without a value; every other thing that could not be used is at least a warning.
_WITHOUT_VALUE = frozenset({"absent", "no-value"})
# How much of the line stands before and after the marked character, and where looking up places stops.
_AROUND, _MOST_MARKS, _LONGEST = 60, 200, 2_000_000


def told(issues: Iterable[Issue], text: str = "") -> tuple[Told, ...]:
    """Every issue in words, the gravest first; with the text that was sent, each has its place there."""
    most = _MOST_MARKS if len(text) <= _LONGEST else 1
    ranked = sorted(issues, key=lambda issue: list(Severity).index(issue.severity))
    return tuple(_told(issue, text if number < most else "") for number, issue in enumerate(ranked))


def is_any_unused(issues: Iterable[Issue]) -> bool:
    """Whether something of what was sent came without a value or was refused."""
    return any(issue.severity is not Severity.INFORMATION or issue.code in _WITHOUT_VALUE for issue in issues)


def _told(issue: Issue, text: str) -> Told:
    reference, path = (issue.place.reference, issue.place.path) if issue.place else ("", "")
    return Told(_WORDS[issue.severity], issue.code, issue.text, reference, path, _mark(issue, path, text) if text else None)


def _mark(issue: Issue, path: str, text: str) -> Mark | None:
    """The place that the issue names by line and column, else the one its path leads to."""
    named = _POSITION.search(issue.text) if issue.code == "broken-json" else None
    if named is not None:
        return _at_byte(text, int(named.group(1)), int(named.group(2)))
    at = place_of(text, path) if path else None
    return None if at is None else marked(text, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _at_byte(text: str, line: int, column: int) -> Mark:
    """The same where the column counts bytes, as the parser does."""
    lines = text.split("\n")
    here = lines[min(line, len(lines)) - 1]
    return marked(text, line, len(here.encode()[: column - 1].decode(errors="ignore")) + 1)


def marked(text: str, line: int, column: int) -> Mark:
    """The text around a line and column, both counted from one; a line that is long is cut on both sides."""
    lines = text.split("\n")
    here = lines[min(line, len(lines)) - 1].rstrip("\r").replace("\t", " ")
    at = min(column - 1, len(here))
    start = max(0, at - _AROUND)
    before = ("… " if start else "") + here[start:at]
    after = here[at + 1 : at + 1 + _AROUND]
    return Mark(line, column, before, here[at : at + 1] or " ", after + (" …" if at + 1 + _AROUND < len(here) else ""))


def place_of(text: str, path: str) -> int | None:
    """Where in a JSON text the element of a path such as `Bundle.entry[3].resource` begins; where it is not there, the nearest around it.

    The type of the resource at the head of the path is no step. None where the text cannot be followed.
    """
    at = _SPACE.match(text).end()  # type: ignore[union-attr]
    steps = _steps(path.partition(".")[2])
    try:
        for step in steps:
            found = _child(text, at, step)
            if found is None:
                break
            at = found
    except (ValueError, IndexError, RecursionError):
        return None
    return at


def _steps(path: str) -> Iterator[str | int]:
    for name, number in _STEP.findall(path):
        yield name or int(number)


def _child(text: str, at: int, step: str | int) -> int | None:
    """Where the member or item of the element at this place begins."""
    if isinstance(step, int):
        return next((place for number, (_, place) in enumerate(_inside(text, at, "[")) if number == step), None)
    # A path says `value` and `effective` where JSON adds the type to the name.
    named = list(_inside(text, at, "{"))
    exact = next((place for name, place in named if name == step), None)
    return exact if exact is not None else next((place for name, place in named if re.fullmatch(f"{step}[A-Z]\\w*", name)), None)


def _inside(text: str, at: int, opening: str) -> Iterator[tuple[str, int]]:
    """Each member of an object with its name, or each item of a list, with the place where it begins."""
    if text[at] != opening:
        return
    decoder = json.JSONDecoder()
    at = _after_space(text, at + 1)
    while text[at] not in "]}":
        name = ""
        if opening == "{":
            name, at = decoder.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)
        yield name, at
        _, at = decoder.raw_decode(text, at)
        at = _after_space(text, at)
        at = _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()
