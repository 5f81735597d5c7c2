"""Let an administrator set up the systems that we ask: the secret agreed with each, and how much it is asked at once.

The secret is kept sealed under the installation's own key, in a table that only the owner reads: no page gives it back.
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

_LIMITS = ("portion", "page", "timeout_seconds", "per_minute")


def upgrade() -> None:
    """Add the limits, each empty for the connector's own, and the closed table."""
    for name in _LIMITS:
        op.execute(f"ALTER TABLE exchange_system ADD {name} integer")
    op.execute(
        "CREATE TABLE exchange_secret (system varchar(40) PRIMARY KEY REFERENCES exchange_system (id),"
        " sealed bytea NOT NULL, set_at timestamptz NOT NULL DEFAULT now(), set_by bigint)"
    )
    op.execute("ALTER TABLE exchange_secret ENABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON exchange_secret FROM tidu_app")


def downgrade() -> None:
    """Take both away; the secrets that were entered are gone."""
    op.execute("DROP TABLE exchange_secret")
    for name in _LIMITS:
        op.execute(f"ALTER TABLE exchange_system DROP {name}")
