"""What does each rule set say of itself, and is it true? H2: the source attributes of decision support, 45 CFR 170.315(b)(11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from adapter.facts.answers import Answer
from adapter.facts.case import Patient
from adapter.facts.uptake import Normalisation
from adapter.fhir import wire
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import load
from adapter.knowledge.rule_sets import Published, published
from adapter.knowledge.shapes import WorkedCase
from adapter.rules.lean_body_mass import lean_body_mass
from adapter.rules.operators import Chosen
from adapter.worked_cases import answers_to

# The items (5) to (13) of the list, in its order.
OF_THE_LIST = (
    "race",
    "ethnicity",
    "language",
    "sexual-orientation",
    "gender-identity",
    "sex",
    "date-of-birth",
    "social-determinants-of-health",
    "health-status-assessments",
)

# Everything that a rule can learn of a person beside the cancer, each with values that differ in whatever may matter.
SEXES = ("female", "male", None)
BIRTHS = ("1940-01-01", "1990-01-01", None)
MENOPAUSES = ("premenopausal", "postmenopausal")

OWN = """
topic = "own"
title = "A rule set of a site"
[attributes.made]
developer = "A hospital"
funding = "A foundation"
released_on = 2025-01-02
revised_on = 2025-03-04
[attributes.uses]
{word} = "In a sentence."
[[context]]
id = "own"
result = "er-status"
value = "positive"
text = "A sentence."
source = "adapter"
"""


@pytest.fixture(scope="module")
def sets(knowledge: Knowledge) -> Published:
    """What our books publish."""
    return published(knowledge)


def with_own(folder: Path, *, topic: str = "own", word: str = "race") -> Path:
    """A site's folder with one topic of its own."""
    (folder / "own").mkdir()
    (folder / "own" / "topic.toml").write_text(OWN.format(word=word).replace('"own"', f'"{topic}"', 1), encoding="utf-8")
    return folder


def variants(case: WorkedCase) -> Iterator[tuple[str, list[WorkedCase]]]:
    """The case for each attribute, alike but for that attribute."""
    yield "sex", [case.model_copy(update={"sex": sex}) for sex in SEXES]
    yield "date-of-birth", [case.model_copy(update={"born": day}) for day in BIRTHS]
    sent = {name: value for name, value in case.sent.items() if name != "menopausal-status"}
    statuses = [sent, *(sent | {"menopausal-status": status} for status in MENOPAUSES)]
    yield "menopausal-status", [case.model_copy(update={"sent": status}) for status in statuses]


def moved(first: list[Answer], second: list[Answer]) -> Iterator[Answer]:
    """Every answer that one of the two has and the other has not, to the last word."""
    yield from (answer for answer in first if answer not in second)
    yield from (answer for answer in second if answer not in first)


@pytest.fixture(scope="module")
def found(knowledge: Knowledge) -> set[tuple[str, str]]:
    """The rule sets whose answers really change with an attribute, in any worked case."""
    seen = set()
    for case in knowledge.cases:
        for word, alike in variants(case):
            first, *others = (answers_to(one, knowledge) for one in alike)
            seen |= {(knowledge.rule_topic[answer.rule], word) for other in others for answer in moved(first, other)}
    return seen


def test_h2_a_rule_set_declares_exactly_the_attributes_that_change_its_answers(
    knowledge: Knowledge, sets: Published, found: set[tuple[str, str]]
) -> None:
    """H2, items (10), (11): the answers to every worked case, with another sex, birth date and menopausal status."""
    declared = {(one.id, word) for one in sets.sets for word in one.uses}
    women, men = (
        lean_body_mass(Normalisation.LEAN_BODY_MASS_JAMES, sex, Decimal(70), Decimal(170), Chosen(knowledge, {}))
        for sex in ("female", "male")
    )

    # The lean body mass has no answer of its own: it is a step of PERCIST, whose answers change.
    assert women.kg != men.kg
    assert declared == found | {("lean-body-mass", "sex")}
    assert found


def test_h2_nothing_else_is_known_of_a_person() -> None:
    """H2, items (5) to (9), (12), (13): what is not read cannot be used. A new field needs an attribute, and a variant above."""
    about_nothing = {"reference", "key", "id", "meta", "contained", "extension", "identifier", "status", "subject"}

    assert set(Patient.__struct_fields__) - about_nothing == {"birth_date", "sex"}
    assert set(wire.Patient.__struct_fields__) - about_nothing == {"birth_date", "gender"}


def test_h2_every_item_of_the_list_is_an_attribute_with_its_source(knowledge: Knowledge) -> None:
    attributes = knowledge.publication.attributes

    assert tuple(one.word for one in attributes if one.source == "cfr-170-315-b-11") == OF_THE_LIST
    assert [one.word for one in attributes if one.word not in OF_THE_LIST] == ["menopausal-status"]


def test_h2_every_rule_and_every_sentence_belongs_to_a_rule_set(knowledge: Knowledge, sets: Published) -> None:
    ids = [one.id for one in sets.sets]

    assert len(ids) == len(set(ids))
    assert knowledge.rule_topic.keys() == knowledge.rules.keys()
    assert set(knowledge.rule_topic.values()) <= set(ids)
    assert {topic.topic for topic in knowledge.topics.values() if topic.contexts} <= set(ids)


def test_h2_a_rule_set_cites_every_source_of_its_rules_rows_and_sentences(knowledge: Knowledge, sets: Published) -> None:
    """H2, item (1)."""
    for one in sets.sets:
        topic, cited = knowledge.topics[one.id], {source.id for source in one.sources}
        rules = [rule for rule in knowledge.rules.values() if knowledge.rule_topic[rule.id] == one.id]
        named = {rule.source for rule in rules} | {row.source for rule in rules for row in rule.rows}
        named |= {part.source for part in (*topic.contexts, *topic.hints, *topic.tests)}
        assert named <= cited, one.id
        assert cited <= knowledge.sources.keys()


def test_h2_the_review_is_as_old_as_the_rule_that_was_checked_longest_ago(knowledge: Knowledge, sets: Published) -> None:
    """H2, item (4)."""
    old, day = next(iter(knowledge.rules)), date(2020, 2, 3)
    topic = knowledge.topics[knowledge.rule_topic[old]]
    aged = knowledge.rules[old].model_copy(update={"checked_on": day})
    books = replace(knowledge, rules={**knowledge.rules, old: aged})

    assert (published(books).of(topic.topic).reviewed_on, published(books).whole.reviewed_on) == (day, day)
    assert sets.of(topic.topic).reviewed_on > day


def test_h2_the_whole_uses_what_any_of_its_parts_uses(sets: Published) -> None:
    assert sets.whole.uses.keys() == {word for one in sets.sets for word in one.uses}
    assert "percist" in sets.whole.uses["sex"]


def test_h2_what_a_site_made_is_its_own(tmp_path: Path, sets: Published) -> None:
    """H2, items (2) to (4): the developer of one rule set is not the developer of the others."""
    own = published(load(extra=with_own(tmp_path)))
    made = own.of("own").made

    assert (made.developer, made.funding, made.released_on) == ("A hospital", "A foundation", date(2025, 1, 2))
    assert {one.made.developer for one in own.sets if one.id != "own"} == {sets.publication.made.developer}


@pytest.mark.parametrize(
    ("topic", "word", "fault"),
    [
        ("own", "shoe-size", "own: attribute shoe-size is not declared in publication.toml"),
        ("my own", "race", "my own: a topic is named with up to 64 letters"),
        ("knowledge", "race", "and not knowledge"),
    ],
)
def test_h2_what_cannot_be_served_is_refused(tmp_path: Path, topic: str, word: str, fault: str) -> None:
    with pytest.raises(BrokenKnowledge, match=fault):
        load(extra=with_own(tmp_path, topic=topic, word=word))


def test_h2_an_attribute_without_a_source_is_refused(tmp_path: Path, root: Path) -> None:
    text = (root / "mappings" / "publication.toml").read_text(encoding="utf-8").replace("cfr-170-315-b-11", "hearsay", 1)
    (tmp_path / "publication.toml").write_text(text, encoding="utf-8")

    with pytest.raises(BrokenKnowledge, match="attribute race: source hearsay is not in"):
        load(extra=tmp_path)
