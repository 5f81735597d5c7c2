"""Let long lists be exported in the background; the files are their owner's alone, for some days."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_OWN = "person_id::text = (SELECT current_setting('tidu.user_id', true))"


def upgrade() -> None:
    """Make the tables. What has expired anybody may delete, and nobody but its owner read."""
    op.create_table(
        "export_job",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("files", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.Column("is_stop_asked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("export_job_person", "export_job", ["person_id", "id"])
    op.create_table(
        "export_piece",
        sa.Column("job_id", sa.BigInteger(), sa.ForeignKey("export_job.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("file", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("piece", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.execute("ALTER TABLE export_job ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON export_job TO tidu_app USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute("CREATE POLICY old ON export_job FOR DELETE TO tidu_app USING (expires_at < now())")
    # A row must be seen to be deleted; of an expired one there is nothing left to be had.
    op.execute("CREATE POLICY seen_to_go ON export_job FOR SELECT TO tidu_app USING (expires_at < now())")
    visible = "EXISTS (SELECT FROM export_job j WHERE j.id = export_piece.job_id AND j.expires_at >= now())"
    op.execute("ALTER TABLE export_piece ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON export_piece TO tidu_app USING ({visible}) WITH CHECK ({visible})")


def downgrade() -> None:
    """Drop them."""
    op.drop_table("export_piece")
    op.drop_table("export_job")
