"""Find the few filings that a plan target of a past knowledge asks about, without reading all.

What was known of institutions and of large revenues is worked out of the filings that name them (`plans.sets`); they are
a small part of all, and the present has its own indexes in 0004.
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

# From 1亿元 on, in 万元 as the forms have it: no plan counts smaller enterprises by a figure.
_INDEXES = {
    "filing_of_institutions": """(enterprise_id) WHERE jsonb_exists("values", 'rd_institutions')""",
    "filing_of_having_institutions": """(enterprise_id) WHERE jsonb_exists("values", 'has_rd_institution')""",
    "filing_of_large_revenue": """(enterprise_id) WHERE ("values" -> 'operating_revenue') >= '10000'::jsonb""",
}


def upgrade() -> None:
    """Make the indexes."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for name, rows in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON filing {rows}")


def downgrade() -> None:
    """Drop them again."""
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
