"""What makes bands meet, rows cover and codes be spelt right, each by the smallest example."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from adapter.facts.vocabulary import Circumstance, Kind, Result
from adapter.knowledge.books import Knowledge
from adapter.knowledge.check_digits import is_loinc_code, is_snomed_id, is_well_formed
from adapter.knowledge.indications import CircumstanceShape
from adapter.knowledge.proofs import (
    band_problems,
    code_problems,
    condition_problems,
    indication_problems,
    result_problems,
    rule_problems,
    topic_problems,
)
from adapter.knowledge.shapes import Band, CodeRow, FactShape, Hole, Row, Rule, Source, Topic
from adapter.knowledge.tables import compile_table, unknown_words

DAY = date(2026, 11, 22)
SOURCES = {"book": Source(id="book", title="A book", citation="A book", checked_on=DAY)}
FACTS = {"size": FactShape.model_validate({"word": "size", "kind": "length", "source": "book"})}


def bands(*ends: dict[str, object]) -> tuple[Band, ...]:
    return tuple(Band.model_validate({"says": f"b{number}"} | end) for number, end in enumerate(ends))


@pytest.mark.parametrize(
    "ends",
    [
        [{}],
        [{"below": 1}, {"at_least": 1}],
        [{"up_to": 1}, {"above": 1}],
        [{"below": 1}, {"at_least": 1, "up_to": 10}, {"above": 10}],
    ],
)
def test_bands_that_meet_have_no_problem(ends: list[dict[str, object]]) -> None:
    assert band_problems(bands(*ends)) == []


@pytest.mark.parametrize(
    ("ends", "fault"),
    [
        ([{"below": 1}, {"above": 1}], "gap between band b0 and band b1 at 1"),
        ([{"up_to": 1}, {"at_least": 2}], "gap between band b0 and band b1 at 1"),
        ([{"up_to": 1}, {"at_least": 1}], "overlap of band b0 and band b1 at 1"),
        ([{"below": 2}, {"at_least": 1}], "overlap of band b0 and band b1 at 1"),
        ([{"at_least": 1}, {"below": 1}], "bands b0 and b1 do not meet: one of them has no end there"),
        ([{"below": 1}, {"below": 2}], "bands b0 and b1 do not meet: one of them has no end there"),
        ([{"at_least": 0, "below": 1}, {"at_least": 1}], "the first band must be open below and the last band open above"),
        ([{"below": 1}, {"at_least": 1, "up_to": 5}], "the first band must be open below and the last band open above"),
        ([{"below": 1, "up_to": 1}, {"above": 1}], "band b0 has two ends on one side"),
        ([{"below": 1}, {"at_least": 1, "above": 1}], "band b1 has two ends on one side"),
    ],
)
def test_bands_that_do_not_meet_are_named(ends: list[dict[str, object]], fault: str) -> None:
    assert fault in band_problems(bands(*ends))


def rule(**fields: object) -> Rule:
    shape = {"id": "a-rule", "question": "What?", "operator": "cutoff", "source": "book", "checked_on": DAY, "folder": "a/folder"}
    return Rule.model_validate(shape | fields)


def row(name: str, says: str = "yes", **cells: str) -> Row:
    return Row(id=name, cells={key: tuple(cell.split()) for key, cell in cells.items()}, says=says, source="book")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"bands": bands({}), "source": "friend"}, "source friend is not in sources.toml"),
        ({"bands": ()}, "a cutoff needs bands"),
        ({"bands": bands({}), "fact": "weight"}, "fact weight is not declared in any topic"),
        ({"operator": "table"}, "a table needs a file and inputs"),
        ({"operator": "table", "inputs": {"x": ["a"]}}, "a table needs a file and inputs"),
    ],
)
def test_a_rule_that_is_not_whole_is_named_with_its_folder(fields: dict[str, object], fault: str) -> None:
    assert rule_problems(rule(**fields), FACTS, SOURCES) == [f"a/folder: rule a-rule: {fault}"]


def test_a_rule_that_is_whole_has_no_problem() -> None:
    assert rule_problems(rule(bands=bands({"below": 1}, {"at_least": 1}), fact="size"), FACTS, SOURCES) == []


def table_rule(*rows: Row, holes: tuple[Hole, ...] = ()) -> Rule:
    """A table of two inputs with two words each."""
    return rule(operator="table", inputs={"x": ["a", "b"], "y": ["c", "d"]}, rows=rows, hole=holes)


def test_a_table_that_covers_everything_once_has_no_problem() -> None:
    table, problems = compile_table(table_rule(row("first", x="a", y="any"), row("second", x="b")))

    assert problems == []
    assert {combination: table.cell(dict(zip("xy", combination, strict=True))).id for combination in product("ab", "cd")} == {
        ("a", "c"): "first",
        ("a", "d"): "first",
        ("b", "c"): "second",
        ("b", "d"): "second",
    }


def test_two_rows_that_claim_one_combination_are_named() -> None:
    _, problems = compile_table(table_rule(row("first", x="a"), row("second", y="c"), row("third", x="b", y="d")))

    assert problems == ["rows first and second both claim x=a, y=c"]


def test_a_combination_without_row_or_reason_is_named() -> None:
    _, problems = compile_table(table_rule(row("first", x="a")))

    assert problems == ["no row and no reason for x=b, y=c", "no row and no reason for x=b, y=d"]


def test_a_hole_fills_a_gap_and_never_covers_a_row() -> None:
    hole = Hole(where={"x": ("b",)}, kind=Kind.INDETERMINATE, because="nobody knows")
    wide = Hole(where={"y": ("c",)}, kind=Kind.INDETERMINATE, because="nobody knows")

    assert compile_table(table_rule(row("first", x="a"), holes=(hole,)))[1] == []
    assert compile_table(table_rule(row("first", x="a"), holes=(hole, wide)))[1] == ["a hole and row first both claim x=a, y=c"]


def test_a_word_or_an_input_that_the_table_does_not_have_is_named() -> None:
    hole = Hole(where={"w": ("a",)}, kind=Kind.INDETERMINATE, because="nobody knows")

    assert unknown_words(table_rule(row("first", x="z", y="any"), holes=(hole,))) == [
        "first says x = z, which is not in its list",
        "a hole names the input w, which the rule does not have",
    ]


def test_an_unknown_input_is_every_word_of_its_list_or_its_own_word_unknown() -> None:
    own = rule(operator="table", inputs={"x": ["a", "unknown"]}, rows=[row("known", x="a"), row("not-known", x="unknown")])

    assert [cell.id for cell in compile_table(own)[0].completions({})] == ["not-known"]
    assert [cell.id for cell in compile_table(table_rule(row("first", x="a"), row("second", x="b")))[0].completions({"y": "c"})] == [
        "first",
        "second",
    ]


def code(**fields: object) -> CodeRow:
    whole: dict[str, object] = {"role": "observation", "system": "urn:x", "code": "1", "display": "", "fact": "size", "value": ""}
    return CodeRow(**(whole | {"basis": None, "side": None, "note": "", "source": "book", "folder": "a/folder"} | fields))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"system": "http://loinc.org", "code": "85337-5"}, "the check digit is wrong"),
        ({"source": "friend"}, "source 'friend' is not in sources.toml"),
        ({"fact": "weight"}, "fact weight is not declared in any topic"),
        ({"role": "value", "fact": "size weight", "value": "large"}, "fact weight is not declared in any topic"),
        ({"role": "value", "fact": "side", "value": "top"}, "top is not a value of side"),
        ({"role": "answer"}, "role answer is none of"),
    ],
)
def test_a_code_row_that_does_not_hold_is_named_with_its_file(fields: dict[str, object], fault: str) -> None:
    facts = FACTS | {"side": FactShape.model_validate({"word": "side", "kind": "category", "values": ["left"], "source": "book"})}
    problems = code_problems([code(**fields)], facts, SOURCES)

    assert any(problem.startswith("a/folder/codes.csv: ") and fault in problem for problem in problems)


@pytest.mark.parametrize(
    "fields", [{"fact": "panel"}, {"role": "value", "fact": "*", "value": "anything"}, {"role": "site", "fact": "", "value": "breast"}]
)
def test_a_code_row_that_holds_has_no_problem(fields: dict[str, object]) -> None:
    assert code_problems([code(**fields)], FACTS, SOURCES) == []


def test_one_code_may_answer_two_facts_and_never_one_fact_twice() -> None:
    facts = FACTS | {"weight": FactShape.model_validate({"word": "weight", "kind": "score", "source": "book"})}

    assert code_problems([code(), code(fact="weight")], facts, SOURCES) == []
    assert code_problems([code(), code(folder="b")], facts, SOURCES) == [
        "b/codes.csv: urn:x 1: stands twice as observation for size (also in a/folder)"
    ]


def test_a_rule_may_say_only_the_answers_of_its_result() -> None:
    said = rule(operator="table", result="er-status", inputs={"x": ["a"]}, rows=[row("first", says="maybe", x="a")])

    assert result_problems([said, rule(bands=bands({}))], {Result.ER_STATUS: frozenset({"positive"})}) == [
        "a/folder: rule a-rule: maybe is not an answer of er-status"
    ]


@pytest.mark.parametrize("text", ["85337-4", "16112-5", "LA6576-8", "LL4396-9"])
def test_a_loinc_code_with_its_own_check_digit_is_well_formed(text: str) -> None:
    head, tail = text[:-1], int(text[-1])

    assert is_loinc_code(text)
    assert not any(is_loinc_code(f"{head}{digit}") for digit in range(10) if digit != tail)


@pytest.mark.parametrize("text", ["", "85337", "85337-", "85337-44", "85337-x", "-4", "LA-4", "8533a-4", "LX6576-8"])
def test_what_is_not_shaped_like_a_loinc_code_is_none(text: str) -> None:
    assert not is_loinc_code(text)


@pytest.mark.parametrize("text", ["10828004", "260385009", "1228929004", "200001000004104"])
def test_a_snomed_identifier_with_its_own_check_digit_is_well_formed(text: str) -> None:
    head, tail = text[:-1], int(text[-1])

    assert is_snomed_id(text)
    assert not any(is_snomed_id(f"{head}{digit}") for digit in range(10) if digit != tail)


@pytest.mark.parametrize("text", ["", "10828", "010828004", "1082800x", "1" * 19, "１０８２８００４"])
def test_what_is_not_shaped_like_a_snomed_identifier_is_none(text: str) -> None:
    assert not is_snomed_id(text)


def test_two_neighbouring_digits_in_the_wrong_order_are_found() -> None:
    """Verhoeff finds every swap of neighbours; this is why SNOMED CT uses it."""
    right = "1228929004"
    swapped = [right[:place] + right[place + 1] + right[place] + right[place + 2 :] for place in range(1, len(right) - 1)]

    assert not any(is_snomed_id(text) for text in swapped if text != right)


def test_only_plain_codes_of_checked_systems_are_checked() -> None:
    assert is_well_formed("urn:x", "anything")
    assert is_well_formed("http://snomed.info/sct", "10828004:{363698007=76752008}")
    assert is_well_formed("http://snomed.info/sct", "")
    assert not is_well_formed("http://snomed.info/sct", "10828005")


def test_every_table_of_our_books_is_a_partition(knowledge: Knowledge) -> None:
    for name, table in knowledge.tables.items():
        assert compile_table(table.rule)[1] == [], name
        assert set(table.cells) == set(product(*table.domains.values())), name


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"rest": "other"}, "topic: fact gene: rest other is not one of its values"),
        ({"texts": {"brca1": "BRCA9"}}, "topic: fact gene: a text stands for BRCA9, which is not one of its values"),
    ],
)
def test_what_a_fact_maps_to_is_one_of_its_values(fields: dict[str, object], fault: str) -> None:
    fact = {"word": "gene", "kind": "category", "values": ["BRCA1"], "source": "book"} | fields
    topic = Topic.model_validate({"topic": "topic", "title": "A topic", "fact": [fact]})
    assert topic_problems([topic], SOURCES) == [fault]


def hint(**fields: object) -> Topic:
    shape = {"id": "h", "indication": "A drug", "must": {"her2": ["positive"]}, "source": "book", "source_date": "2024", "as_of": DAY}
    return Topic.model_validate({"topic": "hints", "title": "Hints", "hint": [shape | fields]})


CIRCUMSTANCES = {name: CircumstanceShape(id=name, label=name, values=("positive", "negative")) for name in Circumstance}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"must": {"histology": ["lobular"]}}, "hints: hint h: no indication of a therapy may depend on histology"),
        ({"also": {"histology": ["lobular"]}}, "hints: hint h: no indication of a therapy may depend on histology"),
        ({"drugs": ["water"]}, "hints: hint h: drug water is in no drugs.csv"),
        ({"source": "nowhere"}, "hints: hint h: source nowhere is not in sources.toml"),
    ],
)
def test_an_indication_that_does_not_hold_together_is_named(fields: dict[str, object], fault: str) -> None:
    """S2b: ductal and lobular carcinoma receive similar treatment, so histology decides no indication of a therapy."""
    assert indication_problems([hint(**fields)], SOURCES, {"drug"}, {}) == [fault]


def test_histology_may_decide_an_indication_of_imaging() -> None:
    assert indication_problems([hint(kind="imaging", must={"histology": ["lobular"]})], SOURCES, {"drug"}, {}) == []


def test_a_recommended_test_must_be_an_answer_with_a_source() -> None:
    topic = Topic.model_validate({"topic": "t", "title": "T", "test": [{"id": "x", "because": "so", "source": "nowhere"}]})
    problems = indication_problems([topic], SOURCES, (), {Result.MISSING_TEST: frozenset({"y"})})
    assert problems == ["t: test x: source nowhere is not in sources.toml", "t: test x is no answer of missing-test"]


def test_a_condition_names_only_words_that_its_circumstance_may_have() -> None:
    assert condition_problems([hint()], CIRCUMSTANCES) == []
    assert condition_problems([hint(also={"er": ["yes"]})], CIRCUMSTANCES) == ["hints: hint h: yes is no value of er"]
    assert condition_problems([hint()], {}) == [f"circumstances.toml: {name} is missing" for name in Circumstance]
