"""Keep what is put before a person of a doubtful row, and what the person said of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, under the same row-level security as the imports. Decisions are superseded, never deleted."""
    op.add_column("import_row", sa.Column("doubt", postgresql.JSONB(), nullable=True))
    op.create_index(
        "import_row_doubtful", "import_row", ["import_id", "position"], postgresql_where=sa.text("doubt IS NOT NULL")
    )
    op.create_table(
        "import_decision",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("import_id", sa.BigInteger(), sa.ForeignKey("import_run.id", ondelete="CASCADE"), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), nullable=True),
        sa.Column("match_key", sa.Text(), server_default="", nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("carried_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("decision IN ('match', 'new', 'wait')", name="import_decision_said"),
        sa.CheckConstraint("(decision = 'match') = (enterprise_id IS NOT NULL)", name="import_decision_whom"),
    )
    op.create_index("import_decision_row", "import_decision", ["import_id", "sheet", "row"])
    op.create_index(
        "import_decision_name", "import_decision", ["match_key"], postgresql_where=sa.text("enterprise_id IS NOT NULL")
    )
    op.create_index(
        "import_decision_stands", "import_decision", ["import_id", "sheet", "row"], unique=True,
        postgresql_where=sa.text("superseded_by IS NULL AND withdrawn_at IS NULL"),
    )  # fmt: skip
    op.execute("CREATE SEQUENCE import_decision_batch")
    visible = "EXISTS (SELECT FROM import_run r WHERE r.id = import_decision.import_id)"
    op.execute("ALTER TABLE import_decision ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON import_decision TO tidu_app USING ({visible}) WITH CHECK ({visible})")
    op.execute("REVOKE UPDATE, DELETE ON import_decision FROM tidu_app")
    op.execute("GRANT UPDATE (superseded_by, withdrawn_at, carried_out_at) ON import_decision TO tidu_app")
    op.execute("GRANT USAGE ON SEQUENCE import_decision_batch TO tidu_app")


def downgrade() -> None:
    """Forget what was said."""
    op.drop_table("import_decision")
    op.execute("DROP SEQUENCE import_decision_batch")
    op.drop_index("import_row_doubtful", "import_row")
    op.drop_column("import_row", "doubt")
