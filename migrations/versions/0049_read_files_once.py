"""Keep what was read of a file until its import is carried out, and the file itself apart from the run.

The run is written to twice a second while it works: with the file in the same row, the trace looked at all of it for each
change. What was read belongs to the run, is seen by whoever sees the run, and goes with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_TABLES = ("import_file", "import_reading")


def upgrade() -> None:
    """Make both tables, under the same row-level security as the imports, and move the files."""
    op.create_table(
        "import_file",
        sa.Column("import_id", sa.BigInteger(), sa.ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "import_reading",
        sa.Column("import_id", sa.BigInteger(), sa.ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("part", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    for table in _TABLES:
        visible = f"EXISTS (SELECT FROM import_run r WHERE r.id = {table}.import_id)"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")
        # Both are compressed already.
        op.execute(f"ALTER TABLE {table} ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute("INSERT INTO import_file (import_id, content) SELECT id, content FROM import_run")
    # The triggers that trace a run name its columns; they are made anew after the migrations.
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER IF EXISTS trace_{event} ON import_run")
    op.drop_column("import_run", "content")


def downgrade() -> None:
    """Put the files back to their runs."""
    op.add_column("import_run", sa.Column("content", sa.LargeBinary(), nullable=True))
    for event in ("insert", "update", "delete", "truncate"):
        op.execute(f"DROP TRIGGER IF EXISTS trace_{event} ON import_run")
    op.execute("UPDATE import_run r SET content = f.content FROM import_file f WHERE f.import_id = r.id")
    op.alter_column("import_run", "content", nullable=False)
    for table in _TABLES:
        op.drop_table(table)
