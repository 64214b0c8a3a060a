"""A launch is kept until its end, once, and sealed with what only the browser holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from adapter.delivery.database import opened as database
from adapter.delivery.launches import Begun, Held, forget, keep, opened, taken

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
HELD = Held("https://fhir.example", "p1", "token-of-a-person")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = database(f"sqlite:///{tmp_path / 'launches.sqlite'}")
    yield made
    made.dispose()


def test_what_is_kept_is_found_under_its_key_until_its_end(engine: Engine) -> None:
    keep(engine, "key", HELD, LATER, NOW)
    assert opened(engine, "key", LATER - timedelta(milliseconds=1)) == HELD
    assert opened(engine, "key", LATER) is None
    assert opened(engine, "another key", NOW) is None


def test_a_launch_that_began_is_taken_once(engine: Engine) -> None:
    begun = Begun("https://fhir.example", "https://auth.example/token", "state", "verifier")
    keep(engine, "key", begun, LATER, NOW)
    assert taken(engine, "key", NOW) == begun
    assert taken(engine, "key", NOW) is None


def test_the_database_alone_gives_no_token_patient_or_key_away(engine: Engine, tmp_path: Path) -> None:
    keep(engine, "key-of-the-browser", HELD, LATER, NOW)
    engine.dispose()
    bytes_kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [word for word in (b"token-of-a-person", b"key-of-the-browser", b"fhir.example") if word in bytes_kept]


def test_what_has_ended_is_removed_when_the_next_one_comes(engine: Engine) -> None:
    keep(engine, "old", HELD, NOW, NOW - timedelta(hours=1))
    keep(engine, "new", HELD, LATER, NOW)
    assert (forget(engine, "old"), forget(engine, "new"), forget(engine, "new")) == (False, True, False)
