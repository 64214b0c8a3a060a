"""Broken books are refused with every fault named, and a biomarker of one's own is one folder and no code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from adapter.cli import main
from adapter.commands import BROKEN, OK
from adapter.facts.measurements import exactly
from adapter.knowledge.books import BrokenKnowledge, Knowledge
from adapter.knowledge.loader import DEFAULT_CANONICAL, load, shipped_folder
from adapter.knowledge.shapes import FactKind
from adapter.rules.operators import bands_for

Plant = Callable[[str, str, str], None]

ER, ER_CODES, ER_CASES = (f"biomarkers/er/{name}" for name in ("topic.toml", "codes.csv", "cases.toml"))
HER2_ALGORITHM, HER2_CODES = "biomarkers/her2/algorithm.csv", "biomarkers/her2/codes.csv"
AJCC, ANATOMIC = "staging/ajcc8/topic.toml", "staging/ajcc8/anatomic.csv"
SUBTYPE = "subtype/topic.toml"
LOINC_OF_ER = "observation,http://loinc.org,85337-4,"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of our mappings that a test may break."""
    return shutil.copytree(shipped_folder(), tmp_path / "mappings")


@pytest.fixture
def plant(copy: Path) -> Plant:
    """Puts one fault into the copy: `old` becomes `new`, or `new` is written at the end when `old` is empty."""

    def change(name: str, old: str, new: str) -> None:
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}"
        (copy / name).write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")

    return change


def test_a_copy_of_our_books_is_whole(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(copy)]) == OK
    assert capsys.readouterr().out.startswith("OK: knowledge ")


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        # Bands.
        (ER, "{ above = 10,", "{ above = 11,", "rule er-status: gap between band low-positive and band positive at 10"),
        (ER, "{ above = 10,", "{ at_least = 10,", "rule er-status: overlap of band low-positive and band positive at 10"),
        (ER, "at_least = 1, up_to = 10,", "at_least = 1, above = 1, up_to = 10,", "band low-positive has two ends on one side"),
        (ER, 'above = 10, says = "positive"', 'above = 10, up_to = 100, says = "positive"', "the last band open above"),
        (ER, "at_least = 1, up_to = 10,", "at_least = 1,", "bands low-positive and positive do not meet"),
        (ER, "{ below = 1, says", "{ beneath = 1, says", "er/topic.toml: rule.0.bands.0.beneath: Extra inputs"),
        # Sources.
        (
            ER,
            'result = "er-status"\nsource = "allison-2020"',
            'result = "er-status"\nsource = "a-friend"',
            "rule er-status: source a-friend is not",
        ),
        (ANATOMIC, "T1,N0,M0,IA,ajcc8", "T1,N0,M0,IA,memory", "row anatomic-IA-2: source memory is not in sources.toml"),
        (ER_CODES, "er-status,,,,,mcode-stu4", "er-status,,,,,hearsay", "source 'hearsay' is not in sources.toml"),
        (SUBTYPE, 'source = "howlader-2018"', 'source = "nobody"', "context table-1-hr-positive-her2-negative: source nobody is not"),
        # Codes.
        (ER_CODES, "85337-4", "85337-5", "er/codes.csv: http://loinc.org 85337-5: the check digit is wrong"),
        (HER2_CODES, "", "value,http://snomed.info/sct,10828005,,her2-status,positive,,,,adapter\n", "10828005: the check digit is wrong"),
        (ER_CODES, "", f"{LOINC_OF_ER},er-status,,,,,mcode-stu4\n", "85337-4: stands twice as observation for er-status"),
        (ER_CODES, "er-status,,,,,mcode-stu4", "er-state,,,,,mcode-stu4", "85337-4: fact er-state is not declared in any topic"),
        (
            HER2_CODES,
            "",
            "value,http://loinc.org,LA6576-8,,her2-state,positive,,,,adapter\n",
            "fact her2-state is not declared in any topic",
        ),
        (HER2_CODES, "", "value,http://loinc.org,LA6576-8,,her2-ish,amplified,,,,adapter\n", "amplified is not a value of her2-ish"),
        (ER_CODES, LOINC_OF_ER, LOINC_OF_ER.replace("observation", "question"), "85337-4: role question is none of absent, condition"),
        (ER_CODES, "er-status,,,,,mcode-stu4", "er-status,,both,,,mcode-stu4", "er/codes.csv: 85337-4: 'both' is not a valid Basis"),
        # Tables.
        (ANATOMIC, "anatomic-IA-2,T1,", "anatomic-IA-2,T1 T2,", "rows anatomic-IA-2 and anatomic-IIA-5 both claim t=T2, n=N0, m=M0"),
        (ANATOMIC, "anatomic-IA-2,T1,N0,M0,IA,ajcc8\n", "", "rule anatomic-stage: no row and no reason for t=T1, n=N0, m=M0"),
        (ANATOMIC, "anatomic-IA-2,T1,", "anatomic-IA-2,T9,", "anatomic-IA-2 says t = T9, which is not in its list"),
        (ANATOMIC, "M0,IA,ajcc8", "M0,IAA,ajcc8", "rule anatomic-stage: IAA is not an answer of anatomic-stage"),
        (ANATOMIC, "anatomic-IB-3,", "anatomic-IA-2,", "row name anatomic-IA-2 is used twice"),
        (AJCC, 'where = { t = ["T0"],', 'where = { size = ["T0"],', "a hole names the input size, which the rule does not have"),
        (AJCC, 't = ["T0"], n = ["N0"],', 't = ["T0"], n = ["N0", "N1"],', "a hole and row anatomic-IIA-4 both claim t=T0, n=N1, m=M0"),
        (AJCC, 'file = "anatomic.csv"\n', "", "rule anatomic-stage: a table needs a file and inputs"),
        # Facts, rules, schemes.
        (ER, 'fact = "er-percent"', 'fact = "er-share"', "rule er-status: fact er-share is not declared in any topic"),
        (
            ER,
            'operator = "cutoff"',
            'operator = "guess"',
            "er/topic.toml: rule.0.operator: Input should be 'cutoff', 'table', 'function' or 'hint'",
        ),
        ("biomarkers/pr/topic.toml", 'word = "pr-percent"', 'word = "er-percent"', "fact er-percent is already declared in"),
        ("biomarkers/pr/topic.toml", 'id = "pr-status"\n', 'id = "er-status"\n', "rule er-status is already declared in"),
        (
            SUBTYPE,
            'scheme = "stgallen2011"\nsource',
            'scheme = "stgallen2011"\ndefault = true\nsource',
            "exactly one scheme must be the default, 2 are",
        ),
        (
            "biomarkers/oncotype-dx/topic.toml",
            "default = true\n",
            "",
            "choice recurrence-score: exactly one scheme must be the default, 0 are",
        ),
        # Cases.
        (
            ER_CASES,
            'expect = { er-status = "negative" }',
            'expect = { er-status = "positive" }',
            "er-status should be positive and is negative",
        ),
        (ER_CASES, 'sent = { er-percent = "0 %" }', 'sent = { er-share = "0 %" }', "there is no fact er-share"),
        (ER_CASES, "expect =", "expects =", "er/cases.toml: expect: Field required"),
        (ER_CASES, 'expect = { er-status = "negative" }', 'expect = { er-state = "none" }', "there is no er-state"),
        (ER_CASES, "[[case]]\n", '[[case]]\nschemes = { subtype = "mine" }\n', "there is no scheme subtype=mine"),
        # What is named twice, or named and not there.
        (ER, 'otherwise = "er-status"', 'otherwise = "er-state"', "er: fact er-percent: fact er-state is not declared in any topic"),
        (ER, 'otherwise = "er-status"\nsource = "allison-2020"', 'source = "nobody"', "er: fact er-percent: source nobody is not in"),
        ("outputs/flags.csv", ",allison-2020\n", ",nobody\n", "outputs: source nobody is not in sources.toml"),
        (
            "guards.toml",
            "",
            '[[wrong]]\nsystem = "x"\ncode = "1"\nreally = "y"\nsource = "nobody"\n',
            "guards.toml: source nobody is not in",
        ),
        ("sources.toml", 'id = "site"', 'id = "adapter"', "source adapter stands twice"),
        ("biomarkers/pr/topic.toml", 'topic = "pr"', 'topic = "er"', "topic er stands twice"),
        (ER, 'word = "er-intensity"', 'word = "er-percent"', "er: fact er-percent is already declared in er"),
        (ER, 'id = "er-status-reported"', 'id = "er-status"', "er: rule er-status is already declared in er"),
        # Cells.
        (HER2_ALGORITHM, ",indeterminate,", ",undecided,", "score-0-or-1-ratio-high: 'undecided' is not a valid Kind"),
        (HER2_ALGORITHM, "row,ihc", "name,ihc", "her2/algorithm.csv: ?: 'row'"),
        (ANATOMIC, "T1,N0,M0,IA,ajcc8", "T1,N0", "anatomic.csv: row 2 has not as many cells as the header"),
        (ANATOMIC, "T1,N0,M0,IA,ajcc8", "T1,N0,M0,IA,ajcc8,sure", "anatomic.csv: row 2 has not as many cells as the header"),
        ("values/units.csv", "mm,length,1,", "mm,length,one,", "values/units.csv: mm:"),
        ("values/units.csv", "mm,length,1,", "mm,longness,1,", "values/units.csv: mm: 'longness' is not a valid FactKind"),
        # Files.
        (ER, "", "[[rule\n", "er/topic.toml: Expected ']]'"),
        (HER2_ALGORITHM, "", '"x\n', "her2/algorithm.csv: unexpected end of data"),
        ("outputs/answers.csv", "er-status,positive,", "er-status,plus,", "outputs: "),
    ],
)
def test_a_planted_fault_is_exit_3_and_is_named(
    name: str, old: str, new: str, fault: str, copy: Path, plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(name, old, new)

    assert main(["check", str(copy)]) == BROKEN
    assert fault in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["guards.toml", "values/words.csv", HER2_ALGORITHM])
def test_a_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).unlink()

    with pytest.raises(BrokenKnowledge, match=f"{name}: the file is missing"):
        load(copy)


def test_a_file_that_is_not_utf_8_is_named(copy: Path) -> None:
    (copy / "sources.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(BrokenKnowledge, match=r"sources\.toml: 'utf-8' codec"):
        load(copy)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenKnowledge, match="there is no such folder of mappings"):
        load(tmp_path / "nowhere")


def test_every_fault_is_named_and_not_only_the_first(copy: Path, plant: Plant) -> None:
    plant(ER, "{ above = 10,", "{ above = 11,")
    plant(ER_CODES, "85337-4", "85337-5")
    plant(ANATOMIC, "anatomic-IA-2,T1,N0,M0,IA,ajcc8\n", "")

    with pytest.raises(BrokenKnowledge) as broken:
        load(copy)

    assert len(broken.value.problems) == 3


def test_an_installed_package_brings_its_books_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "adapter"
    (package / "_mappings").mkdir(parents=True)
    monkeypatch.setattr("adapter.__file__", str(package / "__init__.py"))

    assert shipped_folder() == package / "_mappings"


def test_the_version_changes_with_one_character_and_with_nothing_else(copy: Path, plant: Plant) -> None:
    before = load(copy).version
    (copy / "README.md").write_text("not knowledge", encoding="utf-8")
    assert load(copy).version == before == load().version

    plant("sources.toml", "", "# A comment.\n")
    assert load(copy).version != before


def test_a_template_folder_is_left_out(tmp_path: Path, knowledge: Knowledge) -> None:
    template = tmp_path / "biomarkers" / "_mine"
    template.mkdir(parents=True)
    (template / "topic.toml").write_text("this is no TOML\n", encoding="utf-8")

    assert load(extra=tmp_path).version == knowledge.version


def test_our_own_codes_follow_the_canonical_address() -> None:
    ours = {system for codes in load(canonical="https://hospital.example/fhir").codes.values() for system, _ in codes}

    assert "https://hospital.example/fhir/CodeSystem/input" in ours
    assert not [system for system in ours if system.startswith(DEFAULT_CANONICAL)]


MADE_UP = """\
# How much zebra protein is there? Made up, to show the shape.
topic = "zebra"
title = "Zebra protein"
names = ["zebra"]

[[fact]]
word = "zebra-percent"
kind = "percent"
at_least = 0
up_to = 100
source = "adapter"

# rules
[[rule]]
id = "zebra-level"
question = "Is there much zebra protein?"
operator = "cutoff"
fact = "zebra-percent"
source = "adapter"
checked_on = 2026-11-22
bands = [
  { below = 2.50, says = "little" },
  { at_least = 2.50, says = "much" },
]
"""
ZEBRA_CODES = "role,system,code,display,fact,value,basis,side,note,source\nobservation,urn:made-up,zebra,Zebra,zebra-percent,,,,,adapter\n"


@pytest.fixture
def zebra(tmp_path: Path) -> Path:
    """A site's own folder with a cut-off biomarker that nobody programmed."""
    topic = tmp_path / "site" / "biomarkers" / "zebra"
    topic.mkdir(parents=True)
    (topic / "topic.toml").write_text(MADE_UP, encoding="utf-8")
    (topic / "codes.csv").write_text(ZEBRA_CODES, encoding="utf-8")
    return tmp_path / "site"


def test_a_cut_off_biomarker_is_one_folder_and_no_code(zebra: Path) -> None:
    books = load(extra=zebra)

    rule = books.rules["zebra-level"]
    said = [bands_for(rule, exactly(Decimal(text)))[0].says for text in ("2.49", "2.50", "2.5", "99")]
    assert said == ["little", "much", "much", "much"]
    assert books.codes["observation"]["urn:made-up", "zebra"][0].fact == "zebra-percent"


def test_the_rule_of_a_biomarker_of_ones_own_is_explained(
    zebra: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADAPTER_MAPPINGS", str(zebra))

    assert main(["check"]) == OK
    capsys.readouterr()
    assert main(["explain", "zebra-level"]) == OK
    said = capsys.readouterr().out
    assert "Is there much zebra protein?" in said
    assert "2.50" in said


def test_a_cut_off_keeps_the_digits_of_its_source(zebra: Path) -> None:
    """A float would turn 2.50 into 2.5, and 8.1 to 4.86 into a fall of 39.99999999999999 %."""
    assert [str(band.below or band.at_least) for band in load(extra=zebra).rules["zebra-level"].bands] == ["2.50", "2.50"]


def test_a_file_of_the_site_takes_the_place_of_ours(tmp_path: Path, knowledge: Knowledge) -> None:
    text = (shipped_folder() / SUBTYPE).read_text(encoding="utf-8")
    (tmp_path / "subtype").mkdir()
    (tmp_path / SUBTYPE).write_text(
        text.replace('fact = "ki67-minus-median"', 'fact = "ki67-minus-median"\nnumbers = { median = 22.5 }'), "utf-8"
    )

    assert load(extra=tmp_path).rules["surrogate-stgallen2015_lab-ki67"].numbers == {"median": Decimal("22.5")}
    assert knowledge.rules["surrogate-stgallen2015_lab-ki67"].numbers == {}


def test_a_source_is_cited_as_its_entry_says(knowledge: Knowledge) -> None:
    assert knowledge.citation("allison-2020") == knowledge.sources["allison-2020"].citation


def test_our_unit_of_each_kind_is_the_one_that_needs_no_factor() -> None:
    """UCUM for what the facts are kept in; a bare number has none."""
    books = load()
    said = {kind.value: books.unit_of(kind) for kind in FactKind}

    assert {kind: unit for kind, unit in said.items() if unit} == {
        "percent": "%",
        "length": "mm",
        "duration": "min",
        "concentration": "mg/dL",
        "activity": "MBq",
        "mass": "kg",
        "glycolysis": "g",
    }
