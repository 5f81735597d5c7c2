"""Keep what people write in a bulletin beside its numbers; a later text does not overwrite an earlier one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "bulletin_text",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("plan", sa.String(length=10), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("quarter_end", sa.Date(), nullable=False),
        sa.Column("section", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bulletin_text_of", "bulletin_text", ["plan", "region_code", "quarter_end", "section"])


def downgrade() -> None:
    """Drop the table with its texts."""
    op.drop_table("bulletin_text")
