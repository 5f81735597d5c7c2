"""Walk enterprises in the order of the figures that lists are sorted by most (`enterprises.figure_order.INDEXED`).

The projection's columns follow the catalogue after each migration; those indexed here are made now where they are not
there yet, with the types they will have.
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_FIGURES = ("sales_revenue", "rd_expense_hnte")


def upgrade() -> None:
    """Make the indexes."""
    for one in _FIGURES:
        op.execute(f"ALTER TABLE fact_yearly ADD COLUMN IF NOT EXISTS {one} bigint")
        op.execute(
            f"CREATE INDEX fact_yearly_in_order_of_{one} ON fact_yearly (year, {one} DESC, enterprise_id)"
            f" WHERE {one} IS NOT NULL"
        )


def downgrade() -> None:
    """Drop them again; the columns stay, for they are the catalogue's."""
    for one in reversed(_FIGURES):
        op.execute(f"DROP INDEX fact_yearly_in_order_of_{one}")
