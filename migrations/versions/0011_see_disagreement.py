"""See where sources disagree and where figures do not fit together; let an officer's decision give way to news.

`fact_conflict` and `fact_flag` are worked out of the filings and the projection in the transaction that changes them.
`gave_way` says whether what an officer decided no longer holds, because the source that is trusted most has since said
something that it had not said when the officer decided (docs/decisions/0006). `officers` names the people behind the
numbers that rows keep: requests' own role may not read the table of people, in which there is more than names.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"

# As `rules` compares two sources: apart by more than a share of the larger figure; what is no figure must be the same.
_DIFFER = """
CREATE FUNCTION differ(one jsonb, other jsonb, tolerance_percent integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(one) = 'number' AND jsonb_typeof(other) = 'number'
        THEN abs(one::numeric - other::numeric) * 100 > greatest(abs(one::numeric), abs(other::numeric)) * tolerance_percent
        ELSE one IS DISTINCT FROM other END
$$
"""

_GAVE_WAY = """
CREATE FUNCTION gave_way(of_enterprise bigint, of_year integer, fact text, known_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    WITH said AS (
        SELECT f.id, f.source, f.received_on, f."values" -> fact AS value, coalesce(r.rank, 1000) AS rank
        FROM filing f LEFT JOIN source_rank r ON r.indicator = fact AND r.source = f.source
        WHERE f.enterprise_id = of_enterprise AND f.year IS NOT DISTINCT FROM of_year AND jsonb_exists(f."values", fact)
        AND (known_at IS NULL OR f.recorded_at <= known_at)
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


_OFFICERS = """
CREATE FUNCTION officers() RETURNS TABLE (id bigint, name text, role text, region_code text, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.name::text, p.role::text, p.region_code::text, p.is_active FROM person p
    WHERE coalesce(current_setting('tidu.scope', true), '*') <> ''
$$
"""


def upgrade() -> None:
    """Make the tables and functions; `tidu rebuild` fills them for what was filed before."""
    op.create_table(
        "indicator_tolerance",
        sa.Column("indicator", sa.Text(), primary_key=True),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("is_compared", sa.Boolean(), nullable=False),
    )
    op.execute("REVOKE INSERT, UPDATE, DELETE ON indicator_tolerance FROM tidu_app")
    op.create_table(
        "fact_conflict",
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
        sa.Column("indicator", sa.Text(), primary_key=True),
        sa.Column("year", sa.Integer(), primary_key=True),
        sa.Column("spread", sa.Numeric(), nullable=False),
        sa.Column("ratio", sa.Numeric(), nullable=True),
        sa.Column("said", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_reopened", sa.Boolean(), nullable=False),
        sa.Column("latest_filing_id", sa.BigInteger(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("fact_conflict_by_size", "fact_conflict", ["spread", "enterprise_id"])
    op.create_index("fact_conflict_of_indicator", "fact_conflict", ["indicator", "spread"])
    op.create_table(
        "fact_flag",
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
        sa.Column("rule", sa.Text(), primary_key=True),
        sa.Column("indicator", sa.Text(), primary_key=True),
        sa.Column("year", sa.Integer(), primary_key=True),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("fact_flag_of_rule", "fact_flag", ["rule", "enterprise_id"])
    op.create_table(
        "fact_flag_answer",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_index("fact_flag_answer_of", "fact_flag_answer", ["enterprise_id", "rule", "indicator", "year"])
    for table in ("fact_conflict", "fact_flag", "fact_flag_answer"):
        visible = f"{_SCOPE} = '*' OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")
    op.execute("REVOKE UPDATE, DELETE ON fact_flag_answer FROM tidu_app")
    op.execute(_DIFFER)
    op.execute(_GAVE_WAY)
    op.execute(_OFFICERS)


def downgrade() -> None:
    """Take it away; the filings say what each source said."""
    op.execute("DROP FUNCTION officers()")
    op.execute("DROP FUNCTION gave_way(bigint, integer, text, timestamptz)")
    op.execute("DROP FUNCTION differ(jsonb, jsonb, integer)")
    for table in ("fact_flag_answer", "fact_flag", "fact_conflict", "indicator_tolerance"):
        op.drop_table(table)
