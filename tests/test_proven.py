"""Is every worked case run before the service starts, and again as soon as a letter of the books or of the program changes?"""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter import proven as module
from adapter.knowledge.books import BrokenKnowledge
from adapter.knowledge.loader import DEFAULT_CANONICAL
from adapter.proven import proven

BROKEN_CASE = """
[[case]]
name = "a percentage of 0 is positive"
sent = { er-percent = "0 %" }
expect = { er-status = "positive" }
"""


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "onco-adapter" / "proven"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions of the books whose cases were run."""
    seen: list[str] = []
    monkeypatch.setattr(module, "prove", lambda books: seen.append(books.version))
    return seen


def with_case(folder: Path, text: str) -> Path:
    """A site's own folder with one worked case more."""
    topic = folder / "biomarkers" / "er"
    topic.mkdir(parents=True)
    shipped = Path(__file__).parent.parent / "mappings" / "biomarkers" / "er"
    for file in shipped.iterdir():
        (topic / file.name).write_bytes(file.read_bytes())
    (topic / "cases.toml").write_text((shipped / "cases.toml").read_text(encoding="utf-8") + text, encoding="utf-8")
    return folder


def test_the_cases_are_run_once_for_the_same_books_and_program(marks: Path, runs: list[str]) -> None:
    first = proven(extra=None, canonical=DEFAULT_CANONICAL)
    again = proven(extra=None, canonical=DEFAULT_CANONICAL)

    assert runs == [first.version]
    assert again.version == first.version
    assert len(list(marks.iterdir())) == 1


def test_changed_books_are_proved_again(marks: Path, runs: list[str], tmp_path: Path) -> None:
    proven(extra=None, canonical=DEFAULT_CANONICAL)
    proven(extra=with_case(tmp_path / "site", ""), canonical="https://other.example/fhir")

    assert len(runs) == 2


def test_a_changed_program_proves_again(marks: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proven(extra=None, canonical=DEFAULT_CANONICAL)
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "rules.py").write_text("LIMIT = 1\n", encoding="utf-8")
    monkeypatch.setattr(module, "_HERE", tmp_path / "program")
    proven(extra=None, canonical=DEFAULT_CANONICAL)

    assert len(runs) == 2


def test_a_case_that_fails_is_refused_at_every_start(marks: Path, tmp_path: Path) -> None:
    site = with_case(tmp_path / "site", BROKEN_CASE)
    for _ in range(2):
        with pytest.raises(BrokenKnowledge, match="a percentage of 0 is positive"):
            proven(extra=site, canonical=DEFAULT_CANONICAL)

    assert not marks.exists()


def test_without_a_place_to_keep_a_mark_every_start_proves(runs: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    for _ in range(2):
        proven(extra=None, canonical=DEFAULT_CANONICAL)

    assert len(runs) == 2


def test_a_user_without_a_home_starts_all_the_same(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(module.Path, "home", homeless)
    for _ in range(2):
        proven(extra=None, canonical=DEFAULT_CANONICAL)

    assert len(runs) == 2
