"""Let the city say from when on a programme's titles are to be renewed, where the program knows it not or not well."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"


def upgrade() -> None:
    """Make the table: everybody reads it, the city sets it; what was said before stays known."""
    op.create_table(
        "renewal_window",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("programme", sa.String(length=60), nullable=False),
        sa.Column("begins", sa.String(length=20), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("how", sa.String(length=30), nullable=False),
        sa.Column("certainty", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index(
        "renewal_window_once", "renewal_window", ["programme"], unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )  # fmt: skip
    op.execute("ALTER TABLE renewal_window ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everybody_reads ON renewal_window FOR SELECT TO tidu_app USING (true)")
    op.execute(f"CREATE POLICY city_writes ON renewal_window FOR INSERT TO tidu_app WITH CHECK ({_SCOPE} = '*')")
    op.execute(f"CREATE POLICY city_changes ON renewal_window FOR UPDATE TO tidu_app USING ({_SCOPE} = '*')")
    op.execute("REVOKE DELETE ON renewal_window FROM tidu_app")


def downgrade() -> None:
    """Forget what the city said."""
    op.drop_table("renewal_window")
