"""Codes that our maps do not have are counted once for each sender, and nothing else of a message is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine

from adapter.delivery import sightings as kept
from adapter.delivery.database import opened
from adapter.delivery.sightings import Lookout, sightings
from adapter.facts.case import UnmappedCode

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ODD = UnmappedCode(role="observation", system="https://lab.example/codes", code="ER-X", display="Oestrogen receptor")
VALUE = UnmappedCode(role="value", system="https://lab.example/codes", code="pos++", display="", fact="er-status")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = opened(f"sqlite:///{tmp_path / 'seen.sqlite'}")
    yield made
    made.dispose()


def lookout(engine: Engine) -> Lookout:
    """One that writes only when it is told to."""
    return Lookout(engine, lambda: NOW, seconds=3600)


def counted(engine: Engine) -> list[tuple[str, str, int, str]]:
    return [(one.sender, one.code.code, one.count, one.code.display) for one in sightings(engine)]


def test_counts_are_added_up_for_each_sender_whoever_writes(engine: Engine) -> None:
    one, other = lookout(engine), lookout(engine)
    one.note("lab", {ODD: 2, VALUE: 1})
    one.note("lab", {ODD: 3})
    other.note("lab", {ODD: 1})
    other.note("ward", {ODD: 1})
    one.write()
    other.write()
    assert counted(engine) == [("lab", "ER-X", 6, "Oestrogen receptor"), *sorted(counted(engine)[1:])]
    assert sorted(counted(engine)[1:]) == [("lab", "pos++", 1, ""), ("ward", "ER-X", 1, "Oestrogen receptor")]
    assert {one.last_seen for one in sightings(engine)} == {NOW}


def test_many_threads_lose_no_count(engine: Engine) -> None:
    watch = lookout(engine)
    threads = [Thread(target=lambda: [watch.note("lab", {ODD: 1}) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watch.write()
    assert counted(engine) == [("lab", "ER-X", 800, "Oestrogen receptor")]


def test_what_the_database_did_not_take_comes_with_the_next_write(engine: Engine, tmp_path: Path) -> None:
    impatient = opened(f"sqlite:///{tmp_path / 'seen.sqlite'}", busy_seconds=0.01)
    watch = lookout(impatient)
    watch.note("lab", {ODD: 2})
    with engine.begin():
        watch.write()
    assert counted(engine) == []
    watch.write()
    assert counted(engine) == [("lab", "ER-X", 2, "Oestrogen receptor")]
    impatient.dispose()


def test_a_flood_of_made_up_codes_fills_no_disk(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST_KINDS", 3)
    for batch in range(4):
        watch = lookout(engine)
        watch.note("lab", {ODD.but(code=f"{batch}-{number}"): 1 for number in range(2)})
        watch.write()
    assert len(sightings(engine)) == 4


def test_long_words_are_cut_to_what_a_code_map_may_hold(engine: Engine) -> None:
    watch = lookout(engine)
    watch.note("lab" * 1000, {ODD.but(display="x" * 5000): 1})
    watch.write()
    (one,) = sightings(engine)
    assert (len(one.sender), len(one.code.display)) == (200, 200)
