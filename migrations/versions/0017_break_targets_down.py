"""Break targets down, follow tasks, keep plans' versions, and keep what high-tech zones report.

Everybody reads these; the city's officers write. A district's officers note what they did on tasks, and report for
the zones in their district. Nothing is overwritten: a share that changes is superseded.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_TABLES = ("breakdown_share", "breakdown_acknowledgement", "task_note", "plan_version", "zone_figure")


def _recorded() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
    )


def _number() -> sa.Column[object]:
    return sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True)


def upgrade() -> None:
    """Make the tables, their policies, and let changes be noted."""
    op.create_table(
        "breakdown_share",
        _number(),
        sa.Column("target", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("place", sa.String(100), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        *_recorded(),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("breakdown_share_of", "breakdown_share", ["target", "year", "kind"])
    op.create_table(
        "breakdown_acknowledgement",
        _number(),
        sa.Column("target", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("whole", sa.Numeric(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *_recorded(),
    )
    op.create_index("breakdown_acknowledgement_of", "breakdown_acknowledgement", ["target", "year", "kind"])
    op.create_table(
        "task_note",
        _number(),
        sa.Column("plan", sa.String(10), nullable=False),
        sa.Column("item", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("region_code", sa.String(6), nullable=False),
        *_recorded(),
    )
    op.create_index("task_note_of", "task_note", ["plan", "item"])
    op.create_table(
        "plan_version",
        _number(),
        sa.Column("plan", sa.String(10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        *_recorded(),
        sa.UniqueConstraint("plan", "number"),
    )
    op.create_table(
        "zone_figure",
        _number(),
        sa.Column("thing_id", sa.BigInteger(), nullable=False),
        sa.Column("indicator", sa.String(80), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        *_recorded(),
    )
    op.create_index("zone_figure_of", "zone_figure", ["thing_id", "indicator", "year"])
    _secure()


def _secure() -> None:
    own_zone = (
        "EXISTS (SELECT FROM register_entry r WHERE r.thing_id = zone_figure.thing_id"
        f" AND r.superseded_at IS NULL AND r.region_code = {_SCOPE})"
    )
    writes = dict.fromkeys(_TABLES, _WHOLE) | {
        "task_note": f"{_WHOLE} OR region_code = {_SCOPE}",
        "zone_figure": f"{_WHOLE} OR {own_zone}",
    }
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read ON {table} FOR SELECT TO tidu_app USING (true)")
        op.execute(f"CREATE POLICY write ON {table} FOR INSERT TO tidu_app WITH CHECK ({writes[table]})")
        op.execute(
            f"CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION note_change('reported')"
        )
    op.execute(f"CREATE POLICY supersede ON breakdown_share FOR UPDATE TO tidu_app USING ({_WHOLE})")


def downgrade() -> None:
    """Drop the tables with what is in them."""
    for table in _TABLES:
        op.drop_table(table)
