"""Ask systems on days of the calendar, too.

A year's returns are final after the settlement (31 May, 企业所得税法 art. 54), prepayments within 15 days after the
period: an interval in seconds never comes on those days.
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give each system a calendar."""
    op.execute("ALTER TABLE exchange_system ADD calendar text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """Take it away."""
    op.execute("ALTER TABLE exchange_system DROP calendar")
