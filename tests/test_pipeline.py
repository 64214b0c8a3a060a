"""From bytes to answers: digits survive, nothing is lost, and the order of what was sent means nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapter.case_rows import rows_of
from adapter.facts.answers import Undetermined
from adapter.facts.vocabulary import Result
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.page.patient import patient_page
from adapter.pipeline import Reply
from tests.accounting import unaccounted
from tests.sending import (
    BREAST,
    CLINICAL_M,
    CLINICAL_N,
    CLINICAL_T,
    ER_PERCENT,
    ER_STATUS,
    GRADE,
    HER2_IHC,
    HER2_RATIO,
    HER2_STATUS,
    KI67,
    LEFT_BREAST,
    MACROMETASTASES,
    POSITIVE,
    PR_STATUS,
    RIGHT_BREAST,
    SIZE,
    STAGE,
    Resource,
    all_answers,
    ask,
    bundle,
    bundle_of,
    coded,
    codes,
    concept,
    condition,
    facts,
    identifiers,
    observation,
    outcome,
    percent,
    reference,
    shown,
    specimen,
    text,
    values,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
PR_PERCENT, HISTOLOGY, ICD_O_3 = "85325-9", "59847-4", "http://terminology.hl7.org/CodeSystem/icd-o-3"
AXILLARY_NODE = "68171009"
SCENARIOS = sorted(path.parent.name for path in FIXTURES.glob("*/input.json"))


def content(name: str) -> Resource:
    """The Bundle of a scenario."""
    found: Resource = json.loads((FIXTURES / name / "input.json").read_bytes())
    return found


class TestDigits:
    @pytest.mark.parametrize("sent", ["2.50", "2.00", "95.0", "0.10"])
    def test_a_decimal_keeps_them_from_end_to_end(self, sent: str, knowledge: Knowledge) -> None:
        raw = bundle(observation(HER2_RATIO, {"valueQuantity": {"value": 7}})).replace(b'"value": 7', b'"value": ' + sent.encode())
        assert shown(ask(knowledge, raw)) == {"her2-cep17-ratio": sent}

    def test_a_typed_number_keeps_them_too(self, knowledge: Knowledge) -> None:
        assert shown(ask(knowledge, bundle(observation(ER_PERCENT, text("2.50 %"))))) == {"er-percent": "2.50"}


class TestIntervals:
    @pytest.mark.parametrize(
        ("value", "status"),
        [
            (percent(1, comparator="<"), "negative"),
            (percent(10, comparator=">"), "positive"),
            (percent(95, comparator=">="), "positive"),
            ({"valueRange": {"low": {"value": 20, "unit": "%"}, "high": {"value": 30, "unit": "%"}}}, "positive"),
            (text("<1%"), "negative"),
            (text("1-10 %"), "low-positive"),
        ],
    )
    def test_one_that_lies_in_one_band_is_answered(self, value: Resource, status: str, knowledge: Knowledge) -> None:
        assert values(ask(knowledge, bundle(observation(ER_PERCENT, value))))["er-status"] == status

    def test_one_that_reaches_into_two_bands_is_left_open(self, knowledge: Knowledge) -> None:
        reply = ask(knowledge, bundle(observation(ER_PERCENT, percent(10, comparator="<="))))
        open_one = next(answer for answer in all_answers(reply) if answer.about.result == "er-status")
        assert isinstance(open_one, Undetermined)
        assert open_one.possible == ("negative", "low-positive")


class TestSeveralParts:
    def test_resources_may_follow_the_bundle(self, knowledge: Knowledge) -> None:
        late = observation(ER_PERCENT, percent(95))
        assert shown(ask(knowledge, bundle(), json.dumps(late).encode())) == {"er-percent": "95"}

    def test_a_later_part_that_is_newer_replaces_the_earlier(self, knowledge: Knowledge) -> None:
        old, new = (observation(ER_PERCENT, percent(v), meta={"versionId": str(v)}) for v in (1, 95))
        assert shown(ask(knowledge, bundle(old), json.dumps(new).encode())) == {"er-percent": "95"}


class TestOneOfTwo:
    """Two servers may send one id: both resources are used, checked and named apart."""

    def test_both_are_used_and_only_the_bad_one_is_named(self, knowledge: Knowledge) -> None:
        good = {"fullUrl": "https://a.example/fhir/Observation/o", "resource": observation(ER_PERCENT, percent(95))}
        broken = {**observation(PR_STATUS, text("positive")), "valueInteger": 5}
        bad = {"fullUrl": "https://b.example/fhir/Observation/o", "resource": {**broken, "dataAbsentReason": concept("unknown")}}
        reply = ask(knowledge, bundle(good, bad))
        assert shown(reply) == {"er-percent": "95"}
        assert [issue.place.reference for issue in reply.issues if issue.place] == ["https://b.example/fhir/Observation/o"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_order_of_entries_changes_no_answer_and_no_name(name: str, knowledge: Knowledge) -> None:
    whole = content(name)
    first = ask(knowledge, json.dumps(whole).encode())
    shuffler = random.Random(8)  # noqa: S311 - a seeded shuffle, not a secret.
    for _ in range(5):
        shuffler.shuffle(whole["entry"])
        again = ask(knowledge, json.dumps(whole).encode())
        assert outcome(again) == outcome(first)
        assert identifiers(again) == identifiers(first)
        assert sorted(codes(again)) == sorted(codes(first))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(content("luminal-b-like-stage-iib")["entry"]))))
def test_no_permutation_of_the_demo_changes_an_answer(order: list[int], knowledge: Knowledge) -> None:
    whole = content("luminal-b-like-stage-iib")
    first = ask(knowledge, json.dumps(whole).encode(), trusted=True)
    again = ask(knowledge, bundle_of(whole["entry"][number] for number in order), trusted=True)
    assert outcome(again) == outcome(first)


def test_the_same_input_gives_the_same_bytes(knowledge: Knowledge) -> None:
    raw = json.dumps(content("luminal-b-like-stage-iib")).encode()
    assert ask(knowledge, raw).bundle == ask(knowledge, raw).bundle


CODES = (ER_PERCENT, ER_STATUS, PR_STATUS, HER2_IHC, HER2_STATUS, HER2_RATIO, KI67, GRADE, SIZE, STAGE, CLINICAL_T, CLINICAL_N, CLINICAL_M)
OTHERS = (MACROMETASTASES, "85319-0", "2093-3", "42914-2", "74885-5", "10480-2")
STATUSES = ("final", "preliminary", "amended", "entered-in-error", "cancelled", "registered", "unknown")
VALUES: tuple[Resource, ...] = (
    percent(95),
    percent(0.5),
    percent(1, comparator="<"),
    {"valueQuantity": {"value": 2.5, "unit": "cm"}},
    {"valueQuantity": {"value": 2}},
    {"valueInteger": 3},
    {"valueBoolean": True},
    {"valueRange": {"low": {"value": 1}, "high": {"value": 10}}},
    {"valueRatio": {"numerator": {"value": 5}, "denominator": {"value": 2}}},
    coded(POSITIVE),
    coded(POSITIVE, "LA6577-6"),
    text("3+"),
    text("T2"),
    text("IIB"),
    text("not done"),
    {"dataAbsentReason": concept("unknown")},
    {},
)

names = st.sampled_from([f"o{number}" for number in range(8)])
observations = st.builds(
    lambda code, value, name, status, more: observation(code, value, name=name, status=status, **more),
    code=st.sampled_from((*CODES, *OTHERS)).map(concept)
    | st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)).map(lambda two: concept(*two))
    | st.sampled_from(["HER2", "Ki-67", "hemoglobin", ""]).map(lambda words: {"text": words}),
    value=st.sampled_from(VALUES),
    name=names,
    status=st.sampled_from(STATUSES),
    more=st.fixed_dictionaries(
        {},
        optional={
            "effectiveDateTime": st.sampled_from(["2024", "2024-01-05", "2024-06-05", "soon"]),
            "focus": st.sampled_from(["Condition/l", "Condition/r", "Condition/gone"]).map(lambda name: [reference(name)]),
            "specimen": st.sampled_from(["Specimen/s", "Specimen/gone", "#inner"]).map(reference),
            "hasMember": st.lists(names.map(lambda name: reference(f"Observation/{name}")), max_size=2),
            "component": st.lists(
                st.builds(lambda code, value: {"code": concept(code), **value}, st.sampled_from(CODES), st.sampled_from(VALUES)), max_size=2
            ),
            "meta": st.sampled_from(["1", "2"]).map(lambda version: {"versionId": version}),
        },
    ),
)
reports = st.builds(
    lambda results, status: {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": status,
        "code": concept("60568-3"),
        "subject": {"reference": "Patient/p"},
        "result": [reference(f"Observation/{name}") for name in results],
    },
    results=st.lists(names, max_size=3),
    status=st.sampled_from(["final", "entered-in-error"]),
)
others = st.sampled_from(
    [condition("l", side=LEFT_BREAST), condition("r", side=RIGHT_BREAST), specimen("s", site=LEFT_BREAST), {"id": "x"}]
)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(sent=st.lists(observations | reports | others, max_size=12))
def test_every_result_is_used_or_named_or_counted(sent: list[Resource], knowledge: Knowledge) -> None:
    raw = bundle(*sent)
    for trusted in (True, False):
        assert unaccounted([raw], ask(knowledge, raw, trusted=trusted)) == []


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(sent=st.lists(observations | reports | others, max_size=10), turn=st.randoms(use_true_random=False))
def test_no_order_changes_what_is_answered(sent: list[Resource], turn: random.Random, knowledge: Knowledge) -> None:
    turned = list(sent)
    turn.shuffle(turned)
    one, other = ask(knowledge, bundle(*sent), trusted=True), ask(knowledge, bundle(*turned), trusted=True)
    assert outcome(one) == outcome(other)


def receptors(name: str, er: float, pr: float, her2: str) -> list[Resource]:
    """ER, PR and HER2 of one specimen."""
    sent = ((ER_PERCENT, percent(er)), (PR_PERCENT, percent(pr)), (HER2_IHC, text(her2)))
    return [observation(code, value, name=f"{name}-{code}", specimen=reference(f"Specimen/{name}")) for code, value in sent]


def governing(reply: Reply) -> set[str | None]:
    """The specimens that stand for the case."""
    return {one.about.specimen for one in all_answers(reply) if "governing" in one.flags}


def indications(reply: Reply) -> set[str | None]:
    return {one.about.item for one in all_answers(reply) if one.about.result is Result.THERAPY_HINT}


CATEGORIES = [observation(code, text(value), name=value) for code, value in ((CLINICAL_T, "cT2"), (CLINICAL_N, "cN0"), (CLINICAL_M, "cM0"))]


def histology(name: str, code: str) -> Resource:
    return observation(HISTOLOGY, coded(code, system=ICD_O_3), name=f"{name}-type", specimen=reference(f"Specimen/{name}"))


def test_receptors_in_situ_never_become_those_of_the_invasive_cancer(knowledge: Knowledge) -> None:
    invasive = [specimen("a", site=BREAST, day="2026-01-01"), histology("a", "8500/3"), *receptors("a", 0, 0, "0")]
    invasive += [observation(GRADE, text("G3"), name="g", specimen=reference("Specimen/a")), *CATEGORIES]
    in_situ = [specimen("b", site=BREAST, day="2026-01-02"), histology("b", "8500/2"), *receptors("b", 95, 90, "3+")]
    alone, both = (ask(knowledge, bundle(condition(), *sent)) for sent in (invasive, [*invasive, *in_situ]))
    stages = [one for one in all_answers(both) if one.about.result is Result.CLINICAL_PROGNOSTIC_STAGE]

    assert [getattr(one, "value", None) for one in stages] == ["IIB"]
    assert governing(both) == governing(alone) == {next(one.key for one in alone.cases[0].specimens)}
    assert indications(both) == indications(alone)


def test_an_invasive_cancer_with_tissue_in_situ_only_has_no_receptors(knowledge: Knowledge) -> None:
    reply = ask(
        knowledge, bundle(condition(), *CATEGORIES, specimen("b", site=BREAST), histology("b", "8500/2"), *receptors("b", 95, 90, "3+"))
    )

    assert values(reply)[Result.HER2_STATUS] == "positive"
    assert (governing(reply), indications(reply)) == (set(), set())
    assert [row["her2_status"] for row in rows_of(reply)] == [None]
    assert [
        one.remarks for part in patient_page(reply, knowledge).cases[0].first_look for one in part.cards if one.title == "HER2 status"
    ] == [("In situ specimen",)]


def test_a_newer_node_does_not_bring_the_indications_of_its_own_receptors(knowledge: Knowledge) -> None:
    primary = [condition(), *CATEGORIES, specimen("a", site=BREAST, day="2026-01-01"), *receptors("a", 90, 90, "0")]
    node = [specimen("n", site=AXILLARY_NODE, day="2026-01-10"), *receptors("n", 90, 90, "3+")]
    alone, both = (ask(knowledge, bundle(*sent)) for sent in (primary, [*primary, *node]))

    assert governing(both) == governing(alone) != set()
    assert indications(both) == indications(alone)


@pytest.mark.parametrize("day", [None, "2026-01-01"])
def test_of_two_specimens_that_differ_the_name_decides_nothing(day: str | None, knowledge: Knowledge) -> None:
    replies = []
    for first, second in (("a", "b"), ("b", "a")):
        tissue = [specimen(first, site=BREAST, day=day), *receptors(first, 90, 90, "0")]
        tissue += [specimen(second, site=BREAST, day=day), *receptors(second, 0, 0, "3+")]
        replies.append(ask(knowledge, bundle(condition(), *CATEGORIES, *tissue)))

    assert [governing(reply) for reply in replies] == [set(), set()]
    assert indications(replies[0]) == indications(replies[1])
    assert all(
        "governing-not-known" in one.flags for reply in replies for one in all_answers(reply) if one.about.result is Result.HER2_STATUS
    )
    assert [row["her2_status"] for reply in replies for row in rows_of(reply)] == [None, None]


class TestPrivacy:
    """Issues go into logs: they may name codes and values, never the person."""

    SECRET = "Adalgisa"

    @pytest.mark.parametrize(
        "broken",
        [
            {"birthDate": "Adalgisa"},
            {"birthDate": 19610713, "name": [{"family": "Adalgisa"}]},
            {"name": "Adalgisa", "gender": ["Adalgisa"]},
            {"identifier": "Adalgisa"},
        ],
    )
    def test_no_issue_repeats_what_stands_in_the_patient(self, broken: Resource, knowledge: Knowledge) -> None:
        result = observation(ER_PERCENT, percent(95), note=[{"text": self.SECRET}], performer=[{"display": self.SECRET}])
        result["subject"] = {"reference": "Patient/p", "display": self.SECRET}
        try:
            issues = ask(knowledge, bundle(result, patient={"resourceType": "Patient", "id": "p", **broken})).issues
        except Refusal as refusal:
            issues = refusal.issues
        assert self.SECRET not in " ".join(issue.text for issue in issues)
        assert "1961" not in " ".join(issue.text for issue in issues)


def test_facts_are_never_made_of_what_is_only_displayed(knowledge: Knowledge) -> None:
    code = {"coding": [{"display": "Estrogen receptor 95 % positive"}], "text": "ER positive"}
    assert facts(ask(knowledge, bundle(observation(code)))) == []
