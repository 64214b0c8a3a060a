"""The books as a person leafs through them: everything that is served can be found, and a table reads as it is printed."""

from __future__ import annotations

from itertools import product

import pytest

from adapter.facts.case import UnmappedCode
from adapter.knowledge.books import Knowledge
from adapter.page.library import MOST_HITS, hits, rule_page, shelves, topic_page
from adapter.page.suggestions import suggestion
from adapter.page.tables import table_view


def test_every_topic_stands_on_one_shelf_and_opens(knowledge: Knowledge) -> None:
    lines = [line for shelf in shelves(knowledge) for line in shelf.topics]
    assert sorted(line.where for line in lines) == sorted(f"topics/{topic}" for topic in knowledge.topics)
    assert all(topic_page(knowledge, topic) is not None for topic in knowledge.topics)


def test_every_rule_opens_from_its_topic(knowledge: Knowledge) -> None:
    pages = [page for topic in knowledge.topics if (page := topic_page(knowledge, topic))]
    assert sorted(line.where for page in pages for line in page.rules) == sorted(f"rules/{rule}" for rule in knowledge.rules)
    assert all(rule_page(knowledge, rule) is not None for rule in knowledge.rules)


def test_every_code_and_every_source_of_a_rule_or_code_is_shown(knowledge: Knowledge) -> None:
    pages = [page for topic in knowledge.topics if (page := topic_page(knowledge, topic))]
    shown = {(one.system, one.code, one.row.role) for page in pages for one in page.codes}
    ours = {(system, code, role) for role, maps in knowledge.codes.items() for system, code in maps}
    assert {role for _, _, role in ours - shown} <= {"absent"}
    sources = {source.id for page in pages for source in page.sources}
    assert {rule.source for rule in knowledge.rules.values()} <= sources


def test_what_is_not_there_opens_nothing(knowledge: Knowledge) -> None:
    assert (topic_page(knowledge, "no-such-topic"), rule_page(knowledge, "no-such-rule")) == (None, None)


def test_a_table_shows_every_combination_once(knowledge: Knowledge) -> None:
    for name, table in knowledge.tables.items():
        shown = table_view(table)
        assert len(shown.lines) * len(shown.columns) == len(table.cells), name
        assert len({line.labels for line in shown.lines}) == len(shown.lines), name


def test_the_anatomic_table_reads_as_the_manual_prints_it(knowledge: Knowledge) -> None:
    """AJCC 8, anatomic stage groups: T2 N1 M0 is IIB, any T with N3 M0 is IIIC, and M1 is IV."""
    shown = table_view(knowledge.tables["anatomic-stage"])
    says = {(line.labels[0], *column): cell.says for line in shown.lines for column, cell in zip(shown.columns, line.cells, strict=True)}
    assert (says["T2", "N1", "M0"], says["T0", "N1mi", "M0"], says["T1", "N0", "M0"]) == ("IIB", "IB", "IA")
    assert {says[t, "N3", "M0"] for t in ("T0", "T1", "T2", "T3", "T4")} == {"IIIC"}
    assert {says[t, n, "M1"] for t, n in product(("T0", "T1", "T2", "T3", "T4"), ("N0", "N1", "N2", "N3"))} == {"IV"}


def test_the_row_of_an_answer_is_marked_and_no_other(knowledge: Knowledge) -> None:
    page = rule_page(knowledge, "clinical-prognostic-stage", "c-C-G2--++")
    assert page is not None
    assert page.table is not None
    marked = [(line.labels, cell.says) for line in page.table.lines for cell in line.cells if cell.is_marked]
    assert marked == [(("C", "G2"), "IIA")]


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("85337-4", "codes", "85337-4"),
        ("HER2-LOW", "rules", "rules/her2-low"),
        ("pertuzumab", "drugs", "pertuzumab"),
        ("jacene", "sources", "jacene-2024"),
    ],
)
def test_a_search_finds_codes_rules_drugs_and_sources(knowledge: Knowledge, text: str, kind: str, found: str) -> None:
    names = {"codes": "code", "rules": "where", "drugs": "drug", "sources": "id"}
    assert found in [getattr(one, names[kind]) for one in getattr(hits(knowledge, text), kind)]


def test_every_word_has_to_stand_and_the_count_is_of_all(knowledge: Knowledge) -> None:
    assert hits(knowledge, "her2 qwertz").found == 0
    everything = hits(knowledge, "")
    assert everything.found > len(everything.codes) == MOST_HITS


def test_a_rule_shows_the_schemes_beside_it_and_its_worked_cases(knowledge: Knowledge) -> None:
    page = rule_page(knowledge, "surrogate-stgallen2013")
    assert page is not None
    assert {line.name.partition(" ")[0] for line in page.schemes} == set(knowledge.schemes["subtype"])
    assert set(page.cases) == {case.name for case in knowledge.cases if case.folder == "subtype"}


@pytest.mark.parametrize(
    ("display", "fact", "says"),
    [
        ("Estrogen receptor Ag [Presence] in Breast cancer specimen", "", "perhaps er-status"),
        ("HER2 in situ hybridization", "", "it names"),
        ("Hemoglobin [Mass/volume] in Blood", "", ""),
        ("", "", ""),
    ],
)
def test_a_suggestion_is_what_is_most_like_or_nothing(knowledge: Knowledge, display: str, fact: str, says: str) -> None:
    said = suggestion(UnmappedCode(role="observation", system="https://lab.example", code="X", display=display, fact=fact), knowledge)
    assert said.startswith(says)
    assert bool(said) == bool(says)
