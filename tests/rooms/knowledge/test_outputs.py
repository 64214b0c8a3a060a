"""mappings/outputs holds together, and the reader refuses files that do not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from adapter.facts.vocabulary import Basis, Kind, Result
from adapter.knowledge.check_digits import is_well_formed
from adapter.knowledge.outputs import ANSWERS, RESULTS, read_outputs

MAPPINGS = Path(__file__).parents[3] / "mappings"
FILES = {path.name: path.read_bytes() for path in (MAPPINGS / "outputs").iterdir() if path.suffix in (".toml", ".csv")}
OUTPUTS = read_outputs(FILES)


def changed(name: str, old: str, new: str) -> dict[str, bytes]:
    text = FILES[name].decode()
    assert old in text
    return FILES | {name: text.replace(old, new, 1).encode()}


def test_every_source_is_in_sources_toml() -> None:
    sources = {source["id"] for source in tomllib.loads((MAPPINGS / "sources.toml").read_text())["source"]}
    assert OUTPUTS.source_ids() <= sources


def test_every_public_code_is_spelt_right() -> None:
    codes = [(coding.system, coding.code) for shape in OUTPUTS.results.values() for coding in shape.codings]
    codes += [(code.system, code.code) for words in OUTPUTS.answers.values() for word in words.values() for code in word.codes]
    codes += [(method.system, method.code) for method in OUTPUTS.methods.values()]
    assert [code for code in codes if not is_well_formed(*code)] == []


def test_every_kind_of_answer_has_a_code_that_fhir_allows() -> None:
    words = [word for answers in OUTPUTS.answer_words().values() for word in answers]
    assert all(re.fullmatch(r"[^\s]+(\s[^\s]+)*", word) for word in [*words, *OUTPUTS.flags, *OUTPUTS.results])


def test_no_answer_has_one_public_code_twice() -> None:
    for words in OUTPUTS.answers.values():
        for word in words.values():
            codes = [(code.basis, code.system, code.code) for code in word.codes]
            assert len(set(codes)) == len(codes), word.concept.code


def test_a_public_code_of_one_basis_is_not_used_for_another() -> None:
    t2 = OUTPUTS.answers[Result.T_CATEGORY]["T2"]
    assert [code.code for code in t2.codes_for(Basis.CLINICAL)] == ["1228929004"]
    assert [code.code for code in t2.codes_for(Basis.PATHOLOGICAL)] == ["1229852009"]
    assert t2.codes_for(None) == ()


def test_the_answer_concepts_name_each_word_once() -> None:
    codes = [concept.code for concept in OUTPUTS.answer_concepts()]
    assert len(set(codes)) == len(codes)
    assert {"positive", "IIB", "T2", "luminal-a-like"} <= set(codes)


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (changed(RESULTS, 'code = "er-status"', 'code = "fr-status"'), "fr-status"),
        (changed(RESULTS, '"low-positive", ', ""), "answers of er-status"),
        (changed(RESULTS, 'category = "laboratory"', 'category = "exam"'), "category exam"),
        (changed(RESULTS, 'method = "ajcc8"', 'method = "ajcc9"'), "method ajcc9"),
        (changed(RESULTS, 'code = "not-assessable"', 'code = "indeterminate"'), f"absence {Kind.NOT_ASSESSABLE} is missing"),
        (changed(ANSWERS, "pr-status,positive,Positive", "pr-status,positive,Yes"), "answer positive has two displays"),
        (changed(ANSWERS, "grade,G1,Grade 1", "grade,G1,Low grade"), "G1 has two displays"),
    ],
)
def test_files_that_do_not_hold_together_are_refused(files: dict[str, bytes], fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        read_outputs(files)


def test_a_result_without_an_entry_is_refused() -> None:
    text = FILES[RESULTS].decode()
    start = text.index('[[result]]\ncode = "er-status"')
    end = text.index('[[result]]\ncode = "pr-status"')
    with pytest.raises(ValueError, match="er-status is missing"):
        read_outputs(FILES | {RESULTS: (text[:start] + text[end:]).encode()})


def test_a_missing_file_is_named() -> None:
    with pytest.raises(KeyError, match=ANSWERS):
        read_outputs({name: data for name, data in FILES.items() if name != ANSWERS})
