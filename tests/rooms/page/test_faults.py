"""Is the fault marked where it stands in what was sent?"""

from __future__ import annotations

import json

import pytest

from adapter.facts.case import Issue, Place
from adapter.facts.vocabulary import Severity
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.page.faults import marked, place_of, told
from adapter.page.shapes import Mark
from adapter.pipeline import Request, interpret
from tests.rooms.page.conftest import ISSUED

TEXT = (
    '{"resourceType": "Bundle",\n "entry": [\n  {"resource": {"id": "a"}},\n  {"resource": {"id": "b", "valueQuantity": {"value": 1}}}\n ]}'
)


def refused(text: str, knowledge: Knowledge) -> Refusal:
    with pytest.raises(Refusal) as caught:
        interpret([text.encode()], knowledge, Request(issued=ISSUED))
    return caught.value


def mark_of(text: str, knowledge: Knowledge) -> Mark:
    mark = told(refused(text, knowledge).issues, text)[0].mark
    assert mark is not None
    return mark


def test_broken_json_is_marked_at_the_character_that_the_parser_names(knowledge: Knowledge) -> None:
    found = mark_of('{"resourceType": "Bundle",\n "entry": [}', knowledge)

    assert (found.line, found.column, found.before, found.at) == (2, 12, ' "entry": [', "}")


def test_a_column_counts_bytes_and_the_mark_counts_letters(knowledge: Knowledge) -> None:
    """The parser names a byte; two of them are one `ä`."""
    found = mark_of('{"ä": "ä", "entry" 1}', knowledge)

    assert (found.before, found.at) == ('{"ä": "ä", "entry" ', "1")


def test_a_text_that_breaks_off_is_marked_behind_its_end(knowledge: Knowledge) -> None:
    found = mark_of('{"resourceType": "Bundle"', knowledge)

    assert (found.before, found.at, found.after) == ('{"resourceType": "Bundle"', " ", "")


def test_a_long_line_is_cut_on_both_sides(knowledge: Knowledge) -> None:
    found = mark_of(json.dumps({"resourceType": "Bundle", "a": "x" * 500})[:-1] + " ? " + "y" * 500, knowledge)

    assert (found.at, found.before.startswith("… "), found.after.endswith(" …")) == ("?", True, True)
    assert len(found.before + found.after) < 200


def test_windows_lines_and_tabs_are_read_as_they_are_shown() -> None:
    assert marked("a\r\n\tb?c\r\n", 2, 3) == Mark(2, 3, " b", "?", "c")


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        ("Bundle", '{"resourceType"'),
        ("Bundle.entry[1].resource", '{"id": "b"'),
        ("Bundle.entry[1].resource.value", '{"value": 1}'),
        ("Bundle.entry[1].resource.valueQuantity.value", "1}"),
        ("Bundle.entry[1].resource.status", '{"id": "b"'),
        ("Bundle.entry[7]", '[\n  {"resource"'),
    ],
)
def test_a_path_leads_to_its_element_or_to_the_nearest_around_it(path: str, begins: str) -> None:
    """FHIRPath leaves out the type in `value[x]`, and what is missing stands nowhere."""
    at = place_of(TEXT, path)

    assert at is not None
    assert TEXT[at:].startswith(begins)


@pytest.mark.parametrize("text", ["", "[", '{"entry": [1, 2', '{"entry": nonsense}', "no json"])
def test_a_text_that_cannot_be_followed_has_no_mark_and_breaks_nothing(text: str) -> None:
    place = Place(reference="", path="Bundle.entry[1].resource")
    (one,) = told([Issue(code="bad-date", severity=Severity.WARNING, text="a date", place=place)], text)

    assert (one.path, one.text) == ("Bundle.entry[1].resource", "a date")


def test_issues_come_with_the_gravest_first() -> None:
    given = [Issue(code="absent", severity=one, text=one.value) for one in (Severity.INFORMATION, Severity.ERROR, Severity.WARNING)]

    assert [one.state for one in told(given)] == ["Error", "Warning", "Note"]
