"""Narrow what is counted beforehand: by industry and chain too, so that nobody counts a list to say how long it is.

- `counted_enterprise` and `enterprise_tally` say of what industry (division) and in which chains enterprises are.
- `title_span` says the same of its enterprise, and whether that is above scale, for whoever counts holders among those.
- `recheck_counts` holds what is kept of some enterprises against what it is worked out of, and `settle_tallies` the sums
  against what they are the sums of: portion by portion, so that others may write meanwhile. The functions that make all
  anew at once (0048, 0053, 0056) remain for a registry that nobody uses yet.
- Large and medium enterprises, of which there are few, have an index.
"""

from pathlib import Path
from runpy import run_path

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

_FILES = ("0048_count_titles_beforehand.py", "0053_count_enterprises_beforehand.py")
_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
_PLACE = "programme, region_code, park, first_on, last_on, known_from, known_to"
_TRAITS = "is_above_scale, industry, chains"
_SPAN = f"{_PLACE}, {_TRAITS}"
_KEY = "region_code, park, is_above_scale, is_in_chain, industry, chains"
_CHAINS = "ARRAY(SELECT c.chain::text FROM enterprise_chain c WHERE c.enterprise_id = {id} ORDER BY 1)"
_SAID = (
    "SELECT e.id, e.region_code, e.park, coalesce(e.is_above_scale, false) AS is_above_scale,"
    " x.chains <> '{}' AS is_in_chain, left(e.industry_code, 2) AS industry, x.chains FROM enterprise e"
    f" CROSS JOIN LATERAL (SELECT {_CHAINS.format(id='e.id')} AS chains) x"
)

_BEFORE = {name: run_path(str(Path(__file__).with_name(name))) for name in _FILES}
_SPANS: str = _BEFORE["0048_count_titles_beforehand.py"]["_SPANS"]
_COLUMNS = (
    "s.enterprise_id, s.programme, e.region_code, e.park, s.first_on, s.last_on, s.known_from, s.known_to,"
    " e.is_above_scale, e.industry, e.chains"
)
_LOCKED = "PERFORM FROM enterprise WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;"

_REFRESH_SPANS = f"""
CREATE OR REPLACE FUNCTION refresh_title_spans(ids bigint[], named text[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    -- Whoever else writes of the same enterprise waits here, and then sees what was written meanwhile.
    {_LOCKED}
    WITH gone AS (
        DELETE FROM title_span WHERE enterprise_id = ANY (ids) AND programme = ANY (named) RETURNING {_PLACE}
    ),
    come AS MATERIALIZED (
        SELECT {_COLUMNS} FROM ({_SPANS.format(condition="r.enterprise_id = ANY (ids) AND r.programme = ANY (named)")}) s
        JOIN ({_SAID} WHERE e.id = ANY (ids)) e ON e.id = s.enterprise_id
    ),
    kept AS (INSERT INTO title_span (enterprise_id, {_SPAN}) SELECT * FROM come)
    INSERT INTO title_tally ({_PLACE}, enterprises)
    SELECT {_PLACE}, sum(change) FROM (
        SELECT {_PLACE}, -1 AS change FROM gone UNION ALL SELECT {_PLACE}, 1 FROM come
    ) changes GROUP BY {_PLACE} HAVING sum(change) <> 0;
END $$
"""
_REFRESH_COUNTED = f"""
CREATE OR REPLACE FUNCTION refresh_counted_enterprises(ids bigint[]) RETURNS void LANGUAGE plpgsql {_SAFE} AS $$
BEGIN
    -- Whoever else writes of the same enterprise waits here, and then sees what was written meanwhile.
    {_LOCKED}
    WITH gone AS (DELETE FROM counted_enterprise WHERE enterprise_id = ANY (ids) RETURNING {_KEY}),
    come AS MATERIALIZED ({_SAID} WHERE e.id = ANY (ids)),
    kept AS (INSERT INTO counted_enterprise (enterprise_id, {_KEY}) SELECT * FROM come)
    INSERT INTO enterprise_tally ({_KEY}, enterprises)
    SELECT {_KEY}, sum(change) FROM (
        SELECT {_KEY}, -1 AS change FROM gone UNION ALL SELECT {_KEY}, 1 FROM come
    ) changes GROUP BY {_KEY} HAVING sum(change) <> 0;
    UPDATE title_span s SET is_above_scale = n.is_above_scale, industry = n.industry, chains = n.chains
    FROM counted_enterprise n WHERE n.enterprise_id = s.enterprise_id AND s.enterprise_id = ANY (ids)
    AND (s.is_above_scale, s.industry, s.chains) IS DISTINCT FROM (n.is_above_scale, n.industry, n.chains);
END $$
"""
_OF_ENTERPRISES = f"""
CREATE OR REPLACE FUNCTION recount_enterprises() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
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
            SELECT id, region_code, park, is_above_scale, left(industry_code, 2) FROM changed
            EXCEPT SELECT id, region_code, park, is_above_scale, left(industry_code, 2) FROM replaced
        ) different;
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_counted_enterprises(ids);
    END IF;
    RETURN NULL;
END $$
"""
_OF_CHAINS = f"""
CREATE OR REPLACE FUNCTION recount_enterprises_of_chains() RETURNS trigger LANGUAGE plpgsql {_SAFE} AS $$
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
        {_LOCKED}
        ids := ARRAY(
            SELECT n.enterprise_id FROM counted_enterprise n WHERE n.enterprise_id = ANY (ids)
            AND n.chains <> {_CHAINS.format(id="n.enterprise_id")}
        );
    END IF;
    IF cardinality(ids) > 0 THEN
        PERFORM refresh_counted_enterprises(ids);
    END IF;
    RETURN NULL;
END $$
"""
_DIFFERING = """
        SELECT enterprise_id FROM (
            SELECT enterprise_id, {columns}, 1 AS one FROM {made} UNION ALL
            SELECT enterprise_id, {columns}, -1 FROM {kept}{condition}
        ) either GROUP BY enterprise_id, {columns} HAVING sum(one) <> 0
"""
_UNEQUAL = """
        SELECT {key}, sum(one) AS missing FROM (
            SELECT {key}, 1 AS one FROM {rows} UNION ALL SELECT {key}, -enterprises FROM {tally}
        ) either GROUP BY {key} HAVING sum(one) <> 0
"""


def _unequal(rows: str, tally: str, key: str) -> str:
    return _UNEQUAL.format(key=key, rows=rows, tally=tally)


# Both for a registry that nobody uses meanwhile; first the enterprises, for spans take their traits from them.
_REBUILD_COUNTED = f"""
CREATE OR REPLACE FUNCTION rebuild_counted_enterprises() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint;
BEGIN
    LOCK TABLE enterprise, enterprise_chain, counted_enterprise, enterprise_tally IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE enterprise_made ON COMMIT DROP AS
    SELECT id AS enterprise_id, {_KEY} FROM ({_SAID}) said;
    SELECT (SELECT count(*) FROM ({
    _DIFFERING.format(columns=_KEY, made="enterprise_made", kept="counted_enterprise", condition="")
}) d) + (SELECT count(*) FROM ({_unequal("counted_enterprise", "enterprise_tally", _KEY)}) d) INTO differing;
    TRUNCATE counted_enterprise, enterprise_tally;
    INSERT INTO counted_enterprise (enterprise_id, {_KEY}) SELECT enterprise_id, {_KEY} FROM enterprise_made;
    DROP TABLE enterprise_made;
    INSERT INTO enterprise_tally ({_KEY}, enterprises) SELECT {_KEY}, count(*) FROM counted_enterprise GROUP BY {_KEY};
    RETURN differing;
END $$
"""
_REBUILD_SPANS = f"""
CREATE OR REPLACE FUNCTION rebuild_title_spans() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint;
BEGIN
    LOCK TABLE recognition, counted_enterprise, title_span, title_tally IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE span_made ON COMMIT DROP AS
    SELECT {_COLUMNS} FROM ({_SPANS.format(condition="true")}) s
    JOIN counted_enterprise e ON e.enterprise_id = s.enterprise_id ORDER BY s.programme, s.enterprise_id;
    SELECT (SELECT count(*) FROM ({
    _DIFFERING.format(columns=_SPAN, made="span_made", kept="title_span", condition="")
}) d) + (SELECT count(*) FROM ({_unequal("title_span", "title_tally", _PLACE)}) d) INTO differing;
    TRUNCATE title_span, title_tally;
    INSERT INTO title_span (enterprise_id, {_SPAN}) SELECT enterprise_id, {_SPAN} FROM span_made;
    DROP TABLE span_made;
    INSERT INTO title_tally ({_PLACE}, enterprises) SELECT {_PLACE}, count(*) FROM title_span GROUP BY {_PLACE};
    RETURN differing;
END $$
"""
# Says how many rows had not been what they should be, and mends them.
_RECHECK = f"""
CREATE FUNCTION recheck_counts(ids bigint[]) RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    wrong bigint[];
    differing bigint;
BEGIN
    {_LOCKED}
    WITH made AS (SELECT id AS enterprise_id, {_KEY} FROM ({_SAID} WHERE e.id = ANY (ids)) said)
    SELECT array_agg(enterprise_id) INTO wrong FROM ({
    _DIFFERING.format(
        columns=_KEY, made="made", kept="counted_enterprise", condition=" WHERE enterprise_id = ANY (ids)"
    )
}) d;
    differing := coalesce(cardinality(wrong), 0);
    IF differing > 0 THEN
        PERFORM refresh_counted_enterprises(wrong);
    END IF;
    WITH made AS MATERIALIZED (
        SELECT {_COLUMNS} FROM ({_SPANS.format(condition="r.enterprise_id = ANY (ids)")}) s
        JOIN ({_SAID} WHERE e.id = ANY (ids)) e ON e.id = s.enterprise_id
    )
    SELECT array_agg(enterprise_id) INTO wrong FROM ({
    _DIFFERING.format(columns=_SPAN, made="made", kept="title_span", condition=" WHERE enterprise_id = ANY (ids)")
}) d;
    IF cardinality(wrong) > 0 THEN
        differing := differing + cardinality(wrong);
        PERFORM refresh_title_spans(wrong, ARRAY(
            SELECT programme FROM title_span WHERE enterprise_id = ANY (wrong)
            UNION SELECT programme FROM recognition WHERE enterprise_id = ANY (wrong)
        ));
    END IF;
    RETURN differing;
END $$
"""


def _settled(rows: str, tally: str, key: str, order: str) -> str:
    # What is missing is put in beside: others may add rows meanwhile, and neither changes the other's.
    return f"""
    DELETE FROM {rows} r WHERE NOT EXISTS (SELECT FROM enterprise e WHERE e.id = r.enterprise_id);
    GET DIAGNOSTICS rows_of = ROW_COUNT;
    differing := differing + rows_of;
    INSERT INTO {tally} ({key}, enterprises) SELECT * FROM ({_unequal(rows, tally, key)}) d;
    GET DIAGNOSTICS rows_of = ROW_COUNT;
    differing := differing + rows_of;
    WITH gone AS (DELETE FROM {tally} RETURNING {key}, enterprises)
    INSERT INTO {tally} ({key}, enterprises)
    SELECT {key}, sum(enterprises) FROM gone GROUP BY {key} HAVING sum(enterprises) <> 0 ORDER BY {order};
"""


# As `rebuild_listed_tally` (0056) has it, beside whoever writes.
_LISTED = "region_code, park, division, rung_order"
_SETTLE_LISTED = f"""
    INSERT INTO listed_tally ({_LISTED}, enterprises)
    SELECT {_LISTED}, sum(enterprises) FROM (
        SELECT region_code, park, left(industry_code, 2) AS division, rung_order, 1 AS enterprises FROM enterprise
        WHERE status = 'active' UNION ALL SELECT {_LISTED}, -enterprises FROM listed_tally
    ) either GROUP BY {_LISTED} HAVING sum(enterprises) <> 0;
    GET DIAGNOSTICS rows_of = ROW_COUNT;
    differing := differing + rows_of;
    PERFORM gather_listed_tally();
"""
_SETTLE = f"""
CREATE FUNCTION settle_tallies() RETURNS bigint LANGUAGE plpgsql {_SAFE} AS $$
DECLARE
    differing bigint := 0;
    rows_of bigint;
BEGIN
    -- Two who settle at once would both put in what is missing.
    PERFORM pg_advisory_xact_lock(hashtext('settle_tallies'));
    {_settled("counted_enterprise", "enterprise_tally", _KEY, "region_code")}
    {_settled("title_span", "title_tally", _PLACE, "programme, last_on")}
    {_SETTLE_LISTED}
    RETURN differing;
END $$
"""
_NEW = "is_above_scale boolean NOT NULL DEFAULT false, ADD COLUMN"
_SAYING = "industry varchar(2) NOT NULL DEFAULT '', ADD COLUMN chains text[] NOT NULL DEFAULT '{}'"


def upgrade() -> None:
    """Say more of what is kept, and make it anew."""
    for table, columns in {
        "counted_enterprise": _SAYING, "enterprise_tally": _SAYING, "title_span": f"{_NEW} {_SAYING}",
    }.items():  # fmt: skip
        op.execute(f"ALTER TABLE {table} ADD COLUMN {columns}")
    for function in (
        _REFRESH_SPANS, _REFRESH_COUNTED, _OF_ENTERPRISES, _OF_CHAINS, _REBUILD_COUNTED, _REBUILD_SPANS, _RECHECK, _SETTLE,
    ):  # fmt: skip
        op.execute(function)
    op.execute("REVOKE ALL ON FUNCTION recheck_counts(bigint[]), settle_tallies() FROM PUBLIC, tidu_app")
    op.execute("SET LOCAL work_mem = '256MB'")
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    op.execute("SELECT rebuild_counted_enterprises(), rebuild_title_spans()")
    for table in ("title_tally", "title_span"):
        op.execute(f"CLUSTER {table} USING {table}_by_programme")
    op.execute(
        "CREATE INDEX fact_yearly_large ON fact_yearly (enterprise_id, year) WHERE size_class IN ('large', 'medium')"
    )
    for table in ("title_span", "title_tally", "counted_enterprise", "enterprise_tally"):
        op.execute(f"ANALYZE {table}")


def downgrade() -> None:
    """Leave it out again, and let the functions of before keep the rest."""
    op.execute("DROP INDEX fact_yearly_large")
    op.execute("DROP FUNCTION recheck_counts(bigint[]), settle_tallies()")
    for made in _BEFORE.values():
        for name in ("_REFRESH", "_OF_ENTERPRISES", "_OF_CHAINS", "_REBUILD"):
            if name in made:
                op.execute(made[name].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    for table in ("counted_enterprise", "enterprise_tally", "title_span"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN industry, DROP COLUMN chains")
    op.execute("ALTER TABLE title_span DROP COLUMN is_above_scale")
