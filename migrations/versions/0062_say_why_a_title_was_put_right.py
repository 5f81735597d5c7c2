"""Say of a title why the row before it was put right: an entry that was wrong is no event of the title's life."""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the words; none of what stands was put right so."""
    op.execute("ALTER TABLE recognition ADD correction text NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Take them away."""
    op.execute("ALTER TABLE recognition DROP correction")
