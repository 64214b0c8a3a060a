"""What is kept until it has arrived? Jobs, what was written, what was notified, and who looked at what.

Moments are whole milliseconds since 1970 in UTC, because SQLite and PostgreSQL disagree about time zones.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text, text

METADATA = MetaData()


def millis(moment: datetime) -> int:
    """A moment as it is kept."""
    return round(moment.timestamp() * 1000)


def moment_of(millis: int) -> datetime:
    """A moment that was kept."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)


# One patient waits once and runs once for each server and kind of work: the two partial indexes see to that, whoever asks.
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("server", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("asked_by", String(16), nullable=False),
    Column("asked", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("conflicts", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("leased_until", BigInteger),
    Column("lease", String(32)),
    Column("worker", String(64)),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("progress", String(100)),
    Column("outcome", String(32)),
    Column("reason", Text),
    Column("counts", JSON),
    Column("addresses", JSON),
    Column("difference", JSON),
    Column("follows", String(32)),
    Index(
        "jobs_waiting_once",
        "server",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "jobs_running_once",
        "server",
        "subject",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    Index("jobs_due", "state", "due"),
    Index("jobs_finished", "finished"),
)

# What we wrote and how the server called it: the Device of each version, and every result with the fingerprint of its content.
WRITTEN = Table(
    "written",
    METADATA,
    Column("server", Text, primary_key=True),
    Column("identity", String(255), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("version", String(64)),
    Column("digest", String(64), nullable=False),
    Column("deed", String(16), nullable=False),
    Column("job", String(32), nullable=False),
    Column("moment", BigInteger, nullable=False),
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("server", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("criteria", JSON, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("look", BigInteger, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("heard", BigInteger),
)

# Each event that was taken, so that a second notification of it changes nothing.
EVENTS = Table(
    "events",
    METADATA,
    Column("subscription", String(64), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("moment", BigInteger, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("server", Text, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("sent", Boolean, nullable=False),
    Column("event", JSON, nullable=False),
    Index("audit_unsent", "sent", "moment"),
)

# What was posted to be interpreted later, and the answer line by line: data of patients, and nothing that could be found without its name.
POSTED = Table(
    "posted",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("asker", String(64), nullable=False),
    Column("is_lines", Boolean, nullable=False),
    Column("schemes", JSON, nullable=False),
    Column("address", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("posted_expires", "expires"),
)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("posted", String(32), ForeignKey("posted.name"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("is_refused", Boolean, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
