"""Ask a second person: what matters is proposed by one and done when another one confirms it.

That nobody confirms what they proposed holds in the database, whatever the program does; and who proposes or decides is
who the transaction says it is.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_WHO = "(SELECT nullif(current_setting('tidu.user_id', true), '')::bigint)"


def upgrade() -> None:
    """Make the table, under the row-level security of the enterprises that it speaks of."""
    op.execute(
        "CREATE TABLE proposal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL,"
        " enterprise_id bigint REFERENCES enterprise (id), summary text NOT NULL, payload jsonb NOT NULL,"
        " reason text NOT NULL DEFAULT '', proposed_by bigint NOT NULL, proposed_at timestamptz NOT NULL DEFAULT now(),"
        " expires_at timestamptz NOT NULL, state text NOT NULL DEFAULT 'open'"
        " CHECK (state IN ('open', 'confirmed', 'refused', 'withdrawn')), decided_by bigint, decided_at timestamptz,"
        " decision_reason text NOT NULL DEFAULT '',"
        " CONSTRAINT a_second_person CHECK (state NOT IN ('confirmed', 'refused') OR decided_by <> proposed_by),"
        " CONSTRAINT decided_by_somebody CHECK ((state = 'open') = (decided_by IS NULL)),"
        " CONSTRAINT refused_with_a_reason CHECK (state <> 'refused' OR decision_reason <> ''))"
    )
    op.execute("CREATE INDEX proposal_open ON proposal (proposed_at) WHERE state = 'open'")
    op.execute("CREATE INDEX proposal_enterprise ON proposal (enterprise_id) WHERE enterprise_id IS NOT NULL")
    op.execute("ALTER TABLE proposal ENABLE ROW LEVEL SECURITY")
    visible = f"{_WHOLE} OR EXISTS (SELECT FROM enterprise e WHERE e.id = proposal.enterprise_id)"
    op.execute(f"CREATE POLICY scope ON proposal FOR SELECT TO tidu_app USING ({visible})")
    op.execute(
        f"CREATE POLICY propose ON proposal FOR INSERT TO tidu_app WITH CHECK (({visible}) AND proposed_by = {_WHO})"
    )
    op.execute(
        f"CREATE POLICY decide ON proposal FOR UPDATE TO tidu_app USING (({visible}) AND state = 'open')"
        f" WITH CHECK (({visible}) AND decided_by = {_WHO})"
    )
    op.execute("REVOKE ALL ON proposal FROM tidu_app")
    op.execute(
        "GRANT SELECT, INSERT (kind, enterprise_id, summary, payload, reason, proposed_by, expires_at),"
        " UPDATE (state, decided_by, decided_at, decision_reason) ON proposal TO tidu_app"
    )


def downgrade() -> None:
    """Drop it; what was confirmed has been done."""
    op.execute("DROP TABLE proposal")
