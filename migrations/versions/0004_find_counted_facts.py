"""Find the few enterprises that a plan target asks about without reading all of them.

The projection's columns follow the catalogue after each migration; those indexed here are made now where they are not
there yet, with the types they will have.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXES = (
    "enterprise_listed", "enterprise_above_scale", "fact_yearly_size", "fact_yearly_large_revenue",
    "fact_current_institutions",
)  # fmt: skip


def upgrade() -> None:
    """Make the indexes; all of them hold the rows of a small part of the enterprises."""
    op.execute("ALTER TABLE fact_yearly ADD COLUMN IF NOT EXISTS size_class text")
    op.execute("ALTER TABLE fact_yearly ADD COLUMN IF NOT EXISTS operating_revenue bigint")
    op.execute("ALTER TABLE fact_current ADD COLUMN IF NOT EXISTS rd_institutions jsonb")
    op.execute("CREATE INDEX enterprise_listed ON enterprise (listing_board, listed_on) WHERE listing_board <> ''")
    op.execute("CREATE INDEX enterprise_above_scale ON enterprise (id) INCLUDE (region_code) WHERE is_above_scale")
    op.execute(
        "CREATE INDEX fact_yearly_size ON fact_yearly (enterprise_id, year DESC) INCLUDE (size_class)"
        " WHERE size_class IS NOT NULL"
    )
    # From 1亿元 on, in fen: no plan counts smaller enterprises by a figure.
    op.execute(
        "CREATE INDEX fact_yearly_large_revenue ON fact_yearly (operating_revenue)"
        " WHERE operating_revenue >= 10000000000"
    )
    op.execute(
        "CREATE INDEX fact_current_institutions ON fact_current (enterprise_id) WHERE rd_institutions IS NOT NULL"
    )


def downgrade() -> None:
    """Drop them again; the columns stay, for they are the catalogue's."""
    for index in _INDEXES:
        op.execute(f"DROP INDEX {index}")
