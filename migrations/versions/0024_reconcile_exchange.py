"""Keep what the comparison with an outside system came to, so that an auditor sees each and what has been mended."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_CITY = "(SELECT current_setting('tidu.scope', true)) = '*'"


def upgrade() -> None:
    """A row a comparison, for the city's officers."""
    op.execute(
        "CREATE TABLE exchange_reconciliation (id bigserial PRIMARY KEY,"
        " system varchar(40) NOT NULL REFERENCES exchange_system (id), form varchar(40) NOT NULL, year integer,"
        " asked integer NOT NULL, theirs integer NOT NULL, ours integer NOT NULL, fates jsonb NOT NULL DEFAULT '{}',"
        " differing text[] NOT NULL DEFAULT '{}', compared_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute(
        "CREATE INDEX exchange_reconciliation_latest ON exchange_reconciliation (system, form, year, compared_at)"
    )
    op.execute("ALTER TABLE exchange_reconciliation ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON exchange_reconciliation TO tidu_app USING ({_CITY}) WITH CHECK ({_CITY})")


def downgrade() -> None:
    """The way back."""
    op.execute("DROP TABLE exchange_reconciliation")
