"""Find the runs of the whole registry among the many of a few enterprises: they tell when a result was last found so."""

from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index: a handful of rows."""
    op.execute(
        "CREATE INDEX eligibility_whole_runs ON eligibility_run (id, as_of) WHERE is_whole AND finished_at IS NOT NULL"
    )


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP INDEX eligibility_whole_runs")
