"""What is posted to be interpreted later, and its answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables: the requests, and each line of their answers."""
    op.create_table(
        "posted",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("asker", sa.String(64), nullable=False),
        sa.Column("is_lines", sa.Boolean(), nullable=False),
        sa.Column("schemes", sa.JSON(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("posted_expires", "posted", ["expires"])
    op.create_table(
        "answers",
        sa.Column("posted", sa.String(32), sa.ForeignKey("posted.name"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("is_refused", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    """Without what was posted and not yet taken away."""
    for table in ("answers", "posted"):
        op.drop_table(table)
