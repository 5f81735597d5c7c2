"""Keep an ETag for each page of a list: one of the first page says nothing of a change on the second."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column for another; what was kept in it so far spares a page at most."""
    op.execute("ALTER TABLE exchange_cursor DROP COLUMN etag, ADD COLUMN etags jsonb NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    """The way back."""
    op.execute("ALTER TABLE exchange_cursor DROP COLUMN etags, ADD COLUMN etag varchar(200) NOT NULL DEFAULT ''")
