"""Keep the papers behind authorisations and consents, what extends what, and who ended it; enterprises give their own.

What was recorded stays as it was: only its end is written afterwards, once, by the bureau or by the enterprise itself.
An enterprise's own consent says so, and nobody else can say it; authorisations of tax figures the bureau records, from
the paper.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_COLUMNS = (
    "ALTER TABLE tax_authorisation ADD COLUMN attachment_id bigint REFERENCES attachment (id),"
    " ADD COLUMN extends_id bigint REFERENCES tax_authorisation (id), ADD COLUMN withdrawn_by integer,"
    " ADD COLUMN withdrawal_reason varchar(300) NOT NULL DEFAULT ''",
    "CREATE INDEX tax_authorisation_extends ON tax_authorisation (extends_id) WHERE extends_id IS NOT NULL",
    "ALTER TABLE disclosure_consent ADD COLUMN attachment_id bigint REFERENCES attachment (id),"
    " ADD COLUMN is_from_enterprise boolean NOT NULL DEFAULT false, ADD COLUMN withdrawn_by integer",
    "CREATE INDEX disclosure_consent_of ON disclosure_consent (enterprise_id)",
)
_RECORDED_BY = {
    "tax_authorisation": f"{_SCOPE} <> ''",
    "disclosure_consent": f"is_from_enterprise = ({_SCOPE} = '')",
}
_ENDED_BY = {
    "tax_authorisation": "withdrawn_at, withdrawn_by, withdrawal_reason",
    "disclosure_consent": "withdrawn_at, withdrawn_by",
}


def _seen(table: str) -> str:
    return f"({_SCOPE} = '*' OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id))"


def upgrade() -> None:
    """Add the columns; let both tables be added to and ended, and nothing else."""
    for statement in _COLUMNS:
        op.execute(statement)
    for table, recorded_by in _RECORDED_BY.items():
        seen = _seen(table)
        op.execute(f"DROP POLICY scope ON {table}")
        op.execute(f"CREATE POLICY read ON {table} FOR SELECT TO tidu_app USING ({seen})")
        op.execute(f"CREATE POLICY record ON {table} FOR INSERT TO tidu_app WITH CHECK ({seen} AND {recorded_by})")
        op.execute(
            f"CREATE POLICY withdraw ON {table} FOR UPDATE TO tidu_app USING ({seen} AND withdrawn_at IS NULL)"
            f" WITH CHECK ({seen})"
        )
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM tidu_app")
        op.execute(f"GRANT UPDATE ({_ENDED_BY[table]}) ON {table} TO tidu_app")


def downgrade() -> None:
    """Let both be changed freely again, and drop what was added."""
    for table in _RECORDED_BY:
        seen = _seen(table)
        for policy in ("read", "record", "withdraw"):
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({seen}) WITH CHECK ({seen})")
        op.execute(f"REVOKE UPDATE ({_ENDED_BY[table]}) ON {table} FROM tidu_app")
        op.execute(f"GRANT UPDATE, DELETE ON {table} TO tidu_app")
    op.execute(
        "ALTER TABLE disclosure_consent DROP COLUMN attachment_id, DROP COLUMN is_from_enterprise, DROP COLUMN withdrawn_by"
    )
    op.execute(
        "ALTER TABLE tax_authorisation DROP COLUMN attachment_id, DROP COLUMN extends_id, DROP COLUMN withdrawn_by,"
        " DROP COLUMN withdrawal_reason"
    )
    op.execute("DROP INDEX IF EXISTS disclosure_consent_of")
