"""Tell of which enterprises any table speaks, those too that requests' own role may not read, such as accounts."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_MENTIONED = """
CREATE FUNCTION enterprises_mentioned(ids bigint[], following text[]) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    reference record;
BEGIN
    FOR reference IN
        SELECT c.conrelid::regclass AS in_table, a.attname AS in_column FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.contype = 'f' AND c.confrelid = 'enterprise'::regclass AND c.conrelid::regclass::text <> ALL (following)
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT DISTINCT %I FROM %s WHERE %I = ANY ($1)', reference.in_column, reference.in_table, reference.in_column
        ) USING ids;
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Make the function."""
    op.execute(_MENTIONED)
    op.execute("REVOKE ALL ON FUNCTION enterprises_mentioned(bigint[], text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION enterprises_mentioned(bigint[], text[]) TO tidu_app")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP FUNCTION enterprises_mentioned(bigint[], text[])")
