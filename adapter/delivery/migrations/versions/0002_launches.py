"""People who came from the record with a SMART app launch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table of launches."""
    op.create_table(
        "launches",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Whoever was here has to come from the record again."""
    op.drop_table("launches")
