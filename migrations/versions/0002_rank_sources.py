"""Rank sources: which source is trusted before which, per indicator, as the catalogue says."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; its rows are written from the catalogue after each migration."""
    op.create_table(
        "source_rank",
        sa.Column("indicator", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("rank", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    """Drop the table; the catalogue still has what stood in it."""
    op.drop_table("source_rank")
