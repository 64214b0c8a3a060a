"""The cited sentences beside scores and subtypes, and the scheme that needs a laboratory's own median."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.facts.answers import Undetermined
from adapter.facts.statements import Text
from adapter.facts.vocabulary import Kind, Result
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load, shipped_folder
from adapter.rules.answering import value_of
from adapter.terminology.values import NoMeaning, meaning_of
from tests.rooms.rules.conftest import Ask

SCORED = {"er-status": "positive", "pr-status": "positive", "her2-status": "negative", "t-category": "T2", "m-category": "M0"}
BENEFIT, NO_BENEFIT = "premenopausal patients had a benefit", "postmenopausal patients had no benefit"


def remarks(ask: Ask, score: str, n: str, menopause: str | None) -> str:
    sent = SCORED | {"oncotype-score": score, "n-category": n} | ({"menopausal-status": menopause} if menopause else {})
    return " ".join(ask(sent=sent)[Result.RECURRENCE_SCORE_CATEGORY].context)


@pytest.mark.parametrize("n", ["N1", "N1mi"])
def test_one_to_three_nodes_and_a_score_up_to_25_bring_the_trial_of_such_patients(n: str, ask: Ask) -> None:
    assert NO_BENEFIT in remarks(ask, "25", n, "postmenopausal")
    assert BENEFIT in remarks(ask, "20", n, "premenopausal")


@pytest.mark.parametrize(("score", "n", "menopause"), [("26", "N1", "postmenopausal"), ("20", "N0", "premenopausal"), ("20", "N1", None)])
def test_outside_that_trial_nothing_of_it_is_said(score: str, n: str, menopause: str | None, ask: Ask) -> None:
    assert remarks(ask, score, n, menopause) == ""


def test_a_recurrence_score_in_percent_is_another_number_and_gives_no_class(knowledge: Knowledge) -> None:
    """The risk of distant recurrence, a percentage, stands in the same report."""
    found = meaning_of(Text(text="11 %"), knowledge.facts["oncotype-score"], knowledge)

    assert isinstance(found, NoMeaning)
    assert found.code == "unknown-unit"


@pytest.mark.parametrize(
    ("word", "text"),
    [("grade-tubules", "0"), ("grade-nuclear", "4"), ("grade-mitoses", "2.5"), ("nottingham-sum", "2"), ("nottingham-sum", "10")],
)
def test_a_score_that_cannot_be_is_no_score(word: str, text: str, knowledge: Knowledge) -> None:
    found = meaning_of(Text(text=text), knowledge.facts[word], knowledge)

    assert isinstance(found, NoMeaning)
    assert found.code == "implausible-value"


SUBTYPES = {
    "hr-positive-her2-negative": ({"er-status": "positive", "her2-status": "negative"}, "66.6 %", "92.5 %"),
    "hr-positive-her2-positive": ({"er-status": "positive", "her2-status": "positive"}, "9.7 %", "90.3 %"),
    "hr-negative-her2-positive": ({"er-status": "negative", "pr-status": "negative", "her2-status": "positive"}, "4.3 %", "82.7 %"),
    "triple-negative": ({"er-status": "negative", "pr-status": "negative", "her2-status": "negative"}, "10.8 %", "77.0 %"),
}


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_subtype_brings_its_figures_as_those_of_a_population(subtype: str, ask: Ask) -> None:
    sent, share, survival = SUBTYPES[subtype]
    found = ask(sent=sent)[Result.RECEPTOR_SUBTYPE]

    assert value_of(found) == subtype
    assert len(found.context) == 1
    assert all(word in found.context[0] for word in (share, survival, "not a patient's prognosis"))


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_in_metastatic_disease_the_order_of_those_figures_reverses_and_none_is_said(subtype: str, ask: Ask) -> None:
    sent = SUBTYPES[subtype][0] | {"t-category": "T2", "n-category": "N1", "m-category": "M1"}

    assert ask(sent=sent)[Result.RECEPTOR_SUBTYPE].context == ()


@pytest.fixture(scope="module")
def median_20(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    """Our books with the median Ki-67 of a made-up laboratory, 20 %, as the example of the consensus has it."""
    site = tmp_path_factory.mktemp("site")
    text = (shipped_folder() / "subtype" / "topic.toml").read_text(encoding="utf-8")
    (site / "subtype").mkdir()
    changed = text.replace('fact = "ki67-minus-median"', 'fact = "ki67-minus-median"\nnumbers = { median = 20 }')
    (site / "subtype" / "topic.toml").write_text(changed, encoding="utf-8")
    return load(extra=Path(site))


@pytest.mark.parametrize(
    ("ki67", "says"),
    [
        ("10 %", "luminal-a-like"),
        ("10.1 %", None),
        ("29.9 %", None),
        ("30 %", "luminal-b-like-her2-negative"),
        ("<10 %", "luminal-a-like"),
        (">=30 %", "luminal-b-like-her2-negative"),
        ("5-15 %", None),
    ],
)
def test_against_a_median_of_20_up_to_10_is_low_and_from_30_is_high(ki67: str, says: str | None, median_20: Knowledge, ask: Ask) -> None:
    sent = {"er-percent": "90 %", "pr-percent": "90 %", "her2-ihc": "0", "ki67-percent": ki67}
    found = ask(median_20, sent=sent, schemes={"subtype": "stgallen2015_lab"})[Result.SURROGATE_SUBTYPE]

    assert value_of(found) == says
    if isinstance(found, Undetermined):
        assert found.kind is Kind.INDETERMINATE
        assert "configured" not in found.because
