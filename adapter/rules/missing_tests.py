"""Which recommended tests are not on file? For metastatic disease, and to complete the clinical subtype (Jacene 2024, S3, S83, S84)."""

from __future__ import annotations

from collections.abc import Sequence

from adapter.facts.answers import About, Answer
from adapter.facts.case import Case, Fact, all_in_situ
from adapter.facts.genomics import Genomics, genomics_of
from adapter.facts.vocabulary import Origin, Result, SpecimenKind
from adapter.knowledge.indications import RecommendedTest
from adapter.rules.answering import determined
from adapter.rules.circumstances import facts_of
from adapter.rules.extent import is_metastatic
from adapter.rules.operators import Chosen
from adapter.rules.situation import Situation, holds, holds_any

_ORIGINS = tuple(Origin)


def missing_test_answers(case: Case, answers: Sequence[Answer], situation: Situation, chosen: Chosen) -> list[Answer]:
    """One answer for each test that is recommended for this patient and of which nothing was sent."""
    if all_in_situ(case.conditions) and not is_metastatic(answers):
        return []
    known = genomics_of(case)
    kinds = {answer.about.result for answer in answers}
    has_tissue = any(test.completes and kinds & set(test.results) for test in chosen.books.tests)
    asked = [test for test in chosen.books.tests if _is_for(test, situation) and (has_tissue or not test.completes)]
    missing = [test for test in asked if not (kinds & set(test.results) or _was_done(test, case, known))]
    beside = _facts_beside(answers, chosen)
    return [_answer(test, beside if test.completes else facts_of(situation, test.when), chosen) for test in missing]


def _facts_beside(answers: Sequence[Answer], chosen: Chosen) -> list[Fact]:
    """What is on file of the picture that a test would complete."""
    results = {result for test in chosen.books.tests if test.completes for result in test.results}
    facts = [fact for answer in answers if answer.about.result in results for fact in answer.used]
    return list({id(fact): fact for fact in facts}.values())


def _is_for(test: RecommendedTest, situation: Situation) -> bool:
    return holds(situation, test.when) and not holds_any(situation, test.unless)


def _was_done(test: RecommendedTest, case: Case, known: Genomics) -> bool:
    """Whether a result of the test was sent: the genes were looked at, or tissue of a metastasis was."""
    if test.genes:
        origins = [Origin.GERMLINE] if test.germline else _ORIGINS
        return all(any(known.of(gene, origin) for origin in origins) for gene in test.genes)
    return test.metastasis and any(one.kind is SpecimenKind.METASTASIS for one in case.specimens)


def _answer(test: RecommendedTest, used: Sequence[Fact], chosen: Chosen) -> Answer:
    about, rule = About(result=Result.MISSING_TEST, item=test.id), chosen.rule("missing-test")
    return determined(about, rule, test.id, f"{test.because}; no result of it was sent", used)
