"""Keep each row of an import by itself: a report of 200,000 rows must not be read whole to show a hundred of them.

What earlier imports reported is moved along.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOVE = """
INSERT INTO import_row (import_id, position, sheet, row, name, credit_code, fate, problems)
SELECT r.id, one.number - 1, one.value ->> 'sheet', (one.value ->> 'row')::int, coalesce(one.value ->> 'name', ''),
       one.value ->> 'credit_code', one.value ->> 'fate', one.value -> 'problems'
FROM import_run r CROSS JOIN LATERAL jsonb_array_elements(r.report -> 'rows') WITH ORDINALITY AS one (value, number)
"""


def upgrade() -> None:
    """Make the table, under the same row-level security as the imports, and fill it."""
    op.create_table(
        "import_row",
        sa.Column("import_id", sa.BigInteger(), sa.ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("sheet", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=True),
        sa.Column("fate", sa.String(length=20), nullable=False),
        sa.Column("problems", postgresql.JSONB(), nullable=True),
        sa.Column("problem_kinds", postgresql.ARRAY(sa.SmallInteger()), server_default="{}", nullable=False),
    )
    op.create_index("import_row_by_fate", "import_row", ["import_id", "fate", "position"])
    visible = "EXISTS (SELECT FROM import_run r WHERE r.id = import_row.import_id)"
    op.execute("ALTER TABLE import_row ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON import_row TO tidu_app USING ({visible}) WITH CHECK ({visible})")
    op.execute(_MOVE)
    op.execute("UPDATE import_run SET report = report - 'rows'")


def downgrade() -> None:
    """Drop the rows; the imports stay."""
    op.drop_table("import_row")
