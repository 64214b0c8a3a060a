"""People who came from the record with a SMART app launch, and codes that our maps do not have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of launches and of sightings."""
    op.create_table(
        "launches",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("sender", sa.Text(), nullable=False),
        *(sa.Column(name, sa.String(200), nullable=False) for name in ("role", "system", "code", "display", "fact")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("count", "last")),
    )


def downgrade() -> None:
    """Whoever was launched has to come from the record again; codes are counted anew."""
    op.drop_table("sightings")
    op.drop_table("launches")
