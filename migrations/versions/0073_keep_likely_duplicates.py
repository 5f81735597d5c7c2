"""Keep which files are likely duplicates, as they were found last.

Searching a million for pairs takes half a minute and more, too long for a page. So they are kept with the moment at which
they were found. Which of them somebody may see, the policies of `enterprise` say, with which they are read.
"""

from alembic import op

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_KEPT = f"""
CREATE FUNCTION suspects_kept(by_rule text, in_region text) RETURNS TABLE (one bigint, other bigint, rules text[])
LANGUAGE sql STABLE ROWS 1000 {_SAFE} AS $$
    SELECT s.one_id, s.other_id, CASE WHEN by_rule = '' THEN s.rules ELSE ARRAY[by_rule] END FROM suspect_pair s
    WHERE (by_rule = '' OR by_rule = ANY (s.rules)) AND (in_region = '' OR in_region = ANY (s.regions))
$$
"""
_FOUND_AT = f"""
CREATE FUNCTION suspects_found_at() RETURNS timestamptz LANGUAGE sql STABLE {_SAFE} AS $$
    SELECT max(found_at) FROM suspect_search
$$
"""
_FUNCTIONS = ("suspects_kept(text, text)", "suspects_found_at()")


def upgrade() -> None:
    """Make the tables, which fill when somebody asks, and what reads them."""
    op.execute(
        "CREATE TABLE suspect_pair (one_id bigint NOT NULL, other_id bigint NOT NULL, rules text[] NOT NULL,"
        " regions text[] NOT NULL, PRIMARY KEY (one_id, other_id))"
    )
    op.execute("CREATE TABLE suspect_search (found_at timestamptz NOT NULL)")
    for function in (_KEPT, _FOUND_AT):
        op.execute(function)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tidu_app")
    for table in ("suspect_pair", "suspect_search"):
        op.execute(f"REVOKE ALL ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    """Take it all away; pairs are found again."""
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TABLE suspect_pair, suspect_search")
