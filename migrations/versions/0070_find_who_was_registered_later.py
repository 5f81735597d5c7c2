"""Find whom a past day did not know yet, and which filings of it say that an enterprise is large or medium.

An enterprise that was entered after a moment belongs to no whole that was known at it; of a size it is asked what filings
said by then (`plans.sets`). Both are few among many.
"""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

_INDEXES = {
    # With what row-level security asks for.
    "enterprise_by_entry": "enterprise (created_at) INCLUDE (id, region_code, park)",
    "filing_of_large_sizes": "filing (enterprise_id) WHERE (\"values\" ->> 'size_class') IN ('large', 'medium')",
}


def upgrade() -> None:
    """Make the indexes."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for name, rows in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {rows}")


def downgrade() -> None:
    """Drop them again."""
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
