"""Find whom a missing fact holds up, and titles in the order of their lists, without looking through all.

Very many results lack the very same few facts: the index leaps from one combination to the next, and looks up those that
name the fact. As in 0040 the functions look with the owner's rights and give ids or an answer only.
"""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
# As `eligibility.queries.NEARLY_SETTLED` has it; a fact may be of a year, as sales_revenue[2025].
_NEARLY = "x.outcome = 'undetermined' AND cardinality(x.missing) BETWEEN 1 AND 3"
_OF = "x.programme = one AND " + _NEARLY
_NAMES = "EXISTS (SELECT FROM unnest({facts}) AS of_year WHERE split_part(of_year, '[', 1) = fact)"
_LACKING = f"""
CREATE FUNCTION enterprises_lacking(fact text, programmes text[], most integer DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 20000 {_SAFE} AS $$
DECLARE
    one text;
    found bigint[] := '{{}}';
BEGIN
    FOREACH one IN ARRAY programmes LOOP
        found := ARRAY(
            WITH RECURSIVE leap AS (
                (SELECT x.missing FROM eligibility x WHERE {_OF} ORDER BY x.missing LIMIT 1)
                UNION ALL
                SELECT (SELECT x.missing FROM eligibility x WHERE {_OF} AND x.missing > leap.missing
                    ORDER BY x.missing LIMIT 1) FROM leap WHERE leap.missing IS NOT NULL
            ),
            named AS MATERIALIZED (SELECT leap.missing FROM leap WHERE {_NAMES.format(facts="leap.missing")})
            SELECT unnest(found) UNION (
                SELECT x.enterprise_id FROM named JOIN eligibility x ON {_OF} AND x.missing = named.missing LIMIT most
            )
        );
        EXIT WHEN cardinality(found) >= most;
    END LOOP;
    RETURN QUERY SELECT unnest(found) LIMIT most;
END $$
"""
_LACKS = f"""
CREATE FUNCTION lacks_fact(enterprise bigint, fact text, programmes text[]) RETURNS boolean
LANGUAGE sql STABLE COST 1000 {_SAFE} AS $$
    SELECT EXISTS (
        SELECT FROM eligibility x WHERE x.enterprise_id = enterprise AND x.programme = ANY (programmes) AND {_NEARLY}
        AND {_NAMES.format(facts="x.missing")}
    )
$$
"""
_FUNCTIONS = ("enterprises_lacking(text, text[], integer)", "lacks_fact(bigint, text, text[])")
_FEW = "WHERE outcome = 'undetermined' AND cardinality(missing) <= 3"


def upgrade() -> None:
    """Make the functions and the indexes."""
    for made in (_LACKING, _LACKS):
        op.execute(made)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tidu_app")
    op.execute(f"CREATE INDEX eligibility_by_missing ON eligibility (programme, missing, enterprise_id) {_FEW}")
    op.execute("DROP INDEX eligibility_nearly_settled")
    op.execute(
        "CREATE INDEX recognition_in_order_of_lists ON recognition (edition DESC, enterprise_id, id)"
        " WHERE superseded_at IS NULL AND edition IS NOT NULL"
    )


def downgrade() -> None:
    """Take them away again."""
    op.execute("DROP INDEX recognition_in_order_of_lists")
    op.execute(
        f"CREATE INDEX eligibility_nearly_settled ON eligibility (programme, enterprise_id) INCLUDE (missing) {_FEW}"
    )
    op.execute("DROP INDEX eligibility_by_missing")
    for function in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {function}")
