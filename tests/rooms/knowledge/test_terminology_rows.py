"""Do the code lists hold by themselves? Check digits computed here a second time, no code twice, every source known.

Where the verified terminology notes stand beside the checkout, every row of theirs must have found its place in one list.
"""

from __future__ import annotations

import csv
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
NOTES = MAPPINGS.parents[1] / "shared" / "terminology.tsv"

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
COLUMNS = ["role", "system", "code", "display", "fact", "value", "basis", "side", "note", "source"]
ROLES = {"observation", "value", "condition", "site", "qualifier", "method", "absent", "interpretation", "not-used", "procedure"}
BASES = {"", "clinical", "pathological", "post-therapy-clinical", "post-therapy-pathological", "recurrence", "autopsy", "unspecified"}

# Systems of the notes without rows, each with its reason.
WITHOUT_ROWS = {
    "http://cancerstaging.org": "read by a grammar: the codes spell what they mean",
    "https://www.uicc.org/resources/tnm": "read by the same grammar",
    "http://unitsofmeasure.org": "units stand in values/units.csv",
}


class Line(NamedTuple):
    """One line of one code list, with the list it stands in."""

    list_name: str
    cells: dict[str, str]

    @property
    def key(self) -> tuple[str, str]:
        """System and code."""
        return self.cells["system"], self.cells["code"]


def code_lists() -> list[Path]:
    """Every code list, the template of a sender folder left out."""
    return sorted(path for path in MAPPINGS.rglob("codes.csv") if not any(part.startswith("_") for part in path.parts))


def lines() -> list[Line]:
    """Every line of every code list."""
    found = []
    for path in code_lists():
        with path.open(encoding="utf-8", newline="") as file:
            found += [Line(path.parent.relative_to(MAPPINGS).as_posix(), row) for row in csv.DictReader(file, strict=True)]
    return found


@cache
def one_spelling(system: str) -> str:
    """The system's one name, by systems.csv read here and not by the adapter."""
    with (MAPPINGS / "systems.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            variant = row["variant"]
            if system == variant or (variant.endswith("*") and system.startswith(variant[:-1])):
                return row["system"]
    return system


def luhn_holds(code: str) -> bool:
    """LOINC's mod 10: from the right every other character doubled, digit sums added; a letter counts by its place after `0`."""
    body, _, check = code.rpartition("-")
    total = int(check)
    for index, character in enumerate(body[::-1]):
        weighted = (ord(character) - ord("0")) * (1 if index % 2 else 2)
        total += weighted if index % 2 else sum(divmod(weighted, 10))
    return bool(body) and total % 10 == 0


def in_dihedral_group(left: int, right: int) -> int:
    """The product of two symmetries of the pentagon: 0 to 4 turn it, 5 to 9 turn it over."""
    turn, other = left % 5, right % 5
    if left < 5:
        return (turn + other) % 5 + (5 if right >= 5 else 0)
    return (turn - other) % 5 + (0 if right >= 5 else 5)


def verhoeff_holds(code: str) -> bool:
    """Verhoeff's check over the dihedral group, the shift computed by repeating one permutation."""
    shift = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for place, character in enumerate(reversed(code)):
        digit = int(character)
        for _ in range(place % 8):
            digit = shift[digit]
        check = in_dihedral_group(check, digit)
    return check == 0


@pytest.mark.parametrize("code", ["85319-2", "LA6576-8", "LA27824-4", "LL4396-9"])
def test_the_loinc_check_of_this_test_accepts_right_codes(code: str) -> None:
    assert luhn_holds(code)


@pytest.mark.parametrize("code", ["85319-0", "81258-0", "LA6576-3"])
def test_the_loinc_check_of_this_test_refuses_wrong_codes(code: str) -> None:
    assert not luhn_holds(code)


@pytest.mark.parametrize("code", ["1229846008", "353431000119107"])
def test_the_snomed_check_of_this_test_accepts_right_codes(code: str) -> None:
    assert verhoeff_holds(code)


@pytest.mark.parametrize("code", ["1228938007", "1229951005"])
def test_the_snomed_check_of_this_test_refuses_wrong_codes(code: str) -> None:
    assert not verhoeff_holds(code)


def test_every_loinc_and_snomed_code_has_a_right_check_digit() -> None:
    checks = {LOINC: luhn_holds, SNOMED: verhoeff_holds}
    wrong = [line for line in lines() if line.cells["system"] in checks and not checks[line.cells["system"]](line.cells["code"])]
    assert wrong == []


def test_every_list_has_the_same_columns_and_known_words() -> None:
    for path in code_lists():
        with path.open(encoding="utf-8", newline="") as file:
            assert next(csv.reader(file)) == COLUMNS, path
    for line in lines():
        assert line.cells["role"] in ROLES, line
        assert line.cells["basis"] in BASES, line
        assert line.cells["side"] in {"", "left", "right", "bilateral"}, line


def test_no_code_stands_twice_in_one_role_for_one_fact() -> None:
    words = [(line.cells["role"], *line.key, fact) for line in lines() for fact in (line.cells["fact"].split() or [""])]
    assert [word for word, count in Counter(words).items() if count > 1] == []


def test_no_code_is_both_read_and_left_out() -> None:
    roles = defaultdict(set)
    for line in lines():
        roles[line.key].add(line.cells["role"])
    assert [key for key, found in roles.items() if "not-used" in found and len(found) > 1] == []


def test_every_line_says_what_it_gives() -> None:
    """A line that is read gives a fact; an answer gives a word; a code that is left out says why."""
    for line in lines():
        role, fact, value, note = (line.cells[name] for name in ("role", "fact", "value", "note"))
        assert note if role == "not-used" else fact, line
        if role in {"value", "site", "qualifier", "method", "absent", "interpretation"}:
            assert value, line


def test_every_system_is_spelt_in_its_one_way() -> None:
    assert [line for line in lines() if one_spelling(line.cells["system"]) != line.cells["system"]] == []


def test_every_source_is_known() -> None:
    """Code lists, fact words, spellings and guards name sources that sources.toml holds."""
    sources = tomllib.loads((MAPPINGS / "sources.toml").read_text(encoding="utf-8"))["source"]
    known = {source["id"] for source in sources}
    assert len(known) == len(sources)
    guards = tomllib.loads((MAPPINGS / "guards.toml").read_text(encoding="utf-8"))
    named = {line.cells["source"] for line in lines()} | {entry["source"] for entry in guards["foreign"] + guards["wrong"]}
    with (MAPPINGS / "systems.csv").open(encoding="utf-8", newline="") as file:
        named |= {row["source"] for row in csv.DictReader(file)}
    assert named - known == set()


def test_every_wrong_code_in_the_guards_is_told_from_a_right_one() -> None:
    """A guard for a code that fails its check digit must not stand in a code list."""
    guards = tomllib.loads((MAPPINGS / "guards.toml").read_text(encoding="utf-8"))
    listed = {line.key for line in lines()}
    for entry in guards["wrong"]:
        if entry["system"] == SNOMED and not verhoeff_holds(entry["code"]):
            assert (entry["system"], entry["code"]) not in listed, entry


def test_every_row_of_the_notes_stands_in_exactly_one_list() -> None:
    """Sections 1 to 7; the PET section waits for the topics that read it (DECISIONS.md)."""
    homes = defaultdict(set)
    for line in lines():
        homes[line.key].add(line.list_name)
    if NOTES.exists():
        with NOTES.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        wanted = [row for row in rows if row["section"][0] in "1234567" and row["system"] not in WITHOUT_ROWS]
        lost = [row["code"] for row in wanted if len(homes[one_spelling(row["system"]), row["code"]]) != 1]
        assert wanted
        assert lost == []
    assert homes[LOINC, "85337-4"] == {"biomarkers/er"}
    assert homes[SNOMED, "1222806003"] == {"staging/ajcc8"}
