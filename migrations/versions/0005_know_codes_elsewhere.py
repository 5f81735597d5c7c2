"""Let an import know that a code is registered, where its reader may not see the enterprise.

A district's officer who hands in a code of another district must be told so; nothing but the fact is told.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A function that runs as the tables' owner."""
    op.execute(
        "CREATE FUNCTION codes_registered(codes text[]) RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER"
        " SET search_path = public AS $$ SELECT credit_code FROM enterprise WHERE credit_code = ANY(codes) $$"
    )
    op.execute("REVOKE ALL ON FUNCTION codes_registered(text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION codes_registered(text[]) TO tidu_app")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION codes_registered(text[])")
