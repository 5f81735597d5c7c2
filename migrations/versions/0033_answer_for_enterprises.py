"""Let an officer answer for an enterprise: who is whose is the first thing a day's work is sorted by.

A table of its own: giving a thousand enterprises to somebody then rewrites none of them, and whoever has the form of
one open is not told that it has changed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"


def upgrade() -> None:
    """Make the table; an enterprise's own account sees nothing of it."""
    op.create_table(
        "enterprise_officer",
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
        sa.Column("officer_id", sa.BigInteger(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )
    op.create_index("enterprise_officer_of", "enterprise_officer", ["officer_id", "enterprise_id"])
    op.execute("ALTER TABLE enterprise_officer ENABLE ROW LEVEL SECURITY")
    visible = (
        "(SELECT current_setting('tidu.scope', true) = '*') OR ("
        f"{_SCOPE} <> '' AND EXISTS (SELECT FROM enterprise e WHERE e.id = enterprise_officer.enterprise_id))"
    )
    op.execute(f"CREATE POLICY scope ON enterprise_officer TO tidu_app USING ({visible}) WITH CHECK ({visible})")


def downgrade() -> None:
    """Forget who answers for whom."""
    op.drop_table("enterprise_officer")
