"""Let imports run beside the requests: how far they are, whether somebody wants them to stop, and what went wrong."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("import_run", sa.Column("stage", sa.String(length=20), server_default="", nullable=False))
    op.add_column("import_run", sa.Column("stage_done", sa.Integer(), server_default="0", nullable=False))
    op.add_column("import_run", sa.Column("stage_total", sa.Integer(), server_default="0", nullable=False))
    op.add_column("import_run", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import_run", sa.Column("is_stop_asked", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("import_run", sa.Column("failure", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Take them away."""
    for column in ("failure", "is_stop_asked", "started_at", "stage_total", "stage_done", "stage"):
        op.drop_column("import_run", column)
