"""What does a sent value mean for the question it was sent under, and when does it mean nothing?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapter.facts.measurements import Interval, exactly
from adapter.facts.statements import Absent, Coded, Coding, Measured, Text, Value
from adapter.facts.vocabulary import Basis
from adapter.knowledge.books import Knowledge
from adapter.terminology.values import Meaning, NoMeaning, meaning_of

LOINC, SNOMED, UICC = "http://loinc.org", "http://snomed.info/sct", "https://www.uicc.org/resources/tnm"
POSITIVE, NEGATIVE = Coding(LOINC, "LA6576-8"), Coding(LOINC, "LA6577-6")
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"


def meant(value: Value, word: str, books: Knowledge) -> Meaning:
    found = meaning_of(value, books.facts[word], books)
    assert isinstance(found, Meaning), found
    return found


def fault(value: Value, word: str, books: Knowledge) -> str:
    found = meaning_of(value, books.facts[word], books)
    assert isinstance(found, NoMeaning), found
    return found.code


def coded(*codings: Coding, text: str = "") -> Coded:
    return Coded(codings=codings, text=text)


def measured(value: str, unit: str = "", **ends: str) -> Measured:
    interval = Interval(low=Decimal(ends["low"]), high=Decimal(ends["high"])) if ends else exactly(Decimal(value))
    return Measured(interval=interval, unit=unit)


class TestText:
    @pytest.mark.parametrize("text", ["3+", "3 +", "Score 3+", "score: 3+", "IHC 3+", "(3+)", "+++", "3"])
    def test_a_her2_score_is_read_however_it_is_typed(self, text: str, knowledge: Knowledge) -> None:
        assert meant(Text(text=text), "her2-ihc", knowledge).value == "3+"

    @pytest.mark.parametrize("text", ["Positive", "POSITIVE", " positive ", "Pos.", "Status: positive", "positive (qualifier value)"])
    def test_positive_is_read_however_it_is_typed(self, text: str, knowledge: Knowledge) -> None:
        assert meant(Text(text=text), "er-status", knowledge).value == "positive"

    def test_a_status_under_the_code_of_a_percentage_is_the_status(self, knowledge: Knowledge) -> None:
        found = meant(Text(text="Positive"), "er-percent", knowledge)
        assert (found.word, found.value) == ("er-status", "positive")

    @pytest.mark.parametrize("text", ["not done", "Not performed", "n/a", "unknown", "pending"])
    def test_no_result_is_absent(self, text: str, knowledge: Knowledge) -> None:
        assert fault(Text(text=text), "her2-ihc", knowledge) == "absent"
        assert fault(Text(text=text), "er-percent", knowledge) == "absent"

    @pytest.mark.parametrize(
        ("word", "text"),
        [("her2-ihc", "+"), ("grade", "3")],
    )
    def test_what_could_mean_two_things_is_not_used(self, word: str, text: str, knowledge: Knowledge) -> None:
        assert fault(Text(text=text), word, knowledge) == "ambiguous-value"

    @pytest.mark.parametrize("text", ["-", "", " ", "4+", "2+/3+", "2 to 3+", "see report", "1 2", "positive?"])
    def test_a_text_that_is_no_value_is_an_issue(self, text: str, knowledge: Knowledge) -> None:
        assert fault(Text(text=text), "her2-ihc", knowledge) == "unmapped-value"

    @pytest.mark.parametrize("text", ["3+" + " " * 10**6 + "?", "stage" + " " * 10**6 + "x", "T1" + "(a)" * 10**6, "score " * 10**5])
    def test_a_long_text_is_not_repeated(self, text: str, knowledge: Knowledge) -> None:
        for shape in knowledge.facts.values():
            found = meaning_of(Text(text=text), shape, knowledge)
            assert isinstance(found, Meaning) or len(found.because) < 300


class TestCodings:
    def test_two_that_agree_are_one_value(self, knowledge: Knowledge) -> None:
        assert meant(coded(POSITIVE, Coding(SNOMED, "10828004")), "er-status", knowledge).value == "positive"

    @pytest.mark.parametrize("order", [1, -1])
    def test_two_that_disagree_are_none(self, order: int, knowledge: Knowledge) -> None:
        assert fault(coded(*[POSITIVE, NEGATIVE][::order]), "er-status", knowledge) == "codings-disagree"

    @pytest.mark.parametrize("order", [1, -1])
    def test_an_unknown_one_beside_a_known_one_is_no_harm(self, order: int, knowledge: Knowledge) -> None:
        local = Coding("https://hospital.example/codes", "P")
        assert meant(coded(*[local, POSITIVE][::order]), "er-status", knowledge).value == "positive"

    @pytest.mark.parametrize("order", [1, -1])
    def test_one_that_answers_another_question_spoils_the_other(self, order: int, knowledge: Knowledge) -> None:
        of_er = Coding(SNOMED, "416053008")
        assert fault(coded(*[POSITIVE, of_er][::order]), "her2-status", knowledge) == "value-of-another"

    @pytest.mark.parametrize("order", [1, -1])
    def test_two_classifications_at_once_are_none(self, order: int, knowledge: Knowledge) -> None:
        both = [Coding("http://cancerstaging.org", "cT2"), Coding("http://cancerstaging.org", "pT2")][::order]
        assert fault(coded(*both), "t-category", knowledge) == "codings-disagree"

    @pytest.mark.parametrize("order", [1, -1])
    def test_the_one_that_names_a_classification_tells_it(self, order: int, knowledge: Knowledge) -> None:
        both = [Coding("http://cancerstaging.org", "pT2"), Coding(UICC, "T2")][::order]
        assert meant(coded(*both), "t-category", knowledge).basis is Basis.PATHOLOGICAL

    def test_a_misspelt_one_beside_a_right_one_is_remembered(self, knowledge: Knowledge) -> None:
        found = meant(coded(Coding("http://cancerstaging.org", "pT1c"), Coding(SNOMED, "1228938007")), "t-category", knowledge)
        assert found.value == "T1c"
        assert found.misspelt

    def test_a_status_concept_under_the_code_of_a_percentage_is_the_status(self, knowledge: Knowledge) -> None:
        found = meant(coded(Coding(SNOMED, "416053008")), "er-percent", knowledge)
        assert (found.word, found.value) == ("er-status", "positive")

    def test_a_null_flavor_is_absent(self, knowledge: Knowledge) -> None:
        assert fault(coded(Coding(NULL, "UNK")), "er-status", knowledge) == "absent"
        assert fault(coded(Coding("urn:oid:2.16.840.1.113883.5.1008", "NASK")), "er-status", knowledge) == "absent"

    def test_a_text_alone_is_read(self, knowledge: Knowledge) -> None:
        assert meant(coded(text="Positive"), "er-status", knowledge).value == "positive"

    def test_nothing_at_all_is_no_value(self, knowledge: Knowledge) -> None:
        assert fault(coded(), "er-status", knowledge) == "no-value"

    @pytest.mark.parametrize("code", ["372064008+260837004", "416471007:64572001=372064008", "{}", "|", "1" * 1000, "T2" * 500, ""])
    def test_an_expression_is_unmapped_and_no_crash(self, code: str, knowledge: Knowledge) -> None:
        for word, shape in knowledge.facts.items():
            if shape.values:
                assert fault(coded(Coding(SNOMED, code)), word, knowledge) in ("unmapped-value", "wrong-check-digit")


class TestDisplays:
    def test_one_that_says_the_opposite_stops_the_code(self, knowledge: Knowledge) -> None:
        assert fault(coded(Coding(LOINC, "LA6576-8", "Negative")), "er-status", knowledge) == "display-names-another"

    def test_one_that_others_mistake_the_code_for_stops_it(self, knowledge: Knowledge) -> None:
        assert fault(coded(Coding(SNOMED, "82711006", "Infiltrating lobular")), "histology", knowledge) == "display-names-another"
        assert fault(coded(Coding(SNOMED, "1228882005", "AJCC stage IV")), "t-category", knowledge) == "display-names-another"
        assert fault(coded(Coding(SNOMED, "258228008", "Stage 0")), "stage-group", knowledge) == "display-names-another"

    @pytest.mark.parametrize("display", ["Positive", "positive (qualifier value)", "ER positive", "Rezeptor positiv", ""])
    def test_one_that_is_worded_otherwise_does_not(self, display: str, knowledge: Knowledge) -> None:
        assert meant(coded(Coding(LOINC, "LA6576-8", display)), "er-status", knowledge).value == "positive"


class TestMeasurements:
    @pytest.mark.parametrize("value", ["100.1", "-1", "1000"])
    def test_no_percentage_is_outside_0_to_100(self, value: str, knowledge: Knowledge) -> None:
        assert fault(measured(value, "%"), "er-percent", knowledge) == "implausible-value"

    def test_a_range_that_leaves_what_is_possible_is_not_cut_down(self, knowledge: Knowledge) -> None:
        assert fault(measured("", "%", low="50", high="150"), "er-percent", knowledge) == "implausible-value"

    @pytest.mark.parametrize("text", ["<0%", ">100%"])
    def test_an_empty_interval_is_not_its_end(self, text: str, knowledge: Knowledge) -> None:
        assert fault(Text(text=text), "er-percent", knowledge) == "implausible-value"

    def test_a_comparator_is_cut_down_to_what_is_possible(self, knowledge: Knowledge) -> None:
        found = meant(Text(text="<1%"), "er-percent", knowledge).number
        assert found is not None
        assert (found.low, found.high, found.high_included) == (0, 1, False)

    @pytest.mark.parametrize("value", ["0.95", "1"])
    def test_a_small_number_without_unit_could_be_a_fraction(self, value: str, knowledge: Knowledge) -> None:
        assert fault(measured(value), "er-percent", knowledge) == "unit-missing"

    def test_a_length_needs_its_unit(self, knowledge: Knowledge) -> None:
        assert fault(measured("25"), "tumor-size", knowledge) == "unit-missing"

    def test_a_percentage_under_a_presence_code_is_no_presence(self, knowledge: Knowledge) -> None:
        assert fault(measured("60", "%"), "her2-ihc", knowledge) == "percent-on-presence-code"
        assert fault(measured("60", "%"), "er-status", knowledge) == "percent-on-presence-code"

    @pytest.mark.parametrize("unit", ["mm", "kg", "nonsense"])
    def test_a_score_in_a_unit_is_no_score(self, unit: str, knowledge: Knowledge) -> None:
        assert fault(measured("3", unit), "her2-ihc", knowledge) == "unknown-unit"

    @pytest.mark.parametrize("unit", ["", "1", "{score}"])
    def test_a_score_as_a_number_is_the_score(self, unit: str, knowledge: Knowledge) -> None:
        assert meant(measured("3", unit), "her2-ihc", knowledge).value == "3+"

    @pytest.mark.parametrize("value", ["1.6181", "2.5"])
    def test_nodes_are_counted_in_whole_numbers(self, value: str, knowledge: Knowledge) -> None:
        assert fault(measured(value, "{#}"), "nodes-examined", knowledge) == "implausible-value"

    def test_twelve_of_twelve_nodes_is_not_one_node(self, knowledge: Knowledge) -> None:
        assert fault(Text(text="12:12"), "nodes-positive", knowledge) == "unmapped-value"

    def test_a_ratio_is_read_where_one_is_asked(self, knowledge: Knowledge) -> None:
        assert str(meant(Text(text="5:2"), "her2-cep17-ratio", knowledge).number) == "2.5"

    def test_a_sum_of_seven_under_the_code_of_a_grade_is_the_sum(self, knowledge: Knowledge) -> None:
        found = meant(measured("7"), "grade", knowledge)
        assert (found.word, str(found.number)) == ("nottingham-sum", "7")


class TestACategoryWithSuffixes:
    @pytest.mark.parametrize(
        ("text", "word", "value", "suffixes"),
        [
            ("pN1(mi)", "n-category", "N1mi", ()),
            ("pN1 (mi)", "n-category", "N1mi", ()),
            ("pN1(mi)(sn)", "n-category", "N1mi", ("sn",)),
            ("pN1(sn, mi)", "n-category", "N1mi", ("sn",)),
            ("pT1(MI)", "t-category", "T1mi", ()),
            ("ypN0(i+)(sn)", "n-category", "N0(i+)", ("sn",)),
            ("ypN0(i+,sn)", "n-category", "N0(i+)", ("sn",)),
            ("ypN0 (sn; i+)", "n-category", "N0(i+)", ("sn",)),
            ("ypN0(i+/sn)", "n-category", "N0(i+)", ("sn",)),
            ("ypN0(i+ sn)", "n-category", "N0(i+)", ("sn",)),
            ("pN0 (I-) (SN)", "n-category", "N0", ("i-", "sn")),
            ("pN1a(sn) (1/2)", "n-category", "N1a", ("sn", "1/2")),
            ("cN1(f)", "n-category", "N1", ("f",)),
            ("cT1c(m)", "t-category", "T1c", ("m",)),
            ("pT2(m, 3)", "t-category", "T2", ("m", "3")),
            ("pT2(12)", "t-category", "T2", ("12",)),
            ("pM1 (OSS, HEP)", "m-category", "M1", ("oss", "hep")),
            ("pTis (lcis)", "t-category", "Tis(LCIS)", ()),
            ("pTis(DCIS)", "t-category", "Tis(DCIS)", ()),
            ("cT2 (qualifier value)", "t-category", "T2", ()),
        ],
    )
    def test_is_spelt_with_those_that_are_part_of_it(
        self, text: str, word: str, value: str, suffixes: tuple[str, ...], knowledge: Knowledge
    ) -> None:
        typed, code = meant(Text(text=text), word, knowledge), meant(coded(Coding(UICC, text)), word, knowledge)
        assert (typed.value, typed.suffixes) == (code.value, code.suffixes) == (value, suffixes)

    @pytest.mark.parametrize("text", ["pN1a(mi)", "pT2(mi)", "pT1c(LCIS)", "pN1(i+)", "pTis(DCIS)(LCIS)"])
    def test_is_none_where_a_suffix_contradicts_it(self, text: str, knowledge: Knowledge) -> None:
        assert fault(Text(text=text), f"{text[1].lower()}-category", knowledge) == "unmapped-value"

    @pytest.mark.parametrize(
        "text",
        [
            "cT2(not confirmed)",
            "cT2 (r/o T4)",
            "pT2 (at least)",
            "pT1c (yp)",
            "cT0(is)",
            "cT2(m, ?)",
            "pN1(i-)",
            "pN1(itc)",
            "cM0(oss)",
            "pN0(mol)",
        ],
    )
    def test_is_none_where_a_suffix_is_not_known(self, text: str, knowledge: Knowledge) -> None:
        word = f"{text[1].lower()}-category"
        assert fault(Text(text=text), word, knowledge) == "unmapped-value"
        assert fault(coded(Coding(UICC, text)), word, knowledge) == "unmapped-value"

    def test_an_unknown_suffix_is_named_and_its_code_kept_for_the_list(self, knowledge: Knowledge) -> None:
        found = meaning_of(coded(Coding(UICC, "cT2(doubtful)")), knowledge.facts["t-category"], knowledge)
        assert isinstance(found, NoMeaning)
        assert "the suffix (doubtful) is not known" in found.because
        assert found.unmapped is not None
        assert found.unmapped.code == "cT2(doubtful)"


@pytest.mark.parametrize("reason", ["", "not performed", "x" * 10_000])
def test_an_absent_value_is_absent_whatever_the_reason(reason: str, knowledge: Knowledge) -> None:
    found = meaning_of(Absent(reason=Coded(text=reason)), knowledge.facts["er-status"], knowledge)
    assert isinstance(found, NoMeaning)
    assert (found.code, len(found.because) < 100) == ("absent", True)
