"""Tell others what enterprises consented to: the consents, what each client may ask for, and who was told of whom."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_CITY = "(SELECT current_setting('tidu.scope', true)) = '*'"
_TABLES = """
CREATE TABLE disclosure_consent (
    id bigserial PRIMARY KEY,
    enterprise_id bigint NOT NULL REFERENCES enterprise (id),
    list_id varchar(40) NOT NULL,
    fields text[] NOT NULL DEFAULT '{}',
    signed_by varchar(60) NOT NULL,
    evidence_sha256 varchar(64) NOT NULL DEFAULT '',
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    withdrawn_at timestamptz,
    recorded_by integer,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX disclosure_consent_list ON disclosure_consent (list_id, enterprise_id);
CREATE TABLE disclosure (
    id bigserial PRIMARY KEY,
    list_id varchar(40) NOT NULL,
    recipient varchar(80) NOT NULL,
    enterprise_id bigint NOT NULL REFERENCES enterprise (id),
    consent_ids bigint[] NOT NULL,
    fields text[] NOT NULL DEFAULT '{}',
    disclosed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX disclosure_of ON disclosure (enterprise_id, disclosed_at);
CREATE INDEX disclosure_told ON disclosure (list_id, disclosed_at);
CREATE INDEX disclosure_consents ON disclosure USING gin (consent_ids);
ALTER TABLE exchange_client ADD COLUMN lists text[] NOT NULL DEFAULT '{}'
"""


def upgrade() -> None:
    """Make the tables: seen with their enterprise; what was told is never unsaid."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    for table in ("disclosure_consent", "disclosure"):
        seen = f"{_CITY} OR EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({seen}) WITH CHECK ({seen})")
    op.execute("REVOKE UPDATE, DELETE ON disclosure FROM tidu_app")


def downgrade() -> None:
    """Take it all away."""
    op.execute("ALTER TABLE exchange_client DROP COLUMN lists")
    op.execute("DROP TABLE disclosure, disclosure_consent")
