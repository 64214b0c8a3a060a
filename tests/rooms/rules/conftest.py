"""Cases of one carcinoma, made from words as a sender types them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapter.facts.answers import Answer
from adapter.facts.vocabulary import Result
from adapter.knowledge.books import Knowledge
from adapter.knowledge.shapes import WorkedCase
from adapter.rules.operators import Chosen
from adapter.worked_cases import answers_to

Ask = Callable[..., dict[Result, Answer]]


@pytest.fixture
def chosen(knowledge: Knowledge) -> Chosen:
    """Our books with every scheme at its default."""
    return Chosen(knowledge, {})


@pytest.fixture
def ask(knowledge: Knowledge) -> Ask:
    """The answers to what was sent, by the kind of answer; the fields are those of a worked case."""

    def answers(books: Knowledge = knowledge, **fields: object) -> dict[Result, Answer]:
        case = WorkedCase.model_validate({"name": "a trial", "expect": {"er-status": "none"}} | fields)
        return {answer.about.result: answer for answer in answers_to(case, books)}

    return answers
