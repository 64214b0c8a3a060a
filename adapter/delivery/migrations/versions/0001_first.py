"""Jobs, what was written, subscriptions with their events, and the audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every table of the first release."""
    _jobs()
    _written()
    _subscriptions()
    _audit()


def downgrade() -> None:
    """An empty database: what was promised and not done is lost with it."""
    for table in ("audit", "events", "subscriptions", "written", "jobs"):
        op.drop_table(table)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked_by", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("asked", "attempts", "conflicts", "lost")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "due")),
        sa.Column("leased_until", sa.BigInteger()),
        sa.Column("lease", sa.String(32)),
        sa.Column("worker", sa.String(64)),
        sa.Column("started", sa.BigInteger()),
        sa.Column("finished", sa.BigInteger()),
        sa.Column("progress", sa.String(100)),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.Text()),
        *(sa.Column(name, sa.JSON()) for name in ("counts", "addresses", "difference")),
        sa.Column("follows", sa.String(32)),
    )
    _once("jobs_waiting_once", ["server", "kind", "subject"], "state = 'queued'")
    _once("jobs_running_once", ["server", "subject"], "state = 'running'")
    op.create_index("jobs_due", "jobs", ["state", "due"])
    op.create_index("jobs_finished", "jobs", ["finished"])


def _once(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "jobs", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _written() -> None:
    op.create_table(
        "written",
        sa.Column("server", sa.Text(), primary_key=True),
        sa.Column("identity", sa.String(255), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("deed", sa.String(16), nullable=False),
        sa.Column("job", sa.String(32), nullable=False),
        sa.Column("moment", sa.BigInteger(), nullable=False),
    )


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("highest", "settled", "look", "checked")),
        sa.Column("heard", sa.BigInteger()),
    )
    op.create_table(
        "events",
        sa.Column("subscription", sa.String(64), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("moment", sa.BigInteger(), nullable=False),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("moment", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
    )
    op.create_index("audit_unsent", "audit", ["sent", "moment"])
