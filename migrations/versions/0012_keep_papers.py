"""Keep the papers behind filings: each content once, under its hash; what it is attached to beside it.

The content is in the database, so that a backup holds it and a transaction covers it (docs/decisions/0007). A paper is
seen by whoever sees something it is attached to. Only `keep_paper` writes contents, and it reckons the hash itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('tidu.scope', true))"

_KEEP = """
CREATE FUNCTION keep_paper(content bytea, media_type text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    hash text := encode(sha256(content), 'hex');
BEGIN
    INSERT INTO paper (digest, media_type, size, content) VALUES (hash, media_type, length(content), content)
    ON CONFLICT (digest) DO NOTHING;
    RETURN hash;
END $$
"""


def upgrade() -> None:
    """Make both tables and the function."""
    op.create_table(
        "paper",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    # Scans are compressed already; trying again only takes time.
    op.execute("ALTER TABLE paper ALTER COLUMN content SET STORAGE EXTERNAL")
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), autoincrement=True, primary_key=True),
        sa.Column("enterprise_id", sa.BigInteger(), sa.ForeignKey("enterprise.id"), nullable=False),
        sa.Column("digest", sa.String(length=64), sa.ForeignKey("paper.digest"), nullable=False),
        sa.Column("filing_id", sa.BigInteger(), sa.ForeignKey("filing.id"), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("attached_by", sa.Integer(), nullable=True),
        sa.Column("attached_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_by", sa.Integer(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=False, server_default=""),
    )
    op.create_index("attachment_of_enterprise", "attachment", ["enterprise_id", "filing_id"])
    op.create_index("attachment_of_paper", "attachment", ["digest"])
    visible = f"{_SCOPE} = '*' OR EXISTS (SELECT FROM enterprise e WHERE e.id = attachment.enterprise_id)"
    op.execute("ALTER TABLE attachment ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY scope ON attachment TO tidu_app USING ({visible}) WITH CHECK ({visible})")
    op.execute("ALTER TABLE paper ENABLE ROW LEVEL SECURITY")
    attached = "EXISTS (SELECT FROM attachment a WHERE a.digest = paper.digest)"
    op.execute(f"CREATE POLICY scope ON paper TO tidu_app USING ({attached})")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON paper FROM tidu_app")
    op.execute("REVOKE UPDATE, DELETE ON attachment FROM tidu_app")
    op.execute("GRANT UPDATE (withdrawn_by, withdrawn_at, withdrawal_reason) ON attachment TO tidu_app")
    op.execute(_KEEP)


def downgrade() -> None:
    """Take it away, the papers with it."""
    op.execute("DROP FUNCTION keep_paper(bytea, text)")
    op.drop_table("attachment")
    op.drop_table("paper")
