"""What every test starts from: the checkout, its books, and an environment without a site's choices in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from adapter.delivery.database import opened
from adapter.knowledge.books import Knowledge
from adapter.knowledge.loader import load
from tests.peers.running import hapi, postgresql, sekmet

os.environ["ADAPTER_AUTH"] = "none"


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
    # Most tests are not about who may ask; those that are say `smart`.
    monkeypatch.setenv("ADAPTER_AUTH", "none")


# Servers of other people, started once for all tests that speak with them.


@pytest.fixture(scope="session")
def sekmet_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base of a real FHIR server that comes from PyPI."""
    with sekmet(tmp_path_factory.mktemp("sekmet")) as base:
        yield base


@pytest.fixture(scope="session")
def hapi_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base of HAPI FHIR JPA, the strict one."""
    with hapi(tmp_path_factory.mktemp("hapi")) as base:
        yield base


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of a PostgreSQL of our own."""
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sekmet", pytest.param("hapi", marks=pytest.mark.servers)])
def fhir_base(request: pytest.FixtureRequest) -> str:
    """A FHIR server to speak with: the everyday one, and in `make test-all` the strict one too."""
    return str(request.getfixturevalue(f"{request.param}_base"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: SQLite, and in `make test-all` PostgreSQL too."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.sqlite'}"
    url = str(request.getfixturevalue("postgresql_url"))
    name = f"t{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """The same, with its tables."""
    engine = opened(database_url)
    yield engine
    engine.dispose()
