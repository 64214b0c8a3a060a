"""What became of the cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table of feedback."""
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("at", "received")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reason_system", "reason_code", "reason_display", "comment")),
        sa.Column("suggestions", sa.JSON(), nullable=False),
    )
    op.create_index("feedback_at", "feedback", ["at"])


def downgrade() -> None:
    """Without the feedback, which is lost."""
    op.drop_table("feedback")
