"""Let an import be undone: who the enterprises were before it, and which filings hold no more since.

Filings stay append-only: one that is withdrawn gets a row beside it, with the moment, so that what was known before
that can still be had.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_GAVE_WAY = """
CREATE OR REPLACE FUNCTION gave_way(of_enterprise bigint, of_year integer, fact text, known_at timestamptz)
RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH said AS (
        SELECT f.id, f.source, f.received_on, f."values" -> fact AS value, coalesce(r.rank, 1000) AS rank
        FROM filing f LEFT JOIN source_rank r ON r.indicator = fact AND r.source = f.source
        WHERE f.enterprise_id = of_enterprise AND f.year IS NOT DISTINCT FROM of_year AND jsonb_exists(f."values", fact)
        AND (known_at IS NULL OR f.recorded_at <= known_at){stands}
    ),
    decided AS (SELECT * FROM said WHERE source = 'officer' ORDER BY received_on DESC, id DESC LIMIT 1),
    best AS (SELECT * FROM said WHERE source <> 'officer' ORDER BY rank, received_on DESC, id DESC LIMIT 1),
    tolerance AS (SELECT coalesce((SELECT percent FROM indicator_tolerance WHERE indicator = fact), 0) AS percent)
    SELECT coalesce((
        SELECT (best.received_on, best.id) > (decided.received_on, decided.id)
        AND differ(best.value, decided.value, tolerance.percent)
        AND coalesce((
            SELECT differ(said.value, best.value, tolerance.percent) FROM said
            WHERE said.source = best.source AND (said.received_on, said.id) < (decided.received_on, decided.id)
            ORDER BY said.received_on DESC, said.id DESC LIMIT 1
        ), true)
        FROM decided, best, tolerance
    ), false)
$$
"""
_STANDS = """
        AND NOT EXISTS (
            SELECT FROM filing_withdrawal w WHERE w.filing_id = f.id AND w.withdrawn_at <= coalesce(known_at, 'infinity')
        )"""


def upgrade() -> None:
    """Make the tables, under the same row-level security as what they speak of."""
    op.create_table(
        "filing_withdrawal",
        sa.Column("filing_id", sa.BigInteger(), sa.ForeignKey("filing.id"), primary_key=True, autoincrement=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
    )
    _secure("filing_withdrawal", "EXISTS (SELECT FROM filing f WHERE f.id = filing_withdrawal.filing_id)")
    op.execute("REVOKE UPDATE, DELETE ON filing_withdrawal FROM tidu_app")
    op.create_table(
        "import_touched",
        sa.Column("import_id", sa.BigInteger(), sa.ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", sa.String(length=32), nullable=False),
        sa.Column("kept_because", sa.Text(), server_default="", nullable=False),
    )
    op.create_index("import_touched_enterprise", "import_touched", ["enterprise_id"])
    _secure("import_touched", "EXISTS (SELECT FROM import_run r WHERE r.id = import_touched.import_id)")
    op.create_index("recognition_import", "recognition", ["import_id"])
    op.add_column("import_run", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import_run", sa.Column("undone_by", sa.Integer(), nullable=True))
    op.execute(_GAVE_WAY.replace("{stands}", _STANDS))


def _secure(table: str, visible: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")


def downgrade() -> None:
    """Forget what was undone: the filings hold again at the next `tidu rebuild`."""
    op.execute(_GAVE_WAY.replace("{stands}", ""))
    op.drop_column("import_run", "undone_by")
    op.drop_column("import_run", "undone_at")
    op.drop_index("recognition_import", "recognition")
    op.drop_table("import_touched")
    op.drop_table("filing_withdrawal")
