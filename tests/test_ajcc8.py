"""Every combination of the AJCC 8 stage tables against a transcription of its own; a copy of a wrong cell would have to be made twice."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path

import pytest

from adapter.cli import main
from adapter.commands import OK
from adapter.facts.answers import Answer, Determined, Undetermined
from adapter.facts.vocabulary import Kind
from adapter.fhir.outcome import Refusal
from adapter.knowledge.books import Knowledge
from adapter.pipeline import StageQuery, stage

# The two tables typed again by hand: group, then grades 1 to 3, then HER2+ (ER/PR ++ +- -+ --) and HER2- (the same four).
CLINICAL = """
A  IA IA IA IA IA IA IA IB         IA IA IA IA IA IA IA IB          IA IA IA IA IA IB IB IB
B  IB IIA IIA IIA IB IIA IIA IIA   IB IIA IIA IIA IB IIA IIA IIB    IB IIA IIA IIA IIA IIB IIB IIB
C  IB IIA IIA IIB IIA IIB IIB IIB  IB IIA IIA IIB IIA IIB IIB IIIB  IB IIB IIB IIB IIB IIIA IIIA IIIB
D  IIA IIIA IIIA IIIA IIA IIIA IIIA IIIB      IIA IIIA IIIA IIIA IIA IIIA IIIA IIIB      IIB IIIA IIIA IIIA IIIA IIIB IIIB IIIC
E  IIIA IIIB IIIB IIIB IIIB IIIB IIIB IIIC    IIIA IIIB IIIB IIIB IIIB IIIB IIIB IIIC    IIIB IIIB IIIB IIIB IIIB IIIC IIIC IIIC
"""
PATHOLOGICAL = """
A  IA IA IA IA IA IA IA IA         IA IA IA IA IA IA IA IB          IA IA IA IA IA IA IA IB
B  IA IB IB IIA IA IB IB IIA       IA IB IB IIA IA IIA IIA IIA      IA IIA IIA IIA IB IIA IIA IIA
C  IA IIB IIB IIB IA IIB IIB IIB   IB IIB IIB IIB IB IIB IIB IIB    IB IIB IIB IIB IIA IIB IIB IIIA
D  IB IIIA IIIA IIIA IB IIIA IIIA IIIA        IB IIIA IIIA IIIA IB IIIA IIIA IIIB        IIA IIIA IIIA IIIA IIB IIIA IIIA IIIC
E  IIIA IIIB IIIB IIIB IIIA IIIB IIIB IIIB    IIIA IIIB IIIB IIIB IIIA IIIB IIIB IIIC    IIIB IIIB IIIB IIIB IIIB IIIC IIIC IIIC
"""
ANATOMIC = {
    "0": "Tis N0",
    "IA": "T1 N0",
    "IB": "T0 N1mi; T1 N1mi",
    "IIA": "T0 N1; T1 N1; T2 N0",
    "IIB": "T2 N1; T2 N1mi; T3 N0",
    "IIIA": "T0 N2; T1 N2; T2 N2; T3 N1; T3 N1mi; T3 N2",
    "IIIB": "T4 N0; T4 N1mi; T4 N1; T4 N2",
    "IIIC": "TX N3; T0 N3; T1 N3; T2 N3; T3 N3; T4 N3",
}
GROUPS = {
    "A": "T1 N0; T0 N1mi; T1 N1mi",
    "B": "T0 N1; T1 N1; T2 N0",
    "C": "T2 N1; T2 N1mi; T3 N0",
    "D": "T0 N2; T1 N2; T2 N2; T3 N1; T3 N1mi; T3 N2",
    "E": "T4 N0; T4 N1mi; T4 N1; T4 N2; TX N3; T0 N3; T1 N3; T2 N3; T3 N3; T4 N3",
}
T, N, M, GRADES, SIGNS = ("T0", "Tis", "T1", "T2", "T3", "T4"), ("N0", "N1mi", "N1", "N2", "N3"), ("M0", "M1"), ("G1", "G2", "G3"), "+-"
ORDER = ("0", "IA", "IB", "IIA", "IIB", "IIIA", "IIIB", "IIIC", "IV")
WORDS = {"+": "positive", "-": "negative", None: None}
COLUMNS = [f"{her2}{er}{pr}" for her2, er, pr in product(SIGNS, repeat=3)]
NOTES = Path(__file__).parents[2] / "shared" / "staging.md"

Printed = Mapping[tuple[str, str, str], str]
Tumor = tuple[str | None, ...]


def typed(table: str) -> Printed:
    """Group, grade and `HER2 ER PR` signs to stage, from one of the tables above."""
    rows = [line.split() for line in table.strip().splitlines()]
    return {
        (row[0], grade, column): row[1 + 8 * g + c] for row in rows for g, grade in enumerate(GRADES) for c, column in enumerate(COLUMNS)
    }


def noted(text: str, name: str) -> Printed:
    """The same from the notes on the staging facts, whose columns stand in the same order."""
    lines = text[text.index(f"| {name} | |") :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    rows = [[cell.strip(" *") for cell in line.strip().strip("|").split("|")] for line in lines]
    return {(group, grade, column): cells[c] for group, grade, *cells in rows for c, column in enumerate(COLUMNS)}


def placed(rows: Mapping[str, str]) -> dict[str, str]:
    """`T N` to what its row says."""
    return {pair.strip(): says for says, pairs in rows.items() for pair in pairs.split(";")}


PRINTED = {"clinical": typed(CLINICAL), "pathological": typed(PATHOLOGICAL)}
SHOWN_STAGE, SHOWN_GROUP = placed(ANATOMIC), placed(GROUPS)
TUMORS: list[Tumor] = list(product(T, N, M, GRADES, SIGNS, SIGNS, SIGNS))


def expected(basis: str, tumor: Tumor) -> str | None:
    """The stage by our transcription, None where the book has no group; every input is known."""
    t, n, m, grade, her2, er, pr = tumor
    if m == "M1":
        return "IV"
    if basis == "anatomic" or f"{t} {n}" == "Tis N0":
        return SHOWN_STAGE.get(f"{t} {n}")
    group = SHOWN_GROUP.get(f"{t} {n}")
    return PRINTED[basis][group, str(grade), f"{her2}{er}{pr}"] if group else None


def query(tumor: Tumor, oncotype: str | None = None) -> StageQuery:
    t, n, m, grade, her2, er, pr = tumor
    return StageQuery(t=t, n=n, m=m, grade=grade, her2=WORDS[her2], er=WORDS[er], pr=WORDS[pr], oncotype=oncotype)


def value(answer: Answer) -> str | None:
    return answer.value if isinstance(answer, Determined) else None


BASES = ("anatomic", "clinical", "pathological")


@pytest.mark.parametrize("basis", BASES)
def test_all_1440_combinations_have_the_printed_stage(basis: str, knowledge: Knowledge) -> None:
    wrong = [tumor for tumor in TUMORS if value(stage(query(tumor), knowledge, basis)) != expected(basis, tumor)]

    assert (len(TUMORS), wrong) == (1440, [])


@pytest.mark.parametrize("basis", BASES)
def test_all_1440_rows_of_a_spreadsheet_come_back_with_the_printed_stage(
    basis: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    table = tmp_path / "tumors.csv"
    table.write_text("T,N,M,grade,HER2,ER,PR\n" + "".join(",".join(map(str, tumor)) + "\n" for tumor in TUMORS), encoding="utf-8")

    assert main(["stage", "--basis", basis, "--csv", str(table)]) == OK

    rows = list(csv.DictReader(io.StringIO(capsysbinary.readouterr().out.decode())))
    assert [row["stage"] or None for row in rows] == [expected(basis, tumor) for tumor in TUMORS]
    assert all(row["why"] for row in rows)


def test_the_transcription_is_the_one_in_the_notes() -> None:
    if NOTES.exists():
        text = NOTES.read_text(encoding="utf-8")
        assert noted(text, "clinical") == PRINTED["clinical"]
        assert noted(text, "pathological") == PRINTED["pathological"]
    assert [len(table) for table in PRINTED.values()] == [120, 120]


def test_the_anatomic_rows_are_the_ones_in_the_notes() -> None:
    if NOTES.exists():
        line = next(line for line in NOTES.read_text(encoding="utf-8").splitlines() if line.startswith("0 Tis N0 | IA"))
        assert dict(read_rows(line)) == SHOWN_STAGE
    assert len(SHOWN_STAGE) == 26


def read_rows(line: str) -> Iterator[tuple[str, str]]:
    """`T N` and stage of each row in the notes, where `N0-2` leaves out N1mi; T2 to T4 with N1mi are grouped as N1."""
    for part in line.split(" | ")[:-1]:
        says, rows = part.split(" ", 1)
        for row in rows.split(", "):
            yield from ((pair, says) for pair in pairs_of(row.rstrip(".")))


def pairs_of(row: str) -> Iterator[str]:
    tumors, nodes = row.replace("any T", "T?").split()
    for t, n in product(spread(tumors, ("TX", "T0", "T1", "T2", "T3", "T4")), spread(nodes, ("N0", "N1", "N2", "N3"))):
        yield f"{t} {n}"
        if n == "N1" and t in ("T2", "T3", "T4"):
            yield f"{t} N1mi"


def spread(words: str, known: Iterable[str]) -> list[str]:
    """`T0-2` as T0, T1 and T2; `T?` as all of them."""
    if words.endswith("?"):
        return list(known)
    parts = re.fullmatch(r"([TN])(\d)-(\d)", words)
    return [f"{parts[1]}{figure}" for figure in range(int(parts[2]), int(parts[3]) + 1)] if parts else [words]


def test_the_two_prognostic_tables_differ_in_174_of_600_cells(knowledge: Knowledge) -> None:
    cells = [tumor for tumor in TUMORS if tumor[2] == "M0" and expected("clinical", tumor) is not None]
    differ = [
        tumor
        for tumor in cells
        if value(stage(query(tumor), knowledge, "clinical")) != value(stage(query(tumor), knowledge, "pathological"))
    ]

    assert (len(cells), len(differ)) == (600, 174)


@pytest.mark.parametrize(
    ("basis", "tumor", "says"),
    [
        ("clinical", ("T2", "N1", "M0", "G1", "-", "-", "-"), "IIB"),
        ("clinical", ("T2", "N1", "M0", "G2", "-", "-", "-"), "IIIB"),
        ("clinical", ("T2", "N2", "M0", "G1", "-", "-", "-"), "IIIB"),
        ("clinical", ("T1", "N1", "M0", "G1", "+", "+", "+"), "IB"),
        ("clinical", ("T1", "N1", "M0", "G3", "-", "-", "-"), "IIB"),
        ("pathological", ("T2", "N2", "M0", "G3", "-", "-", "-"), "IIIC"),
    ],
)
def test_the_cells_that_older_tables_and_a_steady_hand_get_wrong(basis: str, tumor: Tumor, says: str, knowledge: Knowledge) -> None:
    """The clinical table jumps from IIB to IIIB, and the printing of 2017 corrected the two T1 N1 cells."""
    assert value(stage(query(tumor), knowledge, basis)) == says


@pytest.mark.parametrize("basis", ["clinical", "pathological"])
def test_a_missing_biomarker_never_falls_back_to_the_anatomic_stage(basis: str, knowledge: Knowledge) -> None:
    for t, n in product(T, N):
        answer = stage(query((t, n, "M0", None, None, None, None)), knowledge, basis)
        assert value(answer) == ("0" if (t, n) == ("Tis", "N0") else None), (t, n)


@pytest.mark.parametrize("basis", BASES)
def test_lcis_is_not_staged(basis: str, knowledge: Knowledge) -> None:
    answer = stage(StageQuery(t="Tis(LCIS)", n="N0", m="M0"), knowledge, basis)
    assert isinstance(answer, Undetermined)
    assert (answer.kind, answer.possible) == (Kind.NOT_APPLICABLE, ())
    assert "LCIS" in answer.because


# What an input may be besides known: an empty cell, or the category that says that it was not assessed.
NOT_KNOWN = {None, "TX", "NX", "MX"}
UNSURE: list[Tumor] = [
    (*tnm, *(None if hidden else known for hidden, known in zip(mask, ("G2", "-", "+", "-"), strict=True)))
    for tnm in product((*T, "TX", None), (*N, "NX", None), (*M, "MX", None))
    for mask in product((False, True), repeat=4)
]


def still_possible(basis: str, tumor: Tumor) -> list[str]:
    """Every stage that some way to fill in what is not known gives, in the order of the book."""
    choices = [[known] if known not in NOT_KNOWN else domain for known, domain in zip(tumor, (T, N, M, GRADES, *[SIGNS] * 3), strict=True)]
    found = {expected(basis, filled) for filled in product(*choices)}
    return [says for says in ORDER if says in found]


def is_settled(basis: str, tumor: Tumor) -> bool:
    """True where the book gives a stage to what is known: M1, stage 0, TX N3 as it stands, and else only with every input."""
    t, n, m, *markers = tumor
    if m == "M1" or (t, n, m) == ("Tis", "N0", "M0"):
        return True
    places = f"{t} {n}" in SHOWN_STAGE and m == "M0"
    return places and (basis == "anatomic" or None not in markers)


@pytest.mark.parametrize("basis", BASES)
def test_an_unknown_input_leaves_exactly_the_stages_that_remain(basis: str, knowledge: Knowledge) -> None:
    for tumor in UNSURE:
        answer = stage(query(tumor), knowledge, basis)
        if is_settled(basis, tumor):
            assert value(answer) == expected(basis, tumor), tumor
        else:
            assert isinstance(answer, Undetermined), tumor
            assert list(answer.possible) == still_possible(basis, tumor), tumor


@pytest.mark.parametrize("basis", BASES)
def test_an_open_stage_says_what_to_send_unless_nothing_would_help(basis: str, knowledge: Knowledge) -> None:
    for tumor in UNSURE:
        answer = stage(query(tumor), knowledge, basis)
        if isinstance(answer, Undetermined):
            no_group = tumor[:3] == ("T0", "N0", "M0")
            assert answer.kind is (Kind.NOT_APPLICABLE if no_group else Kind.INDETERMINATE), tumor
            assert bool(answer.missing) is not no_group, tumor


def test_a_recurrence_score_below_11_changes_four_rows_of_the_pathological_table_and_nothing_else(knowledge: Knowledge) -> None:
    """T1 N0 with ER positive is IA anyway, so only T2 N0 M0 with HER2 negative and ER positive can move."""
    for basis, score in product(BASES, ("10", "11")):
        moved = {tumor[3:] for tumor in TUMORS if value(stage(query(tumor, score), knowledge, basis)) != expected(basis, tumor)}
        rows = {("G1", "-", "+", "-"), ("G2", "-", "+", "-"), ("G3", "-", "+", "+"), ("G3", "-", "+", "-")}
        assert moved == (rows if (basis, score) == ("pathological", "10") else set())


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"er": "5 %"}, "IIB"),
        ({"er": "low positive"}, "IIB"),
        ({"er": "1 %"}, "IIB"),
        ({"er": "0.9 %"}, "IIIB"),
        ({"er": "<1 %"}, "IIIB"),
        ({"er": "<10 %"}, None),
        ({"er": ">=10 %"}, "IIB"),
        ({"her2": "0"}, "IIB"),
        ({"her2": "1+"}, "IIB"),
        ({"her2": "2+"}, None),
        ({"her2": "equivocal"}, None),
        ({"her2": "3+"}, "IIA"),
        ({"grade": "GX"}, None),
        ({"grade": "2"}, "IIB"),
        ({"t": "cT2", "n": "cN1"}, "IIB"),
        ({"t": "2", "n": "1"}, "IIB"),
        ({"m": "M0(i+)"}, "IIB"),
        ({"m": "MX"}, None),
    ],
)
def test_a_cell_counts_as_its_rule_says(cells: dict[str, str], says: str | None, knowledge: Knowledge) -> None:
    """T2 N1 M0 G2 HER2 negative, ER positive, PR negative is IIB; with ER negative it is IIIB, with HER2 positive IIA."""
    row = {"t": "T2", "n": "N1", "m": "M0", "grade": "G2", "her2": "negative", "er": "positive", "pr": "negative"}

    assert value(stage(StageQuery(**row | cells), knowledge, "clinical")) == says


@pytest.mark.parametrize(
    ("column", "text"), [("er", "1"), ("er", "-5 %"), ("grade", "4.5"), ("t", "T5"), ("n", "T1"), ("oncotype", "11 %"), ("oncotype", "101")]
)
def test_a_cell_that_could_mean_two_things_or_none_is_refused_and_never_guessed(column: str, text: str, knowledge: Knowledge) -> None:
    """A bare 1 under ER is 1 % or the fraction that is 100 %; a recurrence score has no unit and ends at 100."""
    with pytest.raises(Refusal) as refused:
        stage(StageQuery(**{column: text}), knowledge, "pathological")

    assert str(refused.value).lower().startswith(f"{column}:")


@pytest.mark.parametrize("prefix", ["yp", "yc", "y"])
@pytest.mark.parametrize("basis", BASES)
def test_no_stage_after_neoadjuvant_therapy(prefix: str, basis: str, knowledge: Knowledge) -> None:
    answer = stage(StageQuery(t=f"{prefix}T1", n=f"{prefix}N0", m="M0"), knowledge, basis)

    assert isinstance(answer, Undetermined)
    assert answer.kind is Kind.NOT_APPLICABLE


@pytest.mark.parametrize(("basis", "prefix"), [("clinical", "p"), ("pathological", "c")])
def test_categories_of_the_other_classification_never_reach_this_table(basis: str, prefix: str, knowledge: Knowledge) -> None:
    answer = stage(StageQuery(t=f"{prefix}T1", n=f"{prefix}N0", m="M0", grade="G1", her2="-", er="+", pr="+"), knowledge, basis)

    assert isinstance(answer, Undetermined)
    assert answer.missing == (f"{basis} T category", f"{basis} N category")
