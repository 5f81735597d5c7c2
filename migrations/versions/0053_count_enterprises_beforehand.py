"""Count beforehand how many enterprises a ratio is taken of: by place, above scale or not, in a chain or not.

As in 0048 for titles: `counted_enterprise` says of each by what it counts, worked out of its row and its chains;
`enterprise_tally` how many are alike, in rows that are never changed. Both are kept in the transaction that writes, and
`rebuild_counted_enterprises` makes them anew.
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_SCOPE = "(SELECT current_setting('tidu.scope', true))"
_WHOLE = "(SELECT current_setting('tidu.scope', true) = '*')"
_OWN = "(SELECT current_setting('tidu.enterprise_id', true))"
_PARK = "(SELECT coalesce(current_setting('tidu.park', true), ''))"
_IN_PLACE = f"{_WHOLE} OR (region_code = {_SCOPE} AND ({_PARK} = '' OR park = {_PARK}))"

_COLUMNS = (
    "region_code varchar(6) NOT NULL, park varchar(100) NOT NULL, is_above_scale boolean NOT NULL,"
    " is_in_chain boolean NOT NULL"
)
_KEY = "region_code, park, is_above_scale, is_in_chain"
_SAID = (
    "SELECT e.id, e.region_code, e.park, coalesce(e.is_above_scale, false) AS is_above_scale,"
    " EXISTS (SELECT FROM enterprise_chain c WHERE c.enterprise_id = e.id) AS is_in_chain FROM enterprise e"
)

_REFRESH = f"""
CREATE FUNCTION refresh_counted_enterprises(ids bigint[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    -- Whoever else writes of the same enterprise waits here, and then sees what was written meanwhile.
    PERFORM FROM enterprise WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    WITH gone AS (DELETE FROM counted_enterprise WHERE enterprise_id = ANY (ids) RETURNING {_KEY}),
    come AS MATERIALIZED ({_SAID} WHERE e.id = ANY (ids)),
    kept AS (INSERT INTO counted_enterprise (enterprise_id, {_KEY}) SELECT * FROM come)
    INSERT INTO enterprise_tally ({_KEY}, enterprises)
    SELECT {_KEY}, sum(change) FROM (
        SELECT {_KEY}, -1 AS change FROM gone UNION ALL SELECT {_KEY}, 1 FROM come
    ) changes GROUP BY {_KEY} HAVING sum(change) <> 0;
END $$
"""
_OF_ENTERPRISES = f"""
CREATE FUNCTION recount_enterprises() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE counted_enterprise, enterprise_tally;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(id) INTO ids FROM changed;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(id) INTO ids FROM replaced;
    ELSE
        -- Not joined: a plan that was made for one row would go through all of many for each.
        SELECT array_agg(id) INTO ids FROM (
            SELECT id, region_code, park, is_above_scale FROM changed
            EXCEPT SELECT id, region_code, park, is_above_scale FROM replaced
        ) different;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_counted_enterprises(ids);
    END IF;
    RETURN NULL;
END $$
"""
# A further chain of an enterprise that is in one changes nothing.
_OF_CHAINS = f"""
CREATE FUNCTION recount_enterprises_of_chains() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        SELECT array_agg(enterprise_id) INTO ids FROM counted_enterprise WHERE is_in_chain;
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM changed;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM replaced;
    ELSE
        SELECT array_agg(DISTINCT enterprise_id) INTO ids FROM (
            SELECT enterprise_id FROM changed UNION ALL SELECT enterprise_id FROM replaced
        ) either;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM FROM enterprise WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
        ids := ARRAY(
            SELECT n.enterprise_id FROM counted_enterprise n WHERE n.enterprise_id = ANY (ids)
            AND n.is_in_chain <> EXISTS (SELECT FROM enterprise_chain c WHERE c.enterprise_id = n.enterprise_id)
        );
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_counted_enterprises(ids);
    END IF;
    RETURN NULL;
END $$
"""
# Says how many enterprises had not been counted as what they are.
_REBUILD = f"""
CREATE FUNCTION rebuild_counted_enterprises() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint;
BEGIN
    LOCK TABLE enterprise, enterprise_chain, counted_enterprise, enterprise_tally IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE enterprise_made ON COMMIT DROP AS {_SAID};
    SELECT count(*) INTO differing FROM (
        SELECT 1 FROM (
            SELECT id, {_KEY}, 1 AS one FROM enterprise_made UNION ALL
            SELECT enterprise_id, {_KEY}, -1 FROM counted_enterprise
        ) enterprises GROUP BY id, {_KEY} HAVING sum(one) <> 0
        UNION ALL
        SELECT 1 FROM (
            SELECT {_KEY}, 1 AS one FROM counted_enterprise UNION ALL SELECT {_KEY}, -enterprises FROM enterprise_tally
        ) tallies GROUP BY {_KEY} HAVING sum(one) <> 0
    ) different;
    TRUNCATE counted_enterprise, enterprise_tally;
    INSERT INTO counted_enterprise (enterprise_id, {_KEY}) SELECT id, {_KEY} FROM enterprise_made;
    DROP TABLE enterprise_made;
    INSERT INTO enterprise_tally ({_KEY}, enterprises) SELECT {_KEY}, count(*) FROM counted_enterprise GROUP BY {_KEY};
    RETURN differing;
END $$
"""
_OLD, _NEW = "OLD TABLE AS replaced", "NEW TABLE AS changed"
_EVENTS = {
    "insert": f"REFERENCING {_NEW}", "update": f"REFERENCING {_OLD} {_NEW}", "delete": f"REFERENCING {_OLD}",
    "truncate": "",
}  # fmt: skip
_FUNCTIONS = {"enterprise": "recount_enterprises()", "enterprise_chain": "recount_enterprises_of_chains()"}


def upgrade() -> None:
    """Make the tables, fill them, and let them be kept."""
    op.execute(f"CREATE TABLE counted_enterprise (enterprise_id bigint NOT NULL, {_COLUMNS})")
    op.execute(f"CREATE TABLE enterprise_tally ({_COLUMNS}, enterprises integer NOT NULL)")
    for function in (_REFRESH, _OF_ENTERPRISES, _OF_CHAINS, _REBUILD):
        op.execute(function)
    op.execute(
        "REVOKE ALL ON FUNCTION refresh_counted_enterprises(bigint[]), recount_enterprises(),"
        " recount_enterprises_of_chains(), rebuild_counted_enterprises() FROM PUBLIC, tidu_app"
    )
    for table, function in _FUNCTIONS.items():
        for event, rows in _EVENTS.items():
            op.execute(
                f"CREATE TRIGGER recount_after_{event} AFTER {event.upper()} ON {table} {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}"
            )
    op.execute("SELECT rebuild_counted_enterprises()")
    op.execute("CREATE INDEX counted_enterprise_of ON counted_enterprise (enterprise_id)")
    for table, visible in (
        ("counted_enterprise", f"{_IN_PLACE} OR enterprise_id::text = {_OWN}"),
        ("enterprise_tally", _IN_PLACE),
    ):
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM tidu_app")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY scope ON {table} FOR SELECT TO tidu_app USING ({visible})")
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    """Take it all away; the enterprises and their chains say what they are."""
    for table in _FUNCTIONS:
        for event in _EVENTS:
            op.execute(f"DROP TRIGGER recount_after_{event} ON {table}")
    for function in (
        *_FUNCTIONS.values(), "rebuild_counted_enterprises()", "refresh_counted_enterprises(bigint[])",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION {function}")
    for table in ("enterprise_tally", "counted_enterprise"):
        op.execute(f"DROP TABLE {table}")
