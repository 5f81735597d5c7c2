"""Create the registry: enterprises, filings, recognitions, results, plans' figures, imports, people.

Row-level security: a transaction sees an enterprise, and all that hangs on it, when its scope is the whole city
(`*`), the enterprise's district, or the enterprise itself. Filings are append-only for the application's role.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Sub-selects, so that each setting is read once a statement and not once a row.
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_OWN = "(SELECT current_setting('tidu.enterprise_id', true))"
_HANGS_ON_ENTERPRISE = (
    "enterprise_name", "enterprise_region", "enterprise_identifier", "enterprise_chain", "filing", "fact_yearly",
    "fact_current", "recognition", "eligibility", "eligibility_change",
)  # fmt: skip


def upgrade() -> None:
    """Make all tables and put them under row-level security."""
    _create_tables()
    op.create_table(
        "fact_yearly",
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
        sa.Column("year", sa.Integer(), primary_key=True),
    )
    op.create_table(
        "fact_current",
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), primary_key=True),
    )
    _secure("enterprise", f"{_SCOPE} = '*' OR region_code = {_SCOPE} OR id::text = {_OWN}")
    for table in _HANGS_ON_ENTERPRISE:
        visible = f"EXISTS (SELECT FROM enterprise e WHERE e.id = {table}.enterprise_id)"
        _secure(table, f"{_SCOPE} = '*' OR {visible}")
    _secure("import_run", f"{_SCOPE} = '*' OR region_code = {_SCOPE}")
    op.execute("REVOKE UPDATE, DELETE ON filing FROM tidu_app")
    # Signing in is done by the owner; nothing that a request may ask reaches a password.
    op.execute("REVOKE ALL ON person, web_session FROM tidu_app")


def _secure(table: str, visible: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON {table} TO tidu_app USING ({visible}) WITH CHECK ({visible})")


def downgrade() -> None:
    """There is no way back from the first migration but an empty database."""
    raise NotImplementedError("the first migration has no way back; restore a backup instead")


def _create_tables() -> None:
    op.create_table(
        "eligibility_run",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("library_digest", sa.String(length=64), nullable=False),
        sa.Column("enterprises", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "enterprise",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("match_key", sa.String(length=200), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("town", sa.String(length=100), nullable=False),
        sa.Column("park", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("industry_code", sa.String(length=4), nullable=False),
        sa.Column("established_on", sa.Date(), nullable=True),
        sa.Column("is_above_scale", sa.Boolean(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("listing_board", sa.String(length=20), nullable=False),
        sa.Column("listed_on", sa.Date(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "enterprise_code_key",
        "enterprise",
        ["credit_code"],
        unique=True,
        postgresql_where=sa.text("credit_code IS NOT NULL"),
    )
    op.create_index("enterprise_match_key", "enterprise", ["match_key"], unique=False)
    op.create_index("enterprise_by_region", "enterprise", ["region_code", "id"], unique=False)
    op.create_index(
        "enterprise_by_search",
        "enterprise",
        ["search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("layout", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("good_rows", sa.Integer(), nullable=False),
        sa.Column("bad_rows", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("uploaded_by", sa.Integer(), nullable=True),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("import_run_digest", "import_run", ["digest"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("login", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("login"),
    )
    op.create_table(
        "reported_figure",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=20), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("released_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reported_figure_target", "reported_figure", ["target", "region_code", "period_end"], unique=False)
    op.create_table(
        "eligibility",
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.String(length=60), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("is_likely", sa.Boolean(), nullable=False),
        sa.Column("score_least", sa.Numeric(), nullable=True),
        sa.Column("score_most", sa.Numeric(), nullable=True),
        sa.Column("failed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("unknown", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("missing", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("enterprise_id", "programme"),
    )
    op.create_index("eligibility_outcome", "eligibility", ["programme", "outcome", "is_likely"], unique=False)
    op.create_table(
        "eligibility_change",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.String(length=60), nullable=False),
        sa.Column("before", sa.String(length=20), nullable=False),
        sa.Column("after", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["eligibility_run.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("eligibility_change_run", "eligibility_change", ["run_id", "programme", "after"], unique=False)
    op.create_table(
        "enterprise_chain",
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("enterprise_id", "chain"),
    )
    op.create_table(
        "enterprise_identifier",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("value", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("enterprise_id", "kind", "value"),
    )
    op.create_index("enterprise_identifier_value", "enterprise_identifier", ["value"], unique=False)
    op.create_table(
        "enterprise_name",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("match_key", sa.String(length=200), nullable=False),
        sa.Column("used_from", sa.Date(), nullable=True),
        sa.Column("used_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("enterprise_name_enterprise", "enterprise_name", ["enterprise_id"], unique=False)
    op.create_index("enterprise_name_match_key", "enterprise_name", ["match_key"], unique=False)
    op.create_table(
        "enterprise_region",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("region_code", sa.String(length=6), nullable=False),
        sa.Column("town", sa.String(length=100), nullable=False),
        sa.Column("park", sa.String(length=100), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("enterprise_id", "valid_from"),
    )
    op.create_index("enterprise_region_code", "enterprise_region", ["region_code"], unique=False)
    op.create_table(
        "filing",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("filing_enterprise", "filing", ["enterprise_id", "year"], unique=False)
    op.create_index("filing_import", "filing", ["import_id"], unique=False)
    op.create_table(
        "recognition",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("enterprise_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.String(length=60), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("batch", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("revoked_on", sa.Date(), nullable=True),
        sa.Column("revocation_reason", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("printed_name", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("supersedes_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enterprise_id"],
            ["enterprise.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("recognition_enterprise", "recognition", ["enterprise_id"], unique=False)
    op.create_index(
        "recognition_once",
        "recognition",
        ["enterprise_id", "programme", "valid_from", "number"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("recognition_programme", "recognition", ["programme", "valid_from", "valid_to"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip", sa.String(length=60), nullable=False),
        sa.Column("browser", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("web_session_person", "web_session", ["person_id"], unique=False)
