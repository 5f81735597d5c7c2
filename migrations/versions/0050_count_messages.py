"""Count what came in message by message, keep how both sides differ, and let auditors look at both.

The counts of a message stand beside its digests: so many items recorded, unchanged, refused and why. A comparison says
of each enterprise that differs how many records either side has. Auditors see messages, comparisons and deliveries;
none of them holds a figure.
"""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_AUDITS = "(SELECT current_setting('tidu.may_audit', true) = 'yes')"
#: Without a figure of any enterprise.
_AUDITED = (
    "exchange_message", "exchange_seal", "exchange_reconciliation", "exchange_system", "webhook_endpoint", "webhook_delivery",
    "disclosure",
)  # fmt: skip


def upgrade() -> None:
    """Add both columns, and a policy for reading to each table."""
    op.execute("ALTER TABLE exchange_message ADD COLUMN counts jsonb NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE exchange_reconciliation ADD COLUMN differences jsonb NOT NULL DEFAULT '{}'")
    op.execute(
        "CREATE INDEX exchange_message_in ON exchange_message (started_at) WHERE direction = 'in' AND method = 'POST'"
    )
    for table in _AUDITED:
        op.execute(f"CREATE POLICY audit ON {table} FOR SELECT TO tidu_app USING ({_AUDITS})")


def downgrade() -> None:
    """Take all of it away."""
    for table in _AUDITED:
        op.execute(f"DROP POLICY audit ON {table}")
    op.execute("DROP INDEX exchange_message_in")
    op.execute("ALTER TABLE exchange_reconciliation DROP COLUMN differences")
    op.execute("ALTER TABLE exchange_message DROP COLUMN counts")
