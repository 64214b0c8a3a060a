"""What we publish and show of our fact words: no display is taken for another analyte, and each word of PET says what it is."""

from __future__ import annotations

import pytest

from adapter.facts.statements import Coded, Coding
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import CodeRow, FactKind, FactShape, Role
from adapter.terminology.guards import foreign_name

PET = ("imaging/", "response/", "tracers/", "staging-indication")


def rows(knowledge: Knowledge) -> list[CodeRow]:
    """Every observation code of the PET folders."""
    found = [row for by_code in knowledge.codes["observation"].values() for row in by_code]
    return [row for row in found if row.folder.startswith(PET)]


def test_no_display_of_an_observation_code_names_another_analyte(knowledge: Knowledge) -> None:
    for row in rows(knowledge):
        code = Coded(codings=(Coding(system=row.system, code=row.code, display=row.display),))
        assert foreign_name(code, knowledge.fact_topic[row.fact], knowledge) is None, row.display


def test_every_tracer_says_what_it_shows_and_whether_it_is_approved(knowledge: Knowledge) -> None:
    tracers = {topic.topic: topic.tracer for topic in knowledge.topics.values() if topic.tracer is not None}
    assert {name for name, tracer in tracers.items() if tracer.approved} == {"fdg", "fes", "naf"}
    assert all(tracer.target for tracer in tracers.values())


def test_every_pet_rule_with_a_result_has_a_category_and_a_role(knowledge: Knowledge) -> None:
    wanted = [rule for rule in knowledge.rules.values() if rule.result and rule.folder.startswith(("response/", "tracers/"))]
    assert wanted
    for rule in wanted:
        assert rule.best, rule.id
        assert rule.role, rule.id


def test_only_the_rule_of_a_trial_is_integral_inside_it(knowledge: Knowledge) -> None:
    assert [rule.id for rule in knowledge.rules.values() if rule.role is Role.INTEGRAL_IN_TRIAL] == ["phergain-fall"]


@pytest.mark.parametrize("rule", ["gate-uptake-time", "gate-uptake-time-difference", "gate-glucose", "fdg-repeatability"])
def test_what_was_written_for_fdg_is_asked_of_fdg_alone(rule: str, knowledge: Knowledge) -> None:
    assert knowledge.rules[rule].words["tracers"] == ("fdg-f18",)


def test_every_word_of_ours_has_a_display_of_its_own(knowledge: Knowledge) -> None:
    displays = [shape.display for shape in knowledge.facts.values()]

    assert "" not in displays
    assert len(set(displays)) == len(displays)


def test_a_word_without_a_display_is_read_as_it_is_spelt() -> None:
    assert FactShape(word="night-sweats", kind=FactKind.CATEGORY, source="adapter").title == "night sweats"
