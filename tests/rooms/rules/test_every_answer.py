"""What every answer owes its reader, whatever the rule: over the answers to all worked cases."""

from __future__ import annotations

from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.vocabulary import Kind
from adapter.knowledge.loader import load
from adapter.worked_cases import answers_to

BOOKS = load()
ANSWERS = [(case, answer) for case in BOOKS.cases for answer in answers_to(case, BOOKS)]


def test_every_answer_names_a_rule_and_a_source_of_the_books() -> None:
    assert [answer.rule for _, answer in ANSWERS if answer.rule not in BOOKS.rules or answer.source not in BOOKS.sources] == []


def test_every_answer_gives_its_reason() -> None:
    assert [case.name for case, answer in ANSWERS if not answer.because.strip()] == []


def test_every_value_and_every_possible_value_is_a_word_of_its_result() -> None:
    words = BOOKS.outputs.answer_words()
    for case, answer in ANSWERS:
        if isinstance(answer, Determined) and answer.quantity is not None:
            assert answer.value == f"{answer.quantity:f}", case.name
            continue
        given = [answer.value] if isinstance(answer, Determined) else answer.possible
        assert set(given) <= words[answer.about.result], case.name


def test_every_flag_is_declared_with_its_sentence() -> None:
    assert {flag for _, answer in ANSWERS for flag in answer.flags} <= set(BOOKS.outputs.flags)


def test_no_word_stands_twice_in_a_list() -> None:
    for case, answer in ANSWERS:
        lists = [answer.flags, *((answer.missing, answer.possible) if isinstance(answer, Undetermined) else ())]
        assert all(len(words) == len(set(words)) for words in lists), case.name


def test_a_value_rests_on_at_least_one_fact() -> None:
    assert [case.name for case, answer in ANSWERS if isinstance(answer, Determined) and not answer.used] == []


def test_nothing_is_asked_for_where_a_rule_does_not_apply() -> None:
    assert [case.name for case, answer in ANSWERS if getattr(answer, "kind", None) is Kind.NOT_APPLICABLE and answer.missing] == []


def test_no_two_answers_of_a_case_have_one_identity() -> None:
    for case in BOOKS.cases:
        identities = [answer.about for answer in answers_to(case, BOOKS)]
        # Two cancers of one patient are two cases with their own answers.
        sides = {entry.get("side") for entry in case.facts}
        assert len(identities) == len(set(identities)) or len(sides) > 1, case.name


def test_a_stage_comes_from_its_own_table_and_never_from_another() -> None:
    stages = [answer for _, answer in ANSWERS if answer.about.result.endswith("-stage") and isinstance(answer, Determined)]

    assert {(answer.rule, answer.about.result.value) for answer in stages} == {
        ("anatomic-stage", "anatomic-stage"),
        ("clinical-prognostic-stage", "clinical-prognostic-stage"),
        ("pathological-prognostic-stage", "pathological-prognostic-stage"),
        ("oncotype-stage", "pathological-prognostic-stage"),
    }


def test_the_day_of_an_answer_is_the_day_of_its_newest_input() -> None:
    def days(answer: Answer) -> list[str]:
        return [fact.taken_on for fact in answer.used if fact.taken_on]

    dated = [answer for _, answer in ANSWERS if days(answer)]
    assert dated
    assert all(answer.effective == max(days(answer)) for answer in dated)
