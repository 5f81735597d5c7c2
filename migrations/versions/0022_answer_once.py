"""Keep what was answered to writes that name themselves, so that the same key is told the same; follow a changed title.

Each person sees the own answers only.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OWN = "person_id::text = (SELECT current_setting('tidu.user_id', true))"


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "answered_once",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "key"),
    )
    op.create_index("answered_once_age", "answered_once", ["person_id", "answered_at"])
    op.execute("ALTER TABLE answered_once ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON answered_once TO tidu_app USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute("CREATE INDEX recognition_supersedes ON recognition (supersedes_id) WHERE supersedes_id IS NOT NULL")


def downgrade() -> None:
    """Take them away again."""
    op.execute("DROP INDEX recognition_supersedes")
    op.drop_table("answered_once")
