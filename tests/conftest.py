"""What every test starts from: the checkout, its books, and an environment without a site's choices in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout that the tests belong to."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """The books that ship with the adapter."""
    return load()


@pytest.fixture(autouse=True)
def _no_site_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own ADAPTER_ variables do not decide whether a test passes."""
    for name in [name for name in os.environ if name.startswith("ADAPTER_")]:
        monkeypatch.delenv(name)
