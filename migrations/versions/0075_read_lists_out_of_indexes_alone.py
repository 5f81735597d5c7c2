"""Read whom a park, an industry or a past rung means out of indexes alone.

Whoever looks through a park of forty thousand read half the table of enterprises for it: the index of parks did not say who
lives. It does now, and so does one of industries, which is written when an enterprise is, not with its figures. Who stood
on a rung on a past day is looked up in the titles by portions of the ids, so that the first ten thousand take their share of
the time only; and of some who are named it is looked up for these, and at most for
those between them.
"""

from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

_SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
# As in 0072: whoever asks may have switched ways off, and a hash of all titles above a rung needs its memory.
_OFF = ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort", "material")
_WAYS = " ".join(f"SET enable_{way} = on" for way in _OFF)
_CUSTOM = f"{_SAFE} {_WAYS} SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' SET max_parallel_workers_per_gather = 0"
# As `recognitions.queries.IN_FORCE` has it.
_IN_FORCE = """r.superseded_at IS NULL AND r.valid_from <= on_day
    AND (r.valid_to IS NULL OR r.valid_to >= on_day) AND (r.revoked_on IS NULL OR r.revoked_on > on_day)"""
_TITLES = f"""SELECT r.enterprise_id AS id FROM recognition r WHERE r.programme = ANY ({{which}}) AND {_IN_FORCE}
        AND (r.edition IS NOT NULL AND r.programme || r.edition = ANY (gone_by)) IS NOT TRUE AND {{of}}"""
_BOARDS = """ARRAY(
        SELECT e.id FROM enterprise e WHERE e.listing_board = ANY (ARRAY(
            SELECT key FROM jsonb_each_text(ladder->'boards') WHERE {which}
        )) AND e.listing_board <> '' AND (e.listed_on IS NULL OR e.listed_on <= on_day)
    )"""
_PROGRAMMES = "ARRAY(SELECT key FROM jsonb_each_text(ladder->'programmes') WHERE {which})"
_AT_IT, _ABOVE = "rung = 0 OR value::smallint = rung", "rung > 0 AND value::smallint > rung"
_DECLARED = f"""
    at_it text[] := {_PROGRAMMES.format(which=_AT_IT)};
    above text[] := {_PROGRAMMES.format(which=_ABOVE)};
    listed bigint[] := {_BOARDS.format(which=_AT_IT)};
    listed_above bigint[] := {_BOARDS.format(which=_ABOVE)};
    -- Lists that a later one had replaced by then.
    gone_by text[] := ARRAY(
        SELECT l.programme || l.edition
        FROM list_editions(ARRAY(SELECT jsonb_array_elements_text(ladder->'by_edition')), NULL) AS l
        WHERE ladder->'programmes' ? l.programme AND l.next_from <= on_day
    );"""


def _stood(of: str, above: str = "(s.id IN ({titles})) IS NOT TRUE") -> str:
    """On a rung (0 is any) and on none above it, of the ids that `of` bounds; nobody who had ended or is part of another."""
    titles = _TITLES.format(which="above", of="{of}")
    return f"""SELECT s.id FROM (
        {_TITLES.format(which="at_it", of=of.format("r.enterprise_id"))}
        UNION ALL SELECT b.id FROM unnest(listed) AS b (id) WHERE {of.format("b.id")}
    ) AS s WHERE NOT EXISTS (
        SELECT FROM enterprise_end x WHERE x.enterprise_id = s.id AND x.ended_on <= on_day AND x.superseded_at IS NULL
    ) AND NOT EXISTS (SELECT FROM enterprise_alias x WHERE x.absorbed_id = s.id AND x.known_to IS NULL)
    AND (s.id = ANY (listed_above)) IS NOT TRUE
    AND {above.format(titles=titles.format(of=of.format("r.enterprise_id")), one=titles.format(of="r.enterprise_id = s.id"))}"""


_ON_RUNG = f"""
CREATE OR REPLACE FUNCTION enterprises_on_rung(rung smallint, on_day date, ladder jsonb, most integer DEFAULT NULL)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20000 {_CUSTOM} AS $$
DECLARE {_DECLARED}
    last bigint := (SELECT max(id) FROM enterprise);
    portion bigint := greatest(last / 16, 1000);
    low bigint := 0;
    wanted bigint := most;
    found bigint;
BEGIN
    IF most IS NULL THEN
        RETURN QUERY {_stood("{0} > 0")};
        RETURN;
    END IF;
    WHILE wanted > 0 AND low < last LOOP
        RETURN QUERY {_stood("{0} > low AND {0} <= low + portion")} LIMIT wanted;
        GET DIAGNOSTICS found = ROW_COUNT;
        wanted := wanted - found;
        low := low + portion;
    END LOOP;
END $$
"""
_OF_SOME = f"""
CREATE FUNCTION some_on_rung(rung smallint, on_day date, ladder jsonb, some_ids bigint[])
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 1000 {_CUSTOM} AS $$
DECLARE {_DECLARED}
    low bigint;
    high bigint;
BEGIN
    SELECT min(id), max(id) INTO low, high FROM unnest(some_ids) AS id;
    IF high - low < 20 * cardinality(some_ids) THEN
        -- They lie close together: all between them are read sooner than each is looked for.
        RETURN QUERY {_stood("{0} >= low AND {0} <= high")};
    ELSE
        RETURN QUERY {_stood("{0} = ANY (some_ids)", "(cardinality(above) = 0 OR (SELECT true FROM ({one} LIMIT 1) AS higher) IS NULL)")};
    END IF;
END $$
"""
_NAMED = "some_on_rung(smallint, date, jsonb, bigint[])"
#: Name: before and now.
_INDEXES = {
    "enterprise_by_park": (
        "(park, region_code, id)", "(park, region_code, id) INCLUDE (status, ended_on, rung_order, industry_code)",
    ),
    "enterprise_listed": (
        "(listing_board, listed_on) WHERE listing_board <> ''",
        "(listing_board, listed_on) INCLUDE (id) WHERE listing_board <> ''",
    ),
}  # fmt: skip
_BY_INDUSTRY = (
    "CREATE INDEX enterprise_by_industry ON enterprise (industry_code, id)"
    " INCLUDE (region_code, park, status, ended_on, rung_order)"
)


def upgrade() -> None:
    """Make the indexes anew, and the functions."""
    op.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for name, (_, now) in _INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON enterprise {now}")
    op.execute(_BY_INDUSTRY)
    for function in (_ON_RUNG, _OF_SOME):
        op.execute(function)
    op.execute(f"REVOKE ALL ON FUNCTION {_NAMED} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_NAMED} TO tidu_app")


def downgrade() -> None:
    """Take the new one away; the other finds the same as before."""
    op.execute(f"DROP FUNCTION {_NAMED}")
    op.execute("DROP INDEX enterprise_by_industry")
    for name, (before, _) in _INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON enterprise {before}")
