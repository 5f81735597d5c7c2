"""Find enterprises by names typed in full pinyin: by two characters that stand side by side, then by the whole reading.

With the owner's rights, as `find_enterprises` (0040), since neither comparison may use an index under row-level security;
which of the ids somebody may see, the policies say as ever.
"""

from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

# The pairs first and for themselves: given the choice the planner takes the index of three letters for the reading,
# which knows nothing of so many characters and reads the whole registry. Pairs that very many have are told as a single
# NULL, without reading their names; and with less memory the bitmap would name pages only, of which every name would be
# cut into its pieces again.
_FIND = """
CREATE FUNCTION find_enterprises_read(pairs text[], pattern text, within text, most integer) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 500 SECURITY DEFINER SET search_path = public, pg_temp
SET work_mem = '64MB' SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY EXECUTE 'WITH paired AS MATERIALIZED (SELECT id, region_code, search_text FROM enterprise'
        ' WHERE short_pieces(search_text) && $2 LIMIT 3 * $4),'
        ' size AS MATERIALIZED (SELECT count(*) >= 3 * $4 AS is_many FROM paired)'
        ' SELECT CAST(NULL AS bigint) FROM size WHERE is_many UNION ALL (SELECT p.id FROM paired p CROSS JOIN size'
        ' WHERE NOT is_many AND ($1 = '''' OR p.region_code = $1) AND p.search_text ~ $3 LIMIT $4)'
        USING within, pairs, pattern, most;
END $$
"""
_NAME = "find_enterprises_read(text[], text, text, integer)"


def upgrade() -> None:
    """Make the function."""
    op.execute(_FIND)
    op.execute(f"REVOKE ALL ON FUNCTION {_NAME} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_NAME} TO tidu_app")


def downgrade() -> None:
    """Take it away again."""
    op.execute(f"DROP FUNCTION {_NAME}")
