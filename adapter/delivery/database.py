"""Where is it kept? One SQLite file beside the service, or PostgreSQL by URL; brought up to date when it is opened."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from adapter.delivery.jobs import NotKept

LOG = logging.getLogger("adapter.delivery")
_MIGRATIONS = Path(__file__).parent / "migrations"
# How long a statement waits for another process that holds the SQLite file.
_BUSY_SECONDS = 10.0
_CONNECT_SECONDS = 5


def opened(url: str, busy_seconds: float = _BUSY_SECONDS) -> Engine:
    """The database at this URL, with every migration carried out."""
    engine = connected(url, busy_seconds)
    migrate(engine)
    # The processes of a server are forked after this: none may inherit a connection.
    engine.dispose()
    return engine


def connected(url: str, busy_seconds: float = _BUSY_SECONDS) -> Engine:
    """The database at this URL as it is."""
    driven = _with_driver(url)
    patience = {} if driven.startswith("sqlite") else {"connect_timeout": _CONNECT_SECONDS}
    engine = create_engine(driven, pool_pre_ping=True, hide_parameters=True, connect_args=patience)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_prepare_sqlite, busy_seconds))
        event.listen(engine, "begin", _begin_at_once)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date, one process at a time."""
    # Read only here: it takes a tenth of a second, which a worker without a database need not spend.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7243621)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_reachable(engine: Engine) -> bool:
    """Whether the database answers, without a transaction, so that a worker that writes is no reason to wait."""
    try:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("SELECT 1 FROM jobs LIMIT 1")
        finally:
            connection.close()
    except Exception as error:  # noqa: BLE001 - each driver has faults of its own, and all of them mean no.
        LOG.warning("the database does not answer: %s", type(error).__name__)
        return False
    return True


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it is kept, or NotKept is raised and nothing is."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if _is_ours(error):
            raise
        raise NotKept(f"the database did not keep it: {type(error.orig).__name__}") from error


def _is_ours(error: DBAPIError) -> bool:
    """A broken uniqueness is an answer to a question of ours, and not a fault of the database."""
    return type(error).__name__ == "IntegrityError"


def _with_driver(url: str) -> str:
    """PostgreSQL is spoken to through psycopg 3."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgresql", "postgres") else url


def _prepare_sqlite(busy_seconds: float, connection: object, _: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions by itself: it would take the write lock too late, and two writers would then fail.
    connection.isolation_level = None  # type: ignore[attr-defined]  # The DBAPI connection has no common type.
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # What is deleted is overwritten: it may be data of a patient.
    modes = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
    for pragma in (f"busy_timeout = {round(busy_seconds * 1000)}", *modes):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_at_once(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
