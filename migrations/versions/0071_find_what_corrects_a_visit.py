"""Find what corrects a visit: whether one stands was found out by looking through all visits there are."""

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; few visits correct another."""
    op.execute("CREATE INDEX service_visit_corrects ON service_visit (corrects_id) WHERE corrects_id IS NOT NULL")


def downgrade() -> None:
    """Take it away."""
    op.execute("DROP INDEX service_visit_corrects")
