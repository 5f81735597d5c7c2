"""Note of whom all answers were looked at again, so that those which are the same need not be written anew.

An answer says on which day it was first found. A later day used to date every answer of the enterprise that somebody
filed for: thirty-seven rows, each in up to three indexes, in pages that had to be fetched. Now it is one row.
"""

import sqlalchemy as sa
from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

_SEEN = (
    "(SELECT current_setting('tidu.scope', true) = '*')"
    " OR EXISTS (SELECT FROM enterprise e WHERE e.id = eligibility_check.enterprise_id)"
)


def upgrade() -> None:
    """Make the table; who is in it was never checked alone since the last run of all."""
    op.create_table(
        "eligibility_check",
        sa.Column(
            "enterprise_id", sa.BigInteger, sa.ForeignKey("enterprise.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
    )
    op.execute("ALTER TABLE eligibility_check ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON eligibility_check TO tidu_app USING ({_SEEN}) WITH CHECK ({_SEEN})")


def downgrade() -> None:
    """Take it away; answers are then as old as the run that found them first."""
    op.drop_table("eligibility_check")
