"""Tell the systems that we ask what became of what they sent: receipts, and what each refers to.

What a run takes is noted record by record, so that both sides reckon the same sums; when the run is over, only what was
refused stays, with nothing of its content. A receipt waits until the other side has it, or somebody handed it over.
"""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

_CITY = "(SELECT current_setting('tidu.scope', true)) = '*'"
_AUDITS = "(SELECT current_setting('tidu.may_audit', true) = 'yes')"
_TABLES = (
    """
    CREATE TABLE exchange_taken (
        run_id bigint NOT NULL REFERENCES exchange_run (id),
        record_id varchar(120) NOT NULL,
        form varchar(40) NOT NULL,
        revision integer NOT NULL,
        year integer,
        code varchar(40) NOT NULL DEFAULT '',
        fate varchar(30) NOT NULL,
        digest varchar(64) NOT NULL DEFAULT '',
        PRIMARY KEY (run_id, record_id)
    )
    """,
    """
    CREATE TABLE exchange_receipt (
        id bigserial PRIMARY KEY,
        system varchar(40) NOT NULL REFERENCES exchange_system (id),
        run_id bigint NOT NULL REFERENCES exchange_run (id),
        part integer NOT NULL,
        parts integer NOT NULL,
        key varchar(64) NOT NULL,
        sums jsonb NOT NULL DEFAULT '[]',
        status varchar(20) NOT NULL DEFAULT 'waiting',
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        last_error varchar NOT NULL DEFAULT '',
        told_at timestamptz,
        told_by bigint,
        answer jsonb,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
)


def upgrade() -> None:
    """Add both tables, for the city's people and, to be read, for auditors; and where a system wants to be told."""
    op.execute("ALTER TABLE exchange_system ADD report_path varchar(200) NOT NULL DEFAULT ''")
    for statement in _TABLES:
        op.execute(statement)
    op.execute("CREATE UNIQUE INDEX exchange_receipt_once ON exchange_receipt (run_id, part)")
    op.execute(
        "CREATE INDEX exchange_receipt_due ON exchange_receipt (system, next_attempt_at) WHERE status = 'waiting'"
    )
    for table in ("exchange_taken", "exchange_receipt"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({_CITY}) WITH CHECK ({_CITY})")
    for table in ("exchange_taken", "exchange_receipt", "exchange_run"):
        op.execute(f"CREATE POLICY audit ON {table} FOR SELECT TO tidu_app USING ({_AUDITS})")


def downgrade() -> None:
    """Take all of it away."""
    op.execute("DROP POLICY audit ON exchange_run")
    op.execute("DROP TABLE exchange_receipt, exchange_taken")
    op.execute("ALTER TABLE exchange_system DROP report_path")
