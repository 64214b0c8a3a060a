"""How do the conditions of an indication stand? Labels as mappings/hints quotes them; each case is one sentence of a label, met or not."""

from __future__ import annotations

import pytest

from adapter.facts.standing import Standing, Verdict
from adapter.facts.vocabulary import Circumstance
from adapter.rules.hints import standings
from adapter.rules.operators import Chosen
from adapter.rules.situation import Known, Situation

C = Circumstance
BRCA = {C.GERMLINE_BRCA: "pathogenic", C.HER2: "negative", C.EXTENT: "metastatic"}


def situation(known: dict[Circumstance, str]) -> Situation:
    """What is known; several values that are still possible stand with `or` between them."""
    return {name: Known(tuple(words.split(" or "))) for name, words in known.items()}


def only(drug: str, rule: str, known: dict[Circumstance, str], chosen: Chosen) -> Standing:
    return next(one for one in standings([drug], situation(known), chosen) if one.rule == rule)


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({C.HR: "negative", C.PRIOR_CHEMOTHERAPY: "yes"}, Verdict.MATCHES),
        ({C.HR: "positive", C.PRIOR_CHEMOTHERAPY: "yes", C.PRIOR_ENDOCRINE: "yes"}, Verdict.MATCHES),
        ({C.HR: "positive", C.PRIOR_CHEMOTHERAPY: "yes", C.PRIOR_ENDOCRINE: "no"}, Verdict.NOT_MET),
        ({C.HR: "positive", C.PRIOR_CHEMOTHERAPY: "yes"}, Verdict.POSSIBLE),
        ({C.HR: "negative"}, Verdict.POSSIBLE),
        ({C.HR: "negative", C.PRIOR_CHEMOTHERAPY: "no"}, Verdict.NOT_MET),
        ({C.HR: "negative", C.HER2: "positive"}, Verdict.NOT_MET),
        ({C.HR: "negative", C.HER2: "positive or negative"}, Verdict.OPEN),
        ({C.GERMLINE_BRCA: "vus", C.HR: "negative"}, Verdict.NOT_MET),
    ],
)
def test_olaparib_in_metastatic_disease_stands_as_its_label_says(more: dict[Circumstance, str], verdict: Verdict, chosen: Chosen) -> None:
    """Label of Lynparza, 2018-01-12: germline BRCA, HER2 negative, metastatic, chemotherapy before, endocrine therapy if HR positive."""
    assert only("olaparib", "olaparib-metastatic", BRCA | more, chosen).verdict is verdict


def test_nothing_known_is_open_and_names_everything(chosen: Chosen) -> None:
    found = only("talazoparib", "talazoparib", {}, chosen)

    assert (found.verdict, found.met, found.unmet) == (Verdict.OPEN, (), ())
    assert len(found.unknown) == 3


def test_each_condition_is_met_or_not_met_or_not_known(chosen: Chosen) -> None:
    known = {C.HER2: "positive", C.EXTENT: "metastatic", C.HR: "positive"}
    found = only("alpelisib", "alpelisib", known, chosen)

    assert found.verdict is Verdict.NOT_MET
    assert found.met == ("hr: positive", "extent: metastatic")
    assert found.unmet == ("HER2 status: positive, the indication names negative",)
    assert len(found.unknown) == 2


def test_alternatives_that_all_fail_are_named(chosen: Chosen) -> None:
    """Label of Lynparza, 2022-03-11: in hormone-receptor-positive disease operated first, four or more positive nodes."""
    known = BRCA | {
        C.EXTENT: "early",
        C.PRIOR_CHEMOTHERAPY: "yes",
        C.HR: "positive",
        C.SURGERY_FIRST: "yes",
        C.POSITIVE_NODES: "one-to-three",
    }
    found = only("olaparib", "adjuvant-olaparib", known | {C.SUBTYPE: "hr-positive-her2-negative"}, chosen)

    assert found.verdict is Verdict.NOT_MET
    assert found.unmet[0].startswith("none of these holds: ")
    assert "four or more" in found.unmet[0]


def test_only_the_indications_of_the_drug_are_given(chosen: Chosen) -> None:
    for drug in ("olaparib", "trastuzumab-deruxtecan", "pembrolizumab"):
        found = standings([drug], {}, chosen)
        assert found
        assert all(drug in one.drugs for one in found)
    assert standings(["paclitaxel"], {}, chosen) == []
