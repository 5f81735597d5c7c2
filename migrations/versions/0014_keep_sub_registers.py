"""Keep the sub-registers that plans count: institutions, platforms, projects, products, zones.

Whoever sees one district must still know whether a register is kept at all, or an absence there would look like a
figure that nobody reported: `kept_register_types` runs with the owner's rights and gives types, no rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"


def upgrade() -> None:
    """Make the tables, put them under row-level security, and let changes be noted."""
    op.create_table(
        "register_entry",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("thing_id", sa.BigInteger(), nullable=False),
        sa.Column("register_id", sa.String(40), nullable=False),
        sa.Column("type", sa.String(60), nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("match_key", sa.String(200), nullable=False),
        sa.Column("number", sa.String(80), nullable=False),
        sa.Column("region_code", sa.String(6), nullable=False),
        sa.Column("park", sa.String(100), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), nullable=True),
        sa.Column("host_name", sa.String(200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("evaluation", sa.String(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
    )
    standing = sa.text("superseded_at IS NULL")
    op.create_index("register_entry_kind", "register_entry", ["register_id", "type"], postgresql_where=standing)
    op.create_index("register_entry_thing", "register_entry", ["thing_id"])
    op.create_index("register_entry_enterprise", "register_entry", ["enterprise_id"])
    op.create_table(
        "register_declaration",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("register_id", sa.String(40), nullable=False, index=True),
        sa.Column("complete_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
    )
    _secure()
    op.execute(
        "CREATE FUNCTION kept_register_types(known_at timestamptz) RETURNS TABLE (register_id varchar, type varchar)"
        " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$"
        " SELECT DISTINCT t.register_id, t.type FROM register_entry t WHERE NOT t.is_withdrawn AND"
        " CASE WHEN known_at IS NULL THEN t.superseded_at IS NULL"
        " ELSE t.recorded_at <= known_at AND (t.superseded_at IS NULL OR t.superseded_at > known_at) END $$"
    )
    op.execute("GRANT EXECUTE ON FUNCTION kept_register_types(timestamptz) TO tidu_app")
    for table in ("register_entry", "register_declaration"):
        op.execute(
            f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION note_change('reported')"
        )


def _secure() -> None:
    """A district sees its own entries and those of its enterprises, and writes its own; the city declares."""
    of_enterprise = "EXISTS (SELECT FROM enterprise e WHERE e.id = register_entry.enterprise_id)"
    own = f"{_WHOLE} OR region_code = {_SCOPE}"
    op.execute("ALTER TABLE register_entry ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON register_entry TO tidu_app USING ({own} OR {of_enterprise}) WITH CHECK ({own})")
    op.execute("REVOKE DELETE ON register_entry FROM tidu_app")
    op.execute("ALTER TABLE register_declaration ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY read ON register_declaration FOR SELECT TO tidu_app USING (true)")
    op.execute(f"CREATE POLICY write ON register_declaration FOR INSERT TO tidu_app WITH CHECK ({_WHOLE})")


def downgrade() -> None:
    """Drop the registers with all that is in them."""
    op.execute("DROP FUNCTION kept_register_types(timestamptz)")
    op.drop_table("register_declaration")
    op.drop_table("register_entry")
